/** Every choice of one enhancement as one value. As Python's `pipeline/settings.py`, but for windows, which are for
 * networks that do not run here. */

import { UsageError } from "./errors.ts";

const MAX_STOPS = 10;

/** The fields of {@link Settings} that change tones and colours after the model: from -100 to 100, neutral at 0. */
export const CONTROLS = ["blacks", "shadows", "highlights", "whites", "saturation"] as const;

/** How bright the result should be: stops brighter or darker than the model would choose, or a mean of the coded values.
 * With neither, the model chooses, and may leave a photo as it is. */
export interface Exposure {
  /** From -10 to 10; null says nothing about them. */
  readonly stops: number | null;
  /** From 0 (black) to 1 (white), whatever the model would choose; null for none. */
  readonly mean: number | null;
}

export type Speed = "fast" | "balanced" | "best";

export interface Settings {
  /** How the model works its way to the picture; null is its first preset. */
  readonly preset: string | null;
  /** How many steps the model takes to the picture; null is its own choice. */
  readonly steps: number | null;
  /** Brighter or darker than the model would choose; null lets it choose, and leave bright photos as they are. */
  readonly exposure: Exposure | null;
  /** "trusted" lifts each place as far as the file holds something there; "full" lifts all that the model would. */
  readonly lift: "trusted" | "full";
  /** How much of the change to keep, tone and colour included: 0 to 1. */
  readonly strength: number;
  /** The darkest tones, from -100 (deeper) to 100 (lifted). */
  readonly blacks: number;
  /** The dark tones above black, from -100 (darker) to 100 (brighter). */
  readonly shadows: number;
  /** The bright tones below white, from -100 (darker) to 100 (brighter). */
  readonly highlights: number;
  /** The brightest tones, from -100 (lower) to 100 (they shine). */
  readonly whites: number;
  /** The colours, from -100 (gray) to 100 (strong). */
  readonly saturation: number;
  /** Each whole number draws other sampling noise. */
  readonly seed: number;
  /** "auto" smooths flat dark blocks before they are lifted, "off" leaves them. */
  readonly deblock: "auto" | "off";
  /** How large photos are worked on: "balanced" makes light and colour of a copy of about a megapixel, more where there
   * is much fine noise, and brings that to full size with the photo's own detail, "fast" about 0.4 megapixels, "best" works
   * on every pixel. */
  readonly speed: Speed;
  /** Also tell how far the result may be off at each place. */
  readonly uncertainty: boolean;
  /** How often the true values shall lie within what a map of uncertainty tells. */
  readonly coverage: number;
}

/** The model's own choices throughout. */
export const DEFAULTS: Settings = {
  preset: null,
  steps: null,
  exposure: null,
  lift: "trusted",
  strength: 1,
  blacks: 0,
  shadows: 0,
  highlights: 0,
  whites: 0,
  saturation: 0,
  seed: 0,
  deblock: "auto",
  speed: "balanced",
  uncertainty: false,
  coverage: 0.9,
};

/** The default settings but for these. Throws UsageError for a value that is out of its range. */
export function settingsOf(changes: Partial<Settings> = {}): Settings {
  const settings = { ...DEFAULTS, ...changes };
  const known = { lift: ["trusted", "full"], deblock: ["auto", "off"], speed: ["fast", "balanced", "best"] } as const;
  for (const [name, values] of Object.entries(known) as [keyof typeof known, readonly string[]][]) {
    const got = settings[name];
    if (!values.includes(got)) throw new UsageError(`${name} is ${got}, expected ${values.join(" or ")}`);
  }
  for (const name of CONTROLS) checkRange(name, settings[name], -100, 100, "0 changes nothing");
  checkRange("strength", settings.strength, 0, 1, "0 leaves the photo as it is");
  if (!(settings.coverage > 0 && settings.coverage < 1)) {
    throw new UsageError(`coverage is ${settings.coverage}, expected a share of the true values, such as 0.9`);
  }
  checkWhole("seed", settings.seed, Number.MIN_SAFE_INTEGER);
  if (settings.steps !== null) checkWhole("steps", settings.steps, 1);
  if (settings.exposure !== null) checkExposure(settings.exposure);
  return settings;
}

function checkRange(name: string, value: number, least: number, most: number, hint: string): void {
  if (!(value >= least && value <= most)) {
    throw new UsageError(`${name} is ${value}, expected ${least} to ${most} (${hint})`);
  }
}

function checkWhole(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new UsageError(`${name} is ${value}, expected a whole number${least === 1 ? " from 1" : ""}`);
  }
}

function checkExposure({ stops, mean }: Exposure): void {
  if (stops !== null && mean !== null) {
    throw new UsageError(`exposure says stops=${stops} and mean=${mean}: give the stops or the mean`);
  }
  if (stops !== null) checkRange("exposure", stops, -MAX_STOPS, MAX_STOPS, "stops");
  if (mean !== null) checkRange("exposure", mean, 0, 1, "the mean of coded values");
}
