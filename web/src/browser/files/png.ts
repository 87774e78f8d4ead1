/** What a PNG file (W3C PNG, third edition) holds besides its pixels, and putting it around new ones. */
import { type Bytes, has, joined, latin, ofLatin, put32, through, u32 } from "./bytes.ts";
import { orientationOf, type Turn, uprightExif } from "./exif.ts";
import { isSrgb, profileName } from "./icc.ts";
import { uprightXmp } from "./xmp.ts";

const SIGNATURE = ofLatin("\x89PNG\r\n\x1a\n");
const XMP = "XML:com.adobe.xmp\0";
/** Kept as they are; what else there is, is about the pixels as they were, or unknown. */
const TEXTS = ["tEXt", "zTXt", "iTXt", "pHYs"];
const COLOURS = ["sRGB", "gAMA", "cHRM", "iCCP", "cICP", "mDCV", "cLLI"];
/** Of gAMA: what sRGB's curve is nearly. */
const GAMMA = 45455, GAMMA_OFF = 600;

export interface Chunk {
  name: string;
  contents: Bytes;
}

export interface PngFile extends Turn {
  depth: number;
  /** 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGB and alpha. */
  colour: number;
  interlaced: boolean;
  palette: Bytes;
  /** Of colours or of the one that is transparent; null where there is none. */
  transparency: Bytes | null;
  /** All of the picture's data, compressed. */
  data: Bytes;
  /** Its numbers are sRGB as they are. */
  srgb: boolean;
  /** What its colours are, where they are not. */
  profile: string;
  animated: boolean;
  /** What goes into the result; colours only where they stay. */
  kept: Chunk[];
  colours: Chunk[];
  left: string[];
}

/** Read all but the pixels. Rejects for what is no PNG file, or is cut off before them. */
export async function readPng(bytes: Bytes): Promise<PngFile> {
  const chunks = [...chunksOf(bytes)];
  const find = (name: string): Bytes | undefined => chunks.find((chunk) => chunk.name === name)?.contents;
  const header = find("IHDR"), data = chunks.filter(({ name }) => name === "IDAT").map(({ contents }) => contents);
  if (!header || !data.length) throw new Error("the PNG file is damaged before its picture");
  const exif = find("eXIf");
  const turn = { orientation: exif ? orientationOf(exif) : 1, width: u32(header, 0), height: u32(header, 4) };
  const profile = find("iCCP");
  const named = profile ? await profileOf(profile) : null;
  const gamma = find("gAMA");
  const plain = !gamma || Math.abs(u32(gamma, 0) - GAMMA) <= GAMMA_OFF;
  return {
    ...turn,
    depth: header[8],
    colour: header[9],
    interlaced: header[12] === 1,
    palette: find("PLTE") ?? new Uint8Array(),
    transparency: find("tRNS") ?? null,
    data: joined(...data),
    srgb: find("cICP") ? false : named ? isSrgb(named) : Boolean(find("sRGB")) || plain,
    profile: named ? profileName(named) : find("cICP") ? "cICP" : "gAMA",
    animated: Boolean(find("acTL")),
    kept: chunks.filter(({ name }) => TEXTS.includes(name) || name === "eXIf").map((chunk) => upright(chunk, turn)),
    colours: chunks.filter(({ name }) => COLOURS.includes(name)),
    left: chunks.some(({ name }) => name === "caBX") ? ["content credentials"] : [],
  };
}

/** The profile in an iCCP chunk; null for a damaged one. */
async function profileOf(contents: Bytes): Promise<Bytes | null> {
  try {
    return await through(contents.slice(contents.indexOf(0) + 2), new DecompressionStream("deflate"));
  } catch (error) {
    console.warn("a PNG file's colour profile is damaged, and not looked at:", error);
    return null;
  }
}

function upright(chunk: Chunk, turn: Turn): Chunk {
  const { name, contents } = chunk;
  if (name === "eXIf") return { name, contents: uprightExif(contents, turn) };
  if (name === "iTXt" && has(contents, 0, XMP)) return { name, contents: uprightXmp(contents) };
  if (name === "pHYs" && turn.orientation >= 5) {
    return { name, contents: joined(contents.slice(4, 8), contents.slice(0, 4), contents.slice(8)) };
  }
  return chunk;
}

function* chunksOf(bytes: Bytes): Generator<Chunk> {
  for (let at = SIGNATURE.length; at + 12 <= bytes.length; ) {
    const length = u32(bytes, at), name = latin(bytes.subarray(at + 4, at + 8));
    if (at + 12 + length > bytes.length && name !== "IDAT") return;
    yield { name, contents: bytes.slice(at + 8, Math.min(at + 8 + length, bytes.length)) };
    if (name === "IEND") return;
    at += 12 + length;
  }
}

/** A file of these chunks, between its header and its picture. colour: as in {@link PngFile}, of 8 bits. */
export function pngOf(size: { width: number; height: number }, colour: number, chunks: readonly Chunk[], data: Bytes): Bytes {
  const header = new Uint8Array(13);
  put32(header, 0, size.width);
  put32(header, 4, size.height);
  header.set([8, colour], 8);
  const all = [{ name: "IHDR", contents: header }, ...chunks, { name: "IDAT", contents: data }];
  return joined(SIGNATURE, ...[...all, { name: "IEND", contents: new Uint8Array() }].map(written));
}

function written({ name, contents }: Chunk): Bytes {
  const made = joined(new Uint8Array(4), ofLatin(name), contents, new Uint8Array(4));
  put32(made, 0, contents.length);
  put32(made, made.length - 4, crc32(made.subarray(4, -4) as Bytes));
  return made;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? 0xedb88320 ^ (byte >>> 1) : byte >>> 1;
  return byte;
});

function crc32(bytes: Bytes): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}
