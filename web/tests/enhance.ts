/// <reference types="node" />
/**
 * For the tests of Python: enhance pictures under node as the page's worker does, without a browser.
 *
 * node enhance.mjs RUNTIME JOBS: RUNTIME is the folder of onnxruntime-web's files, JOBS a JSON file with a list of
 * {model, pixels, width, height, alpha, gray, container, settings, result, doubt?}; `pixels` names a file of RGBA bytes,
 * `result` one that is written so, `doubt` one for float32 half-widths. Prints a JSON list of {seconds, tiles, steps,
 * share, brightness}.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { startWasm } from "../src/browser/runtime.ts";
import { openModel, type OnnxModel } from "../src/browser/model.ts";
import { plan } from "../src/engine/plan.ts";
import { render } from "../src/engine/render.ts";
import { settingsOf } from "../src/engine/settings.ts";

interface Job {
  model: string;
  pixels: string;
  width: number;
  height: number;
  alpha: boolean;
  gray: boolean;
  container: string | null;
  settings: Parameters<typeof settingsOf>[0];
  result: string;
  doubt?: string;
}

const [runtimeFolder, jobsFile] = process.argv.slice(2);
const bytes = (path: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(path));
const build = `${runtimeFolder}/ort-wasm-simd-threaded`;
const runtime = startWasm({ wasm: bytes(`${build}.wasm`), glue: `file://${build}.mjs` }, 1);
const models = new Map<string, OnnxModel>();

async function modelIn(folder: string): Promise<OnnxModel> {
  const known = models.get(folder) ?? (await openModel(runtime, async (name) => bytes(`${folder}/${name}`), 4e9));
  models.set(folder, known);
  return known;
}

async function run(job: Job): Promise<object> {
  const model = await modelIn(job.model);
  const { width, height, alpha, gray, container } = job;
  const picture = { width, height, alpha, gray, container, data: bytes(job.pixels) };
  const started = performance.now();
  const made = await plan(model, picture, settingsOf({ ...job.settings, uncertainty: Boolean(job.doubt) }));
  const planned = performance.now();
  const widths = new Float32Array(width * height);
  const result = await render(model, picture, made, {
    onDoubt: (place, told) => {
      for (let row = 0; row < place.height; row++) {
        widths.set(told.subarray(row * place.width, (row + 1) * place.width), (place.top + row) * width + place.left);
      }
    },
  });
  const seconds = (performance.now() - started) / 1000;
  writeFileSync(job.result, result.data);
  if (job.doubt) writeFileSync(job.doubt, new Uint8Array(widths.buffer));
  const { share, brightness, unchanged, tiles, steps } = made;
  return { seconds, planning: (planned - started) / 1000, share, brightness, unchanged, tiles: tiles.length, steps };
}

const told: object[] = [];
for (const job of JSON.parse(readFileSync(jobsFile, "utf8")) as Job[]) told.push(await run(job));
console.log(JSON.stringify(told));
