/** A photo's file: its pixels as seen, and what is needed to write a file like it. */
import { isOpaque, type Picture } from "../../engine/picture.ts";
import { type Note, StudioError } from "../../studio.ts";
import { note } from "../notes.ts";
import { type Bytes, has } from "./bytes.ts";
import { checkRoom, decodeByBrowser, type Decoded } from "./decode.ts";
import { profileName, isSrgb } from "./icc.ts";
import { type JpegFile, readJpeg } from "./jpeg.ts";
import { type PngFile, readPng } from "./png.ts";
import { decodePng } from "./png_pixels.ts";
import { sizeAfter } from "./exif.ts";
import { uprightPixels } from "./turn.ts";
import { readWebp, type WebpFile } from "./webp.ts";

/** Bytes that a photo's pixels take at the most on their way: as opened, as drawn, as made. */
const BYTES_PER_PIXEL = 12;

/** What a file holds besides its pixels, by its kind. */
export type Container =
  | { kind: "JPEG"; jpeg: JpegFile }
  | { kind: "PNG"; png: PngFile }
  | { kind: "WebP"; webp: WebpFile }
  | { kind: "GIF" | "BMP" | "AVIF" | "HEIF" | null };

export interface OpenFile {
  /** Upright, sRGB. */
  picture: Picture;
  container: Container;
  original: File;
  /** What the picture has not got of the file. */
  notes: Note[];
}

/** Open a photo. memory: bytes that it may take. Rejects with StudioError. */
export async function openFile(original: File, memory: number): Promise<OpenFile> {
  const bytes = await bytesOf(original), most = memory / BYTES_PER_PIXEL;
  try {
    const opened = await openKind(kindOf(bytes), bytes, original, most);
    return { ...opened, original };
  } catch (error) {
    if (error instanceof StudioError) throw error;
    throw new StudioError("unreadable", {}, error instanceof Error ? error.message : String(error));
  }
}

function openKind(
  kind: Container["kind"], bytes: Bytes, original: File, most: number,
): Promise<Omit<OpenFile, "original">> {
  if (kind === "JPEG") return openJpeg(bytes, original, most);
  if (kind === "PNG") return openPng(bytes, original, most);
  if (kind === "WebP") return openWebp(bytes, original, most);
  return openOther(kind, bytes, original, most);
}

async function bytesOf(file: File): Promise<Bytes> {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch (error) {
    throw new StudioError("unreadable", {}, error instanceof Error ? error.message : String(error));
  }
}

/** By its first bytes; null for what is unknown here, which the browser may know. */
function kindOf(bytes: Bytes): Container["kind"] {
  if (has(bytes, 0, "\xff\xd8\xff")) return "JPEG";
  if (has(bytes, 0, "\x89PNG\r\n\x1a\n")) return "PNG";
  if (has(bytes, 0, "RIFF") && has(bytes, 8, "WEBP")) return "WebP";
  if (has(bytes, 0, "GIF8")) return "GIF";
  if (has(bytes, 0, "BM")) return "BMP";
  if (has(bytes, 4, "ftypavif") || has(bytes, 4, "ftypavis")) return "AVIF";
  return ["heic", "heix", "mif1", "msf1"].some((brand) => has(bytes, 4, `ftyp${brand}`)) ? "HEIF" : null;
}

async function openJpeg(bytes: Bytes, file: File, most: number): Promise<Omit<OpenFile, "original">> {
  const jpeg = readJpeg(bytes), notes = jpeg.left.map(leftOut);
  checkRoom(jpeg.width, jpeg.height, most);
  if (jpeg.inks) notes.push(converted("CMYK"));
  else if (jpeg.icc && !isSrgb(jpeg.icc)) notes.push(converted(profileName(jpeg.icc)));
  const picture = pictureOf(await decodeByBrowser(file, "unreadable", most), "JPEG", { alpha: false, gray: jpeg.gray });
  return { picture, container: { kind: "JPEG", jpeg }, notes };
}

async function openPng(bytes: Bytes, file: File, most: number): Promise<Omit<OpenFile, "original">> {
  const png = await readPng(bytes), notes = png.left.map(leftOut);
  checkRoom(png.width, png.height, most);
  const alpha = png.colour === 4 || png.colour === 6 || png.transparency !== null;
  if (png.depth === 16) notes.push(note("bits_reduced", { from: 16, to: 8 }));
  if (png.animated) notes.push(note("first_frame", {}));
  let decoded: Decoded;
  if (png.srgb) decoded = { ...sizeAfter(png), data: uprightPixels(await decodePng(png), png) };
  else {
    decoded = await decodeByBrowser(file, "unreadable", most);
    notes.push(converted(png.profile));
    if (alpha) notes.push(note("alpha_rounded", {}));
  }
  const picture = pictureOf(decoded, "PNG", { alpha, gray: png.colour === 0 || png.colour === 4 });
  return { picture, container: { kind: "PNG", png }, notes };
}

async function openWebp(bytes: Bytes, file: File, most: number): Promise<Omit<OpenFile, "original">> {
  const decoded = await decodeByBrowser(file, "unreadable", most);
  const webp = readWebp(bytes, decoded.width, decoded.height), notes: Note[] = [];
  if (webp.animated) notes.push(note("first_frame", {}));
  if (webp.icc && !isSrgb(webp.icc)) notes.push(converted(profileName(webp.icc)));
  const upright = { ...sizeAfter(webp), data: uprightPixels(decoded.data, webp) };
  const picture = pictureOf(upright, "WebP", { alpha: webp.alpha, gray: false });
  if (!isOpaque(picture)) notes.push(note("alpha_rounded", {}));
  return { picture, container: { kind: "WebP", webp }, notes };
}

async function openOther(
  kind: "GIF" | "BMP" | "AVIF" | "HEIF" | null, bytes: Bytes, file: File, most: number,
): Promise<Omit<OpenFile, "original">> {
  const decoded = await decodeByBrowser(file, kind ? "unreadable" : "unsupported", most), notes: Note[] = [];
  if (kind === "GIF" && framesOf(bytes) > 1) notes.push(note("first_frame", {}));
  if (kind === "AVIF" || kind === "HEIF") notes.push(leftOut("EXIF, XMP"));
  const picture = pictureOf(decoded, kind, { alpha: true, gray: false });
  return { picture: { ...picture, alpha: !isOpaque(picture) }, container: { kind }, notes };
}

function pictureOf(decoded: Decoded, container: string | null, what: Pick<Picture, "alpha" | "gray">): Picture {
  return { ...decoded, ...what, container };
}

function converted(profile: string): Note {
  return note("colours_converted", { profile });
}

function leftOut(what: string): Note {
  return note("left_out", { what });
}

/** Pictures in a GIF file, up to two. */
function framesOf(bytes: Bytes): number {
  const table = (flags: number): number => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  let at = 13 + table(bytes[10]), frames = 0;
  while (at < bytes.length && frames < 2) {
    if (bytes[at] === 0x2c) {
      frames++;
      at += 11 + table(bytes[at + 9]);
    } else if (bytes[at] === 0x21) at += 2;
    else break;
    while (bytes[at]) at += 1 + bytes[at];
    at++;
  }
  return frames;
}
