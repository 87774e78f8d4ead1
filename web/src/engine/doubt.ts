/** Seen or invented: what the half-widths of a result's intervals go by at each place. As Python's `pipeline/doubt.py`. */
import { plane, planesOf, type Planes } from "./arrays.ts";
import { enlarged, lumaOf } from "./cells.ts";
import type { KnownOfPlaces } from "./intervals.ts";
import { Tile } from "./tile.ts";
import type { Signal } from "./trust.ts";
import type { View } from "./view.ts";

/** Pixels to each side, of the window whose contrast counts. */
const AROUND = 3;
const CODE = Math.fround(1 / 255);
/** Added to both sides of a lift, unit, and to a contrast, in codes, before they become stops. */
const FLOOR = Math.fround(2 / 255), STILL = Math.fround(0.3);

const f = Math.fround;

/**
 * Of a tile's pixels, (h, w) each. shown: the result there, (3, h, w) unit. tone: its luma. lift: by how much it is
 * brighter than the photo, in stops of coded value. held: log2 of the codes that the photo holds there, plus one.
 * contrast: log2 of the deviation of the photo's luma around, in codes. lit: how well lit the photo is, in [0, 1].
 */
export function knownOfPlaces(view: View, signal: Signal, tile: Tile, shown: Planes): KnownOfPlaces {
  const tone = lumaOf(shown), around = lumaAround(view, tile);
  const maps = planesOf(2, signal.held.height, signal.held.width);
  plane(maps, 0).set(signal.held.data);
  plane(maps, 1).set(signal.lit.data);
  const spread = enlarged(maps, signal.size, tile);
  const lift = new Float32Array(tone.length), contrast = deviation(around);
  for (let row = 0, i = 0; row < tile.height; row++) {
    const line = (row + AROUND) * around.width + AROUND;
    for (let column = 0; column < tile.width; column++, i++) {
      const own = around.data[line + column];
      lift[i] = Math.log2(f(f(tone[i] + FLOOR) / f(own + FLOOR)));
      contrast[i] = Math.log2(f(f(contrast[i] / CODE) + STILL));
    }
  }
  return { tone, lift, held: plane(spread, 0).map((held) => Math.log2(f(held + 1))), contrast, lit: plane(spread, 1) };
}

/** Of a tile and the pixels around it, which repeat the photo's edge where it ends. */
function lumaAround(view: View, tile: Tile): Planes {
  const [rows, columns] = view.size;
  const top = Math.max(tile.top - AROUND, 0), left = Math.max(tile.left - AROUND, 0);
  const bottom = Math.min(tile.top + tile.height + AROUND, rows), right = Math.min(tile.left + tile.width + AROUND, columns);
  const luma = lumaOf(view.own(new Tile(top, left, bottom - top, right - left)));
  const around = planesOf(1, tile.height + 2 * AROUND, tile.width + 2 * AROUND);
  for (let row = 0, place = 0; row < around.height; row++) {
    const line = (clamped(tile.top - AROUND + row, rows) - top) * (right - left);
    for (let column = 0; column < around.width; column++, place++) {
      around.data[place] = luma[line + clamped(tile.left - AROUND + column, columns) - left];
    }
  }
  return around;
}

function clamped(place: number, length: number): number {
  return Math.min(Math.max(place, 0), length - 1);
}

/** In the window around each pixel, of what has so many more pixels to each side. */
function deviation(around: Planes): Float32Array {
  const mean = windowMeans(around), made = windowMeans({ ...around, data: around.data.map((value) => value * value) });
  for (let i = 0; i < made.length; i++) made[i] = Math.sqrt(Math.max(f(made[i] - f(mean[i] * mean[i])), 0));
  return made;
}

/** Sums in one order wherever a tile begins, so that a part is as the whole. */
function windowMeans({ height, width, data }: Planes): Float32Array {
  const window = 2 * AROUND + 1, rows = height - 2 * AROUND, columns = width - 2 * AROUND;
  const down = new Float32Array(rows * width), means = new Float32Array(rows * columns), area = f(window ** 2);
  for (let i = 0; i < down.length; i++) {
    let sum = data[i];
    for (let step = 1; step < window; step++) sum = f(sum + data[i + step * width]);
    down[i] = sum;
  }
  for (let row = 0, place = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, place++) {
      const start = row * width + column;
      let sum = down[start];
      for (let step = 1; step < window; step++) sum = f(sum + down[start + step]);
      means[place] = sum / area;
    }
  }
  return means;
}
