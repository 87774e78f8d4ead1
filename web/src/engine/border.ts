/** Bars and borders around a photo: letterboxes, frames, the white edge of a scan. What is done to a photo goes by what
 * lies inside; a border keeps its values. As Python's `pipeline/border.py`. */

import { type Edge, findEdge, findLine } from "./edge.ts";
import { apartBy, findMargin, isPlain, type Margin, Side } from "./margin.ts";
import { Tile } from "./tile.ts";
import type { View } from "./view.ts";

/** Of the borders at the top, the bottom, the left and the right, in pixels. */
type Widths = readonly [top: number, bottom: number, left: number, right: number];

/** A border has at least so many rows, and at least this share of the photo's. */
const THINNEST = 3;
const THINNEST_SHARE = 0.01;
/** What is inside has at least so many rows, and this share of the photo's. */
const LEFT_ROWS = 16;
const LEFT_SHARE = 0.2;
/** Frames within frames, and looks at one of them until its sides agree; what does not settle is no frame. */
const LAYERS = 4;
const ROUNDS = 5;
/** Unit: margins without noise, and with some, are of one colour if they are no further apart. */
const SAME = Math.fround(0.6 / 255);
const NEAR = 1.25 / 255;
/** An edge: the photo differs by so much (unit) from the margin, in this share of its columns right behind it, which are
 * this share of those that come to differ. */
const CLEAR = 2.5 / 255;
const STRAIGHT = 0.6;
const SHARP = 0.7;
/** Unit: a margin with more noise or drift than this needs a strong edge. */
const QUIET = 3.2 / 255;
const LEVEL = 2.5 / 255;
/** Of an edge behind a margin with noise; at most this share of the step is there some rows before. One that takes more
 * than this share of the photo needs a strong edge: it may be the night around lit windows. */
const SHARP_NOISY = 0.8;
const BEFORE = 0.15;
const WIDE = 0.2;
/** A strong edge: shares of columns as above, unit, and how many times the margin's noise it is. */
const STRONG = 0.9;
const STRONG_CLEAR = 8 / 255;
const OVER_NOISE = 10;
/** Two bars at opposite sides that are of one colour and equally wide, up to so many rows, and take this share of the
 * photo each, need only a faint edge: beside a black bar, a photo may be black itself. */
const FAINT = 0.15;
const FAINT_SHARP = 0.5;
const EQUAL = 2;
const PAIR_SHARE = 0.03;
/** Of a bar with a strong edge, what is seen of the one at the opposite side where the photo is black beside it. */
const AS_WIDE = 0.8;
/** Pixels: a line between border and photo is no wider. */
const LINE_MOST = 8;

/** What was found at one side. */
interface Found {
  readonly side: Side;
  readonly margin: Margin;
  readonly edge: Edge | null;
}

/** Of what was found, up to the edge; 0 without one. */
function rowsOf({ edge }: Found): number {
  return edge === null ? 0 : edge.rows;
}

/** Whether it has hardly any noise. */
function isQuiet({ margin }: Found): boolean {
  return margin.noise <= QUIET && margin.drift <= LEVEL;
}

/** Whether a picture begins behind it with a straight step. */
function isSure(found: Found): boolean {
  const { edge, margin, side } = found;
  if (edge === null || edge.clear < CLEAR || edge.share < STRAIGHT) return false;
  if (isPlain(margin)) return edge.sharp >= SHARP;
  const modest = isQuiet(found) && edge.rows <= WIDE * side.count;
  return edge.sharp >= SHARP_NOISY && edge.before <= BEFORE && (modest || isStrong(found));
}

/** Whether the step is straight throughout and far above the noise. */
function isStrong({ edge, margin }: Found): boolean {
  return (
    edge !== null &&
    Math.min(edge.share, edge.sharp) >= STRONG &&
    edge.before <= BEFORE &&
    edge.clear >= Math.max(STRONG_CLEAR, OVER_NOISE * Math.max(margin.noise, margin.drift))
  );
}

