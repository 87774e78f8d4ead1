/** What lies along one side of a photo: how many of its outermost rows are of one colour. `edge.ts` tells whether a
 * picture begins behind them, and `border.ts` judges by both what a border is. As Python's `pipeline/margin.py`. */

import { type Planes, plane, planesOf } from "./arrays.ts";
import { deviation, largest, mean, median, quantile } from "./statistics.ts";
import { Tile } from "./tile.ts";
import type { View } from "./view.ts";

const f32 = Math.fround;

/** Unit: pixels of a plain colour are as near to it as this: nothing of a sky's noise, nor of the flat blocks that coders
 * leave of it. */
export const SAME = f32(0.6 / 255);
/** Unit: a margin's noise is no stronger (standard deviation), and at most this share of a row is further off. */
const NOISIEST = 8 / 255;
const ODD = 0.02;
/** Unit: what coders leave of noise is uneven. */
const LEAST_REACH = 2.6 / 255;
/** Unit: the means of a row's pieces are off by half as much again as those of the outermost, and by so much more. */
const DRIFT = 1.0 / 255;
/** Along a side, for that. */
const PIECES = 12;
/** Unit: no margin's noise goes so far in a tenth of its pixels. */
const RESTLESS = 24 / 255;
/** Pixels along a side by which noise is measured, and the share of a photo's rows that a noisy margin takes at most. */
const SEEN_ALONG = 600;
const NOISY_MOST = 0.45;
/** Rows that are read at a time. */
const STEP = 16;
/** A caption differs from its ground by so much (unit), takes so many rows at least, and at most this share of a row. */
const PRINT = 64 / 255;
const PRINT_ROWS = 5;
const PRINT_SHARE = 0.5;
/** A margin with a caption takes at most this share of the photo. */
const WRITTEN_MOST = 0.35;

/** A colour, (3,) unit. */
export type Colour = Float32Array;

/** The rows of a part of a photo as they are met from one of its sides: from its first row, or the last, or from the
 * first column (across) or the last. */
export class Side {
  constructor(
    private readonly view: View,
    private readonly area: Tile,
    readonly across = false,
    private readonly last = false,
  ) {}

  /** Rows in all. */
  get count(): number {
    return this.across ? this.area.width : this.area.height;
  }

  /** Pixels along the side. */
  get length(): number {
    return this.across ? this.area.height : this.area.width;
  }

  /** (3, stop - start, all that lies along the side), as far as there are any. */
  rows(start: number, stop: number): Planes {
    const begin = Math.max(start, 0);
    const count = Math.max(Math.min(stop, this.count) - begin, 0);
    const first = this.last ? this.count - begin - count : begin;
    const { top, left, height, width } = this.area;
    const tile = this.across ? new Tile(top, left + first, height, count) : new Tile(top + first, left, count, width);
    const seen = this.view.of(tile);
    return this.across || this.last ? this.met(seen, count) : seen;
  }

  private met(seen: Planes, count: number): Planes {
    const made = planesOf(3, count, this.length);
    for (let channel = 0, i = 0; channel < 3; channel++) {
      for (let row = 0; row < count; row++) {
        const from = this.last ? count - 1 - row : row;
        const start = channel * count * this.length + from * (this.across ? 1 : this.length);
        const step = this.across ? count : 1;
        for (let place = 0; place < this.length; place++, i++) made.data[i] = seen.data[start + place * step];
      }
    }
    return made;
  }
}

/** Rows of one colour along a side. */
export interface Margin {
  readonly colour: Colour;
  /** Standard deviation, unit; 0 for a colour that all pixels have, which is called plain. */
  readonly noise: number;
  /** Unit: its pixels are no further from the colour. */
  readonly reach: number;
  /** How many rows of it there are from the outermost on; 0 for none. */
  readonly rows: number;
  /** Unit: how far the means of its outermost pieces are from the colour. */
  readonly drift: number;
  /** How many there are with a caption and the plain rows behind it; 0 where there is no caption. */
  readonly written: number;
}

export const NO_MARGIN: Margin = { colour: new Float32Array(3), noise: 0, reach: 0, rows: 0, drift: 0, written: 0 };

/** Whether it has no noise. */
export function isPlain(margin: Margin): boolean {
  return margin.noise === 0;
}

/** The rows of one colour along a side, of which there are at least so many, else none. */
export function findMargin(side: Side, least: number, captions = false): Margin {
  if (side.count < least) return NO_MARGIN;
  const first = thinned(side.rows(0, 1), side);
  const far = distances(first, medians(first));
  if (quantile(far, 0.9) > RESTLESS) return NO_MARGIN; // as most photos: done with at once
  const outermost = side.rows(0, Math.min(least, STEP));
  const ground = groundOf(isOneColour(outermost) ? outermost : thinned(outermost, side));
  if (ground === null) return NO_MARGIN;
  const [rows, written] = extent(side, ground, least, captions);
  return rows >= least ? { ...ground, rows, written } : NO_MARGIN;
}

