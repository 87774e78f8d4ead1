/** Maps over a photo, by cells of a coarse grid: made once, and spread over any of its pixels. As Python's
 * `pipeline/cells.py`, in the same order of single-precision operations, so that both round alike. A part of a photo has
 * from a map what it has in the whole, to the bit. */

import { type Planes, plane, planesOf } from "./arrays.ts";
import { type Size, Tile } from "./tile.ts";

/** Two values between which something goes from 0 to 1. */
export type Between = readonly [start: number, end: number];

/** Values over a grid: (height, width), row by row. */
export interface Grid {
  readonly height: number;
  readonly width: number;
  readonly data: Float32Array;
}

/** Rows and columns that are worked on at once: they stay in the processor's cache. */
const BLOCK_ROWS = 64;
const BLOCK_COLUMNS = 512;

const f32 = Math.fround;
const RED = f32(0.299);
const GREEN = f32(0.587);
const BLUE = f32(0.114);

/** (rows, columns) of a grid over a photo of this size, with at most so many cells along its longer side. */
export function gridOf(size: Size, cells: number): Size {
  const longer = Math.max(...size);
  return [Math.min(size[0], Math.ceil((size[0] * cells) / longer)), Math.min(size[1], Math.ceil((size[1] * cells) / longer))];
}

/** A grid of zeros, or of these values. */
export function gridFor(size: Size, data?: Float32Array): Grid {
  return { height: size[0], width: size[1], data: data ?? new Float32Array(size[0] * size[1]) };
}

/** Another grid of the same size, each value by one of this. */
export function mapped(grid: Grid, by: (value: number, place: number) => number): Grid {
  const made = gridFor([grid.height, grid.width]);
  for (let i = 0; i < made.data.length; i++) made.data[i] = by(grid.data[i], i);
  return made;
}

/** One plane as a grid; it shares its values. */
export function gridAt(planes: Planes, channel: number): Grid {
  return { height: planes.height, width: planes.width, data: plane(planes, channel) };
}

/** max(R, G, B): (3, h, w) -> (h, w). */
export function brightest(low: Planes): Float32Array {
  const [red, green, blue] = [plane(low, 0), plane(low, 1), plane(low, 2)];
  const made = new Float32Array(red.length);
  for (let i = 0; i < made.length; i++) made[i] = brightestOf(red[i], green[i], blue[i]);
  return made;
}

/** The same of one pixel. Without a branch, which no processor foresees in noise. */
export function brightestOf(red: number, green: number, blue: number): number {
  const most = (red + green + Math.abs(red - green)) / 2;
  return f32((most + blue + Math.abs(most - blue)) / 2);
}

/** ITU-R BT.601: (3, h, w) -> (h, w). */
export function lumaOf(planes: Planes): Float32Array {
  const [red, green, blue] = [plane(planes, 0), plane(planes, 1), plane(planes, 2)];
  const made = new Float32Array(red.length);
  for (let i = 0; i < made.length; i++) made[i] = lumaOfColour(red[i], green[i], blue[i]);
  return made;
}

/** The same of one pixel. */
export function lumaOfColour(red: number, green: number, blue: number): number {
  return f32(f32(f32(red * RED) + f32(green * GREEN)) + f32(blue * BLUE));
}

/** 0 up to the first, 1 from the second on, in single precision. */
export function ramp(value: number, [start, end]: Between): number {
  const share = f32(f32(value - f32(start)) / f32(end - start));
  return share < 0 ? 0 : share > 1 ? 1 : share;
}

/** Like {@link ramp}, without corners. */
export function smoothRamp(value: number, between: Between): number {
  const share = ramp(f32(value), between);
  return f32(f32(share * share) * f32(3 - f32(2 * share)));
}

/** The nearest number that half precision has, the even one of two: as float16 arrays hold it. */
export function toHalf(value: number): number {
  const size = Math.abs(value);
  if (size > 65504) return value;
  BITS_VALUE[0] = size;
  const exponent = Math.max((BITS[0] >>> 23) - 127, -14);
  const rounder = 1.5 * 2 ** (exponent - 10 + 52);
  return value + rounder - rounder;
}

