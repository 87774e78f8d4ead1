/** Photos with transparent parts: what nobody sees neither counts as light or dark, nor is seen by the network. As
 * Python's `pipeline/hidden.py`.
 *
 * Whatever lies under the transparency (black, white, leftovers of an editor), the network sees the colours around it
 * instead, and hidden pixels keep their values. */

import { type Planes, plane, planesOf } from "./arrays.ts";
import { enlarged, gridOf } from "./cells.ts";
import { AreaAverage } from "./overview.ts";
import { isOpaque, type Picture } from "./picture.ts";
import { type Size, Tile } from "./tile.ts";
import type { View } from "./view.ts";

/** Along the longer side, of the grid of colours that hidden pixels are filled with. */
const CELLS = 96;
/** Pixels with an alpha of a quarter and more have a colour of their own; less of it, the less the alpha is. */
const SEEN = 4;
/** The soft rim of a cut-out, which editors leave mixed with what lay behind it, has less alpha than its inside. */
const RIM_START = Math.fround(0.96);
const RIM_END = Math.fround(0.99);
/** Of what is seen, so much is solid in a cut-out. In a photo that is half transparent all over, all counts. */
const SOLID_SHARE = 0.5;
/** Rows that are filled at a time. */
const ROWS = 64;

const f32 = Math.fround;

/** The colours that visible pixels have around each place. */
export class Fill {
  /** cells: (3, h, w) unit, over a grid of the photo. solid: whether solid pixels alone count in statistics, for there are
   * enough of them, and not the rim around them. */
  constructor(
    readonly cells: Planes,
    readonly solid: boolean,
  ) {}

  /** How much pixels with such an alpha count in statistics, in [0, 1]. */
  weights(alpha: Float32Array): Float32Array {
    return this.solid ? solidWeights(alpha) : alpha;
  }

  /** A part of a photo of this size as the network sees it: (3, h, w) unit, the same for any values of hidden pixels. low:
   * (3, h, w), alpha: (h, w), those of the part. */
  apply(low: Planes, alpha: Float32Array, size: Size, part: Tile): Planes {
    const made = planesOf(3, part.height, part.width);
    const area = part.height * part.width;
    for (let top = 0; top < part.height; top += ROWS) {
      const rows = Math.min(ROWS, part.height - top);
      const around = enlarged(this.cells, size, new Tile(part.top + top, part.left, rows, part.width)).data;
      const start = top * part.width;
      const count = rows * part.width;
      for (let channel = 0; channel < 3; channel++) {
        const first = channel * area + start;
        mix(low.data, made.data, first, alpha, start, around.subarray(channel * count, (channel + 1) * count));
      }
    }
    return made;
  }
}

/** Into `made` from `first` on: the pixels of `low` as far as they are seen, else what is around. */
function mix(
  low: Float32Array,
  made: Float32Array,
  first: number,
  alpha: Float32Array,
  start: number,
  around: Float32Array,
): void {
  for (let i = 0; i < around.length; i++) {
    const share = visibility(alpha[start + i]); // of 1 and of 0 exact
    const value = f32(f32(low[first + i] * share) + f32(around[i] * f32(1 - share)));
    made[first + i] = value < 1 ? value : 1;
  }
}

function solidWeights(alpha: Float32Array): Float32Array {
  const span = f32(RIM_END - RIM_START);
  const made = new Float32Array(alpha.length);
  for (let i = 0; i < made.length; i++) {
    const share = f32(f32(alpha[i] - RIM_START) / span);
    made[i] = share > 1 ? 1 : share > 0 ? share : 0;
  }
  return made;
}

/** How far pixels have colours of their own: 0 for hidden ones, 1 from an alpha of a quarter on. */
export function visibility(alpha: number): number {
  return alpha < 1 / SEEN ? alpha * SEEN : 1;
}

/** Whether a picture can be seen through somewhere, and not everywhere. */
export function isSeenThrough(picture: Picture): boolean {
  return !isOpaque(picture) && !hidesAll(picture);
}

