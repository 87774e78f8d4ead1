/** How far a model may go, place by place, by what a photo holds there (`trust.ts`). As Python's `pipeline/restraint.py`. */

import { type Planes, plane, planesOf } from "./arrays.ts";
import { blocksOf, enlarged, type Grid, lumaOfColour, mapped, smoothRamp, someCell } from "./cells.ts";
import type { Size, Tile } from "./tile.ts";
import { type Scene, type Signal, TONES } from "./trust.ts";

const f32 = Math.fround;
const CODE = f32(1 / 255);
const HALF_A_CODE = f32(0.5 * CODE);
/** A place that holds nothing is lifted by at most `BEYOND` times what the lights are; one that holds h codes by
 * (h / HELD)² more. */
const HELD = 2.2;
const BEYOND = 2.5;
const MARGIN = 1.1;
/** By which a night has to hold more for the same lift; where it holds nothing, it gets the root of this less. */
const NIGHT = 1.6;
/** Unit: so high that nothing reaches half of it. */
const NO_CEILING = 8.0;
/** How far the ceiling goes up and down with the pixels themselves, so that twigs before a sky stay twigs: held to one
 * value they become smoke. */
const OWN = 0.5;
/** Codes held: up to the first, this share of the colour is left; from the second on all. */
const COLOURLESS = [0.3, 5.0] as const;
const LEAST_COLOUR = 0.35;
/** Codes held from which on a night's colours are all left: what little a sensor saw of a dark sky is olive. */
const COLOURLESS_AT_NIGHT = 12.0;
/** Times that the lights are lifted: up to the first, what is well lit stays as it is; from the second on it only never
 * gets darker, as a tone curve that left it where it was would be none. */
const LIFTED = [1.5, 2.5] as const;

/** How far what a model made may go, place by place: maps over the grid of a {@link Signal}. */
export class Restraint {
  private readonly limits: Planes;

  /** ceiling: luma that is hardly exceeded where a pixel is as bright as those around it, unit. level: how bright those
   * are, unit, and half a code more. colour: the share of it that stays. lit: how much of the photo itself stays. keep: of
   * that, the share that stays in any case; the rest only where it would get darker. */
  constructor(
    readonly size: Size,
    readonly ceiling: Grid,
    readonly level: Grid,
    readonly colour: Grid,
    readonly lit: Grid,
    readonly keep: number,
  ) {
    this.limits = planesOf(3, ceiling.height, ceiling.width);
    [ceiling, level, colour].forEach((grid, channel) => plane(this.limits, channel).set(grid.data));
  }

  /** Restrain, in place, what a model made of a part of the photo: (3, h, w) unit. own: the photo there; seen: the same as
   * the network sees it. */
  apply(made: Planes, own: Planes, seen: Planes, part: Tile): Planes {
    for (const block of blocksOf(part)) {
      const there = block.seenFrom(part);
      if (this.holdsDown(block)) this.holdDown(made, seen, block, there);
      if (someCell(this.lit, block, this.size, (value) => value !== 0)) this.holdOn(made, own, block, there);
    }
    return made;
  }

  /** Whether it holds anything down in a part of the photo: only there it minds what the network sees. */
  holdsDown(part: Tile): boolean {
    return (
      someCell(this.ceiling, part, this.size, (value) => value < NO_CEILING) ||
      someCell(this.colour, part, this.size, (value) => value < 1)
    );
  }