const BITS_VALUE = new Float32Array(1);
const BITS = new Uint32Array(BITS_VALUE.buffer);

/** Sums over windows of (2·radius + 1)² cells, as much of each as lies in the grid. */
export function boxSums(grid: Grid, radius: number): Grid {
  const { height, width } = grid;
  const area = height * width;
  const upright = new Float32Array(area + 2 * radius * width);
  upright.set(grid.data, radius * width);
  const down = new Float32Array(area);
  sumWindows(upright, down, width, radius);
  const made = gridFor([height, width]);
  const lying = new Float32Array(width + 2 * radius);
  for (let start = 0; start < area; start += width) {
    lying.fill(0);
    lying.set(down.subarray(start, start + width), radius);
    sumWindows(lying, made.data.subarray(start, start + width), 1, radius);
  }
  return made;
}

/** Into `sums`: of 1, 2, 4, 8 … neighbours each, which are `unit` values apart, and of these those that make up a window:
 * few additions. `along` is overwritten. */
function sumWindows(along: Float32Array, sums: Float32Array, unit: number, radius: number): void {
  const window = 2 * radius + 1;
  sums.set(along.subarray(0, sums.length));
  for (let first = 1, count = 1, length = along.length; first < window; ) {
    const apart = count * unit;
    length -= apart;
    for (let i = 0; i < length; i++) along[i] += along[i + apart];
    count *= 2;
    if (window & count) {
      const start = first * unit;
      for (let i = 0; i < sums.length; i++) sums[i] += along[start + i];
      first += count;
    }
  }
}

/** Means over the same windows. */
export function boxMeans(grid: Grid, radius: number): Grid {
  const { height, width } = grid;
  const means = boxSums(grid, radius);
  const columns = Int32Array.from({ length: width }, (_, column) => inWindow(column, width, radius));
  for (let row = 0, i = 0; row < height; row++) {
    const rows = inWindow(row, height, radius);
    for (let column = 0; column < width; column++, i++) means.data[i] = f32(means.data[i] / rows) / columns[column];
  }
  return means;
}

function inWindow(place: number, length: number, radius: number): number {
  return Math.min(place + radius + 1, length) - Math.max(place - radius, 0);
}

/** Cells by whose edges others are smoothed (guided filter; He et al. 2013, IEEE TPAMI 35(6)): over windows of
 * (2·radius + 1)² cells, `edge` the variance in one that counts as an edge. */
export class Guide {
  /** Of the guide over windows. */
  readonly mean: Grid;
  private readonly variance: Grid;

  constructor(
    private readonly cells: Grid,
    private readonly radius: number,
    private readonly edge: number,
  ) {
    this.mean = boxMeans(cells, radius);
    this.variance = this.together(cells, this.mean);
  }

  /** Smoothed but for the guide's edges. */
  smooth(cells: Grid): Grid {
    const mean = boxMeans(cells, this.radius);
    return this.lines(mean, this.together(cells, mean));
  }

  /** The guide, smoothed but for its own edges. */
  smoothItself(): Grid {
    return this.lines(this.mean, this.variance);
  }

  /** The covariance of the guide and other cells of this mean. */
  private together(cells: Grid, mean: Grid): Grid {
    const products = boxMeans(mapped(this.cells, (value, i) => value * cells.data[i]), this.radius);
    return mapped(products, (value, i) => value - f32(this.mean.data[i] * mean.data[i]));
  }

  private lines(mean: Grid, covariance: Grid): Grid {
    const edge = f32(this.edge);
    const slopes = mapped(covariance, (value, i) => value / f32(this.variance.data[i] + edge));
    const offsets = boxMeans(mapped(mean, (value, i) => value - f32(slopes.data[i] * this.mean.data[i])), this.radius);
    return mapped(boxMeans(slopes, this.radius), (slope, i) => f32(slope * this.cells.data[i]) + offsets.data[i]);
  }
}