/** The margin whose outermost rows these are, without saying how far it goes; null for what is too noisy. */
function groundOf(outermost: Planes): Margin | null {
  const colour = medians(outermost);
  if (isOneColour(outermost)) return { ...NO_MARGIN, colour, reach: SAME };
  const apart = furthest(outermost, colour);
  const near = f32(quantile(apart, 1 - ODD / 2));
  const [colours, deviations] = [new Float32Array(3), [0, 0, 0]];
  for (let channel = 0; channel < 3; channel++) {
    const values = plane(outermost, channel).filter((_, i) => apart[i] <= near);
    colours[channel] = values.reduce((sum, value) => sum + value, 0) / values.length;
    deviations[channel] = deviation(values);
  }
  const noise = Math.max(...deviations);
  if (noise > NOISIEST) return null;
  const reach = Math.max(1.3 * near + SAME, LEAST_REACH);
  const ground = { ...NO_MARGIN, colour: colours, noise: Math.max(noise, 1e-6), reach };
  const drift = Math.max(...drifts(outermost, ground));
  return drift > NOISIEST ? null : { ...ground, drift };
}

/** Whether all pixels have one colour. */
function isOneColour(rows: Planes): boolean {
  const firsts = planesOf(3, 1, rows.width);
  for (let channel = 0; channel < 3; channel++) {
    plane(firsts, channel).set(plane(rows, channel).subarray(0, rows.width));
  }
  const colour = medians(firsts);
  for (let channel = 0; channel < 3; channel++) {
    for (const value of plane(rows, channel)) if (Math.abs(f32(value - colour[channel])) > SAME) return false;
  }
  return true;
}

/** Of each channel. */
export function medians(rows: Planes): Colour {
  return Float32Array.from([0, 1, 2], (channel) => median(plane(rows, channel)));
}

/** How far all values are from the colour's, (3, h, w) -> all of them. */
function distances(rows: Planes, colour: Colour): Float32Array {
  const area = rows.height * rows.width;
  return rows.data.map((value, i) => Math.abs(f32(value - colour[Math.floor(i / area)])));
}

/** How far each pixel is from the colour in the channel that is furthest off, (3, h, w) -> (h, w). */
export function furthest(rows: Planes, colour: Colour): Float32Array {
  const [red, green, blue] = [plane(rows, 0), plane(rows, 1), plane(rows, 2)];
  const made = new Float32Array(red.length);
  for (let i = 0; i < made.length; i++) {
    made[i] = Math.max(
      Math.abs(f32(red[i] - colour[0])),
      Math.abs(f32(green[i] - colour[1])),
      Math.abs(f32(blue[i] - colour[2])),
    );
  }
  return made;
}

/** Of the pixels along a side, as many as noise is measured by. */
function thinned(rows: Planes, side: Side): Planes {
  const step = Math.max(Math.floor(side.length / SEEN_ALONG), 1);
  if (step === 1) return rows;
  const made = planesOf(3, rows.height, Math.ceil(rows.width / step));
  for (let line = 0, i = 0; line < 3 * rows.height; line++) {
    for (let place = 0; place < rows.width; place += step, i++) made.data[i] = rows.data[line * rows.width + place];
  }
  return made;
}

/** Of a margin of this colour: its rows up to anything else, and those up to the photo if that is a caption. */
function extent(side: Side, ground: Margin, least: number, captions: boolean): [rows: number, written: number] {
  const plainGround = isPlain(ground);
  const most = Math.trunc(side.count * WRITTEN_MOST);
  const stop = plainGround ? side.count : Math.trunc(side.count * NOISY_MOST);
  let [plainEnd, printRows, run, written, contrast] = [0, 0, 0, 0, 0];
  for (let start = 0; start < stop; start += STEP) {
    const rows = plainGround ? side.rows(start, start + STEP) : thinned(side.rows(start, start + STEP), side);
    const apart = furthest(rows, ground.colour);
    const drift = plainGround ? null : drifts(rows, ground);
    for (let number = 0; number < rows.height; number++) {
      const along = apart.subarray(number * rows.width, (number + 1) * rows.width);
      const share = shareBeyond(along, f32(ground.reach));
      const drifted = drift !== null && !(drift[number] <= f32(1.5 * ground.drift + DRIFT));
      const plain = share <= (plainGround ? 0 : ODD) && !drifted;
      if (!printRows && plain) {
        plainEnd = start + number + 1;
        continue;
      }
      if (!captions || plainEnd < least || start + number >= most || share > PRINT_SHARE) return [plainEnd, written];
      if (plain) {
        run++;
        if (run >= 2 && printRows >= PRINT_ROWS && contrast >= PRINT) written = start + number + 1;
      } else {
        run = 0;
        printRows++;
        contrast = Math.max(contrast, largest(along));
      }
    }
  }
  return [plainEnd, written];
}

function shareBeyond(values: Float32Array, reach: number): number {
  let count = 0;
  for (let i = 0; i < values.length; i++) if (values[i] > reach) count++;
  return count / values.length;
}

/** How far the means of pieces of each row are from the colour, (h,). */
function drifts(rows: Planes, ground: Margin): Float32Array {
  const pieces = Math.min(PIECES, rows.width);
  const starts = Array.from({ length: pieces + 1 }, (_, piece) => Math.floor((piece * rows.width) / pieces));
  const made = new Float32Array(rows.height);
  for (let channel = 0; channel < 3; channel++) {
    for (let row = 0; row < rows.height; row++) {
      const line = (channel * rows.height + row) * rows.width;
      for (let piece = 0; piece < pieces; piece++) {
        const average = f32(mean(rows.data.subarray(line + starts[piece], line + starts[piece + 1])));
        made[row] = Math.max(made[row], Math.abs(f32(average - ground.colour[channel])));
      }
    }
  }
  return made;
}

/** How far two colours are apart in the channel in which they are furthest. */
export function apartBy(one: Colour, other: Colour): number {
  return Math.max(...one.map((value, channel) => Math.abs(value - other[channel])));
}
