/** At what resolution a photo's noise lives: how much of its contrast a small copy would drown in noise. As Python's
 * `pipeline/octaves.py`, which tells why. */

import { lumaOf } from "./cells.ts";
import { roundHalfToEven } from "./statistics.ts";
import { type Size, Tile } from "./tile.ts";
import type { View } from "./view.ts";

/** Of 2 to 4, 4 to 8 and 8 to 16 pixels. A copy of scale 2 drowns nothing. */
const OCTAVES = 3;
/** About as many patches are looked at, of so many pixels along a side; they begin where a JPEG's blocks do. */
const PATCHES = 192, SIDE = 64, GRID = 8;
/** Pixels along a block, of which contrast is told. */
const BLOCK = 16;
/** Groups of blocks of about one brightness. Noise is what is in that part of each with the least contrast: one in so
 * many. */
const LEVELS = 6, QUIET = 4;
/** Times the noise: up to there, what is in a block may be noise alone. */
const SPREAD = 1.2;
/** Unit: blocks with something brighter do not count, nor do those with hidden pixels. */
const CLIPPED = Math.fround(250 / 255);
/** Deviation that is hardly seen, in codes for each of the place's, and the variance in codes² that it is at least. */
const UNSEEN = 0.08, LEAST = 0.1;

const f32 = Math.fround;

/** variances: of each octave, codes², in every block. level: the mean of each, codes. */
interface Blocks {
  readonly variances: readonly number[][];
  readonly level: number[];
}

/** How much of a photo has both contrast and noise to be seen, for the noise of 2 to 4 pixels, 4 to 8, and 8 to 16: each in
 * [0, 1]; 0 for photos of less than 64 pixels a side. */
export function drownedByOctave(view: View): number[] {
  const blocks: Blocks = { variances: Array.from({ length: OCTAVES }, () => []), level: [] };
  for (const patch of patchesOf(view.size)) {
    const [low, weights] = view.counted(patch);
    addBlocks(blocks, lumaOf(low), weights);
  }
  return drownedIn(blocks);
}

/** Evenly over a photo; none overlaps another. */
function patchesOf([height, width]: Size): Tile[] {
  const wanted = Math.max(roundHalfToEven(Math.sqrt((PATCHES * height) / width)), 1);
  const rows = Math.min(wanted, Math.floor(height / SIDE));
  const columns = Math.min(Math.max(roundHalfToEven(PATCHES / Math.max(rows, 1)), 1), Math.floor(width / SIDE));
  const starts = (length: number, count: number): number[] => {
    return Array.from({ length: count }, (_, number) => {
      return Math.floor((Math.floor(((2 * number + 1) * length) / (2 * count)) - SIDE / 2) / GRID) * GRID;
    });
  };
  return starts(height, rows).flatMap((top) => starts(width, columns).map((left) => new Tile(top, left, SIDE, SIDE)));
}

/** Of a patch's luma, unit: the blocks where nothing is cut off or hidden, by the variances of a Haar wavelet. */
function addBlocks({ variances, level }: Blocks, luma: Float32Array, weights: Float32Array | null): void {
  let cells = halved(luma.map((unit) => unit * 255), SIDE);
  const found: Float32Array[] = [];
  for (let side = 2, across = SIDE / 2; side < BLOCK; side *= 2, across /= 2) {
    const larger = halved(cells, across);
    let variance: Float32Array = cells.map((value, i) => {
      const apart = f32(value - larger[(Math.floor(i / across) >> 1) * (across / 2) + ((i % across) >> 1)]);
      return apart * apart;
    });
    for (let size = side, left = across; size < BLOCK; size *= 2, left /= 2) variance = halved(variance, left);
    found.push(variance);
    cells = larger;
  }
  const leftOut = new Uint8Array(cells.length);
  luma.forEach((value, i) => {
    if (value < CLIPPED && (weights === null || weights[i] > 0)) return;
    leftOut[Math.floor(i / SIDE / BLOCK) * (SIDE / BLOCK) + Math.floor((i % SIDE) / BLOCK)] = 1;
  });
  cells.forEach((mean, i) => {
    if (leftOut[i]) return;
    level.push(mean);
    found.forEach((variance, octave) => variances[octave].push(variance[i]));
  });
}

/** Means of 2×2 of a square, of so many across. */
function halved(square: Float32Array, across: number): Float32Array {
  const half = across / 2, made = new Float32Array(half * half);
  for (let row = 0, i = 0; row < half; row++) {
    for (let at = 2 * row * across; i < (row + 1) * half; i++, at += 2) {
      made[i] = f32(f32(square[at] + square[at + 1]) + f32(square[at + across] + square[at + across + 1])) * 0.25;
    }
  }
  return made;
}

function drownedIn(blocks: Blocks): number[] {
  const { variances, level } = blocks;
  const noise = noiseOf(blocks);
  const sums = new Array<number>(OCTAVES).fill(0);
  level.forEach((mean, i) => {
    const [, fine, coarse] = variances.map((variance, octave) => Math.max(variance[i] - SPREAD * noise[octave][i], 0));
    const contrast = fine + coarse, unseen = (UNSEEN * mean) ** 2 + LEAST;
    for (let octave = 0; octave < OCTAVES; octave++) {
      sums[octave] += (contrast / (contrast + unseen)) * (noise[octave][i] / (noise[octave][i] + unseen));
    }
  });
  return sums.map((sum) => (level.length ? sum / level.length : 0));
}

/** What the variances would be without contrast, by the blocks of about the same level. */
function noiseOf({ variances, level }: Blocks): Float64Array[] {
  const noise = variances.map(() => new Float64Array(level.length));
  const by = (values: (block: number) => number) => (one: number, other: number) => values(one) - values(other);
  const order = level.map((_, block) => block).sort(by((block) => level[block]));
  const count = Math.floor(order.length / LEVELS), more = order.length % LEVELS;
  for (let group = 0, start = 0; group < LEVELS; group++) {
    const alike = order.slice(start, start + count + (group < more ? 1 : 0));
    start += alike.length;
    const calmest = alike.slice().sort(by((block) => variances[1][block] + variances[2][block]));
    const quiet = calmest.slice(0, Math.ceil(alike.length / QUIET));
    noise.forEach((octave, number) => {
      const mean = quiet.reduce((sum, block) => sum + variances[number][block], 0) / quiet.length;
      for (const block of alike) octave[block] = mean;
    });
  }
  return noise;
}
