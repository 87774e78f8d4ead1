/** The picture of how far a result may be off: how much of what is shown that is, on a map at most so long. As Python's
 * `batch/doubt_map.py`, without its legend. */
import { viridis } from "../engine/heat.ts";
import type { Picture } from "../engine/picture.ts";
import { reducedSize } from "../engine/reduce.ts";
import type { Size, Tile } from "../engine/tile.ts";

/** Pixels along the longer side. */
export const MAP_SIDE = 1024;
/** Codes; less than this is shown as nothing. */
const BLACK = 1;

/** Means over areas of a photo, gathered as its tiles become ready. */
export class DoubtMap {
  readonly height: number;
  readonly width: number;
  private readonly sums: Float32Array;
  private readonly counts: Float32Array;

  constructor(private readonly size: Size) {
    [this.height, this.width] = reducedSize(size, MAP_SIDE);
    this.sums = new Float32Array(this.height * this.width);
    this.counts = new Float32Array(this.height * this.width);
  }

  /** widths: half-widths, unit, of a place in the result. */
  add(place: Tile, widths: Float32Array, { data, width }: Picture): void {
    const across = this.width / this.size[1];
    for (let row = 0, i = 0; row < place.height; row++) {
      const y = place.top + row, line = this.width * Math.floor((y * this.height) / this.size[0]);
      for (let column = 0; column < place.width; column++, i++) {
        const x = place.left + column, at = 4 * (y * width + x), cell = line + Math.floor((x + 0.5) * across);
        const luma = 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
        this.sums[cell] += (255 * widths[i]) / Math.max(luma, BLACK);
        this.counts[cell]++;
      }
    }
  }

  /** RGBA: violet where all is seen, yellow where it may all be invented. */
  drawn(): Uint8ClampedArray<ArrayBuffer> {
    return viridis(this.sums.map((sum, cell) => sum / Math.max(this.counts[cell], 1)));
  }
}
