/** What a JPEG file holds besides its pixels, and putting it around new ones (ITU-T T.81, JFIF, CIPA DC-008). */
import { type Bytes, has, joined, latin, ofLatin, put16, u16 } from "./bytes.ts";
import { orientationOf, type Turn, uprightExif } from "./exif.ts";
import { uprightXmp } from "./xmp.ts";

const EXIF = "Exif\0\0", XMP = "http://ns.adobe.com/xap/1.0/\0", PHOTOSHOP = "Photoshop 3.0\0", ICC = "ICC_PROFILE\0";
const APP0 = 0xe0, APP1 = 0xe1, APP2 = 0xe2, APP13 = 0xed, COMMENT = 0xfe;
/** What a JPEG file leaves behind its picture most often: previews, other views. */
const FURTHER = "further pictures";
/** Bytes of a profile that a segment takes. */
const ICC_ROOM = 65_519;
const QUANTISATION = 0xdb, SCAN = 0xda, END = 0xd9;
/** Frame headers: all of SOF0 … SOF15 but for the tables and reserved ones among them. */
const FRAMES = [0xc0, 0xc1, 0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf];
/** The sum of the luma's table of quality 50 (ITU-T T.81, table K.1), of which libjpeg's are multiples. */
const STEPS_AT_50 = 3688;

export interface Segment {
  marker: number;
  /** Without marker and length. */
  contents: Bytes;
}

export interface JpegFile extends Turn {
  gray: boolean;
  /** More than the three of a photo: inks. */
  inks: boolean;
  /** 1 to 100 as libjpeg counts, an estimate where another program wrote it. */
  quality: number;
  /** Whether the colour has a quarter of the pixels (4:2:0). */
  quartered: boolean;
  icc: Bytes | null;
  /** What goes into the result. */
  kept: Segment[];
  /** Names of blocks that do not. */
  left: string[];
}

/** Read the headers. Throws Error for what is no JPEG file, or ends before its picture. */
export function readJpeg(bytes: Bytes): JpegFile {
  const file: JpegFile = {
    orientation: 1, gray: false, inks: false, width: 0, height: 0, quality: 90, quartered: false, icc: null, kept: [], left: [],
  };
  const profile: Bytes[] = [];
  const segments = [...segmentsOf(bytes)];
  const exif = segments.find(({ marker, contents }) => marker === APP1 && has(contents, 0, EXIF));
  if (exif) file.orientation = orientationOf(exif.contents.slice(EXIF.length));
  const frame = segments.find(({ marker }) => FRAMES.includes(marker));
  if (frame) readFrame(file, frame.contents);
  for (const segment of segments) {
    const { marker, contents } = segment;
    if (marker === QUANTISATION) file.quality = qualityOf(contents) ?? file.quality;
    else if (marker === APP2 && has(contents, 0, ICC)) profile[contents[ICC.length] - 1] = contents.slice(ICC.length + 2);
    else sortOut(file, segment);
  }
  if (hasMoreBehind(bytes) && !file.left.includes(FURTHER)) file.left.push("data behind the picture");
  if (profile.length) file.icc = joined(...profile.filter(Boolean));
  return file;
}

/** The segments that are kept, and those of a profile, which may take several. */
export function withIcc(file: JpegFile, icc: Bytes | null): Segment[] {
  const count = icc ? Math.ceil(icc.length / ICC_ROOM) : 0;
  const profile = Array.from({ length: count }, (_, i) => {
    const part = (icc as Bytes).slice(i * ICC_ROOM, (i + 1) * ICC_ROOM);
    return { marker: APP2, contents: joined(ofLatin(ICC), Uint8Array.of(i + 1, count), part) };
  });
  return [...file.kept, ...profile];
}

