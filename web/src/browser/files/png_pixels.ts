/** A PNG file's pixels to and from RGBA of 8 bits, without the browser's detour over premultiplied colours. */
import { type Bytes, through, u16 } from "./bytes.ts";
import type { PngFile } from "./png.ts";

/** Where each pass of an interlaced picture begins and how far apart its pixels are: rows, columns (Adam7). */
const PASSES = [[0, 0, 8, 8], [0, 4, 8, 8], [4, 0, 8, 4], [0, 2, 4, 4], [2, 0, 4, 2], [0, 1, 2, 2], [1, 0, 2, 1]];
const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** RGBA as stored, numbers of 16 bits rounded to 8. Rejects for damaged data. */
export async function decodePng(png: PngFile): Promise<Uint8ClampedArray<ArrayBuffer>> {
  const { width, height } = png;
  const raw = await through(png.data, new DecompressionStream("deflate"));
  const pixels = new Uint8ClampedArray(4 * width * height);
  let at = 0;
  for (const [top, left, down, across] of png.interlaced ? PASSES : [[0, 0, 1, 1]]) {
    const rows = Math.ceil((height - top) / down), columns = Math.ceil((width - left) / across);
    if (rows <= 0 || columns <= 0) continue;
    const bits = SAMPLES[png.colour] * png.depth, step = Math.max(bits >> 3, 1), length = Math.ceil((columns * bits) / 8);
    let above: Bytes = new Uint8Array(length);
    for (let row = 0; row < rows; row++) {
      if (at + 1 + length > raw.length) throw new Error("the PNG file ends within its picture");
      const line = raw.subarray(at + 1, at + 1 + length) as Bytes;
      unfilter(raw[at], line, above, step);
      spread(png, line, columns, pixels, (top + row * down) * width + left, across);
      at += 1 + length;
      above = line;
    }
  }
  return pixels;
}

function unfilter(kind: number, line: Bytes, above: Bytes, step: number): void {
  for (let i = 0; i < line.length; i++) {
    const before = i >= step ? line[i - step] : 0;
    if (kind === 1) line[i] += before;
    else if (kind === 2) line[i] += above[i];
    else if (kind === 3) line[i] += (before + above[i]) >> 1;
    else if (kind === 4) line[i] += paeth(before, above[i], i >= step ? above[i - step] : 0);
  }
}

function paeth(left: number, up: number, corner: number): number {
  const fromLeft = Math.abs(up - corner), fromUp = Math.abs(left - corner), fromCorner = Math.abs(left + up - 2 * corner);
  return fromLeft <= fromUp && fromLeft <= fromCorner ? left : fromUp <= fromCorner ? up : corner;
}

/** A row's samples, as pixels so far apart. */
function spread(png: PngFile, line: Bytes, columns: number, to: Uint8ClampedArray, first: number, across: number): void {
  const { colour, depth, palette, transparency } = png;
  const samples = SAMPLES[colour], most = 2 ** depth - 1;
  const sample = (i: number): number => {
    if (depth === 8) return line[i];
    if (depth === 16) return u16(line, 2 * i);
    return (line[(i * depth) >> 3] >> (8 - depth - ((i * depth) & 7))) & most;
  };
  const code = depth === 8 ? sample : (i: number): number => Math.round((sample(i) * 255) / most);
  const hidden = transparency && colour !== 3 ? Array.from({ length: samples }, (_, i) => u16(transparency, 2 * i)) : null;
  for (let column = 0; column < columns; column++) {
    const at = 4 * (first + column * across), from = column * samples;
    if (colour === 3) {
      const index = sample(from);
      for (let i = 0; i < 3; i++) to[at + i] = palette[3 * index + i];
      to[at + 3] = transparency?.[index] ?? 255;
      continue;
    }
    const gray = samples < 3;
    for (let i = 0; i < 3; i++) to[at + i] = code(gray ? from : from + i);
    const clear = hidden?.every((value, i) => value === sample(from + i));
    to[at + 3] = samples % 2 === 0 ? code(from + samples - 1) : clear ? 0 : 255;
  }
}

/** The samples of RGBA pixels as a PNG file holds them, compressed; of each row, the filter with the smallest numbers. */
export async function encodePng(
  pixels: Uint8Array | Uint8ClampedArray, width: number, gray: boolean, alpha: boolean,
): Promise<{ colour: number; data: Bytes }> {
  const samples = (gray ? 1 : 3) + (alpha ? 1 : 0), length = width * samples, height = pixels.length / 4 / width;
  const filtered = new Uint8Array((length + 1) * height);
  const tried = [0, 1, 2, 3, 4].map(() => new Uint8Array(length));
  let [above, line] = [new Uint8Array(length), new Uint8Array(length)];
  for (let row = 0; row < height; row++) {
    for (let column = 0, at = 0; column < width; column++) {
      const from = 4 * (row * width + column);
      for (let i = 0; i < (gray ? 1 : 3); i++) line[at++] = pixels[from + i];
      if (alpha) line[at++] = pixels[from + 3];
    }
    const best = filter(line, above, samples, tried);
    filtered[row * (length + 1)] = best;
    filtered.set(tried[best], row * (length + 1) + 1);
    [above, line] = [line, above];
  }
  const colour = (gray ? 0 : 2) + (alpha ? 4 : 0);
  return { colour, data: await through(filtered, new CompressionStream("deflate")) };
}

/** Fill in what each filter makes of a row; the number of the best. */
function filter(line: Bytes, above: Bytes, step: number, tried: readonly Bytes[]): number {
  const sums = [0, 0, 0, 0, 0];
  const [none, sub, up, average, slope] = tried;
  for (let i = 0; i < line.length; i++) {
    const before = i >= step ? line[i - step] : 0, corner = i >= step ? above[i - step] : 0;
    none[i] = line[i];
    sub[i] = line[i] - before;
    up[i] = line[i] - above[i];
    average[i] = line[i] - ((before + above[i]) >> 1);
    slope[i] = line[i] - paeth(before, above[i], corner);
    for (let kind = 0; kind < 5; kind++) sums[kind] += tried[kind][i] < 128 ? tried[kind][i] : 256 - tried[kind][i];
  }
  return sums.indexOf(Math.min(...sums));
}
