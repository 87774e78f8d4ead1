/** From a file that a browser shows to something to draw, and its histogram. */

import type { Drawing, Shown } from "../studio.ts";

export async function drawingOf(blob: Blob): Promise<Drawing> {
  return createImageBitmap(blob, { colorSpaceConversion: "default" });
}

export async function shownOf(blob: Blob): Promise<Shown> {
  const drawing = await drawingOf(blob);
  return { drawing, histogram: histogramOf(drawing) };
}

/** Rows that are looked at at once. */
const ROWS = 256;

export function histogramOf(drawing: Drawing): Uint32Array {
  const counts = new Uint32Array(3 * 256);
  const { width, height } = drawing;
  const canvas = new OffscreenCanvas(width, Math.min(ROWS, height));
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  for (let top = 0; top < height; top += ROWS) {
    const rows = Math.min(ROWS, height - top);
    context.clearRect(0, 0, width, rows);
    context.drawImage(drawing, 0, top, width, rows, 0, 0, width, rows);
    const { data } = context.getImageData(0, 0, width, rows);
    for (let at = 0; at < data.length; at += 4) {
      counts[data[at]!]!++;
      counts[256 + data[at + 1]!]!++;
      counts[512 + data[at + 2]!]!++;
    }
  }
  return counts;
}
