/** A picture as seen: upright, sRGB. */

import type { Size } from "./tile.ts";

/** A picture in memory. */
export interface Picture {
  /** In pixels. */
  readonly height: number;
  /** In pixels. */
  readonly width: number;
  /** Red, green, blue and alpha of each pixel, row by row, not premultiplied: as of a canvas or a decoded file, or of 16
   * bits. */
  readonly data: Uint8Array | Uint8ClampedArray | Uint16Array;
  /** Whether the file has alpha, be it opaque throughout; without, what `data` holds of it is not looked at. */
  readonly alpha: boolean;
  /** The file had one channel: the three are alike, and are written back as one. */
  readonly gray: boolean;
  /** The kind of file that it came from, as in "JPEG", "PNG" or "WebP"; null for a picture made in memory. */
  readonly container: string | null;
}

/** (rows, columns) in pixels. */
export function sizeOf(picture: Picture): Size {
  return [picture.height, picture.width];
}

/** Whether nothing shines through anywhere. */
export function isOpaque(picture: Picture): boolean {
  if (!picture.alpha) return true;
  const { data } = picture, white = whiteOf(picture);
  for (let i = 3; i < data.length; i += 4) if (data[i] < white) return false;
  return true;
}

/** What stands for 1 in its data. */
export function whiteOf({ data }: Pick<Picture, "data">): number {
  return data instanceof Uint16Array ? 65535 : 255;
}

/** Each number that its data can hold as a unit float: value / white in single precision. */
export function unitsOf(picture: Pick<Picture, "data">): Float32Array {
  return whiteOf(picture) === 255 ? UNIT_OF_CODE : (unitOfFineCode ??= units(65535));
}

function units(white: number): Float32Array {
  return Float32Array.from({ length: white + 1 }, (_, code) => code / white);
}

const UNIT_OF_CODE = units(255);
let unitOfFineCode: Float32Array | undefined;
