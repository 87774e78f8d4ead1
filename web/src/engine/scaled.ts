/** Large photos are worked on as a small copy, and what is made of that is brought to full size by a small network that
 * sees the photo itself. As Python's `pipeline/scaled.py`, for whole photos. */

import { cut, padLike, plane, planesOf, type Planes } from "./arrays.ts";
import { CellMeans } from "./cell_means.ts";
import { boxMeans, type Grid, gridAt, mapped } from "./cells.ts";
import type { Smoothing } from "./deblock.ts";
import type { Model } from "./model.ts";
import type { Speed } from "./settings.ts";
import { planTiles, type Size, Tile } from "./tile.ts";
import { View } from "./view.ts";

/** Of a small copy, where it drowns nothing. */
const MOST_PIXELS: Readonly<Record<Speed, number>> = { fast: 0.4e6, balanced: 1024 ** 2, best: Infinity };
/** Times as many it may have of others: time and memory stay bounded. */
const MORE = 2;
/** Of a photo, by a copy that is worked on. */
const MOST_DROWNED: Readonly<Record<Speed, number>> = { fast: 0.6, balanced: 0.4, best: 0 };
/** Pixels: pieces begin at multiples of it, where the cells of the detail network do. */
const GRID = 4;
/** Pixels along a piece that is brought to full size at once. Neighbours are faded over the middle eighth of their
 * overlap, 14 pixels from where they are cut: of the 36 that the detail network sees around each, those beyond hardly
 * count. */
const PIECE = 512;
export const PIECE_OVERLAP = 32;
/** Of the slopes: cells around that are looked at, over which slopes are smoothed, and the variance that is an edge. */
const WINDOW = 2, SMOOTH = 1, EDGE = Math.fround((1.5 / 255) ** 2);
/** What 1 is held as. */
const CODES = 65535;
/** Added and taken off again, it rounds to whole numbers, halves to even. */
const ROUNDER = 2 ** 52;

const f32 = Math.fround;

/** Pixels of a photo of this size along one of its small copy's; 1 for a photo that is worked on itself. drowned: by
 * copies of scale 4, 8 …, each beyond one of half the scale. */
export function scaleFor([rows, columns]: Size, speed: Speed, drowned: readonly number[]): number {
  const pixels = (rows * columns) / MOST_PIXELS[speed];
  const [fewest, most] = [pixels / MORE, pixels].map((times) => Math.max(1, Math.ceil(Math.sqrt(times))));
  const least = Math.min(Math.max(fewest, 2), most);
  for (let scale = most; scale > least; scale--) if (drownedBy(scale, drowned) <= MOST_DROWNED[speed]) return scale;
  return least;
}

/** Octave by octave, of the last as much as the scale reaches into it. */
function drownedBy(scale: number, drowned: readonly number[]): number {
  const octaves = Math.log2(scale) - 1;
  return drowned.reduce((sum, share, number) => sum + share * Math.min(Math.max(octaves - number, 0), 1), 0);
}

/** Of the small copy. What is left over at the end makes cells of its own. */
export function smallSize([rows, columns]: Size, scale: number): Size {
  return [Math.ceil(rows / scale), Math.ceil(columns / scale)];
}

/** The pieces of a photo that are brought to full size one by one. */
export function piecesOf(size: Size): Tile[] {
  return planTiles(size, PIECE, PIECE_OVERLAP, GRID);
}

/** Codes of 16 bits, (3, height, width). */
interface Held {
  readonly height: number;
  readonly width: number;
  readonly data: Uint16Array;
}

/** The small copy of a photo: a view of its own, whose tiles are counted in cells of scale² pixels. It keeps what was made
 * of it and enlarges the photo's pieces, once that is all there. */
export class SmallCopy {
  private readonly seen: Held;
  private readonly made: Held;
  private slopes: Planes | null = null;

  constructor(
    private readonly view: View,
    private readonly scale: number,
  ) {
    const size = smallSize(view.size, scale);
    this.seen = heldFor(size);
    this.made = heldFor(size);
    const smoothing = view.smoothing && view.smoothing.over(size);
    const filled = new View(view.picture, view.inside, view.fill);
    for (const strip of filled.strips(scale)) hold(this.seen, ...meansOf(filled, strip, scale, smoothing));
  }

  /** What the network sees there, (3, h, w) unit. */
  of(tile: Tile): Planes {
    return unitOf(this.seen, tile);
  }

  /** What was made of a tile, (3, h, w) unit. */
  put(tile: Tile, made: Planes): void {
    hold(this.made, tile, made);
  }

  /** A piece of the photo at full size, once all is made: (3, h, w) unit. */
  async enlarge(model: Model, piece: Tile): Promise<Planes> {
    const low = padLike(this.view.of(piece), GRID, "least").padded;
    const rows = between(piece.top, low.height / 2, this.scale, this.seen.height);
    const columns = between(piece.left, low.width / 2, this.scale, this.seen.width);
    const slopes = (this.slopes ??= slopesOf(this.seen, this.made));
    const [seen, made, slope] = [this.seen, this.made, slopes].map((cells) => interpolated(cells, rows, columns));
    return cut(await model.enlarge(low, seen, made, slope), 0, 0, piece.height, piece.width);
  }
}

