/** Putting what a model made back into the photo: as much of it as was wanted, where there is something to see. As
 * Python's `pipeline/compose.py`, for results of 8 bits. */
import { plane, type Planes } from "./arrays.ts";
import { knownOfPlaces } from "./doubt.ts";
import { visibility } from "./hidden.ts";
import { halfWidths } from "./intervals.ts";
import { type Picture, whiteOf } from "./picture.ts";
import type { Plan } from "./plan.ts";
import type { Restraint } from "./restraint.ts";
import { Tile } from "./tile.ts";
import { View } from "./view.ts";

const f = Math.fround;

/** Told the half-widths of a tile's pixels, (h, w) unit, counted from the photo's corner. */
export type OnDoubt = (place: Tile, widths: Float32Array) => void;

/** A photo on its way to the result: its own pixels until something of a model's is put there. */
export class Canvas {
  private readonly pixels: Uint8ClampedArray<ArrayBuffer>;
  private readonly restraint: Restraint | null;

  constructor(
    private readonly view: View,
    private readonly plan: Plan,
    private readonly onDoubt: OnDoubt | null,
  ) {
    this.pixels = codesOf(view.picture);
    this.restraint = plan.share ? plan.restraint : null;
  }

  /** Bring in what a model made of a tile of the view, (3, h, w) sRGB, which is overwritten. */
  put(tile: Tile, made: Planes): void {
    const place = tile.placedIn(this.view.inside);
    const widths = this.onDoubt && this.widths(tile, made);
    if (!this.plan.unchanged) this.write(place, mixed(this.view, this.plan, tile, made, this.restraint));
    if (widths) this.onDoubt?.(place, widths);
  }

  /** Do what there is to do where a model made nothing: tones and colours, if they were to change, and how far it may be
   * off, if that was asked. */
  putOwn(): void {
    const changes = !this.plan.unchanged && this.plan.tone !== null;
    if (!changes && !this.onDoubt) return;
    for (const strip of this.view.strips()) this.put(strip, this.view.own(strip));
  }

  /** The result; `onDoubt` may look at it as it grows. */
  picture(): Picture {
    return { ...this.view.picture, data: this.pixels };
  }

  /** Of the intervals around the result there: as much of them as there is of the change in it. */
  private widths(tile: Tile, made: Planes): Float32Array {
    const { view, plan } = this, { intervals } = plan, { signal } = plan.look;
    if (!intervals || !signal) throw new TypeError("a model without intervals does not tell how far it may be off");
    const own = view.own(tile), shown = { ...made, data: made.data.slice() };
    if (this.restraint) restrained(this.restraint, view, tile, shown, own);
    const known = knownOfPlaces(view, signal, tile, towards(shown, own, plan.share));
    const widths = halfWidths(intervals, known, plan.settings.coverage);
    const alpha = view.fill && view.alpha(tile), strength = f(plan.settings.strength), all = plan.look.hidden ? 0 : 1;
    for (let i = 0; i < widths.length; i++) widths[i] = f(widths[i] * strength) * (alpha ? visibility(alpha[i]) : all);
    return widths;
  }

  private write(place: Tile, rgb: Planes): void {
    const { gray, width } = this.view.picture, area = place.height * place.width;
    if (gray) grayed(rgb);
    for (let row = 0, i = 0; row < place.height; row++) {
      let to = 4 * ((place.top + row) * width + place.left);
      for (let column = 0; column < place.width; column++, i++, to += 4) {
        // a clamped array rounds to the nearest, halves to even: as numpy's rint
        this.pixels[to] = f(rgb.data[i] * 255);
        this.pixels[to + 1] = f(rgb.data[i + area] * 255);
        this.pixels[to + 2] = f(rgb.data[i + 2 * area] * 255);
      }
    }
  }
}

/** A copy of 8 bits. */
function codesOf({ data }: Picture): Uint8ClampedArray<ArrayBuffer> {
  const codes = new Uint8ClampedArray(data.length);
  if (whiteOf({ data }) === 255) codes.set(data);
  else for (let i = 0; i < data.length; i++) codes[i] = data[i] / 257;
  return codes;
}

/** In place; own: the photo's own pixels there. */
function restrained(restraint: Restraint, view: View, tile: Tile, rgb: Planes, own: Planes): void {
  restraint.apply(rgb, own, restraint.holdsDown(tile) ? view.seen(own, tile) : own, tile);
}

/** In place. */
function mixed(view: View, plan: Plan, tile: Tile, rgb: Planes, restraint: Restraint | null): Planes {
  const { tone, share, settings } = plan;
  let amount = settings.strength * share;
  const own = restraint || tone || amount !== 1 || view.fill ? view.own(tile) : rgb;
  if (restraint) restrained(restraint, view, tile, rgb, own);
  if (tone) { // acts on what is there with all of the change; strength then mixes that with the photo
    tone.apply(towards(rgb, own, share));
    amount = settings.strength;
  }
  const alpha = view.fill && view.alpha(tile);
  if (!alpha) {
    towards(rgb, own, amount);
    return plan.look.gray ? grayed(rgb) : rgb;
  }
  if (plan.look.gray) grayed(rgb);
  const shares = alpha.map((value) => f(f(amount) * visibility(value)));
  for (let channel = 0; channel < 3; channel++) {
    const values = plane(rgb, channel), kept = plane(own, channel);
    for (let i = 0; i < values.length; i++) values[i] = f(f(values[i] - kept[i]) * shares[i]) + kept[i];
  }
  return rgb;
}

/** From the photo towards the result by this share, in place. */
function towards(rgb: Planes, own: Planes, share: number): Planes {
  const part = f(share);
  if (share !== 1) {
    for (let i = 0; i < rgb.data.length; i++) rgb.data[i] = f(f(rgb.data[i] - own.data[i]) * part) + own.data[i];
  }
  return rgb;
}

/** Luma in all three, in place, by differences, so that equal channels stay as they are. */
function grayed(rgb: Planes): Planes {
  const [red, green, blue] = [0, 1, 2].map((channel) => plane(rgb, channel));
  const g = f(0.587), b = f(0.114);
  for (let i = 0; i < red.length; i++) {
    const luma = f(f(red[i] + f(g * f(green[i] - red[i]))) + f(b * f(blue[i] - red[i])));
    red[i] = green[i] = blue[i] = luma;
  }
  return rgb;
}

