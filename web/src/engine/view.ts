/** A photo as a network sees it, any part of it at a time, so that no photo is ever held as floats as a whole. As
 * Python's `pipeline/view.py`. */

import { type Planes, planesOf } from "./arrays.ts";
import type { Smoothing } from "./deblock.ts";
import type { Fill } from "./hidden.ts";
import type { Counted } from "./overview.ts";
import { type Picture, unitsOf } from "./picture.ts";
import { type Size, Tile } from "./tile.ts";

/** The part of a photo that counts, hidden pixels filled and flat dark blocks smoothed. Tiles are counted from the corner
 * of that part. A tile has the pixels that it has in the whole, to the bit. */
export class View {
  /** inside: the part that counts. fill: what stands in the place of hidden pixels; null where all is seen. smoothing: of
   * flat dark blocks; null where there is none to do. */
  constructor(
    readonly picture: Picture,
    readonly inside: Tile,
    readonly fill: Fill | null = null,
    readonly smoothing: Smoothing | null = null,
  ) {}

  /** (rows, columns) of the part that counts. */
  get size(): Size {
    return this.inside.size;
  }

  /** All of it from top to bottom, in pieces of full width; see {@link Tile.strips}. */
  strips(multiple = 1): Generator<Tile> {
    return new Tile(0, 0, ...this.size).strips(multiple);
  }

  /** What the network sees there, (3, h, w) unit. */
  of(tile: Tile): Planes {
    return this.seen(this.own(tile), tile);
  }

  /** The same, where the photo's own pixels there are known; these themselves where it shows them. */
  seen(own: Planes, tile: Tile): Planes {
    return this.shown(own, tile, this.fill && this.alpha(tile));
  }

  /** What statistics go by there: (3, h, w) unit as the network sees it, but for soft rims, which are filled, too; and
   * how much each pixel counts. */
  counted(tile: Tile): Counted {
    const alpha = this.fill && this.alpha(tile);
    const weights = this.fill && alpha && this.fill.weights(alpha);
    return [this.shown(this.own(tile), tile, weights), weights];
  }

  private shown(own: Planes, tile: Tile, seen: Float32Array | null): Planes {
    const low = this.fill && seen ? this.fill.apply(own, seen, this.size, tile) : own;
    return this.smoothing === null ? low : this.smoothing.apply(low, tile);
  }

  /** The photo's own pixels there, neither filled nor smoothed: (3, h, w) unit. */
  own(tile: Tile): Planes {
    const { data, width } = this.picture;
    const units = unitsOf(this.picture);
    const { top, left } = tile.placedIn(this.inside);
    const area = tile.height * tile.width;
    const made = planesOf(3, tile.height, tile.width);
    const unit = made.data;
    for (let row = 0, i = 0; row < tile.height; row++) {
      const start = 4 * ((top + row) * width + left);
      const end = start + 4 * tile.width;
      for (let from = start; from < end; from += 4, i++) {
        unit[i] = units[data[from]];
        unit[i + area] = units[data[from + 1]];
        unit[i + 2 * area] = units[data[from + 2]];
      }
    }
    return made;
  }

  /** How far pixels are seen there, (h, w) in [0, 1]; null for a photo without alpha. */
  alpha(tile: Tile): Float32Array | null {
    if (!this.picture.alpha) return null;
    const { data, width } = this.picture;
    const units = unitsOf(this.picture);
    const { top, left } = tile.placedIn(this.inside);
    const made = new Float32Array(tile.height * tile.width);
    for (let row = 0, i = 0; row < tile.height; row++) {
      const start = 4 * ((top + row) * width + left) + 3;
      for (let column = 0; column < tile.width; column++, i++) made[i] = units[data[start + 4 * column]];
    }
    return made;
  }
}
