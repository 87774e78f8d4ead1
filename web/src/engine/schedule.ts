/** Noise schedules and ladders. As Python's `diffusion/schedule.py`, which names the sources.
 *
 * Legend: beta_t the variance added at step t (t = 0 … T - 1 here); abar_t = prod_{s<=t} (1 - beta_s). */

import { roundHalfToEven } from "./statistics.ts";

/** Noise levels of one sampling run as abar values, noisiest first, ending with 1 (the clean picture). */
export type Ladder = readonly number[];

export type Spacing = "leading" | "trailing";

/** beta from `start` to `end` in equal steps. */
export function linearBetas(steps: number, start: number, end: number): Float64Array {
  return Float64Array.from({ length: steps }, (_, t) =>
    t === steps - 1 && t > 0 ? end : start + t * ((end - start) / Math.max(steps - 1, 1)),
  );
}

/** sqrt(beta) from sqrt(`start`) to sqrt(`end`) in equal steps. */
export function scaledLinearBetas(steps: number, start: number, end: number): Float64Array {
  return linearBetas(steps, Math.sqrt(start), Math.sqrt(end)).map((root) => root * root);
}

/** abar(t) = cos²((t/T + s)/(1 + s)·π/2) / cos²(s/(1 + s)·π/2), with beta clipped. */
export function cosineBetas(steps: number, offset = 0.008, maxBeta = 0.999): Float64Array {
  const abar = (t: number): number => Math.cos(((t / steps + offset) / (1 + offset)) * (Math.PI / 2)) ** 2;
  return Float64Array.from({ length: steps }, (_, t) => Math.min(1 - abar(t + 1) / abar(t), maxBeta));
}

/** abar_t for t = 0 … T - 1, falling. */
export function alphaBars(betas: Float64Array): Float64Array {
  let product = 1;
  return betas.map((beta) => (product *= 1 - beta));
}

/** `steps` of `total` step numbers, noisiest first. "leading" is t = 0, T//steps, 2·(T//steps), …; "trailing" begins at
 * T - 1, so that a run of one step starts from pure noise. */
export function timesteps(total: number, steps: number, spacing: Spacing): number[] {
  if (!(Number.isInteger(steps) && steps >= 1 && steps <= total)) {
    throw new RangeError(`steps must be a whole number from 1 to the schedule's ${total}, got ${steps}`);
  }
  return Array.from({ length: steps }, (_, i) =>
    spacing === "leading"
      ? (steps - 1 - i) * Math.floor(total / steps)
      : roundHalfToEven(total - i * (total / steps)) - 1,
  );
}
