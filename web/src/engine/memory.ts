/** How much memory a photo takes on its way, and how small its tiles must be to stay within what it may take. As Python's
 * `pipeline/memory.py`. */

import { ImageError } from "./errors.ts";
import type { Look } from "./look.ts";
import type { Model } from "./model.ts";
import type { Size } from "./tile.ts";

/** Pixels. A picture of up to the first squared is worked on in one piece. */
export const TILE_SIDES = [1024, 640, 384] as const;
/** Bytes. A photo that can do with so much by the second of these tiles does with it, for a few percent of time. */
const MODEST = 1_000_000_000;
/** Bytes of the page itself, a model and what runs it. */
const PROGRAM = 120_000_000;
/** Bytes that a step takes for each pixel of a tile, where a model's card does not say: those of compact. */
const PER_TILE_PIXEL = 320;
/** Bytes of what is on its way between photo, network and result, and of a small copy of a megapixel. */
const STRIPS = 50_000_000;
/** Bytes of a larger copy, for each of its pixels beyond that. */
const PER_COPY_PIXEL = 24;

/** The side of tiles, in pixels: as large as pays, or as memory allows. workedOn: of what is cut into them. mapBytes: of a map
 * beside the result.
 *
 * Throws ImageError, which says the least that would do, where none is small enough. */
export function tileSide(model: Model, look: Look, workedOn: Size, mapBytes: number): number {
  const pixels = workedOn[0] * workedOn[1];
  const perPixel = model.card.footprint.bytesPerPixel || PER_TILE_PIXEL;
  const whole = workedOn[0] === look.inside.height && workedOn[1] === look.inside.width;
  const sides = TILE_SIDES.slice(whole ? 0 : 1);
  const copy = whole ? 0 : PER_COPY_PIXEL * Math.max(pixels - TILE_SIDES[0] ** 2, 0);
  const needs = sides.map((side) => {
    return PROGRAM + 2 * look.heldBytes + Math.min(side ** 2, pixels) * perPixel + STRIPS + copy + mapBytes;
  });
  const attempts = [
    [Math.min(model.memory, MODEST), 2],
    [model.memory, sides.length],
  ];
  for (const [limit, count] of attempts) {
    const found = needs.findIndex((needed, i) => i < count && needed <= limit);
    if (found >= 0) return sides[found];
  }
  const least = Math.ceil(Math.min(...needs) / 1e7) / 100;
  throw new ImageError(
    `${look.size[1]}x${look.size[0]} pixels take ${least} GB of memory at the least, and ` +
      `${(model.memory / 1e9).toFixed(2)} GB may be taken: make the photo smaller`,
  );
}