/** Whether a picture is transparent everywhere. */
export function hidesAll({ alpha, data }: Picture): boolean {
  if (!alpha) return false;
  for (let i = 3; i < data.length; i += 4) if (data[i] > 0) return false;
  return true;
}

/** The smallest part of a photo with alpha that has all of its visible pixels. */
export function seenPart({ height, width, data }: Picture): Tile {
  let [top, bottom, left, right] = [height, 0, width, 0];
  for (let row = 0, i = 3; row < height; row++) {
    for (let column = 0; column < width; column++, i += 4) {
      if (!data[i]) continue;
      if (row < top) top = row;
      if (row >= bottom) bottom = row + 1;
      if (column < left) left = column;
      if (column >= right) right = column + 1;
    }
  }
  return new Tile(top, left, bottom - top, right - left);
}

/** Colours for the hidden pixels of a photo with alpha: means of visible ones nearby, and further away of a wider
 * neighbourhood (push and pull; Gortler et al. 1996, "The Lumigraph"). */
export function planFill(view: View): Fill {
  let [seen, solid] = [0, 0];
  for (const strip of view.strips()) {
    const alpha = alphaOf(view, strip);
    for (let i = 0; i < alpha.length; i++) {
      seen += alpha[i];
      if (alpha[i] >= RIM_END) solid++;
    }
  }
  const fill = new Fill(planesOf(3, 0, 0), solid >= SOLID_SHARE * seen);
  const sums = new AreaAverage(4, view.size, gridOf(view.size, CELLS));
  for (const strip of view.strips()) sums.add(weighted(view.own(strip), fill.weights(alphaOf(view, strip))));
  const cells = filled(sums.result());
  return new Fill({ ...cells, data: cells.data.map((value) => Math.min(Math.max(value, 0), 1)) }, fill.solid);
}

function alphaOf(view: View, strip: Tile): Float32Array {
  const alpha = view.alpha(strip);
  if (alpha === null) throw new TypeError("a photo without alpha hides nothing");
  return alpha;
}

/** Colours times weights, and these as a fourth channel. */
function weighted(own: Planes, weights: Float32Array): Planes {
  const made = planesOf(4, own.height, own.width);
  for (let channel = 0; channel < 3; channel++) {
    const [values, products] = [plane(own, channel), plane(made, channel)];
    for (let i = 0; i < values.length; i++) products[i] = values[i] * weights[i];
  }
  made.data.set(weights, 3 * weights.length);
  return made;
}

/** (4, h, w) of colours, each times its weight, and the weights -> (3, h, w) colours everywhere. */
function filled(sums: Planes): Planes {
  const { height, width } = sums;
  const weights = plane(sums, 3);
  const own = planesOf(3, height, width);
  for (let channel = 0; channel < 3; channel++) {
    const [values, made] = [plane(sums, channel), plane(own, channel)];
    for (let i = 0; i < made.length; i++) made[i] = values[i] / Math.max(weights[i], f32(1e-12));
  }
  if (height === 1 && width === 1) return own;
  const wider = enlarged(filled(halvedSums(sums)), [height, width], new Tile(0, 0, height, width));
  for (let i = 0; i < own.data.length; i++) {
    const away = f32(own.data[i] - wider.data[i]);
    own.data[i] = wider.data[i] + f32(visibility(weights[i % weights.length]) * away);
  }
  return own;
}

/** Sums of two by two cells; what is missing beyond the last counts as nothing. */
function halvedSums({ channels, height, width, data }: Planes): Planes {
  const made = planesOf(channels, Math.ceil(height / 2), Math.ceil(width / 2));
  for (let channel = 0, i = 0; channel < channels; channel++) {
    for (let row = 0; row < height; row++) {
      const line = (channel * made.height + (row >> 1)) * made.width;
      for (let column = 0; column < width; column++, i++) made.data[line + (column >> 1)] += data[i];
    }
  }
  return made;
}