/** Whether something begins there in some of the columns at once. */
function isFaint(found: Found): boolean {
  const { edge } = found;
  if (edge === null || edge.share < FAINT || edge.sharp < FAINT_SHARP) return false;
  return edge.before <= BEFORE && isQuiet(found);
}

/** The part of a photo inside of the border around it; all of it where there is none.
 *
 * A border is one colour over whole rows or columns, and ends with one straight step. Without any noise, it is one at each
 * side for itself. With some (a video's, a scanner's, what JPEG leaves of an edge close by), another side must be of the
 * same colour and end likewise: a real sky, wall or backdrop may be as flat, but not so on two sides. At the top or
 * bottom, a caption may stand in it. Between border and photo there may be a line, or another border. */
export function insideOfBorder(view: View): Tile {
  let inside = new Tile(0, 0, ...view.size);
  for (let layer = 0; layer < LAYERS; layer++) {
    const found = withoutLayer(view, inside);
    if (found.equals(inside)) break;
    inside = found;
  }
  return inside;
}

/** Top, bottom, left and right, the first two of one part and the others of another. */
function sidesOf(view: View, upright: Tile, lying: Tile): Side[] {
  return [
    new Side(view, upright),
    new Side(view, upright, false, true),
    new Side(view, lying, true),
    new Side(view, lying, true, true),
  ];
}

/** Without the outermost border and a line behind it. */
function withoutLayer(view: View, whole: Tile): Tile {
  let inside = whole;
  const margins: Margin[] = [];
  for (let look = 0; look < 2; look++) {
    // bars at the sides may reach beside those at the top, or the other way round
    const [ends, top, bottom] = flatEnds(new Side(view, inside), new Side(view, inside, false, true));
    const level = without(inside, [top, bottom, 0, 0]);
    const [sides, left, right] = flatEnds(new Side(view, level, true), new Side(view, level, true, true));
    inside = without(inside, [top, bottom, left, right]);
    margins.push(...[...ends, ...sides].filter((margin) => margin.rows));
    if (!(top + bottom + left + right)) break;
  }
  const paired = margins.some((one, i) => margins.slice(i + 1).some((other) => areAlike(one, other)));
  if (inside.equals(whole) || !(margins.some(isPlain) || paired)) return whole;
  const [found, widths] = settled(view, whole, inside);
  if (!widths.some((width) => width)) return whole;
  return withinLine(view, without(whole, widths), found, widths);
}

/** What there is at the four sides, each looked at between the others' borders. */
function settled(view: View, whole: Tile, start: Tile): [Found[], Widths] {
  let inside = start;
  for (let round = 0; round < ROUNDS; round++) {
    const upright = new Tile(whole.top, inside.left, whole.height, inside.width);
    const lying = new Tile(inside.top, whole.left, inside.height, whole.width);
    const found = sidesOf(view, upright, lying).map(lookAtSide);
    const widths = decided(found);
    const rest = without(whole, widths);
    if (rest.equals(inside)) return [found, widths];
    if (!leavesEnough(whole, rest)) break;
    inside = rest;
  }
  return [[], [0, 0, 0, 0]];
}

function leavesEnough(whole: Tile, inside: Tile): boolean {
  return (
    inside.height >= Math.max(LEFT_ROWS, LEFT_SHARE * whole.height) &&
    inside.width >= Math.max(LEFT_ROWS, LEFT_SHARE * whole.width)
  );
}

function without(tile: Tile, [top, bottom, left, right]: Widths): Tile {
  return new Tile(tile.top + top, tile.left + left, tile.height - top - bottom, tile.width - left - right);
}

/** Rows that a border has at least. */
function leastOf(side: Side): number {
  return Math.max(THINNEST, Math.trunc(side.count * THINNEST_SHARE));
}

