/** How a model likes to be sampled, as plain data of its card. As Python's `diffusion/preset.py`. */

import {
  alphaBars,
  cosineBetas,
  type Ladder,
  linearBetas,
  scaledLinearBetas,
  type Spacing,
  timesteps,
} from "./schedule.ts";

/** Where a ladder may begin: noisy enough for a start from pure noise, not so faint that sqrt(abar) fails in float32. */
const FAINTEST = 1e-60;
const CLEANEST = 0.5;

/** A way of making ladders, and the sampler's settings. */
export interface SamplerPreset {
  /** The default number of steps. */
  readonly steps: number;
  /** The family of betas. */
  readonly schedule: "linear" | "scaled_linear" | "cosine";
  /** Length of the schedule that ladders are taken from; null makes a new one of as many betas as there are steps. */
  readonly trainSteps: number | null;
  /** The first beta, and the last (linear families). */
  readonly start: number;
  readonly end: number;
  readonly spacing: Spacing;
  /** 0 (DDIM) to 1 (DDPM). */
  readonly eta: number;
  /** Whether the sampler holds its picture in [-1, 1] at each step. */
  readonly clip: boolean;
  readonly predicts: "eps" | "x0";
  readonly maxSteps: number;
}

/** The ladder of so many noise levels, by default the preset's own. Throws RangeError for more than it takes, and where
 * the ladder would not begin with noise. */
export function ladderOf(preset: SamplerPreset, wanted: number | null = null): Ladder {
  const steps = wanted ?? preset.steps;
  if (!(Number.isInteger(steps) && steps >= 1 && steps <= preset.maxSteps)) {
    throw new RangeError(`this model takes 1 to ${preset.maxSteps} steps, got ${steps}`);
  }
  const abars = alphaBars(betasOf(preset, preset.trainSteps ?? steps));
  const ladder = [...timesteps(abars.length, steps, preset.spacing).map((t) => abars[t]), 1];
  if (!(ladder[0] >= FAINTEST && ladder[0] <= CLEANEST)) {
    const remedy = ladder[0] > CLEANEST ? "more" : "fewer";
    throw new RangeError(
      `with ${steps} steps this model would begin at abar ${ladder[0]}, which is no noise: take ${remedy} steps`,
    );
  }
  return ladder;
}

function betasOf(preset: SamplerPreset, length: number): Float64Array {
  if (preset.schedule === "cosine") return cosineBetas(length);
  return (preset.schedule === "linear" ? linearBetas : scaledLinearBetas)(length, preset.start, preset.end);
}
