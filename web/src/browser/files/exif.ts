/** The EXIF block (TIFF 6.0, CIPA DC-008) of a photo whose pixels are made upright. */
import { type Bytes, has, put16, put32, u16, u32 } from "./bytes.ts";

const ORIENTATION = 0x0112, EXIF_IFD = 0x8769, PIXEL_X = 0xa002, PIXEL_Y = 0xa003, SUBJECTS = [0x9214, 0xa214];
const COLOUR_SPACE = 0xa001, SRGB = 1;
const THUMBNAIL_START = 0x0201, THUMBNAIL_LENGTH = 0x0202;
const SHORT = 3, LONG = 4;
const MOST_ENTRIES = 1000;

interface Entry {
  tag: number;
  type: number;
  count: number;
  /** Where its value is, or where the place of its value is told. */
  at: number;
}

/** How pixels are stored: which way up, 1 to 8 as EXIF counts, and their sides. */
export interface Turn {
  orientation: number;
  width: number;
  height: number;
}

/** The sides of the picture as it is seen. */
export function sizeAfter({ orientation, width, height }: Turn): { width: number; height: number } {
  return orientation >= 5 ? { width: height, height: width } : { width, height };
}

/** What an EXIF block says of the photo's orientation, 1 to 8; 1 where it says nothing. tiff: from the byte order on. */
export function orientationOf(tiff: Bytes): number {
  const little = isLittle(tiff);
  if (little === null) return 1;
  const found = entriesOf(tiff, u32(tiff, 4, little), little).entries.find((entry) => entry.tag === ORIENTATION);
  const value = found && found.type === SHORT ? u16(tiff, found.at, little) : 1;
  return value >= 1 && value <= 8 ? value : 1;
}

/**
 * A copy for upright sRGB pixels: its orientation is 1, sides are told as they are, and its thumbnail is gone, which
 * showed the dark photo. All the rest is kept byte for byte.
 */
export function uprightExif(tiff: Bytes, turn: Turn): Bytes {
  const made = tiff.slice(), little = isLittle(made);
  if (little === null) return made;
  const first = entriesOf(made, u32(made, 4, little), little);
  for (const entry of first.entries) {
    if (entry.tag === ORIENTATION && entry.type === SHORT) put16(made, entry.at, 1, little);
    if (entry.tag === EXIF_IFD && entry.type === LONG) uprightDetails(made, u32(made, entry.at, little), little, turn);
  }
  dropThumbnail(made, first.next, little);
  return made;
}

function uprightDetails(made: Bytes, at: number, little: boolean, turn: Turn): void {
  const { entries } = entriesOf(made, at, little);
  const sides = [PIXEL_X, PIXEL_Y].map((tag) => entries.find((entry) => entry.tag === tag));
  if (turn.orientation >= 5 && sides[0] && sides[1]) exchange(made, sides[0].at - 6, sides[1].at - 6, 10);
  for (const entry of entries) {
    if (entry.tag === COLOUR_SPACE && entry.type === SHORT) put16(made, entry.at, SRGB, little);
    if (SUBJECTS.includes(entry.tag) && entry.type === SHORT) turnPlace(made, entry, little, turn);
  }
}

/** A place and perhaps its size, in pixels: (x, y), (x, y, diameter) or (x, y, width, height). */
function turnPlace(made: Bytes, entry: Entry, little: boolean, { orientation, width, height }: Turn): void {
  const at = entry.count > 2 ? u32(made, entry.at, little) : entry.at;
  if (entry.count < 2 || entry.count > 4 || at + 2 * entry.count > made.length) return;
  const right = u16(made, at, little), down = u16(made, at + 2, little);
  const left = Math.max(width - 1 - right, 0), up = Math.max(height - 1 - down, 0);
  const places = [[right, down], [left, down], [left, up], [right, up], [down, right], [up, right], [up, left], [down, left]];
  places[orientation - 1].forEach((value, i) => put16(made, at + 2 * i, value, little));
  if (entry.count === 4 && orientation >= 5) exchange(made, at + 4, at + 6, 2);
}

function exchange(made: Bytes, one: number, other: number, length: number): void {
  const copy = made.slice(one, one + length);
  made.copyWithin(one, other, other + length);
  made.set(copy, other);
}

function dropThumbnail(made: Bytes, next: number, little: boolean): void {
  const at = next && u32(made, next, little);
  if (!at) return;
  const entries = entriesOf(made, at, little).entries;
  const value = (tag: number): number => {
    const found = entries.find((entry) => entry.tag === tag);
    return found ? u32(made, found.at, little) : 0;
  };
  const start = value(THUMBNAIL_START);
  if (start > 8) made.fill(0, start, Math.min(start + value(THUMBNAIL_LENGTH), made.length));
  put32(made, next, 0, little);
}

function isLittle(tiff: Bytes): boolean | null {
  if (has(tiff, 0, "II*\0")) return true;
  return has(tiff, 0, "MM\0*") ? false : null;
}

/** The entries of a directory, and where the place of the next one is told; none and 0 beyond the block's end. */
function entriesOf(tiff: Bytes, at: number, little: boolean): { entries: Entry[]; next: number } {
  if (at < 8 || at + 6 > tiff.length) return { entries: [], next: 0 };
  const count = u16(tiff, at, little), next = at + 2 + 12 * count;
  if (count > MOST_ENTRIES || next + 4 > tiff.length) return { entries: [], next: 0 };
  const entries = Array.from({ length: count }, (_, number) => {
    const start = at + 2 + 12 * number;
    return { tag: u16(tiff, start, little), type: u16(tiff, start + 2, little), count: u32(tiff, start + 4, little), at: start + 8 };
  });
  return { entries, next };
}