/** The same segments around the picture of another JPEG file. */
export function withSegments(encoded: Bytes, kept: readonly Segment[]): Bytes {
  const parts = kept.map(({ marker, contents }) => {
    const head = new Uint8Array(4);
    head.set([0xff, marker]);
    put16(head, 2, contents.length + 2);
    return joined(head, contents);
  });
  let at = 2; // the encoder's own application segments go
  while (encoded[at] === 0xff && encoded[at + 1] >= APP0 && encoded[at + 1] <= 0xef) at += 2 + u16(encoded, at + 2);
  return joined(encoded.slice(0, 2), ...parts, encoded.slice(at));
}

function* segmentsOf(bytes: Bytes): Generator<Segment> {
  let at = 2;
  for (;;) {
    while (bytes[at] === 0xff && bytes[at + 1] === 0xff) at++;
    const marker = bytes[at + 1];
    if (bytes[at] !== 0xff || at + 4 > bytes.length) throw new Error("the JPEG file is damaged before its picture");
    if (marker === SCAN || marker === END) return;
    const length = u16(bytes, at + 2);
    yield { marker, contents: bytes.slice(at + 4, at + 2 + length) };
    at += 2 + length;
  }
}

function sortOut(file: JpegFile, { marker, contents }: Segment): void {
  if (marker === APP0 && has(contents, 0, "JFIF\0")) {
    const plain = contents.slice(0, 14);
    plain.set([0, 0], 12); // without a thumbnail, which showed the dark photo
    if (file.orientation >= 5) plain.set([...plain.slice(10, 12), ...plain.slice(8, 10)], 8); // densities
    file.kept.push({ marker, contents: plain });
  } else if (marker === APP1 && has(contents, 0, EXIF)) {
    const upright = uprightExif(contents.slice(EXIF.length), file);
    file.kept.push({ marker, contents: joined(ofLatin(EXIF), upright) });
  } else if (marker === APP1 && has(contents, 0, XMP)) {
    if (latin(contents).includes("HasExtendedXMP")) file.left.push("extended XMP");
    file.kept.push({ marker, contents: uprightXmp(contents) });
  } else if (marker === COMMENT || (marker === APP13 && has(contents, 0, PHOTOSHOP))) {
    file.kept.push({ marker, contents });
  } else if (marker === APP2 && has(contents, 0, "MPF\0")) {
    file.left.push(FURTHER);
  } else if (marker === 0xeb) {
    file.left.push("content credentials");
  }
}

function readFrame(file: JpegFile, contents: Bytes): void {
  const components = contents[5];
  [file.height, file.width] = [u16(contents, 1), u16(contents, 3)];
  file.gray = components === 1;
  file.inks = components > 3;
  if (components < 3) return;
  file.quartered = [4, 0].every((shift) => (contents[7] >> shift) % 16 >= 2 * ((contents[10] >> shift) % 16));
}

/** Of the segment that has the luma's table (number 0); null for others. What other encoders wrote is put where libjpeg's
 * steps for brightness sum up alike. */
function qualityOf(contents: Bytes): number | null {
  for (let at = 0; at < contents.length; ) {
    const wide = contents[at] >> 4 ? 2 : 1, number = contents[at] & 15;
    if (number === 0) {
      const steps = Array.from({ length: 64 }, (_, i) => (wide === 2 ? u16(contents, at + 1 + 2 * i) : contents[at + 1 + i]));
      const scale = steps.reduce((sum, step) => sum + step, 0) / STEPS_AT_50;
      return Math.max(...steps) === 1 ? 100 : Math.max(1, Math.round(scale <= 1 ? 100 - 50 * scale : 50 / scale));
    }
    at += 1 + 64 * wide;
  }
  return null;
}

/** Whether something follows the end of the picture, such as a motion photo's video. */
function hasMoreBehind(bytes: Bytes): boolean {
  let at = 2;
  while (at + 1 < bytes.length) {
    const marker = bytes[at + 1];
    if (bytes[at] !== 0xff || marker === 0 || marker === 0xff || (marker >= 0xd0 && marker <= 0xd7)) at++; // within a scan
    else if (marker === END) return bytes.length - at - 2 > 1; // a byte of padding is nothing
    else at += 2 + u16(bytes, at + 2);
  }
  return false;
}
