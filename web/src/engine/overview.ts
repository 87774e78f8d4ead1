/** A whole photo in brief, for a model that works on a piece of it: a thumbnail and statistics of its brightness. As
 * Python's `image/overview.py`. */

import { type Planes, plane, planesOf } from "./arrays.ts";
import { brightest, type Grid } from "./cells.ts";
import type { Size } from "./tile.ts";

/** Side of the square thumbnail, onto which photos of any shape are squeezed. */
export const THUMBNAIL = 40;

const QUANTILES = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];
const HIGHLIGHTS = [0.999, 0.9999];
const CONTRAST_SCALES = 5;
const CONTRAST_SIDE = 640;
/** Pixels along a cell: single precision adds up to so many of them well, and in the order that Python does. */
const FEW = 8;
/** Codes of 8 bits: what is as bright as the first counts as white, what is darker than the second as black. */
const BRIGHT = 250;
const DARK = 3;

/** A whole photo in brief. */
export interface Overview {
  /** (3, 40, 40) in [0, 1], averaged over areas. */
  readonly thumbnail: Planes;
  /** (14,), each in [0, 1]. First the square roots (so that dark photos differ, too) of the mean, of the three channels'
   * means, and of quantiles of max(R, G, B). Then the spread of max(R, G, B), and the shares of pixels at the top
   * (>= 250/255) and at the bottom (<= 2/255). */
  readonly statistics: Float32Array;
  /** (7,), further signs of how much light was lost. First the square roots of the .999 and .9999 quantiles of
   * max(R, G, B): how far the brightest parts are from white. Then the contrast between neighbours, in stops of coded
   * value, 1, 2, 4, 8 and 16 pixels apart in a photo brought to sides of at most 640. */
  readonly cues: Float32Array;
  /** Mean coded value of the thumbnail, in [0, 1]; of a photo with transparent parts, that of what is seen. */
  readonly brightness: number;
}

/** (3, h, w) unit of a strip, and how much each of its pixels counts, (h, w) in [0, 1]; null for all alike. */
export type Counted = readonly [low: Planes, weights: Float32Array | null];

/** A small picture of a large one that comes in strips from top to bottom: the mean of each cell in a grid over it,
 * where cells are whole pixels. A side shorter than the grid repeats its pixels.
 *
 * A cell's rows are added first, and then its columns; of each, the others to the first. As Python does, that is in single
 * precision where there are few. */
export class AreaAverage {
  private readonly made: Planes;
  private readonly rows: Int32Array;
  private readonly columns: Int32Array;
  /** Of each channel, what was added of a row of cells so far: its first row of pixels, and the others. */
  private readonly first: Float32Array;
  private readonly others: Float64Array;
  private readonly few: boolean;
  private seen = 0;
  private cell = 0;

  /** shape: of the picture. size: (rows, columns) of the result. */
  constructor(
    readonly channels: number,
    private readonly shape: Size,
    private readonly size: Size = [THUMBNAIL, THUMBNAIL],
  ) {
    this.made = planesOf(channels, ...size);
    this.rows = edges(shape[0], size[0]);
    this.columns = edges(shape[1], size[1]);
    this.first = new Float32Array(channels * shape[1]);
    this.others = new Float64Array(channels * shape[1]);
    this.few = Math.max(shape[0] / size[0], shape[1] / size[1]) <= FEW;
  }

  /** The next rows of the picture: (channels, h, W). */
  add(planes: Planes): void {
    for (let row = 0; row < planes.height; row++) {
      const isFirst = this.seen === this.rows[this.cell];
      for (let channel = 0; channel < this.channels; channel++) {
        this.addRow(planes.data, (channel * planes.height + row) * this.shape[1], channel * this.shape[1], isFirst);
      }
      this.seen++;
      while (this.cell < this.size[0] && this.seen === this.end(this.cell)) this.finishRow();
    }
  }

  /** Of a row of cells: the first row of the picture that is behind it. */
  private end(cell: number): number {
    return Math.max(this.rows[cell + 1], this.rows[cell] + 1);
  }