/** Hidden pixels are filled before the means are taken, flat dark blocks smoothed after: the strip's place in the copy, and
 * what is there. */
function meansOf(filled: View, strip: Tile, scale: number, smoothing: Smoothing | null): [Tile, Planes] {
  const pixels = filled.of(strip), cells = new Tile(strip.top / scale, 0, ...smallSize(strip.size, scale));
  const means = planesOf(3, cells.height, cells.width);
  for (let channel = 0; channel < 3; channel++) {
    const sums = new CellMeans(strip.size, scale), values = plane(pixels, channel);
    for (let start = 0; start < values.length; start += strip.width) sums.add(values.subarray(start, start + strip.width));
    plane(means, channel).set(sums.result().data);
  }
  return [cells, smoothing ? smoothing.apply(means, cells) : means];
}

function heldFor([height, width]: Size): Held {
  return { height, width, data: new Uint16Array(3 * height * width) };
}

/** In two bytes a value, as 16-bit files hold them. */
function hold(held: Held, { top, left, height, width }: Tile, unit: Planes): void {
  for (let channel = 0, from = 0; channel < 3; channel++) {
    for (let row = 0; row < height; row++) {
      const start = (channel * held.height + top + row) * held.width + left;
      for (let at = start; at < start + width; at++) held.data[at] = f32(unit.data[from++] * CODES) + ROUNDER - ROUNDER;
    }
  }
}

function unitOf(held: Held, { top, left, height, width }: Tile): Planes {
  const unit = planesOf(3, height, width);
  for (let channel = 0, place = 0; channel < 3; channel++) {
    for (let row = top; row < top + height; row++) {
      const start = (channel * held.height + row) * held.width + left;
      for (let at = start; at < start + width; at++) unit.data[place++] = UNIT_OF_CODE[held.data[at]];
    }
  }
  return unit;
}

/** How much what was made changes with what was seen, around each cell: where there are edges. (The slopes of a guided
 * filter; He et al. 2013, IEEE TPAMI 35(6).) */
function slopesOf(seen: Held, made: Held): Planes {
  const all = new Tile(0, 0, seen.height, seen.width), from = unitOf(seen, all), to = unitOf(made, all);
  const slopes = planesOf(3, seen.height, seen.width);
  for (let channel = 0; channel < 3; channel++) plane(slopes, channel).set(slopeOf(gridAt(from, channel), gridAt(to, channel)));
  return slopes;
}

function slopeOf(seen: Grid, made: Grid): Float32Array {
  const mean = boxMeans(seen, WINDOW), madeMean = boxMeans(made, WINDOW);
  const products = boxMeans(mapped(seen, (value, i) => value * made.data[i]), WINDOW);
  const squares = boxMeans(mapped(seen, (value) => value * value), WINDOW);
  const slopes = mapped(products, (product, i) => {
    const covariance = f32(product - f32(mean.data[i] * madeMean.data[i]));
    return covariance / f32(f32(squares.data[i] - f32(mean.data[i] * mean.data[i])) + EDGE);
  });
  return boxMeans(slopes, SMOOTH).data;
}

const UNIT_OF_CODE = Float32Array.from({ length: CODES + 1 }, (_, code) => code * f32(1 / CODES));

/** Cells before places and behind them, and how much the latter say. */
interface Between {
  readonly before: Int32Array;
  readonly behind: Int32Array;
  readonly says: Float32Array;
}

/** Every other border between a piece's pixels, and the cells that it lies between. */
function between(start: number, count: number, scale: number, cells: number): Between {
  const before = new Int32Array(count), behind = new Int32Array(count), says = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const place = (start + 1 + 2 * i) / scale - 0.5, cell = Math.floor(place);
    before[i] = Math.min(Math.max(cell, 0), cells - 1);
    behind[i] = Math.min(Math.max(cell + 1, 0), cells - 1);
    says[i] = place - cell;
  }
  return { before, behind, says };
}

/** Cells, held or floats, at the places between them: columns first. */
function interpolated({ height, width, data }: Held | Planes, rows: Between, columns: Between): Planes {
  const values = data instanceof Uint16Array ? (at: number) => UNIT_OF_CODE[data[at]] : (at: number) => data[at];
  const made = planesOf(3, rows.says.length, columns.says.length);
  const first = rows.before[0], count = rows.behind[made.height - 1] + 1 - first;
  const wide = new Float32Array(count * made.width);
  for (let channel = 0, place = 0; channel < 3; channel++) {
    for (let row = 0, i = 0; row < count; row++) {
      const start = (channel * height + first + row) * width;
      for (let column = 0; column < made.width; column++, i++) {
        const before = values(start + columns.before[column]);
        wide[i] = before + f32(columns.says[column] * f32(values(start + columns.behind[column]) - before));
      }
    }
    for (let row = 0; row < made.height; row++) {
      const above = (rows.before[row] - first) * made.width, below = (rows.behind[row] - first) * made.width;
      for (let column = 0; column < made.width; column++) {
        const before = wide[above + column];
        made.data[place++] = before + f32(rows.says[row] * f32(wide[below + column] - before));
      }
    }
  }
  return made;
}
