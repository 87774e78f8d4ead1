/** What photographers call blacks, shadows, highlights, whites and saturation, done to a result pixel by pixel. As
 * Python's `pipeline/tone.py`. */

import { lumaOfPixel, type Planes, plane } from "./arrays.ts";
import type { Settings } from "./settings.ts";

/** Of the curve's table, with straight lines between. */
const STEPS = 4096;
/** By how much of the coded range an end moves at most: what was so far inside becomes black (white), or black (white)
 * comes to lie so far inside. */
const INWARD = 0.2;
const OUTWARD = 0.1;
/** Of the coded range, how far from its end moving one is felt. */
const END_REACHES = 0.8;
/** By how much of the coded range shadows move at most, darker and brighter (highlights brighter and darker), a fifth of it
 * from black (white). */
const ZONE_DARKER = 0.1;
const ZONE_BRIGHTER = 0.2;
/** By how much of itself a pale colour's distance from gray grows at most. */
const MORE_COLOUR = 1.5;

const f32 = Math.fround;
const TINY = f32(1e-6);

/** What one choice of the five controls does to sRGB-coded numbers. */
export class Tone {
  private readonly rises: Float32Array;

  /** curve: (4097,), never falling: what becomes of coded values from 0 to 1; null where each stays. saturation: from -1
   * (gray) over 0 (as it is) to 1. */
  constructor(
    readonly curve: Float32Array | null,
    readonly saturation: number,
  ) {
    this.rises = curve === null ? new Float32Array(0) : curve.map((value, i) => (curve[i + 1] ?? value) - value);
  }

  /** Null where all five are neutral. */
  static of(settings: Settings): Tone | null {
    const { blacks, shadows, highlights, whites, saturation } = settings;
    const curve = blacks || shadows || highlights || whites ? curveOf(settings) : null;
    return curve === null && !saturation ? null : new Tone(curve, saturation / 100);
  }

  /** How much of a very strong colour's distance from gray stays, from 0 to 1. */
  get colourKept(): number {
    return Math.min(1, 1 + this.saturation);
  }

  /** Change sRGB (3, h, w) in [0, 1] in place, each pixel by itself, and return it. */
  apply(rgb: Planes): Planes {
    if (this.curve !== null) this.along(this.curve, rgb);
    if (this.saturation) saturate(this.saturation, rgb);
    const { data } = rgb;
    for (let i = 0; i < data.length; i++) data[i] = Math.min(Math.max(data[i], 0), 1); // what rounding left
    return rgb;
  }

  /** Colours along the curve. The largest channel follows it. The smallest goes halfway between keeping its share of the
   * largest, as under more or less light, and following the curve, too: the one alone leaves a veil of colour in blacks,
   * the other alone pales a blue sky when shadows are lifted. */
  private along(curve: Float32Array, rgb: Planes): void {
    const [red, green, blue] = [plane(rgb, 0), plane(rgb, 1), plane(rgb, 2)];
    const black = curve[0]; // what is added to all alike is no light of that colour
    for (let i = 0; i < red.length; i++) {
      const r = red[i];
      const g = green[i];
      const b = blue[i];
      const least = Math.min(r, g, b);
      const most = Math.max(r, g, b);
      let newMost = this.lookedUp(curve, most);
      const share = f32(f32(newMost - black) / Math.max(most, TINY));
      const newLeast = f32(f32(this.lookedUp(curve, least) + f32(black + f32(least * share))) * 0.5);
      newMost = f32(f32(newMost - newLeast) / Math.max(f32(most - least), TINY));
      red[i] = f32(f32(r - least) * newMost) + newLeast;
      green[i] = f32(f32(g - least) * newMost) + newLeast;
      blue[i] = f32(f32(b - least) * newMost) + newLeast;
    }
  }

  private lookedUp(curve: Float32Array, value: number): number {
    const place = f32(value * STEPS);
    const before = Math.floor(place);
    return f32(f32(f32(place - before) * this.rises[before]) + curve[before]);
  }
}

function curveOf({ blacks, shadows, highlights, whites }: Settings): Float32Array {
  return Float32Array.from({ length: STEPS + 1 }, (_, step) => {
    let value = step === STEPS ? 1 : step * (1 / STEPS);
    value = endMoved(value, blacks / 100);
    value = 1 - endMoved(1 - value, -whites / 100);
    value = zoneMoved(value, shadows / 100);
    value = 1 - zoneMoved(1 - value, -highlights / 100);
    return Math.min(Math.max(value, 0), 1);
  });
}

/** A value from 0 to 1 with the lower end of them moved: in by an amount below 0, with a soft toe, out by one above 0. */
function endMoved(x: number, amount: number): number {
  const reach = Math.min(Math.max(x / END_REACHES, 0), 1);
  const fades = reach * reach * (3 - 2 * reach);
  if (amount >= 0) return x + OUTWARD * amount * (1 - fades);
  const move = Math.max(-INWARD * amount, 1e-9);
  const toe = x < 2 * move ? (x * x) / (4 * move) : x - move;
  return toe + move * fades;
}

/** A value from 0 to 1 with those around a fifth moved; the ends and what is next to them stay. */
function zoneMoved(x: number, amount: number): number {
  const most = 0.2 ** 2 * 0.8 ** 8; // of the bump, at 1/5
  return x + (((amount > 0 ? ZONE_BRIGHTER : ZONE_DARKER) * amount) / most) * x * x * (1 - x) ** 8;
}

/** Move colours away from the gray of their luma, or towards it.
 *
 * A colour's own saturation is its distance from gray in that of the most saturated one with its hue and luma. Pale colours
 * gain most by it, and the most saturated ones nothing: none leaves the range. */
function saturate(amount: number, rgb: Planes): void {
  const [red, green, blue] = [plane(rgb, 0), plane(rgb, 1), plane(rgb, 2)];
  const gain = f32(MORE_COLOUR * amount);
  for (let i = 0; i < red.length; i++) {
    const gray = lumaOfPixel(red[i], green[i], blue[i]);
    const r = f32(red[i] - gray);
    const g = f32(green[i] - gray);
    const b = f32(blue[i] - gray);
    let times = f32(1 + amount);
    if (amount > 0) {
      const up = f32(Math.max(r, g, b) / Math.max(f32(1 - gray), TINY));
      const down = f32(-Math.min(r, g, b) / Math.max(gray, TINY));
      times = f32(f32(1 + gain) / f32(1 + f32(gain * Math.max(up, down))));
    }
    red[i] = f32(r * times) + gray;
    green[i] = f32(g * times) + gray;
    blue[i] = f32(b * times) + gray;
  }
}
