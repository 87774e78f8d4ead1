/** Dark parts that a file holds as flat blocks, made smooth before a network lifts them. As Python's
 * `pipeline/deblock.py`, which tells why. */

import { cut, type Planes, plane, planesOf } from "./arrays.ts";
import {
  blocksOf,
  boxMeans,
  boxSums,
  brightestOf,
  enlarged,
  type Grid,
  gridAt,
  gridFor,
  gridOf,
  lumaOf,
  lumaOfColour,
  mapped,
  ramp,
  someCell,
} from "./cells.ts";
import { AreaAverage } from "./overview.ts";
import { type Size, Tile } from "./tile.ts";
import type { View } from "./view.ts";

/** Along the longer side, of the grid that the filter works on (fast guided filter; He & Sun 2015, arXiv 1505.00996). */
const CELLS = 480;
/** Of the filter's windows, in cells. */
const RADIUS = 4;
/** Deviation within a window; much more than this is no rounding, and is kept. */
const EDGE = 2 / 255;
/** Of the pixels around, those like their neighbours: up to the first share there is detail, from the second none. */
const FLAT = [0.75, 0.9] as const;
/** Unit: up to the first a place is dark, from the second on it is not. */
const BRIGHT = [20 / 255, 36 / 255] as const;
/** Unit: up to the first a place has no colour that could be believed, from the second on it has. */
const COLOURED = [1 / 255, 4 / 255] as const;
/** Of luma and of any channel, unit: what differs by up to the first from its smooth surroundings is smoothed with them,
 * from the second on it is a thing of its own, such as a star. */
const DETAIL = [3 / 255, 6 / 255] as const;
const COLOUR_DETAIL = [6 / 255, 12 / 255] as const;
/** Of the photo, what is flat and dark: up to the first share it stays as it is, from the second on all is done. */
const LEAST = [0.2, 0.3] as const;

const f32 = Math.fround;
const SLIGHT = f32(1e-4);

/** How the flat dark parts of one photo are smoothed: maps over a grid of at most 480 cells along its longer side. */
export class Smoothing {
  /** strength: of all of it, in (0, 1]. share: how flat and dark each place is. slopes, offsets: (3, h, w), a guided
   * filter's: what is smooth is slope·luma + offset. coloured: where there is a colour to believe. */
  constructor(
    readonly size: Size,
    readonly strength: number,
    readonly share: Grid,
    readonly slopes: Planes,
    readonly offsets: Planes,
    readonly coloured: Grid,
  ) {
    const { height, width } = share;
    this.maps = planesOf(8, height, width);
    this.maps.data.set(slopes.data);
    this.maps.data.set(offsets.data, slopes.data.length);
    this.maps.data.set(share.data, 2 * slopes.data.length);
    this.maps.data.set(coloured.data, 2 * slopes.data.length + share.data.length);
  }

  /** Slopes, offsets, share and coloured, to be enlarged together. */
  private readonly maps: Planes;

  /** The same of another copy of the photo, of this size. */
  over(size: Size): Smoothing {
    return new Smoothing(size, this.strength, this.share, this.slopes, this.offsets, this.coloured);
  }

  /** A part of the photo smoothed: its (3, h, w) unit -> (3, h, w) unit, the same as in the whole to the bit. */
  apply(low: Planes, part: Tile): Planes {
    const made: Planes = { ...low, data: low.data.slice() };
    for (const block of blocksOf(part)) {
      if (someCell(this.share, block, this.size, (share) => share !== 0)) this.smooth(low, made, block, part);
    }
    return made;
  }

  private smooth(low: Planes, made: Planes, block: Tile, part: Tile): void {
    const { top, left, height, width } = block.seenFrom(part);
    const piece = cut(low, top, left, height, width);
    const spread = enlarged(this.maps, this.size, block).data;
    const strength = f32(this.strength);
    const area = height * width;
    const own = piece.data;
    const smooth = [0, 0, 0];
    for (let i = 0; i < area; i++) {
      const luma = lumaOfColour(own[i], own[area + i], own[2 * area + i]);
      let [most, away] = [0, 0];
      for (let channel = 0; channel < 3; channel++) {
        const value = own[channel * area + i];
        smooth[channel] = f32(f32(spread[channel * area + i] * luma) + spread[(3 + channel) * area + i]);
        most = Math.max(most, value);
        away = Math.max(away, Math.abs(f32(value - smooth[channel])));
      }
      const smoothLuma = lumaOfColour(smooth[0], smooth[1], smooth[2]);
      let share = f32(f32(strength * spread[6 * area + i]) * f32(1 - ramp(most, BRIGHT)));
      share = f32(share * f32(1 - ramp(Math.abs(f32(luma - smoothLuma)), DETAIL)));
      share = f32(share * f32(1 - ramp(away, COLOUR_DETAIL)));
      if (!share) continue;
      const place = (top + Math.floor(i / width)) * low.width + left + (i % width);
      for (let channel = 0; channel < 3; channel++) {
        const value = own[channel * area + i];
        const wanted = f32(smoothLuma + f32(spread[7 * area + i] * f32(smooth[channel] - smoothLuma)));
        const mixed = f32(value + f32(share * f32(wanted - value)));
        made.data[channel * low.height * low.width + place] = Math.min(Math.max(mixed, 0), 1);
      }
    }
  }
}

