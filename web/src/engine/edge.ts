/** Whether a picture begins behind a margin with one straight step, or behind a line at a margin's inner edge. As Python's
 * `pipeline/margin.py`. */

import { type Planes, plane, planesOf } from "./arrays.ts";
import { apartBy, type Colour, furthest, isPlain, type Margin, medians, NO_MARGIN, SAME, type Side } from "./margin.ts";
import { largest, mean, quantile } from "./statistics.ts";

const f32 = Math.fround;

/** Rows between a margin and the photo that a JPEG file may have blurred: its largest unit, two blocks. */
const RINGING = 16;
/** Of the step at an edge, ringing goes so far. */
const RINGS = 0.15;
/** Rows behind the edge, by which the photo is told from the margin. */
const BEHIND = 8;
/** A line between a margin and the photo takes at most half as many rows, and differs by so much (unit) from the
 * margin. */
const LINE = 16;
const LINE_CLEAR = 40 / 255;
const LINE_BEHIND = 8 / 255;
/** Unit: what is off by more than this, or than noise can be, is something else. */
const OTHER = 1.5 / 255;

/** Where a photo begins behind a margin. */
export interface Edge {
  /** Of the margin. */
  readonly rows: number;
  /** Unit: by how much the photo differs from the margin's colour, on average, beyond what its noise does. */
  readonly clear: number;
  /** Of the columns, that do so right behind the edge. */
  readonly share: number;
  /** Of those that do so further behind, how many do so right behind the edge. A skyline rises by and by. */
  readonly sharp: number;
  /** Of the step, how much there is some rows before. What is out of focus begins by and by. */
  readonly before: number;
}

/** Where the photo begins behind so many rows of a margin; null where nothing else begins there. */
export function findEdge(side: Side, margin: Margin, rows: number): Edge | null {
  const plain = isPlain(margin);
  const back = plain ? 0 : Math.min(rows, RINGING);
  const first = rows - back;
  const met = side.rows(first, rows + RINGING + 2 * BEHIND);
  const apart = distance(met, margin);
  const byRow = rowMeans(apart, met.height);
  if (byRow.length <= back) return null;
  const base = plain ? 0 : mean(distance(side.rows(0, Math.min(BEHIND, rows)), margin));
  const inside = mean(byRow.subarray(back, back + RINGING + BEHIND).slice(-BEHIND));
  let begins = firstOf(byRow, f32((base + inside) / 2));
  begins = behindRinging(apart, byRow, begins, base);
  while (plain && begins > 3) {
    // a photo may be darker there than a little further
    const ahead = mean(byRow.subarray(Math.max(begins - 5, 0), begins - 2));
    if (ahead <= RINGS * mean(byRow.subarray(begins, begins + BEHIND))) break;
    begins = firstOf(byRow, f32(ahead / 2));
  }
  const limit = f32(Math.max(OTHER, margin.noise));
  const near = grouped(met, begins, margin).map((value) => (value > limit ? 1 : 0));
  const far = near.slice();
  for (let start = begins + 3; start < Math.min(begins + 2 * BEHIND, met.height - 2); start += 3) {
    grouped(met, start, margin).forEach((value, i) => {
      if (value > limit) far[i] = 1;
    });
  }
  const width = met.width;
  const clear = mean(apart.subarray(begins * width, (begins + BEHIND) * width)) - base;
  const before = begins < 3 ? 0 : mean(byRow.subarray(Math.max(begins - 5, 0), begins - 2)) - base;
  const count = (marks: Float32Array): number => marks.reduce((sum, mark) => sum + mark, 0);
  return {
    rows: first + begins,
    clear,
    share: count(near) / near.length,
    sharp: count(near) / Math.max(count(far), 1),
    before: Math.max(before, 0) / Math.max(clear, 1e-6),
  };
}

/** The first place whose value is at least this, or 0. */
function firstOf(values: Float32Array, least: number): number {
  return Math.max(values.findIndex((value) => value >= least), 0);
}

function rowMeans(values: Float32Array, rows: number): Float32Array {
  const width = values.length / Math.max(rows, 1);
  return Float32Array.from({ length: rows }, (_, row) => mean(values.subarray(row * width, (row + 1) * width)));
}

