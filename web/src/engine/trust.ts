/** Lift what is there: how much each place of a photo holds. (What follows from it: `restraint.ts`.) As Python's
 * `pipeline/trust.py`, which tells why. */

import { CellMeans } from "./cell_means.ts";
import { boxMeans, brightest, Guide, type Grid, lumaOf, mapped, ramp, smoothRamp, toHalf } from "./cells.ts";
import { mean, median, quantile, roundHalfToEven } from "./statistics.ts";
import { type Size, Tile } from "./tile.ts";
import type { View } from "./view.ts";

/** About as many along the longer side, of whole pixels, has the grid that the maps have. */
const CELLS = 320;
/** Of the guided filter: its windows in cells, and the variance of an edge, in stops of codes and in unit values. */
const RADIUS = 4;
const EDGE = 0.15;
const LIT_EDGE = 0.01;
/** Codes by which neighbours differ, on average: what noise dithers, averages tell; what a coder left flat holds the last
 * share of its codes. */
const LIVELY = [0.03, 0.25] as const;
const LIVELY_RADIUS = 5;
const LEAST_LIVELY = 0.6;
/** Codes; more than enough. */
const MOST = 60;
/** Codes of the brightest parts: up to the first a photo is dark throughout, and its blacks are as underexposed as all of
 * it; from the second on it has lights, and its blacks are black. */
const SPAN = [35, 75] as const;
/** A night, by much that is black beside what is lit, or by more that is dark beside lamps: codes held there, the share of
 * such cells in the photo, codes of its brightest parts. */
const NIGHTS = [
  { codes: [1.0, 3.5], share: [0.12, 0.45], lights: [40, 80] },
  { codes: [8.0, 16.0], share: [0.4, 0.7], lights: [70, 140] },
] as const;
/** Neighbours differ by this share of what the next but one do, where noise was smeared: up to the first it was, from the
 * second on it is a sensor's own. Judged in the quieter half of cells that are dim, in codes, and not flat. */
const SMEARED = [0.7, 0.78] as const;
const QUIET = 0.3;
const DIM = [2, 60] as const;
/** Cells to judge it by, and the radius around each that is. */
const FEWEST = 2000;
const SMEARED_RADIUS = 2;
/** Unit: up to the first a place may be lifted, from the second on it is well lit. */
const LIT = [0.45, 0.85] as const;
/** Back light: the share that is lit, and the unit value from which a place is; how much of all else lies in its shade,
 * times how far the light comes from one side, and between which values a place does. */
const BACKLIT = [0.2, 0.4] as const;
const GLOW = 0.7;
const SHADE = [0.28, 0.4] as const;
const SHADED = [0.02, 0.22] as const;

const f32 = Math.fround;
const CODE = f32(1 / 255);

/** The middles of the steps of {@link Scene.tones}, unit. */
export const TONES = Float64Array.from({ length: 256 }, (_, step) => (step + 0.5) / 256);

/** What is told of all of a photo at once. */
export interface Scene {
  /** (256,), the share of places with each brightness, of as many equal steps of {@link Signal.level}. */
  readonly tones: Float64Array;
  /** Unit: the brightest twentieth begins here. */
  readonly lights: number;
  /** In [0, 1]: 0 for a photo that is dark throughout, 1 for one that has lights. */
  readonly span: number;
  /** In [0, 1], how much of a night it is: lights, and much around them that holds nothing. */
  readonly night: number;
  /** In [0, 1], how much of it stands in the shade of what is bright. */
  readonly backlight: number;
  /** In [0, 1], how far a phone's noise reduction has gone: what is fine in its dark parts is blotches. */
  readonly smeared: number;
}

/** Its mean, unit. */
export function brightnessOf(scene: Scene): number {
  return scene.tones.reduce((sum, share, step) => sum + share * TONES[step], 0);
}

/** What each place of one photo holds: maps over a grid of about 320 cells along its longer side, rounded to half
 * precision. */
export interface Signal {
  /** (rows, columns) of pixels that the cells cover: of the photo, and as far as the last ones reach beyond it. */
  readonly size: Size;
  /** Codes of 8 bits, in [0, 60]. */
  readonly held: Grid;
  /** Luma around, unit. */
  readonly level: Grid;
  /** In [0, 1], how well lit it is. */
  readonly lit: Grid;
  readonly scene: Scene;
}