/** How to smooth the flat dark parts of a photo; null where they are a fifth of it or less. Of what is transparent, only
 * what is seen counts. A guided filter (He et al. 2013, IEEE TPAMI 35(6)), its guide the luma, over these parts alone. */
export function planSmoothing(view: View): Smoothing | null {
  const grid = gridOf(view.size, CELLS);
  const maps = new AreaAverage(3, view.size, grid);
  const says = new AreaAverage(1, view.size, grid);
  for (const strip of view.strips()) {
    const alpha = view.fill && view.alpha(strip);
    maps.add(alike(view, strip, alpha));
    if (alpha !== null) says.add(planesOf(1, strip.height, strip.width, alpha));
  }
  const flatness = flatnessOf(maps.result());
  const strength = ramp(f32(average(flatness.data, view.fill && says.result().data)), LEAST);
  if (!strength) return null;
  const cells = new AreaAverage(3, view.size, grid);
  for (const strip of view.strips()) cells.add(view.of(strip));
  return guided(flatness, cells.result(), strength, view.size);
}

function average(values: Float32Array, weights: Float32Array | null): number {
  let [sum, total] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const weight = weights === null ? 1 : weights[i];
    sum += values[i] * weight;
    total += weight;
  }
  return sum / total;
}

function guided(flatness: Grid, cells: Planes, strength: number, size: Size): Smoothing {
  const total = mapped(boxSums(flatness, RADIUS), (sum) => sum + SLIGHT);
  /** The means over windows, of the flat parts in them. */
  const around = (grid: Grid): Grid => {
    const sums = boxSums(mapped(grid, (value, i) => value * flatness.data[i]), RADIUS);
    return mapped(sums, (sum, i) => sum / total.data[i]);
  };
  const { height, width } = cells;
  const guide = gridFor([height, width], lumaOf(cells));
  const guideMean = around(guide);
  const squares = around(mapped(guide, (value) => value * value));
  const variance = mapped(squares, (square, i) => f32(square - f32(guideMean.data[i] * guideMean.data[i])) + f32(EDGE ** 2));
  const [slopes, offsets] = [planesOf(3, height, width), planesOf(3, height, width)];
  const most = gridFor([height, width]);
  for (let channel = 0; channel < 3; channel++) {
    const channelCells = gridAt(cells, channel);
    const means = around(channelCells);
    const products = around(mapped(channelCells, (value, i) => guide.data[i] * value));
    const slope = mapped(products, (product, i) => {
      return f32(product - f32(guideMean.data[i] * means.data[i])) / variance.data[i];
    });
    const offset = mapped(means, (mean, i) => mean - f32(slope.data[i] * guideMean.data[i]));
    plane(slopes, channel).set(around(slope).data);
    plane(offsets, channel).set(around(offset).data);
    for (let i = 0; i < most.data.length; i++) most.data[i] = Math.max(most.data[i], means.data[i]);
  }
  const coloured = mapped(most, (value) => ramp(value, COLOURED));
  return new Smoothing(size, strength, boxMeans(flatness, 1), slopes, offsets, coloured);
}

/** (3, h, w) for the pixels of a strip: how dark those are that are like the next ones to the right and below, how dark
 * those that have such neighbours, how dark each is. */
function alike(view: View, strip: Tile, alpha: Float32Array | null): Planes {
  const { height, width } = strip;
  const below = Math.min(height + 1, view.size[0] - strip.top);
  const low = view.of(new Tile(strip.top, 0, below, width));
  const [red, green, blue] = [plane(low, 0), plane(low, 1), plane(low, 2)];
  const made = planesOf(3, height, width);
  const [same, comparable, darkness] = [plane(made, 0), plane(made, 1), plane(made, 2)];
  const [start, span] = [f32(BRIGHT[0]), f32(BRIGHT[1] - BRIGHT[0])];
  for (let row = 0, i = 0; row < height; row++) {
    const compared = row < below - 1 ? width - 1 : 0; // but for the photo's last row, and each row's last pixel
    for (let column = 0; column < width; column++, i++) {
      const r = red[i];
      const g = green[i];
      const b = blue[i];
      const bright = f32(f32(brightestOf(r, g, b) - start) / span);
      if (bright >= 1) continue;
      let dark = bright > 0 ? f32(1 - bright) : 1;
      if (alpha !== null) dark = f32(dark * alpha[i]);
      darkness[i] = dark;
      if (column >= compared) continue;
      comparable[i] = dark;
      const under = i + width;
      const beside = r === red[i + 1] && g === green[i + 1] && b === blue[i + 1];
      if (beside && r === red[under] && g === green[under] && b === blue[under]) same[i] = dark;
    }
  }
  return made;
}

/** How flat and dark the neighbourhood of each cell is, in [0, 1]: means of {@link alike} (3, h, w) -> (h, w). */
function flatnessOf(cells: Planes): Grid {
  const flat = boxSums(gridAt(cells, 0), RADIUS);
  const share = boxSums(gridAt(cells, 1), RADIUS);
  const dark = plane(cells, 2);
  // Of the dark pixels alone: flat darkness reaches up to the lights in it.
  return mapped(flat, (sum, i) => ramp(f32(sum / Math.max(share.data[i], SLIGHT)), FLAT) * dark[i]);
}
