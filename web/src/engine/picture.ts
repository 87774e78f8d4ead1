/** A picture as seen: upright, sRGB of 8 bits. */

import type { Size } from "./tile.ts";

/** A picture in memory. */
export interface Picture {
  /** In pixels. */
  readonly height: number;
  /** In pixels. */
  readonly width: number;
  /** Red, green, blue and alpha of each pixel, row by row, not premultiplied: as of a canvas or a decoded file. */
  readonly data: Uint8Array | Uint8ClampedArray;
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
  const { data } = picture;
  for (let i = 3; i < data.length; i += 4) if (data[i] < 255) return false;
  return true;
}

/** 0 … 255 as unit floats: value / 255 in single precision. */
export const UNIT_OF_CODE = Float32Array.from({ length: 256 }, (_, code) => code / 255);
