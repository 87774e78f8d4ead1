/** Frames that hold nothing: black, a lens cap's noise, a film's black frame with a time stamp. Lifted, they would become
 * a gray or turquoise wall. As Python's `pipeline/nothing.py`. */

import { type Planes, plane, planesOf } from "./arrays.ts";
import { brightest } from "./cells.ts";
import { AreaAverage } from "./overview.ts";
import { deviation, median } from "./statistics.ts";
import { type Size, Tile } from "./tile.ts";
import type { View } from "./view.ts";

/** Unit: nothing but a stamp is brighter than this in any channel. */
const DARK = 24.5 / 255;
/** What is brighter takes at most this share of the pixels, lies in one box of at most this share, and that in the upper
 * or lower fifth. */
const STAMP = 0.02;
const STAMP_BOX = 0.05;
const STAMP_BAND = 0.2;
/** Pixels along a cell's side. Noise goes down to a 16th in the mean of one; what a lens saw does not. */
const CELL = 16;
/** In a smaller picture, noise cannot be told from what was seen. */
const FEWEST_CELLS = 12;
/** Cells differ by at most half a step of the file's codes, or three times what the noise of their pixels explains, and
 * never by more than the last (unit). The darkest of LOL's photos differ by 1.2/255. */
const STEPS = 0.5;
const SIGMAS = 3.0;
const MOST = 1.0 / 255;
/** No cell is off by more than so many times that. */
const SINGLE = 4;
/** Of the file's codes, unit. */
const STEP = 1 / 255;

/** Whether a photo is dark and flat, but for noise and a small stamp. */
export function holdsNothing(view: View): boolean {
  const spots = spotsOf(view);
  if (spots === null) return false;
  const grid: Size = [Math.floor(view.size[0] / CELL), Math.floor(view.size[1] / CELL)];
  if (grid[0] * grid[1] < FEWEST_CELLS) return isOneColour(view) && !spots.includes(1);
  const [cells, noise] = cellsOf(view, grid);
  const away = awayFrom(boxOf(spots, view.size), view.size, grid);
  const kept = cells.filter((_, i) => away === null || away[i]);
  if (!kept.length) return false;
  const middle = median(kept);
  const furthest = kept.reduce((most, value) => Math.max(most, Math.abs(Math.fround(value - middle))), 0);
  const allowed = Math.min(Math.max(STEPS * STEP, (SIGMAS * noise) / CELL), MOST);
  return deviation(kept) <= allowed && furthest <= SINGLE * allowed;
}

function isOneColour(view: View): boolean {
  const low = view.of(new Tile(0, 0, ...view.size));
  return [0, 1, 2].every((channel) => {
    let [least, most] = [1, 0];
    for (const value of plane(low, channel)) {
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
    return most - least <= 1.01 * STEP;
  });
}

/** What is brighter than dark, (H, W) of 0 and 1; null where that is more than a stamp. Most photos are done with at
 * once. */
function spotsOf(view: View): Uint8Array | null {
  const [rows, columns] = view.size;
  const spots = new Uint8Array(rows * columns);
  const most = STAMP * spots.length;
  let found = 0;
  for (const strip of view.strips()) {
    const bright = brightest(view.of(strip));
    for (let i = 0, place = strip.top * columns; i < bright.length; i++, place++) {
      if (bright[i] > DARK) {
        spots[place] = 1;
        found++;
      }
    }
    if (found > most) return null;
  }
  return spots;
}

/** The means of cells, and the standard deviation of the mean of a pixel's channels, by the differences of neighbours. */
function cellsOf(view: View, grid: Size): [cells: Float32Array, noise: number] {
  const average = new AreaAverage(1, view.size, grid);
  const [rows, columns] = view.size;
  let steps = 0;
  for (const strip of view.strips()) {
    const gray = grayOf(view.of(strip));
    average.add(gray);
    for (let row = 0; row < strip.height; row++) {
      for (let i = row * columns; i < (row + 1) * columns - 1; i++) steps += Math.abs(gray.data[i + 1] - gray.data[i]);
    }
  }
  return [average.result().data, ((steps / Math.max(rows * (columns - 1), 1)) * Math.sqrt(Math.PI)) / 2];
}

function grayOf(low: Planes): Planes {
  const [red, green, blue] = [plane(low, 0), plane(low, 1), plane(low, 2)];
  return planesOf(1, low.height, low.width, red.map((value, i) => (value + green[i] + blue[i]) / 3));
}

/** The smallest part that holds all spots; null for none. */
function boxOf(spots: Uint8Array, [rows, columns]: Size): Tile | null {
  let [top, bottom, left, right] = [rows, 0, columns, 0];
  for (let place = spots.indexOf(1); place >= 0; place = spots.indexOf(1, place + 1)) {
    const [row, column] = [Math.floor(place / columns), place % columns];
    top = Math.min(top, row);
    bottom = Math.max(bottom, row + 1);
    left = Math.min(left, column);
    right = Math.max(right, column + 1);
  }
  return bottom ? new Tile(top, left, bottom - top, right - left) : null;
}

/** Which cells have no part in a stamp, which lies in this box; none where the bright spots are no stamp. Null for all. */
function awayFrom(box: Tile | null, [rows, columns]: Size, grid: Size): Uint8Array | null {
  if (box === null) return null;
  const away = new Uint8Array(grid[0] * grid[1]);
  const middle = (box.top + box.top + box.height) / 2 / rows;
  const small = box.height * box.width <= STAMP_BOX * rows * columns;
  if (!small || (middle > STAMP_BAND && middle < 1 - STAMP_BAND)) return away;
  away.fill(1);
  const along = (start: number, length: number, cells: number, side: number): [number, number] => [
    Math.max(Math.floor((start * cells) / side) - 1, 0),
    Math.min(Math.ceil(((start + length) * cells) / side) + 1, cells),
  ];
  const [first, last] = along(box.top, box.height, grid[0], rows);
  const [before, after] = along(box.left, box.width, grid[1], columns);
  for (let row = first; row < last; row++) away.fill(0, row * grid[1] + before, row * grid[1] + after);
  return away;
}
