/** Means over cells of whole pixels, as `block_sums` of Python's `pipeline/cells.py` adds them up. */

import { type Grid, gridFor } from "./cells.ts";
import type { Size } from "./tile.ts";

/** Means over cells of side² pixels, the last of each row and column as far as the photo goes, of a map that comes row by
 * row: in single precision, rows first. */
export class CellMeans {
  private readonly sums: Float32Array;
  private readonly made: Grid;
  private waiting = 0;
  private cell = 0;

  constructor(
    size: Size,
    private readonly side: number,
  ) {
    this.sums = new Float32Array(size[1]);
    this.made = gridFor([Math.ceil(size[0] / side), Math.ceil(size[1] / side)]);
  }

  add(row: Float32Array): void {
    const { sums } = this;
    if (this.waiting === 0) sums.set(row);
    else for (let i = 0; i < sums.length; i++) sums[i] += row[i];
    this.waiting++;
    if (this.waiting === this.side) this.finishRow();
  }

  private finishRow(): void {
    const { sums, side, made } = this;
    for (let start = 0; start < sums.length; start += side) {
      const end = Math.min(start + side, sums.length);
      let sum = sums[start];
      for (let i = start + 1; i < end; i++) sum = Math.fround(sum + sums[i]);
      made.data[this.cell++] = sum / Math.fround(this.waiting * (end - start));
    }
    this.waiting = 0;
  }

  /** Once all rows have come. */
  result(): Grid {
    if (this.waiting) this.finishRow();
    return this.made;
  }
}
