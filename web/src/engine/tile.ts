/** Pieces of a large picture: bounded memory for any size, no seams. As Python's `pipeline/tiling.py`. */

import { UsageError } from "./errors.ts";

/** Of a picture: (rows, columns) in pixels. */
export type Size = readonly [rows: number, columns: number];

const STRIP_PIXELS = 2 ** 20;

/** A window of the picture: rows top … top + height, columns left … left + width. */
export class Tile {
  constructor(
    readonly top: number,
    readonly left: number,
    readonly height: number,
    readonly width: number,
  ) {}

  /** (rows, columns). */
  get size(): Size {
    return [this.height, this.width];
  }

  equals(other: Tile): boolean {
    return (
      this.top === other.top && this.left === other.left && this.height === other.height && this.width === other.width
    );
  }

  /** Whether the two have pixels in common. */
  overlaps(other: Tile): boolean {
    return (
      this.top < other.top + other.height &&
      other.top < this.top + this.height &&
      this.left < other.left + other.width &&
      other.left < this.left + this.width
    );
  }

  /** The pixels that this has in common with an overlapping one. */
  shared(other: Tile): Tile {
    const top = Math.max(this.top, other.top);
    const left = Math.max(this.left, other.left);
    const bottom = Math.min(this.top + this.height, other.top + other.height);
    const right = Math.min(this.left + this.width, other.left + other.width);
    return new Tile(top, left, bottom - top, right - left);
  }

  /** The smallest part that holds both. */
  joined(other: Tile): Tile {
    const top = Math.min(this.top, other.top);
    const left = Math.min(this.left, other.left);
    const bottom = Math.max(this.top + this.height, other.top + other.height);
    const right = Math.max(this.left + this.width, other.left + other.width);
    return new Tile(top, left, bottom - top, right - left);
  }

  /** The same pixels, counted from the other's corner. */
  seenFrom(other: Tile): Tile {
    return new Tile(this.top - other.top, this.left - other.left, this.height, this.width);
  }

  /** The inverse of {@link seenFrom}: what is counted from the other's corner, counted as the other is. */
  placedIn(other: Tile): Tile {
    return new Tile(this.top + other.top, this.left + other.left, this.height, this.width);
  }

  /** All of it from top to bottom, in pieces of full width and of so many rows that what is made of them takes little: a
   * multiple of some number, but for the last. */
  *strips(multiple = 1): Generator<Tile> {
    const step = Math.max(1, Math.floor(STRIP_PIXELS / (this.width * multiple))) * multiple;
    for (let top = 0; top < this.height; top += step) {
      yield new Tile(this.top + top, this.left, Math.min(step, this.height - top), this.width);
    }
  }

  /** Throws UsageError for a part that is empty or reaches out of a picture of this size. */
  checkInside(size: Size): void {
    const numbers = [this.top, this.left, this.height, this.width];
    const fits = numbers.every(Number.isInteger) && this.top >= 0 && this.left >= 0 && this.height >= 1 && this.width >= 1;
    if (!(fits && this.top + this.height <= size[0] && this.left + this.width <= size[1])) {
      throw new UsageError(`the part ${numbers} does not lie in a picture of ${size[0]} rows and ${size[1]} columns`);
    }
  }
}

/** Tiles of at most about `side` pixels a side that overlap by at least `overlap` and cover a picture; one where it is no
 * larger than side² pixels in area. They begin at multiples of `multiple`, so that a network that halves its input sees
 * the same grid in every tile and in the whole; a side may grow by less than `multiple` for it. */
export function planTiles(size: Size, side: number, overlap: number, multiple: number): Tile[] {
  if (!(overlap >= 0 && overlap < side) || multiple < 1) {
    throw new RangeError(
      `tiles need 0 <= overlap < side and multiple >= 1, got ${overlap}, ${side} and ${multiple}`,
    );
  }
  const [height, width] = size;
  if (height * width <= side * side) return [new Tile(0, 0, height, width)];
  const columns = spans(width, side, overlap, multiple);
  return spans(height, side, overlap, multiple).flatMap(([top, rows]) =>
    columns.map(([left, count]) => new Tile(top, left, rows, count)),
  );
}

function spans(length: number, side: number, overlap: number, multiple: number): [number, number][] {
  if (length <= side) return [[0, length]];
  const count = Math.ceil((length - overlap) / (side - overlap));
  const stride = Math.ceil(Math.ceil((length - overlap) / count) / multiple) * multiple;
  const found: [number, number][] = [];
  for (let start = 0; start < length - overlap; start += stride) {
    found.push([start, Math.min(stride + overlap, length - start)]);
  }
  return found;
}
