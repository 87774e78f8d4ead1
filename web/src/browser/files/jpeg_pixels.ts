/** A JPEG file's pixels, coded as the original was: libjpeg's own tables at its quality, its sampling of the colour. */
import startCoder from "@jsquash/jpeg/codec/enc/mozjpeg_enc.js";
import type { Picture } from "../../engine/picture.ts";
import { type Packed, unpack } from "../packs.ts";
import type { Bytes } from "./bytes.ts";
import type { JpegFile } from "./jpeg.ts";

/** As MozJPEG counts. */
const GRAYSCALE = 1, YCBCR = 3;
const LIBJPEG_TABLES = 0;

interface Coder {
  encode(pixels: Uint8ClampedArray, width: number, height: number, options: object): Uint8Array | null;
}

let coder: Promise<Coder> | undefined;

/** The bare file, without metadata. Rejects where the coder runs out of memory. */
export async function encodeJpeg(result: Picture, like: Pick<JpegFile, "quality" | "quartered">, pack: Packed): Promise<Bytes> {
  coder ??= started(pack);
  const options = {
    quality: like.quality, baseline: true, arithmetic: false, progressive: false, optimize_coding: true, smoothing: 0,
    color_space: result.gray ? GRAYSCALE : YCBCR, quant_table: LIBJPEG_TABLES, trellis_multipass: false,
    trellis_opt_zero: false, trellis_opt_table: false, trellis_loops: 1, auto_subsample: false,
    chroma_subsample: like.quartered ? 2 : 1, separate_chroma_quality: false, chroma_quality: like.quality,
  };
  const made = (await coder).encode(result.data as Uint8ClampedArray, result.width, result.height, options);
  if (!made) throw new RangeError("there is too little memory to code a JPEG file: make the photo smaller");
  return new Uint8Array(made);
}

async function started(pack: Packed): Promise<Coder> {
  const module = await WebAssembly.compile(await unpack(pack, "jpeg.wasm"));
  return startCoder({
    noInitialRun: true,
    locateFile: (name: string) => name,
    instantiateWasm: (imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void) => {
      const instance = new WebAssembly.Instance(module, imports);
      done(instance);
      return instance.exports;
    },
  }) as Promise<Coder>;
}