/** How far three rows from `start` on are from the colour, column by column, (w,): the mean of a noisy margin's, else the
 * most. */
function grouped(met: Planes, start: number, margin: Margin): Float32Array {
  const count = Math.min(3, met.height - start);
  const most = new Float32Array(met.width);
  const means = planesOf(3, 1, met.width);
  for (let channel = 0; channel < 3; channel++) {
    for (let place = 0; place < met.width; place++) {
      let sum = 0;
      for (let row = start; row < start + count; row++) {
        const value = met.data[(channel * met.height + row) * met.width + place];
        most[place] = Math.max(most[place], Math.abs(f32(value - margin.colour[channel])));
        sum = f32(sum + value);
      }
      means.data[channel * met.width + place] = sum / count;
    }
  }
  return isPlain(margin) ? most : distance(means, margin);
}

/** How far each pixel is from the colour, (h, w); behind a noisy margin, means of nine. */
function distance(rows: Planes, margin: Margin): Float32Array {
  return isPlain(margin) ? furthest(rows, margin.colour) : furthest(meansOfNine(rows, margin.colour), new Float32Array(3));
}

/** Means of nine pixels along each row (of which those beyond its ends repeat the last), less the colour. */
function meansOfNine(rows: Planes, colour: Colour): Planes {
  const { height, width } = rows;
  const made = planesOf(3, height, width);
  const sums = new Float64Array(width + 9);
  for (let line = 0; line < 3 * height; line++) {
    const own = colour[Math.floor(line / height)];
    let sum = 0;
    for (let i = 0; i < width + 9; i++) {
      const place = Math.min(Math.max(i - 5, 0), width - 1);
      sums[i] = sum += f32(rows.data[line * width + place] - own);
    }
    for (let i = 0; i < width; i++) made.data[line * width + i] = (sums[i + 9] - sums[i]) / 9;
  }
  return made;
}

/** Where a line begins, if what was taken for the photo's beginning is a JPEG's ringing before that line. */
function behindRinging(apart: Float32Array, byRow: Float32Array, begins: number, base: number): number {
  const width = apart.length / byRow.length;
  const ahead = byRow.subarray(begins, begins + RINGING);
  const peak = begins + ahead.indexOf(largest(ahead));
  const half = f32((base + byRow[peak]) / 2);
  const along = apart.subarray(peak * width, (peak + 1) * width);
  let straight = 0;
  for (let i = 0; i < width; i++) if (along[i] >= half) straight++;
  if (straight / width >= 0.95 && byRow[begins] < f32(f32(RINGS) * byRow[peak])) return begins + firstOf(ahead, half);
  return begins;
}

/** Where the photo begins behind a thin line at the inner edge of a margin of this colour, as frames have one. */
export function findLine(side: Side, colour: Colour): Edge | null {
  const met = side.rows(0, LINE);
  const middles = Array.from({ length: met.height }, (_, row) => medians(rowOf(met, row)));
  const away = Float32Array.from(middles, (middle) => apartBy(middle, colour));
  const peak = away.indexOf(largest(away.subarray(0, LINE / 2)));
  const own = middles[peak];
  const spread = furthest(rowOf(met, peak), own);
  if (away[peak] < LINE_CLEAR || quantile(spread, 0.98) > away[peak] / 6) return null;
  const squares = spread.map((value) => value * value);
  const noise = largest(spread) <= SAME ? 0 : Math.max(Math.sqrt(mean(squares)), 1e-6);
  const edge = findEdge(side, { ...NO_MARGIN, colour: own, noise, reach: SAME, rows: peak + 1 }, peak + 1);
  const [clear, share] = noise === 0 ? [OTHER, 0.3] : [LINE_BEHIND, 0.8];
  if (edge === null || edge.clear < clear || edge.share < share || edge.sharp < 0.7) return null;
  const behind = away.subarray(edge.rows + 2, edge.rows + 10);
  return (behind.length && away[peak] > mean(behind) + clear) || edge.rows >= 3 ? edge : null;
}

function rowOf(met: Planes, row: number): Planes {
  const made = planesOf(3, 1, met.width);
  for (let channel = 0; channel < 3; channel++) {
    plane(made, channel).set(plane(met, channel).subarray(row * met.width, (row + 1) * met.width));
  }
  return made;
}
