/** Pixels by the browser's own decoders, as sRGB. */
import { StudioError } from "../../studio.ts";

/** Pixels that are read at once: canvases are limited in size, pictures are not. */
const AT_ONCE = 4e6;

export interface Decoded {
  width: number;
  height: number;
  /** RGBA. */
  data: Uint8ClampedArray<ArrayBuffer>;
}

/** Decode what browsers know. They turn JPEG, PNG and AVIF upright by their EXIF, and WebP not. most: pixels that may be
 * taken. Rejects with StudioError; key: for what cannot be decoded. */
export async function decodeByBrowser(blob: Blob, key: "unreadable" | "unsupported", most: number): Promise<Decoded> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(blob, { premultiplyAlpha: "none", colorSpaceConversion: "default" });
  } catch (error) {
    throw new StudioError(key, {}, error instanceof Error ? error.message : String(error));
  }
  try {
    checkRoom(bitmap.width, bitmap.height, most);
    return { width: bitmap.width, height: bitmap.height, data: pixelsOf(bitmap) };
  } finally {
    bitmap.close();
  }
}

/** Throw StudioError for more pixels than may be taken. */
export function checkRoom(width: number, height: number, most: number): void {
  if (width * height > most) {
    const [megapixels, limit] = [width * height, most].map((pixels) => Math.round(pixels / 1e6));
    throw new StudioError("too_large", { megapixels, most: limit }, `${width}x${height} pixels, ${limit} megapixels may be taken`);
  }
}

function pixelsOf(bitmap: ImageBitmap): Uint8ClampedArray<ArrayBuffer> {
  const { width, height } = bitmap, rows = Math.max(Math.floor(AT_ONCE / width), 1);
  const data = new Uint8ClampedArray(4 * width * height);
  const context = contextOf(width, Math.min(rows, height));
  for (let top = 0; top < height; top += rows) {
    const count = Math.min(rows, height - top);
    context.clearRect(0, 0, width, count);
    context.drawImage(bitmap, 0, top, width, count, 0, 0, width, count);
    data.set(context.getImageData(0, 0, width, count).data, 4 * top * width);
  }
  return data;
}

/** Of a canvas that is read from, not shown. Throws StudioError where the browser gives none so large. */
export function contextOf(width: number, height: number): OffscreenCanvasRenderingContext2D {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  if (!context) throw new StudioError("out_of_memory", {}, `the browser gives no canvas of ${width}x${height} pixels`);
  context.imageSmoothingEnabled = false;
  return context;
}