/** Pieces of a part that are worked on one by one. */
export function* blocksOf(part: Tile): Generator<Tile> {
  for (let top = 0; top < part.height; top += BLOCK_ROWS) {
    for (let left = 0; left < part.width; left += BLOCK_COLUMNS) {
      const rows = Math.min(BLOCK_ROWS, part.height - top);
      yield new Tile(part.top + top, part.left + left, rows, Math.min(BLOCK_COLUMNS, part.width - left));
    }
  }
}

/** Whether any of the cells that have a say in a block's pixels is so. The grid lies over a photo of this size. */
export function someCell(grid: Grid, block: Tile, size: Size, is: (value: number) => boolean): boolean {
  const [top, bottom] = cellsAlong(block.top, block.height, grid.height, size[0]);
  const [left, right] = cellsAlong(block.left, block.width, grid.width, size[1]);
  for (let row = top; row < bottom; row++) {
    for (let i = row * grid.width + left; i < row * grid.width + right; i++) if (is(grid.data[i])) return true;
  }
  return false;
}

function cellsAlong(start: number, count: number, cells: number, length: number): [number, number] {
  const before = (place: number): number => Math.floor((place + 0.5) * (cells / length) - 0.5);
  return [Math.max(before(start), 0), Math.min(before(start + count - 1) + 2, cells)];
}

/** A part of what cells (…, h, w) become when they are enlarged to `size` bilinearly: (…, rows, columns). By the rule of
 * Pillow's `resize`: columns first. */
export function enlarged(cells: Planes, size: Size, part: Tile): Planes {
  const rows = neighbours(cells.height, size[0], part.top, part.height);
  const columns = neighbours(cells.width, size[1], part.left, part.width);
  const made = planesOf(cells.channels, part.height, part.width);
  const first = rows.before[0];
  const count = rows.after[part.height - 1] + 1 - first; // all that the part's rows need
  const wide = new Float32Array(count * part.width);
  for (let channel = 0; channel < cells.channels; channel++) {
    for (let row = 0, i = 0; row < count; row++) {
      const start = (channel * cells.height + first + row) * cells.width;
      for (let column = 0; column < part.width; column++, i++) {
        wide[i] =
          f32(cells.data[start + columns.before[column]] * columns.beforeSays[column]) +
          f32(cells.data[start + columns.after[column]] * columns.afterSays[column]);
      }
    }
    for (let row = 0, i = channel * part.height * part.width; row < part.height; row++) {
      const above = (rows.before[row] - first) * part.width;
      const below = (rows.after[row] - first) * part.width;
      const [aboveSays, belowSays] = [rows.beforeSays[row], rows.afterSays[row]];
      for (let column = 0; column < part.width; column++, i++) {
        made.data[i] = f32(wide[above + column] * aboveSays) + f32(wide[below + column] * belowSays);
      }
    }
  }
  return made;
}

interface Neighbours {
  readonly before: Int32Array;
  readonly after: Int32Array;
  readonly beforeSays: Float32Array;
  readonly afterSays: Float32Array;
}

/** For `count` places from `start` on, of `length` that so many cells are spread over: the cells on either side, and how
 * much each of the two says. */
function neighbours(cells: number, length: number, start: number, count: number): Neighbours {
  const [before, after] = [new Int32Array(count), new Int32Array(count)];
  const [beforeSays, afterSays] = [new Float32Array(count), new Float32Array(count)];
  for (let i = 0; i < count; i++) {
    const centre = (start + i + 0.5) * (cells / length) - 0.5;
    const first = Math.floor(centre);
    const near = first >= 0 ? 1 - Math.abs(centre - first) : 0;
    const next = first + 1 < cells ? 1 - Math.abs(centre - (first + 1)) : 0;
    before[i] = Math.max(first, 0);
    after[i] = Math.min(first + 1, cells - 1);
    beforeSays[i] = near / (near + next);
    afterSays[i] = next / (near + next);
  }
  return { before, after, beforeSays, afterSays };
}
