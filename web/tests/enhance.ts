/// <reference types="node" />
/** Enhances pictures for a test as the page's worker does, which compares with what Python makes of them. */

import { readFileSync } from "node:fs";
import { openModel } from "../src/browser/model.ts";
import { startWasm } from "../src/browser/runtime.ts";
import { type Picture, sizeOf } from "../src/engine/picture.ts";
import { decide, plan } from "../src/engine/plan.ts";
import { lookOfReduced, reduced } from "../src/engine/reduce.ts";
import { render } from "../src/engine/render.ts";
import { type Settings, settingsOf } from "../src/engine/settings.ts";
import type { Tile } from "../src/engine/tile.ts";

interface Request {
  /** The folder of a model. */
  readonly model: string;
  readonly memory: number;
  readonly jobs: readonly { picture: Picture; settings: Partial<Settings>; side: number | null }[];
}

interface Made {
  height: number;
  width: number;
  pixels: Uint8Array;
  /** Half-widths, where they were asked for. */
  doubt: Float32Array | null;
  tiles: number;
  scale: number;
  /** Of looking, and of rendering. */
  seconds: [number, number];
}

const WASM = new URL("../node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm", import.meta.url);

/** What becomes of each picture; side: of a quick look at it, null is all of it. */
export async function answer({ model: folder, memory, jobs }: Request): Promise<Made[]> {
  const bytes = (path: string | URL): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(path));
  const runtime = startWasm(bytes(WASM), 1);
  const model = await openModel(runtime, async (name) => bytes(`${folder}/${name}`), memory);
  const made: Made[] = [];
  for (const { picture, settings, side } of jobs) {
    const started = performance.now();
    const full = await plan(model, picture, settingsOf(settings)), looked = performance.now();
    const seen = side === null ? picture : reduced(picture, side);
    const seenPlan = side === null ? full : decide(model, lookOfReduced(full.look, seen), full.settings);
    const doubt = full.intervals && new Float32Array(seen.height * seen.width);
    const put = (place: Tile, widths: Float32Array): void => {
      for (let row = 0; row < place.height; row++) {
        doubt?.set(widths.subarray(row * place.width, (row + 1) * place.width), (place.top + row) * seen.width + place.left);
      }
    };
    const result = await render(model, seen, seenPlan, { onDoubt: put }), ended = performance.now();
    const [height, width] = sizeOf(result), pixels = new Uint8Array(result.data);
    const seconds: [number, number] = [(looked - started) / 1000, (ended - looked) / 1000];
    made.push({ height, width, pixels, doubt, tiles: seenPlan.tiles.length, scale: seenPlan.scale, seconds });
  }
  return made;
}
