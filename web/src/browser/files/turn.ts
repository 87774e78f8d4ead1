/** Pixels made upright. */
import { sizeAfter, type Turn } from "./exif.ts";

/** RGBA pixels that are stored in an orientation of EXIF's, as they are seen; 1 gives the same array. */
export function uprightPixels(data: Uint8ClampedArray<ArrayBuffer>, turn: Turn): Uint8ClampedArray<ArrayBuffer> {
  if (turn.orientation === 1) return data;
  const { width, height, orientation } = turn;
  const from = new Uint32Array(data.buffer, data.byteOffset, width * height), made = new Uint32Array(width * height);
  const seen = sizeAfter(turn);
  for (let y = 0, place = 0; y < seen.height; y++) {
    for (let x = 0; x < seen.width; x++) {
      const [along, down] = orientation >= 5 ? [y, x] : [x, y]; // of the stored picture, before mirroring
      const column = [2, 3, 7, 8].includes(orientation) ? width - 1 - along : along;
      const row = [3, 4, 6, 7].includes(orientation) ? height - 1 - down : down;
      made[place++] = from[row * width + column];
    }
  }
  return new Uint8ClampedArray(made.buffer);
}
