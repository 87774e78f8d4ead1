/** Tiles worked on one by one and cross-faded. As Python's `map_tiles` of `pipeline/tiling.py`, to the bit. */
import { plane, planesOf, type Planes } from "./arrays.ts";
import { Tile, type Size } from "./tile.ts";

/** Weight of a pixel that should not count: far below a code of 16 bits, yet not 0, so that the sum of weights never is. */
const NO_SAY = 1e-6;

const f = Math.fround;

/**
 * Run `work` on each tile and hand out the cross-faded results, (C, h, w), piece by piece with their places: together
 * they cover the picture once. Only what waits for the next tiles is held.
 *
 * tiles: as `planTiles` makes them, covering a picture of this size, overlapping by so many pixels.
 */
export async function mapTiles(
  tiles: readonly Tile[],
  size: Size,
  work: (tile: Tile) => Promise<Planes>,
  overlap: number,
  put: (place: Tile, made: Planes) => void,
): Promise<void> {
  if (tiles.length === 1) return put(tiles[0], await work(tiles[0])); // nothing to fade: its values as they are
  const rows = [...new Set(tiles.map((tile) => tile.top))].map((top) => tiles.filter((tile) => tile.top === top));
  let band: Planes | null = null; // sums of what the row's tiles made, times their weights, and these as a last channel
  for (const [number, row] of rows.entries()) {
    const { top, height } = row[0];
    const end = rows[number + 1]?.[0].top ?? top + height;
    const carried: Planes | null = band;
    band = null;
    for (const [place, tile] of row.entries()) {
      const made = await work(tile);
      band ??= begun(carried, made.channels + 1, height, size[1]);
      add(band, made, tile, size, overlap);
      const right = row[place + 1]?.left ?? tile.left + tile.width;
      if (end > top) put(new Tile(top, tile.left, end - top, right - tile.left), finished(band, tile.left, right, end - top));
    }
    band = band && below(band, end - top);
  }
}

/** A band of so many rows that begins with the sums that are carried over. */
function begun(carried: Planes | null, channels: number, height: number, width: number): Planes {
  const band = planesOf(channels, height, width);
  for (let channel = 0; carried && channel < channels; channel++) plane(band, channel).set(plane(carried, channel));
  return band;
}

/** What a band has from a row on. */
function below(band: Planes, row: number): Planes {
  const rest = planesOf(band.channels, band.height - row, band.width);
  for (let channel = 0; channel < band.channels; channel++) {
    plane(rest, channel).set(plane(band, channel).subarray(row * band.width));
  }
  return rest;
}

function add(band: Planes, made: Planes, tile: Tile, size: Size, overlap: number): void {
  const down = fade(tile.top, tile.height, size[0], overlap), across = fade(tile.left, tile.width, size[1], overlap);
  const area = band.height * band.width, own = made.height * made.width;
  for (let row = 0; row < tile.height; row++) {
    for (let column = 0; column < tile.width; column++) {
      const weight = f(down[row] * across[column]);
      const from = row * made.width + column, to = row * band.width + tile.left + column;
      for (let channel = 0; channel < made.channels; channel++) {
        band.data[channel * area + to] += f(weight * made.data[channel * own + from]);
      }
      band.data[made.channels * area + to] += weight;
    }
  }
}

function finished(band: Planes, left: number, right: number, rows: number): Planes {
  const made = planesOf(band.channels - 1, rows, right - left), weights = plane(band, made.channels);
  for (let channel = 0, place = 0; channel < made.channels; channel++) {
    const sums = plane(band, channel);
    for (let row = 0; row < rows; row++) {
      for (let at = row * band.width + left; at < row * band.width + right; at++) made.data[place++] = sums[at] / weights[at];
    }
  }
  return made;
}

/** Weights along one side: rising within the first `overlap` pixels and falling within the last, except at the border.
 * Only the middle eighth of an overlap is faded over: further out, a network sees the tile's cut edge. */
function fade(start: number, length: number, whole: number, overlap: number): Float32Array {
  const before = f((overlap * 7) / 16), over = f(Math.max(overlap / 8, 1));
  return Float32Array.from({ length }, (_, place) => {
    const rising = start > 0 ? place + 0.5 : Infinity;
    const falling = start + length < whole ? length - (place + 0.5) : Infinity;
    return Math.min(Math.max(f(f(Math.min(rising, falling) - before) / over), f(NO_SAY)), 1);
  });
}