  private addRow(data: Float32Array, start: number, place: number, isFirst: boolean): void {
    const { others } = this;
    const count = this.shape[1];
    if (isFirst) {
      this.first.set(data.subarray(start, start + count), place);
      others.fill(0, place, place + count);
    } else if (this.few) {
      for (let i = 0; i < count; i++) others[place + i] = Math.fround(others[place + i] + data[start + i]);
    } else {
      for (let i = 0; i < count; i++) others[place + i] += data[start + i];
    }
  }

  private finishRow(): void {
    const { columns, first, others, few, made, cell } = this;
    const [height, width] = this.size;
    const rows = this.end(cell) - this.rows[cell];
    for (let channel = 0; channel < this.channels; channel++) {
      const line = channel * this.shape[1];
      for (let column = 0; column < width; column++) {
        const start = line + columns[column];
        const end = Math.max(line + columns[column + 1], start + 1);
        let sum = 0;
        if (few) {
          for (let i = start + 1; i < end; i++) sum = Math.fround(sum + Math.fround(first[i] + others[i]));
          sum = Math.fround(Math.fround(first[start] + others[start]) + sum);
        } else {
          for (let i = start; i < end; i++) sum += first[i] + others[i];
        }
        made.data[(channel * height + cell) * width + column] = sum / (rows * (end - start));
      }
    }
    this.cell++;
  }

  /** (channels, rows, columns), once all rows have come. */
  result(): Planes {
    return this.made;
  }
}

/** Where cells begin, and where the last ends, of so many along a side of `length` pixels. */
function edges(length: number, cells: number): Int32Array {
  return Int32Array.from({ length: cells + 1 }, (_, cell) => Math.floor((cell * length) / cells));
}

/** A photo of any size averaged over the cells of a grid: (channels, H, W) -> (channels, rows, columns). */
export function areaAverage(planes: Planes, size: Size): Planes {
  const average = new AreaAverage(planes.channels, [planes.height, planes.width], size);
  average.add(planes);
  return average.result();
}

/** The overview of a photo that comes in strips from top to bottom. */
export function describeStrips(shape: Size, strips: Iterable<Counted>): Overview {
  const factor = Math.ceil(Math.max(...shape) / CONTRAST_SIDE);
  const near: Size = [Math.max(Math.floor(shape[0] / factor), 1), Math.max(Math.floor(shape[1] / factor), 1)];
  const thumbnail = new AreaAverage(3, shape);
  const contrast = new AreaAverage(1, shape, near);
  const says = new AreaAverage(1, shape, near);
  const histogram = new Histogram();
  const visible = new Visible();
  for (const [low, weights] of strips) {
    thumbnail.add(low);
    histogram.add(brightest(low), weights);
    contrast.add(planesOf(1, low.height, low.width, channelMeans(low)));
    if (weights !== null) {
      visible.add(low, weights);
      says.add(planesOf(1, low.height, low.width, weights));
    }
  }
  const made = thumbnail.result();
  const shown = visible.means();
  const means = shown ?? [0, 1, 2].map((channel) => mean(plane(made, channel)));
  const codes = contrast.result();
  for (let i = 0; i < codes.data.length; i++) codes.data[i] *= 255;
  const steps = contrasts(codes, shown === null ? null : says.result());
  return {
    thumbnail: made,
    statistics: statisticsOf(histogram, means),
    cues: Float32Array.from([...histogram.quantiles(HIGHLIGHTS).map(Math.sqrt), ...steps]),
    brightness: shown === null ? Math.fround(mean(made.data)) : (shown[0] + shown[1] + shown[2]) / 3,
  };
}

function statisticsOf(histogram: Histogram, channels: readonly number[]): Float32Array {
  const shares = histogram.shares();
  const white = shares.length - 1;
  const middle = shares.reduce((sum, share, code) => sum + share * (code / white), 0);
  const variance = shares.reduce((sum, share, code) => sum + share * (code / white - middle) ** 2, 0);
  const brightness = (channels[0] + channels[1] + channels[2]) / 3;
  return Float32Array.from([
    ...[brightness, ...channels, ...histogram.quantiles(QUANTILES)].map(Math.sqrt),
    Math.sqrt(variance),
    shares.subarray(BRIGHT).reduce((sum, share) => sum + share, 0),
    shares.subarray(0, DARK).reduce((sum, share) => sum + share, 0),
  ]);
}