/** What a photo holds. */
export function lookForSignal(view: View): Signal {
  const side = Math.max(1, roundHalfToEven(Math.max(...view.size) / CELLS));
  const cells = averagesOf(view, side);
  const { top } = cells;
  const around = new Guide(mapped(boxMeans(top, 1), stops), RADIUS, EDGE);
  const held = heldIn(cells, around);
  const shown = shownCells(cells.seen, top.data.length);
  const shownTop = top.data.filter((_, i) => shown[i]);
  const brightestParts = quantile(shownTop, 0.995);
  const aroundTop = new Guide(top, RADIUS, LIT_EDGE);
  const level = mapped(around.smooth(mapped(cells.level, stops)), (value) => toHalf(f32(codes(value, 255) * CODE)));
  return {
    size: [side * top.height, side * top.width],
    held: mapped(held, toHalf),
    level,
    lit: mapped(aroundTop.smoothItself(), (value) => toHalf(smoothRamp(value, LIT))),
    scene: {
      tones: tonesOf(level),
      lights: quantile(shownTop, 0.95),
      span: smoothRamp(f32(f32(brightestParts) / CODE), SPAN),
      night: nightOf(f32(f32(brightestParts) / CODE), held.data.filter((_, i) => shown[i])),
      backlight: backlightOf(aroundTop.mean, boxMeans(cells.level, RADIUS), shown),
      smeared: smearedIn(cells, shown),
    },
  };
}

/** Codes that each cell holds, smoothed but for edges. */
function heldIn({ top, restless }: Averages, around: Guide): Grid {
  const lively = mapped(boxMeans(restless, LIVELY_RADIUS), (value) => {
    return f32(LEAST_LIVELY) + f32(f32(1 - LEAST_LIVELY) * ramp(f32(value / CODE), LIVELY));
  });
  const held = mapped(top, (value, i) => Math.min(f32(f32(value / CODE) * lively.data[i]), MOST));
  const smooth = around.smooth(mapped(held, (value) => Math.log2(f32(value + 1))));
  return mapped(smooth, (value) => codes(value, MOST));
}

/** Which cells are seen for the most part: all of a photo where none is. */
function shownCells(seen: Grid | null, count: number): Uint8Array {
  const shown = Uint8Array.from({ length: count }, (_, i) => (seen === null || seen.data[i] > 0.5 ? 1 : 0));
  return shown.includes(1) ? shown : shown.fill(1);
}

function tonesOf(level: Grid): Float64Array {
  const counts = new Float64Array(TONES.length);
  for (const value of level.data) counts[Math.min(Math.floor(value * counts.length), counts.length - 1)]++;
  return counts.map((count) => count / level.data.length);
}

/** {@link Scene.night}, by codes. */
function nightOf(brightestParts: number, held: Float32Array): number {
  return Math.max(
    ...NIGHTS.map(({ codes, share, lights }) => {
      const black = mean(held.map((value) => 1 - smoothRamp(value, codes)));
      return f32(smoothRamp(brightestParts, lights) * smoothRamp(black, share));
    }),
  );
}

/** {@link Scene.backlight}, by how bright the places around each cell are at the most and on average. */
function backlightOf(top: Grid, level: Grid, shown: Uint8Array): number {
  const glowing = mapped(top, (value, i) => (shown[i] && value > f32(GLOW) ? 1 : 0));
  let [lit, shaded, count] = [0, 0, 0];
  for (let i = 0; i < shown.length; i++) {
    if (!shown[i]) continue;
    count++;
    lit += glowing.data[i];
    if (level.data[i] > f32(SHADED[0]) && level.data[i] < f32(SHADED[1])) shaded++;
  }
  const inShade = (oneSided(glowing) * shaded) / Math.max(count - lit, 1);
  return f32(smoothRamp(lit / count, BACKLIT) * smoothRamp(inShade, SHADE));
}

