/**
 * The sampling loop of `darklift.diffusion.sampler` in single precision: DDIM, and DDPM's ancestral sampling at eta = 1
 * (Song et al. 2020, arXiv 2010.02502, eqs. 12 and 16).
 *
 * Legend: x the picture at the current noise level; abar that level; x0 and eps the network's two readings of x.
 */
import type { SamplerPreset } from "./preset.ts";

/** One rung: the network's prediction for x at a level, of x's length. */
export type Denoise = (x: Float32Array, abar: number) => Promise<Float32Array>;

const f = Math.fround;

/**
 * Walk x down the ladder to the clean picture, signed.
 *
 * x: unit noise, overwritten. ladder: rising abar values, the last 1. noise: draw i of fresh noise, asked for only where
 * the preset's eta is above 0. onStep: told (steps done, steps in all), and waited for; what it throws ends the walk.
 */
export async function sample(
  denoise: Denoise,
  x: Float32Array,
  ladder: readonly number[],
  preset: Pick<SamplerPreset, "eta" | "clip" | "predicts">,
  noise: (draw: number) => Float32Array,
  onStep?: (done: number, total: number) => Promise<void>,
): Promise<Float32Array> {
  const steps = ladder.length - 1;
  for (let step = 1; step <= steps; step++) {
    const abar = ladder[step - 1], next = ladder[step];
    const sigma = preset.eta * Math.sqrt(((1 - abar / next) * (1 - next)) / (1 - abar));
    const output = await denoise(x, abar);
    walk(x, output, abar, next, sigma, preset);
    if (sigma > 0) {
      const fresh = noise(step), scale = f(sigma);
      for (let i = 0; i < x.length; i++) x[i] += f(scale * fresh[i]);
    }
    await onStep?.(step, steps);
  }
  return x;
}

/** x at the next level, in place. */
function walk(
  x: Float32Array, output: Float32Array, abar: number, next: number, sigma: number,
  { clip, predicts }: Pick<SamplerPreset, "clip" | "predicts">,
): void {
  const signal = f(Math.sqrt(abar)), spread = f(Math.sqrt(1 - abar));
  const signalNext = f(Math.sqrt(next)), spreadNext = f(Math.sqrt(Math.max(1 - next - sigma * sigma, 0)));
  const readX0 = predicts === "x0";
  for (let i = 0; i < x.length; i++) {
    const told = output[i];
    let x0 = readX0 ? told : f(f(x[i] - f(spread * told)) / signal);
    if (clip) x0 = x0 < -1 ? -1 : x0 > 1 ? 1 : x0;
    const eps = clip || readX0 ? f(f(x[i] - f(signal * x0)) / spread) : told;
    x[i] = f(f(signalNext * x0) + f(spreadNext * eps));
  }
}
