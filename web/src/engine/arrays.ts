/** Planes of floats, their ranges and padding. As Python's `image/arrays.py`. Channels come first, rows are contiguous. */

/** float32 (channels, height, width): values of a piece of a picture, one plane after the other. */
export interface Planes {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly data: Float32Array;
}

/** How the sides of a picture become multiples of a number. "least" adds as few rows and columns as it takes, at the
 * bottom and right, and none where nothing is missing. "next" always goes on to the next multiple, at the bottom and
 * right. "centred" adds as many, half of them at the top and left. */
export type Padding = "least" | "next" | "centred";

/** Planes of zeros, or of these values. */
export function planesOf(channels: number, height: number, width: number, data?: Float32Array): Planes {
  return { channels, height, width, data: data ?? new Float32Array(channels * height * width) };
}

/** One of the planes; it shares its values. */
export function plane(planes: Planes, channel: number): Float32Array {
  const area = planes.height * planes.width;
  return planes.data.subarray(channel * area, (channel + 1) * area);
}

/** A copy of some rows and columns of all channels. */
export function cut(planes: Planes, top: number, left: number, height: number, width: number): Planes {
  const made = planesOf(planes.channels, height, width);
  for (let channel = 0; channel < planes.channels; channel++) {
    for (let row = 0; row < height; row++) {
      const start = (channel * planes.height + top + row) * planes.width + left;
      made.data.set(planes.data.subarray(start, start + width), (channel * height + row) * width);
    }
  }
  return made;
}

/** Unit [0, 1] to signed [-1, 1], the range networks work in, in place. */
export function toSigned(planes: Planes): Planes {
  const { data } = planes;
  for (let i = 0; i < data.length; i++) data[i] = data[i] * 2 - 1;
  return planes;
}

/** What a side of `length` pixels becomes by this way of padding. */
export function paddedLength(length: number, multiple: number, padding: Padding): number {
  return padding === "least" ? Math.ceil(length / multiple) * multiple : (Math.floor(length / multiple) + 1) * multiple;
}

/** Mirrored until both sides are multiples; the edge pixel itself is not repeated, and a picture smaller than its
 * padding is mirrored again and again. The row and column where the original begins come with it. */
export function padLike(planes: Planes, multiple: number, padding: Padding): { padded: Planes; top: number; left: number } {
  const height = paddedLength(planes.height, multiple, padding);
  const width = paddedLength(planes.width, multiple, padding);
  const top = padding === "centred" ? Math.floor((height - planes.height) / 2) : 0;
  const left = padding === "centred" ? Math.floor((width - planes.width) / 2) : 0;
  if (height === planes.height && width === planes.width) return { padded: planes, top, left };
  const rows = reflected(planes.height, height, top);
  const columns = reflected(planes.width, width, left);
  const padded = planesOf(planes.channels, height, width);
  for (let channel = 0, place = 0; channel < planes.channels; channel++) {
    for (let row = 0; row < height; row++) {
      const start = (channel * planes.height + rows[row]) * planes.width;
      for (let column = 0; column < width; column++) padded.data[place++] = planes.data[start + columns[column]];
    }
  }
  return { padded, top, left };
}

/** Where each place of the padded axis takes its value from. From place `start` on that is 0, 1, …, length - 1, then
 * length - 2, …, 1, 0, 1, …; before it the same backwards. */
function reflected(length: number, padded: number, start: number): Int32Array {
  const from = new Int32Array(padded);
  const period = 2 * (length - 1);
  for (let place = 0; length > 1 && place < padded; place++) {
    const phase = (((place - start) % period) + period) % period;
    from[place] = Math.min(phase, period - phase);
  }
  return from;
}

const GREEN_SAYS = Math.fround(0.587);
const BLUE_SAYS = Math.fround(0.114);

/** Luma of ITU-R BT.601 of one pixel; written as differences so that equal channels give exactly their value. */
export function lumaOfPixel(red: number, green: number, blue: number): number {
  const f32 = Math.fround;
  const towardsGreen = f32(red + f32(GREEN_SAYS * f32(green - red)));
  return f32(towardsGreen + f32(BLUE_SAYS * f32(blue - red)));
}
