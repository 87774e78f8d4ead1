/**
 * The seeded sampling noise, the very numbers of Python's `darklift.diffusion.noise`: an endless field of blocks, each
 * with a generator of its own, so that any window of it can be made alone. Normal numbers as numpy makes them in single
 * precision: by the ziggurat (Marsaglia & Tsang 2000, "The ziggurat method for generating random variables").
 */
import { Philox } from "./philox.ts";

const BLOCK = 64;
/** crc32("noise"), the name of this stream. */
const PURPOSE = 0xfda99629;

/** Where the tail begins, and the area of each of the 256 layers. */
const TAIL = 3.6541528853610088, AREA = 0.00492867323399;
const LAYERS = 256, SCALE = 2 ** 23;
const { widths, inside, heights } = ziggurat();

/** A layer's width for one step, the steps up to which all of it lies below the curve, and the curve's height there. */
function ziggurat(): { widths: Float32Array; inside: Uint32Array; heights: Float32Array } {
  const widths = new Float32Array(LAYERS), inside = new Uint32Array(LAYERS), heights = new Float32Array(LAYERS);
  const height = (x: number): number => Math.exp(-0.5 * x * x);
  let x = TAIL;
  const base = AREA / height(x);
  inside[0] = Math.round((x / base) * SCALE);
  widths[0] = base / SCALE;
  heights[0] = 1;
  for (let layer = LAYERS - 1; layer >= 1; layer--) {
    widths[layer] = x / SCALE;
    heights[layer] = height(x);
    const above = layer > 1 ? Math.sqrt(-2 * Math.log(AREA / x + height(x))) : 0;
    inside[layer] = Math.round((above / x) * SCALE);
    x = above;
  }
  return { widths, inside, heights };
}

/** Unit Gaussian numbers from a stream, written to `to`. */
function fillNormal(stream: Philox, to: Float32Array): void {
  const unit = (): number => Math.fround((stream.next() >>> 8) / 16777216);
  for (let i = 0; i < to.length; i++) {
    for (;;) {
      const bits = stream.next(), layer = bits & 0xff, steps = (bits >>> 9) & 0x7fffff;
      const size = Math.fround(steps * widths[layer]);
      const x = bits & 0x100 ? -size : size;
      if (steps < inside[layer]) {
        to[i] = x;
        break;
      }
      if (layer === 0) {
        to[i] = tail(unit, (steps >>> 8 & 1) !== 0);
        break;
      }
      const rise = Math.fround(Math.fround(heights[layer - 1] - heights[layer]) * unit());
      if (Math.fround(rise + heights[layer]) < Math.exp(-0.5 * x * x)) {
        to[i] = x;
        break;
      }
    }
  }
}

function tail(unit: () => number, negative: boolean): number {
  const log = (): number => Math.fround(Math.log1p(-unit()));
  for (;;) {
    const x = Math.fround(Math.fround(-1 / TAIL) * log()), y = -log();
    if (Math.fround(y + y) > Math.fround(x * x)) {
      const size = Math.fround(Math.fround(TAIL) + x);
      return negative ? -size : size;
    }
  }
}

/** A window of the field, counted from the picture's corner. */
export interface NoiseWindow {
  top: number;
  left: number;
  height: number;
  width: number;
}

/** The last field and what it is of: the next photo of the same size has the same. */
let last: { of: string; field: Float32Array } | undefined;

/** Unit Gaussian noise of a window: float32 (channels, height, width). seed: any whole number. draw: 0, 1, 2 … */
export function noiseField(seed: number, draw: number, channels: number, window: NoiseWindow): Float32Array {
  const { top, left, height, width } = window, of = [seed, draw, channels, top, left, height, width].join();
  if (last?.of !== of) last = { of, field: drawn(seed, draw, channels, window) };
  return last.field.slice();
}

function drawn(seed: number, draw: number, channels: number, { top, left, height, width }: NoiseWindow): Float32Array {
  const field = new Float32Array(channels * height * width), block = new Float32Array(channels * BLOCK * BLOCK);
  const stream = new Philox([seed, PURPOSE]);
  for (let by = Math.floor(top / BLOCK); by * BLOCK < top + height; by++) {
    for (let bx = Math.floor(left / BLOCK); bx * BLOCK < left + width; bx++) {
      stream.begin(draw, by, bx);
      fillNormal(stream, block);
      const y0 = Math.max(by * BLOCK, top), y1 = Math.min((by + 1) * BLOCK, top + height);
      const x0 = Math.max(bx * BLOCK, left), x1 = Math.min((bx + 1) * BLOCK, left + width);
      for (let channel = 0; channel < channels; channel++) {
        for (let y = y0; y < y1; y++) {
          const from = (channel * BLOCK + y - by * BLOCK) * BLOCK + x0 - bx * BLOCK;
          field.set(block.subarray(from, from + x1 - x0), (channel * height + y - top) * width + x0 - left);
        }
      }
    }
  }
  return field;
}