  private holdDown(made: Planes, seen: Planes, block: Tile, there: Tile): void {
    const limits = enlarged(this.limits, this.size, block);
    const [ceiling, level, colour] = [plane(limits, 0), plane(limits, 1), plane(limits, 2)];
    const [red, green, blue] = [plane(made, 0), plane(made, 1), plane(made, 2)];
    const [seenRed, seenGreen, seenBlue] = [plane(seen, 0), plane(seen, 1), plane(seen, 2)];
    for (let row = 0, i = 0; row < there.height; row++) {
      let place = (there.top + row) * made.width + there.left;
      for (let column = 0; column < there.width; column++, i++, place++) {
        const luma = lumaOfColour(red[place], green[place], blue[place]);
        const around = f32(lumaOfColour(seenRed[place], seenGreen[place], seenBlue[place]) + HALF_A_CODE);
        const ratio = f32(luma / f32(ceiling[i] * f32(1 - OWN + f32(f32(OWN * around) / level[i]))));
        const square = f32(ratio * ratio);
        const excess = ceiling[i] >= NO_CEILING ? 0 : f32(square * square);
        const gain = f32(1 / f32(Math.sqrt(f32(Math.sqrt(f32(1 + excess))))));
        const gray = f32(f32(luma * gain) * f32(1 - colour[i]));
        const kept = f32(gain * colour[i]);
        red[place] = f32(red[place] * kept) + gray;
        green[place] = f32(green[place] * kept) + gray;
        blue[place] = f32(blue[place] * kept) + gray;
      }
    }
  }

  private holdOn(made: Planes, own: Planes, block: Tile, there: Tile): void {
    const { height, width, data } = this.lit;
    const lit = enlarged(planesOf(1, height, width, data), this.size, block).data;
    const [keep, rest] = [f32(this.keep), f32(1 - this.keep)];
    for (let channel = 0; channel < 3; channel++) {
      const [values, owns] = [plane(made, channel), plane(own, channel)];
      for (let row = 0, i = 0; row < there.height; row++) {
        let place = (there.top + row) * made.width + there.left;
        for (let column = 0; column < there.width; column++, i++, place++) {
          const away = f32(owns[place] - values[place]);
          values[place] += f32(lit[i] * f32(f32(keep * away) + f32(rest * Math.max(away, 0))));
        }
      }
    }
  }
}

/** How far a model may go with a photo that is to have this mean brightness, in (0, 1).
 *
 * kept: how far well-lit places stay as they are while they would get brighter, and while they would get darker, both in
 * [0, 1]; less than 1 where a person asked for another brightness (`exposure.ts`, litKept). */
export function restrain(signal: Signal, wanted: number, kept: readonly [brighter: number, darker: number]): Restraint {
  const { held, lit, scene } = signal;
  const level = mapped(signal.level, (value) => value + HALF_A_CODE);
  const gain = gainOfLights(scene, wanted);
  const more = 1 + NIGHT * scene.night;
  const beyond = f32(BEYOND / Math.sqrt(more));
  const scale = f32(HELD * more);
  const dark = f32(Math.max(scene.span, 1e-6) ** 2); // the darker the whole, the higher
  const colourless = f32(scene.span * (1 - LEAST_COLOUR));
  const ceiling = mapped(held, (codes, i) => {
    const times = f32(codes / scale);
    const most = f32(f32(f32(gain) * f32(beyond + f32(times * times))) * level.data[i]);
    return Math.min(scene.span < 1 ? f32(most / dark) : most, NO_CEILING);
  });
  const uncertain = [COLOURLESS[0], COLOURLESS[1] + scene.night * (COLOURLESS_AT_NIGHT - COLOURLESS[1])] as const;
  return new Restraint(
    signal.size,
    ceiling,
    level,
    mapped(held, (codes) => 1 - f32(colourless * f32(1 - smoothRamp(codes, uncertain)))),
    mapped(lit, (share) => f32(kept[1]) * share),
    kept[0] * f32(1 - smoothRamp(gain, LIFTED)),
  );
}

/** How many times brighter its lights become, by the gamma that gives the photo the mean that is wanted; at least as
 * bright as they are. */
function gainOfLights(scene: Scene, wanted: number): number {
  let [low, high] = [0.05, 4.0];
  for (let round = 0; round < 30; round++) {
    const gamma = (low + high) / 2;
    const mean = scene.tones.reduce((sum, share, step) => sum + share * TONES[step] ** gamma, 0);
    if (mean > wanted) low = gamma;
    else high = gamma;
  }
  return MARGIN * Math.max(1, Math.max(scene.lights, CODE) ** ((low + high) / 2 - 1));
}