function mean(values: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}

/** (3, h, w) -> (h, w). */
function channelMeans(low: Planes): Float32Array {
  const [red, green, blue] = [plane(low, 0), plane(low, 1), plane(low, 2)];
  const made = new Float32Array(red.length);
  for (let i = 0; i < made.length; i++) made[i] = (red[i] + green[i] + blue[i]) / 3;
  return made;
}

/** The means of the channels of what is seen of a photo with transparent parts. */
class Visible {
  private readonly sums = [0, 0, 0];
  private weight: number | null = null;

  add(low: Planes, weights: Float32Array): void {
    for (let channel = 0; channel < 3; channel++) {
      const values = plane(low, channel);
      let sum = 0;
      for (let i = 0; i < values.length; i++) sum += Math.fround(values[i] * weights[i]);
      this.sums[channel] += sum;
    }
    let weight = 0;
    for (let i = 0; i < weights.length; i++) weight += weights[i];
    this.weight = (this.weight ?? 0) + weight;
  }

  /** Null where all is seen. */
  means(): number[] | null {
    return this.weight === null ? null : this.sums.map((sum) => sum / (this.weight || 1));
  }
}

/** How much of all pixels is at each of 256 codes. */
class Histogram {
  private readonly counts = new Float64Array(256);

  /** max(R, G, B) of some pixels. */
  add(top: Float32Array, weights: Float32Array | null): void {
    const { counts } = this;
    for (let i = 0; i < top.length; i++) {
      const code = Math.fround(Math.fround(top[i] * 255) + 0.5) | 0;
      counts[code] += weights === null ? 1 : weights[i];
    }
  }

  shares(): Float64Array {
    const total = this.counts.reduce((sum, count) => sum + count, 0);
    return this.counts.map((count) => count / total);
  }

  quantiles(wanted: readonly number[]): number[] {
    let reached = 0;
    const sums = this.shares().map((share) => (reached += share));
    return wanted.map((share) => {
      const code = sums.findIndex((sum) => sum >= share - 1e-9);
      return code / (sums.length - 1);
    });
  }
}

/** Mean difference of neighbours in log2 of the coded value plus one, at doubling scales; 0 without neighbours. */
function contrasts(codes: Grid, weights: Grid | null): number[] {
  let levels: Grid = { ...codes, data: codes.data.map((code) => Math.log2(Math.fround(code + 1))) };
  const found: number[] = [];
  for (let scale = 0; scale < CONTRAST_SCALES; scale++) {
    found.push((meanStep(levels, weights, true) + meanStep(levels, weights, false)) / 2);
    levels = halved(levels);
    weights = weights && halved(weights);
  }
  return found;
}

/** The mean absolute difference of what is one above the other, or beside it. A pair counts as its lesser weight. */
function meanStep(levels: Grid, weights: Grid | null, upright: boolean): number {
  const { height, width, data } = levels;
  const apart = upright ? width : 1;
  let [sum, total] = [0, 0];
  for (let row = 0; row < height - (upright ? 1 : 0); row++) {
    const end = (row + 1) * width - (upright ? 0 : 1);
    for (let i = row * width; i < end; i++) {
      const weight = weights === null ? 1 : Math.min(weights.data[i], weights.data[i + apart]);
      sum += Math.abs(Math.fround(data[i + apart] - data[i])) * weight;
      total += weight;
    }
  }
  return total ? sum / total : 0;
}

/** Means of pairs of rows, and then of columns; an odd last one goes, an only one stays. */
function halved({ height, width, data }: Grid): Grid {
  const rows = Math.max(height >> 1, 1);
  const columns = Math.max(width >> 1, 1);
  const [below, beside] = [height > 1 ? width : 0, width > 1 ? 1 : 0];
  const made = new Float32Array(rows * columns);
  for (let row = 0, place = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, place++) {
      const i = row * 2 * width + column * 2;
      const left = Math.fround(Math.fround(data[i] + data[i + below]) / 2);
      const right = Math.fround(Math.fround(data[i + beside] + data[i + beside + below]) / 2);
      made[place] = Math.fround(left + right) / 2;
    }
  }
  return { height: rows, width: columns, data: made };
}