/** In [0, 1], how far what is lit (1, all else 0) lies on one side: by how much its shares of two outer thirds differ. */
function oneSided(glowing: Grid): number {
  const { height, width } = glowing;
  const [rows, columns] = [Math.ceil(height / 3), Math.ceil(width / 3)];
  const share = (top: number, left: number, bottom: number, right: number): number => {
    let lit = 0;
    for (let row = top; row < bottom; row++) {
      for (let i = row * width + left; i < row * width + right; i++) lit += glowing.data[i];
    }
    return lit / ((bottom - top) * (right - left));
  };
  return Math.max(
    Math.abs(share(0, 0, rows, width) - share(height - rows, 0, height, width)),
    Math.abs(share(0, 0, height, columns) - share(0, width - columns, height, width)),
  );
}

/** {@link Scene.smeared}; 0 where there is too little to judge it by. */
function smearedIn(cells: Averages, shown: Uint8Array): number {
  const [beside, further] = [cells.beside, cells.further].map((grid) => {
    return boxMeans(mapped(grid, (value) => value / CODE), SMEARED_RADIUS).data;
  });
  const dim = shown.map((shows, i) => {
    const level = f32(cells.level.data[i] / CODE);
    return shows && level > DIM[0] && level < DIM[1] && further[i] > f32(QUIET) ? 1 : 0;
  });
  const judged = further.filter((_, i) => dim[i]);
  if (judged.length < FEWEST) return 0;
  const middle = median(judged);
  let [near, far] = [0, 0];
  for (let i = 0; i < dim.length; i++) {
    if (!dim[i] || further[i] > middle) continue;
    near += beside[i];
    far += further[i];
  }
  return 1 - smoothRamp(near / far, SMEARED);
}

/** log2 of codes plus one. */
function stops(value: number): number {
  return Math.log2(f32(f32(value / CODE) + 1));
}

function codes(stops: number, most: number): number {
  return Math.min(Math.max(f32(f32(2 ** stops) - 1), 0), most);
}

/** Means over the pixels of each cell. */
interface Averages {
  /** max(R, G, B). */
  readonly top: Grid;
  readonly level: Grid;
  /** By how much a pixel's luma differs from those above and before it (two codes at most). */
  readonly restless: Grid;
  /** ... from the one before it. */
  readonly beside: Grid;
  /** ... from the one before that. */
  readonly further: Grid;
  /** How much is seen, where some is not. */
  readonly seen: Grid | null;
}

/** In each cell of side² pixels. */
function averagesOf(view: View, side: number): Averages {
  const columns = view.size[1];
  const sums = Array.from({ length: view.fill === null ? 5 : 6 }, () => new CellMeans(view.size, side));
  const beside = new Float32Array(columns);
  const further = new Float32Array(columns);
  const restless = new Float32Array(columns);
  for (const strip of view.strips(side)) {
    const above = Math.min(strip.top, 1);
    const [low, weights] = view.counted(new Tile(strip.top - above, 0, strip.height + above, strip.width));
    const [top, luma] = [brightest(low), lumaOf(low)];
    for (let row = above; row < low.height; row++) {
      const start = row * columns;
      differences(luma, start, row > 0, beside, further, restless);
      const along = (values: Float32Array): Float32Array => values.subarray(start, start + columns);
      const maps = [along(top), along(luma), restless, beside, further];
      if (weights !== null) maps.push(along(weights));
      maps.forEach((map, i) => sums[i].add(map));
    }
  }
  const [top, level, lively, near, far, seen] = sums.map((sum) => sum.result());
  return { top, level, restless: lively, beside: near, further: far, seen: seen ?? null };
}

/** Of one row of luma, which begins at `start`: into the last three, see {@link Averages}. */
function differences(
  luma: Float32Array,
  start: number,
  hasAbove: boolean,
  beside: Float32Array,
  further: Float32Array,
  restless: Float32Array,
): void {
  const columns = beside.length;
  const most = f32(2 * CODE);
  for (let column = 0, i = start; column < columns; column++, i++) {
    const own = luma[i];
    const before = column > 0 ? Math.abs(f32(own - luma[i - 1])) : 0;
    beside[column] = before;
    further[column] = column > 1 ? Math.abs(f32(own - luma[i - 2])) : 0;
    const both = hasAbove ? f32(before + Math.abs(f32(own - luma[i - columns]))) : before;
    restless[column] = Math.min(both / 2, most);
  }
}
