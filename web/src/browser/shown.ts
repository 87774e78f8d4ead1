/** Pictures as drawings, with their histograms. */
import { type Picture, whiteOf } from "../engine/picture.ts";
import { reduced } from "../engine/reduce.ts";
import type { ShownPixels } from "./protocol.ts";

/** A picture at most so many pixels long, to be drawn. */
export async function shown(picture: Picture, side: number, moves: Transferable[]): Promise<ShownPixels> {
  const small = reduced(picture, side), pixels = drawable(small);
  const drawing = await bitmapOf(pixels, small.width, moves);
  return { drawing, histogram: histogramOf(pixels) };
}

/** RGBA pixels as a drawing, handed over without a copy. */
export async function bitmapOf(
  pixels: Uint8ClampedArray<ArrayBuffer>, width: number, moves: Transferable[],
): Promise<ImageBitmap> {
  const drawing = await createImageBitmap(new ImageData(pixels, width));
  moves.push(drawing);
  return drawing;
}

/** Of 8 bits; opaque where the picture has no alpha. */
function drawable(picture: Picture): Uint8ClampedArray<ArrayBuffer> {
  const { data } = picture, pixels = new Uint8ClampedArray(data.length), step = whiteOf(picture) / 255;
  for (let i = 0; i < data.length; i++) pixels[i] = data[i] / step;
  if (!picture.alpha) for (let i = 3; i < data.length; i += 4) pixels[i] = 255;
  return pixels;
}

/** 3 × 256 counts: red, green, blue. */
function histogramOf(pixels: Uint8ClampedArray): Uint32Array {
  const counts = new Uint32Array(3 * 256);
  for (let i = 0; i < pixels.length; i += 4) {
    counts[pixels[i]]++;
    counts[256 + pixels[i + 1]]++;
    counts[512 + pixels[i + 2]]++;
  }
  return counts;
}
