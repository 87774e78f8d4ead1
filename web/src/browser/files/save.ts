/** A result as a file like the original: its format, its way of coding, its metadata. */
import { type Picture } from "../../engine/picture.ts";
import type { Note } from "../../studio.ts";
import { note } from "../notes.ts";
import type { Packed } from "../packs.ts";
import type { Bytes } from "./bytes.ts";
import { contextOf } from "./decode.ts";
import { isSrgb } from "./icc.ts";
import { type JpegFile, withIcc, withSegments } from "./jpeg.ts";
import { encodeJpeg } from "./jpeg_pixels.ts";
import { extensionOf } from "./names.ts";
import type { OpenFile } from "./open.ts";
import { type Chunk, type PngFile, pngOf } from "./png.ts";
import { encodePng } from "./png_pixels.ts";
import { type WebpFile, withMetadata } from "./webp.ts";

/** As browsers count, of WebP files that have lost something already; 1 is without loss. */
const WEBP_QUALITY = 0.9, WITHOUT_LOSS = 1;
const TYPES = { JPEG: "image/jpeg", PNG: "image/png", WebP: "image/webp" } as const;
const EXTENSIONS = { JPEG: [".jpg", ".jpeg", ".jpe", ".jfif"], PNG: [".png"], WebP: [".webp"] } as const;

export interface SavedFile {
  file: Blob;
  /** With the dot. */
  extension: string;
  notes: Note[];
}

/** The file of a result. unchanged: the original does, byte for byte. coder: the pack that codes JPEG files. */
export async function saveFile(
  opened: OpenFile, result: Picture, unchanged: boolean, coder: () => Packed,
): Promise<SavedFile> {
  const { original, container, notes } = opened;
  if (unchanged) return { file: original, extension: extensionOf(original.name, ""), notes: [] };
  if (container.kind === "JPEG") {
    const encoded = await encodeJpeg(result, container.jpeg, coder());
    return saved("JPEG", withSegments(encoded, withIcc(container.jpeg, profileKept(container.jpeg))), opened, notes);
  }
  if (container.kind === "PNG") return saved("PNG", await pngFile(result, container.png), opened, notes);
  const webp = container.kind === "WebP" ? await webpFile(result, container.webp) : null;
  if (webp) return saved("WebP", webp, opened, notes);
  const written = note("written_as", { format: container.kind ?? original.type, instead: "PNG" });
  return saved("PNG", await pngFile(result, null), opened, [...notes, written]);
}

function saved(kind: keyof typeof TYPES, bytes: Bytes, { original }: OpenFile, notes: Note[]): SavedFile {
  const extension = extensionOf(original.name, ""), known: readonly string[] = EXTENSIONS[kind];
  const fits = known.includes(extension.toLowerCase());
  return { file: new Blob([bytes], { type: TYPES[kind] }), extension: fits ? extension : known[0], notes };
}

/** The profile of pixels that are sRGB by now. */
function profileKept({ icc, gray }: Pick<JpegFile, "icc"> & { gray?: boolean }): Bytes | null {
  return icc && !gray && isSrgb(icc) ? icc : null;
}

async function pngFile(result: Picture, png: PngFile | null): Promise<Bytes> {
  const { colour, data } = await encodePng(result.data as Uint8ClampedArray, result.width, result.gray, result.alpha);
  const srgb: Chunk = { name: "sRGB", contents: new Uint8Array(1) };
  const chunks = png ? [...(png.srgb ? png.colours : [srgb]), ...png.kept] : [srgb];
  return pngOf(result, colour, chunks, data);
}

/** Null where the browser writes none. */
async function webpFile(result: Picture, webp: WebpFile): Promise<Bytes | null> {
  const { width, height } = result, context = contextOf(width, height);
  context.putImageData(new ImageData(opaque(result), width), 0, 0);
  const blob = await context.canvas.convertToBlob({ type: TYPES.WebP, quality: webp.lossless ? WITHOUT_LOSS : WEBP_QUALITY });
  if (blob.type !== TYPES.WebP) return null;
  const icc = profileKept(webp);
  return withMetadata(new Uint8Array(await blob.arrayBuffer()), { ...webp, icc }, width, height);
}

/** Pixels whose alpha is 255 where the picture has none. */
function opaque({ data, alpha }: Picture): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(data);
  if (!alpha) for (let i = 3; i < pixels.length; i += 4) pixels[i] = 255;
  return pixels;
}
