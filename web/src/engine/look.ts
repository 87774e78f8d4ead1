/** One look at a photo, strip by strip: all that is decided about it is decided by what this tells. As Python's
 * `pipeline/look.py`. */

import { plane } from "./arrays.ts";
import { insideOfBorder } from "./border.ts";
import { planSmoothing, type Smoothing } from "./deblock.ts";
import { ImageError } from "./errors.ts";
import { type Fill, hidesAll, isSeenThrough, planFill, seenPart } from "./hidden.ts";
import type { Guess, Model } from "./model.ts";
import { holdsNothing } from "./nothing.ts";
import { drownedByOctave } from "./octaves.ts";
import { describeStrips, type Overview } from "./overview.ts";
import { type Picture, sizeOf, whiteOf } from "./picture.ts";
import { type Size, Tile } from "./tile.ts";
import { lookForSignal, type Signal } from "./trust.ts";
import { View } from "./view.ts";

/** What one look at a photo tells. */
export interface Look {
  /** (rows, columns) in pixels. */
  readonly size: Size;
  /** The photo without borders around it, and without margins that are transparent throughout. All that follows is about
   * this part. */
  readonly inside: Tile;
  /** What the network sees in the place of hidden pixels; null where all is seen. */
  readonly fill: Fill | null;
  /** Of its flat dark blocks; null where there is none to do. */
  readonly smoothing: Smoothing | null;
  /** Of the photo as the network will see it. */
  readonly overview: Overview;
  /** How bright a good version of it would be; null where the model does not say. */
  readonly guess: Guess | null;
  /** What each place of it holds; null where the model does not say how bright it should be. */
  readonly signal: Signal | null;
  /** How much of its contrast small copies would drown in noise, see {@link drownedByOctave}; empty for models that work
   * on none. */
  readonly drowned: readonly number[];
  /** It holds nothing to bring out. */
  readonly empty: boolean;
  /** It is transparent throughout: it is left as it is, whatever is asked for. */
  readonly hidden: boolean;
  /** It has no colours, and shall have none. */
  readonly gray: boolean;
  /** Of memory that the photo takes. */
  readonly heldBytes: number;
}

/** Waits a moment between two pieces of work, so that others get their turn; it may throw to end the work. */
export type Pause = () => Promise<void>;

const GO_ON: Pause = async () => {};

/** All that a model wants to know of a photo before anything is decided. Throws ImageError for an array of another size
 * than the picture says. */
export async function lookAt(model: Model, picture: Picture, pause: Pause = GO_ON): Promise<Look> {
  requirePicture(picture);
  const view = viewOf(picture);
  await pause();
  const smoothing = model.card.deblocks ? planSmoothing(view) : null;
  await pause();
  const seen = new View(picture, view.inside, view.fill, smoothing);
  const overview = describeStrips(view.size, counted(seen));
  await pause();
  const guess = await model.guessExposure(overview);
  const signal = guess === null ? null : lookForSignal(view);
  await pause();
  const hidden = hidesAll(picture);
  return {
    size: sizeOf(picture),
    inside: view.inside,
    fill: view.fill,
    smoothing,
    overview,
    guess,
    signal,
    drowned: model.enlarges ? drownedByOctave(view) : [],
    empty: hidden || holdsNothing(view),
    hidden,
    gray: picture.gray || isGray(view),
    heldBytes: picture.data.length,
  };
}

function requirePicture({ height, width, data }: Picture): void {
  if (!(height >= 1 && width >= 1 && data.length === 4 * height * width)) {
    throw new ImageError(`got ${data.length} bytes for ${width}x${height} pixels, expected red, green, blue and alpha of each`);
  }
}

function* counted(view: View): Generator<ReturnType<View["counted"]>> {
  for (const strip of view.strips()) yield view.counted(strip);
}

/** The part that counts of a picture, its hidden pixels filled. */
function viewOf(picture: Picture): View {
  const through = isSeenThrough(picture);
  const seen = through ? seenPart(picture) : new Tile(0, 0, ...sizeOf(picture));
  const view = new View(picture, seen);
  if (through && hidesSome(view)) return new View(picture, seen, planFill(view));
  const inside = new View(picture, insideOfBorder(view).placedIn(seen));
  return through && hidesSome(inside) ? new View(picture, inside.inside, planFill(inside)) : inside;
}

/** Whether some of the part that counts of a picture with alpha can be seen through. */
function hidesSome({ picture, inside }: View): boolean {
  if (!picture.alpha) return false;
  const white = whiteOf(picture);
  for (let row = inside.top; row < inside.top + inside.height; row++) {
    const start = 4 * (row * picture.width + inside.left) + 3;
    for (let i = start; i < start + 4 * inside.width; i += 4) if (picture.data[i] < white) return true;
  }
  return false;
}

/** Whether the channels are alike in every pixel, in a JPEG but for its rounding. */
function isGray(view: View): boolean {
  const [rows, columns] = view.size;
  const allowed = view.picture.container === "JPEG" ? Math.fround(1.01 / 255) : 0;
  const middle = new Tile(rows >> 1, 0, 1, columns);
  if (!areAlike(view, middle, allowed)) return false;
  for (const strip of view.strips()) if (!areAlike(view, strip, allowed)) return false;
  return true;
}

function areAlike(view: View, tile: Tile, allowed: number): boolean {
  const low = view.of(tile);
  const [red, green, blue] = [plane(low, 0), plane(low, 1), plane(low, 2)];
  for (let i = 0; i < red.length; i++) {
    if (Math.abs(Math.fround(green[i] - red[i])) > allowed) return false;
    if (Math.abs(Math.fround(blue[i] - red[i])) > allowed) return false;
  }
  return true;
}
