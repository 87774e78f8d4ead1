/** What a WebP file (RFC 9649) holds besides its pixels, and putting it around new ones. */
import { type Bytes, has, joined, latin, ofLatin, put32, u32 } from "./bytes.ts";
import { orientationOf, type Turn, uprightExif } from "./exif.ts";
import { uprightXmp } from "./xmp.ts";

const EXIF = "Exif\0\0";
const ICC_FLAG = 0x20, ALPHA_FLAG = 0x10, EXIF_FLAG = 0x08, XMP_FLAG = 0x04;

export interface WebpFile extends Turn {
  lossless: boolean;
  alpha: boolean;
  animated: boolean;
  icc: Bytes | null;
  exif: Bytes | null;
  xmp: Bytes | null;
}

/** Read all but the pixels; the sides are told by who decodes it. */
export function readWebp(bytes: Bytes, width: number, height: number): WebpFile {
  const chunks = new Map([...chunksOf(bytes)].reverse()); // of several, the first
  const flags = chunks.get("VP8X")?.[0] ?? 0, lossless = chunks.get("VP8L");
  const exif = chunks.get("EXIF") ?? null, tiff = exif && (has(exif, 0, EXIF) ? exif.slice(EXIF.length) : exif);
  const turn = { orientation: tiff ? orientationOf(tiff) : 1, width, height };
  const xmp = chunks.get("XMP ");
  return {
    ...turn,
    lossless: Boolean(lossless),
    alpha: Boolean(flags & ALPHA_FLAG) || Boolean(lossless && lossless[4] & 0x10),
    animated: chunks.has("ANIM"),
    icc: chunks.get("ICCP") ?? null,
    exif: tiff && uprightExif(tiff, turn),
    xmp: xmp ? uprightXmp(xmp) : null,
  };
}

/** The picture of a plain WebP file, as a browser writes it, with metadata around it. */
export function withMetadata(encoded: Bytes, file: Pick<WebpFile, "icc" | "exif" | "xmp">, width: number, height: number): Bytes {
  if (!file.icc && !file.exif && !file.xmp) return encoded;
  const picture = [...chunksOf(encoded)].filter(([name]) => ["VP8 ", "VP8L", "ALPH"].includes(name));
  const alpha = picture.some(([name, data]) => name === "ALPH" || (name === "VP8L" && data[4] & 0x10));
  const head = new Uint8Array(10);
  head[0] = (file.icc ? ICC_FLAG : 0) | (alpha ? ALPHA_FLAG : 0) | (file.exif ? EXIF_FLAG : 0) | (file.xmp ? XMP_FLAG : 0);
  for (let i = 0; i < 3; i++) [head[4 + i], head[7 + i]] = [(width - 1) >> (8 * i), (height - 1) >> (8 * i)];
  const all: [string, Bytes | null][] = [["VP8X", head], ["ICCP", file.icc], ...picture, ["EXIF", file.exif], ["XMP ", file.xmp]];
  const body = joined(ofLatin("WEBP"), ...all.flatMap(([name, data]) => (data ? [chunk(name, data)] : [])));
  return chunk("RIFF", body);
}

function chunk(name: string, data: Bytes): Bytes {
  const made = joined(ofLatin(name), new Uint8Array(4), data, new Uint8Array(data.length % 2));
  put32(made, 4, data.length, true);
  return made;
}

function* chunksOf(bytes: Bytes): Generator<[name: string, data: Bytes]> {
  for (let at = 12; at + 8 <= bytes.length; ) {
    const length = u32(bytes, at + 4, true);
    yield [latin(bytes.subarray(at, at + 4)), bytes.slice(at + 8, at + 8 + length)];
    at += 8 + length + (length % 2);
  }
}
