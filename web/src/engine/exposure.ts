/** How bright the result of one photo shall be: a person's wish and the model's guess, made into one aim. As Python's
 * `pipeline/exposure.py`. */

import type { Guess } from "./model.ts";
import type { Exposure } from "./settings.ts";
import type { Scene } from "./trust.ts";

const GAMMA = 2.2;
const LEAST_MEAN = 0.02;
const MOST_MEAN = 0.95;
/** Stops of coded value by which the model would change a photo: up to the first it is left alone, from the second on it
 * is enhanced in full. */
const LEFT_ALONE = [0.2, 0.6] as const;
/** Of less than this nobody sees anything, and a photo would be coded anew for it: it is left alone. */
const LEAST_SHARE = 0.005;
/** Of the way from a night's own brightness (in stops) to the one that the model would choose, the share that is not
 * gone. */
const NIGHT = 0.34;
/** A photo whose fine parts are smeared goes this share less far beyond so many stops of coded value: mush does not get
 * better by light. */
const SMEARED = 0.45;
const SMEARED_FROM = 1.5;
/** By which a photo with much in the shade of what is bright becomes brighter. What is bright stays as it is. */
const BACKLIGHT = 0.4;

/** What to ask of the model for one photo, and the share of its result to take; the rest is the photo itself. */
export interface Aim {
  readonly wanted: Guess;
  readonly share: number;
}

/** What is wanted of a photo of this mean brightness for which the model would choose `guess`.
 *
 * Without a wish, a photo that the model would hardly change is bright enough, and left as it is. By what it holds (its
 * scene, where that counts), a night and a smeared photo stay darker than the model would have it, and one with much in
 * the shade becomes brighter. Stops are counted from there. */
export function aimFor(wish: Exposure | null, guess: Guess, brightness: number, scene: Scene | null): Aim {
  const mean = wish?.mean ?? null;
  if (mean !== null) return { wanted: keptInRange({ brightness: mean, doubt: 0 }), share: 1 };
  const least = Math.max(brightness, LEAST_MEAN);
  const stops = Math.log2(guess.brightness / least);
  let share = rise(Math.abs(stops), ...LEFT_ALONE);
  let wanted = guess.brightness;
  if (scene !== null) {
    wanted *= 2 ** -Math.max(NIGHT * scene.night * stops, SMEARED * scene.smeared * (stops - SMEARED_FROM), 0);
    if (scene.backlight) {
      wanted = Math.max(wanted, least * (1 + BACKLIGHT * scene.backlight));
      share = Math.max(share, scene.backlight);
    }
  }
  if (share < LEAST_SHARE) share = 0;
  const wishedStops = wish?.stops ?? null;
  if (wishedStops !== null) [wanted, share] = [wanted * 2 ** (wishedStops / GAMMA), 1];
  return { wanted: keptInRange({ ...guess, brightness: wanted }), share };
}

/** How far what is well lit stays as it is, while it would get brighter, and while it would get darker, both in [0, 1], in
 * a photo of this mean brightness that is to have the mean `wanted`.
 *
 * It follows a wish all the way from one stop on: upwards from the model's choice, and downwards from where the photo
 * itself would get darker. Before, a darker wish only lifts the rest less. */
export function litKept(wish: Exposure | null, wanted: number, brightness: number): [brighter: number, darker: number] {
  const stops = wish?.stops ?? 0;
  const toMean = (wish?.mean ?? null) !== null;
  let darker = brightness > wanted ? GAMMA * Math.log2(brightness / wanted) : 0;
  if (!toMean) darker = Math.min(darker, Math.max(-stops, 0));
  return [toMean ? 0 : 1 - Math.min(Math.max(stops, 0), 1), 1 - rise(darker, 0, 1)];
}

/** Where a picture still is one. */
function keptInRange(wanted: Guess): Guess {
  return { ...wanted, brightness: Math.min(Math.max(wanted.brightness, LEAST_MEAN), MOST_MEAN) };
}

/** 0 up to `start`, 1 from `end`, smooth between. */
function rise(value: number, start: number, end: number): number {
  const share = Math.min(Math.max((value - start) / (end - start), 0), 1);
  return share * share * (3 - 2 * share);
}