/** What is flat at either side, and how many rows of it; no rows where too few others are left. */
function flatEnds(first: Side, last: Side): [margins: Margin[], top: number, bottom: number] {
  const margins = [first, last].map((side) => findMargin(side, leastOf(side)));
  const [top, bottom] = margins.map((margin) => margin.rows);
  const enough = first.count - top - bottom >= Math.max(LEFT_ROWS, first.count * LEFT_SHARE);
  return enough ? [margins, top, bottom] : [margins, 0, 0];
}

/** Margin and edge of a side, behind the caption if there is one. */
function lookAtSide(side: Side): Found {
  const margin = findMargin(side, leastOf(side), !side.across);
  if (!margin.rows) return { side, margin, edge: null };
  const found: Found = { side, margin, edge: findEdge(side, margin, margin.rows) };
  if (margin.written && !isSure(found)) {
    const written: Found = { side, margin, edge: findEdge(side, margin, margin.written) };
    if (isStrong(written)) return written;
  }
  return found;
}

/** Whether two margins have one colour. */
function areAlike(one: Margin, other: Margin): boolean {
  if (!(one.rows && other.rows)) return false;
  const allowed = isPlain(one) && isPlain(other) ? SAME : Math.fround(NEAR + Math.max(one.noise, other.noise) / 4);
  return apartBy(one.colour, other.colour) <= allowed;
}

/** How many rows at each side are a border, by what was found at the four. */
function decided(found: readonly Found[]): Widths {
  const widths = found.map((one) => (isSure(one) && isPlain(one.margin) ? rowsOf(one) : 0));
  for (const [first, last] of [[0, 1], [2, 3]]) {
    const pair = pairOf(found[first], found[last]);
    if (pair[0] || pair[1]) [widths[first], widths[last]] = pair;
  }
  for (const [first, second] of [[0, 2], [0, 3], [1, 2], [1, 3]]) {
    const [one, other] = [found[first], found[second]];
    if (isStrong(one) && isStrong(other) && areAlike(one.margin, other.margin)) {
      widths[first] ||= rowsOf(one);
      widths[second] ||= rowsOf(other);
    }
  }
  return [widths[0], widths[1], widths[2], widths[3]];
}

/** How many rows at opposite sides are a border for being a pair; [0, 0] for none. */
function pairOf(first: Found, last: Found): [number, number] {
  if (!areAlike(first.margin, last.margin)) return [0, 0];
  const rows: [number, number] = [rowsOf(first), rowsOf(last)];
  if (isSure(first) && isSure(last)) return rows;
  const least = first.side.count * PAIR_SHARE;
  if (Math.abs(rows[0] - rows[1]) <= EQUAL && isFaint(first) && isFaint(last) && Math.min(...rows) >= least) return rows;
  if (isStrong(first) || isStrong(last)) {
    const [known, other] = isStrong(first) ? [first, last] : [last, first];
    if (Math.max(other.margin.rows, other.margin.written) >= rowsOf(known) * AS_WIDE) {
      return [rowsOf(known), rowsOf(known)];
    }
  }
  return [0, 0];
}

/** Without the thin line of another colour that a frame may have around the photo. */
function withinLine(view: View, inside: Tile, found: readonly Found[], widths: Widths): Tile {
  const sides = sidesOf(view, inside, inside);
  const lines = sides.map((side, i) => (widths[i] ? findLine(side, found[i].margin.colour) : null));
  const rows = lines.flatMap((line) => (line === null ? [] : [line.rows])).sort((one, other) => one - other);
  const bordered = widths.filter((width) => width > 0).length;
  const needed = Math.max(bordered - 1, 2);
  if (bordered < 2 || rows.length < needed) return inside;
  const middle = rows[rows.length >> 1];
  if (middle > LINE_MOST || rows.filter((row) => Math.abs(row - middle) <= 1).length < needed) return inside;
  const [top, bottom, left, right] = widths.map((width) => (width ? middle : 0));
  return without(inside, [top, bottom, left, right]);
}
