/** How often each brightness occurs: the photo as it was in gray, the result in its colours. */
import type { Shown } from "../studio.ts";
import { find } from "./find.ts";
import { say } from "./texts.ts";

const LEVELS = 256;

/** Three times 256 counts → their mean level, in percent of white. */
export function meanPercent(counts: Uint32Array): number {
  let [sum, all] = [0, 0];
  for (let at = 0; at < counts.length; at++) {
    sum += counts[at] * (at % LEVELS);
    all += counts[at];
  }
  return all ? (100 * sum) / (all * (LEVELS - 1)) : 0;
}

/** 256 heights from 0 to 1: roots, so that small heaps can be seen, of the share that the highest of them has. */
export function heights(counts: ArrayLike<number>): Float32Array {
  const heap = Float32Array.from({ length: LEVELS }, (_, level) => Math.sqrt(counts[level]));
  const sorted = heap.slice(1, -1).sort(); // black and white alone may outnumber all others
  const most = Math.max(sorted[sorted.length - 3], Math.max(...heap) / 4, 1e-9);
  return heap.map((height) => Math.min(1, height / most));
}

export function drawHistogram(before: Shown | null, after: Shown | null): void {
  const canvas = find<HTMLCanvasElement>("histogram");
  const context = canvas.getContext("2d")!;
  const style = getComputedStyle(canvas);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.globalCompositeOperation = "source-over";
  if (before) {
    const all = Array.from({ length: LEVELS }, (_, level) =>
      before.histogram[level] + before.histogram[LEVELS + level] + before.histogram[2 * LEVELS + level]);
    hill(context, heights(all), style.getPropertyValue("--hill"));
  }
  if (after) {
    context.globalCompositeOperation = style.getPropertyValue("--blend").trim() as GlobalCompositeOperation;
    ["--red", "--green", "--blue"].forEach((colour, channel) => {
      const counts = after.histogram.subarray(channel * LEVELS, (channel + 1) * LEVELS);
      hill(context, heights(counts), style.getPropertyValue(colour));
    });
  }
  const means = { before: Math.round(before ? meanPercent(before.histogram) : 0), after: 0 };
  if (after) means.after = Math.round(meanPercent(after.histogram));
  canvas.setAttribute("aria-label", say(after ? "histogram" : "histogram.before", means));
}

function hill(context: CanvasRenderingContext2D, tall: Float32Array, colour: string): void {
  const { width, height } = context.canvas;
  context.fillStyle = colour;
  context.beginPath();
  context.moveTo(0, height);
  tall.forEach((share, level) => context.lineTo((level / (LEVELS - 1)) * width, height * (1 - 0.96 * share)));
  context.lineTo(width, height);
  context.fill();
}
