/** A quick look at what a photo would become: rendered small, yet decided by the look at the whole of it. As Python's
 * `pipeline/preview.py`. */
import { planFill } from "./hidden.ts";
import type { Look } from "./look.ts";
import { type Picture, sizeOf, whiteOf } from "./picture.ts";
import { type Size, Tile } from "./tile.ts";
import { View } from "./view.ts";

/** Of 16 bits: means of many pixels are finer than the pixels. */
const FINE = 65535;

/** (rows, columns) of a picture of this size with at most `side` pixels along its longer side. */
export function reducedSize([rows, columns]: Size, side: number): Size {
  const scale = Math.min(side / Math.max(rows, columns), 1);
  return [Math.max(Math.round(rows * scale), 1), Math.max(Math.round(columns * scale), 1)];
}

/** The same picture with at most `side` pixels along its longer side, held with 16 bits: means over areas, of what is
 * seen. One that is no larger stays as it is. */
export function reduced(picture: Picture, side: number): Picture {
  const [height, width] = reducedSize(sizeOf(picture), side);
  if (height === picture.height && width === picture.width) return picture;
  const data = new Uint16Array(4 * height * width);
  const down = picture.height / height, across = picture.width / width;
  for (let row = 0, place = 0; row < height; row++) {
    for (let column = 0; column < width; column++, place += 4) {
      average(picture, row * down, (row + 1) * down, column * across, (column + 1) * across, data, place);
    }
  }
  return { ...picture, height, width, data };
}

/** The mean of an area, whose edges may lie within pixels, written to `place`. */
function average(
  { data, width, alpha, ...rest }: Picture, top: number, bottom: number, left: number, right: number,
  to: Uint16Array, place: number,
): void {
  const white = whiteOf({ data }), lastRow = Math.min(Math.ceil(bottom), rest.height), lastColumn = Math.min(Math.ceil(right), width);
  let red = 0, green = 0, blue = 0, seen = 0, all = 0;
  for (let y = Math.floor(top); y < lastRow; y++) {
    const part = Math.min(y + 1, bottom) - Math.max(y, top);
    for (let x = Math.floor(left), at = 4 * (y * width + x); x < lastColumn; x++, at += 4) {
      const say = part * (Math.min(x + 1, right) - Math.max(x, left)), shown = alpha ? say * data[at + 3] : say * white;
      red += shown * data[at];
      green += shown * data[at + 1];
      blue += shown * data[at + 2];
      seen += shown;
      all += say;
    }
  }
  const scale = seen ? FINE / (seen * white) : 0;
  to[place] = Math.round(red * scale);
  to[place + 1] = Math.round(green * scale);
  to[place + 2] = Math.round(blue * scale);
  to[place + 3] = Math.round((seen * FINE) / (all * white));
}

/** The look at a {@link reduced} copy of the photo that was looked at: as bright, as dark and as trusted as the whole,
 * whose noise it has not. */
export function lookOfReduced(look: Look, small: Picture): Look {
  if (small.height === look.size[0] && small.width === look.size[1]) return look;
  const size = sizeOf(small), down = small.height / look.size[0], across = small.width / look.size[1];
  const inside = scaled(look.inside, down, across, size), { signal } = look;
  return {
    ...look,
    size,
    inside,
    fill: look.fill && planFill(new View(small, inside)),
    smoothing: null, // the mean of many pixels is smooth
    signal: signal && { ...signal, size: [signal.size[0] * down, signal.size[1] * across] },
    heldBytes: small.data.byteLength,
  };
}

/** Where a tile of the photo lies in its reduced copy of this size: at least a pixel. */
function scaled(tile: Tile, down: number, across: number, [rows, columns]: Size): Tile {
  const top = Math.min(Math.floor(tile.top * down), rows - 1), left = Math.min(Math.floor(tile.left * across), columns - 1);
  const bottom = Math.max(top + 1, Math.min(Math.round((tile.top + tile.height) * down), rows));
  const right = Math.max(left + 1, Math.min(Math.round((tile.left + tile.width) * across), columns));
  return new Tile(top, left, bottom - top, right - left);
}
