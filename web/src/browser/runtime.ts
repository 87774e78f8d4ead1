/** ONNX Runtime Web, started once: on the graphics card where there is one, else as WebAssembly. */
import * as plain from "onnxruntime-web/wasm";
import * as graphicsRuntime from "onnxruntime-web/webgpu";
import type { InferenceSession, Tensor } from "onnxruntime-web/wasm";
import { type Packed, unpack } from "./packs.ts";

/** What a build of the runtime consists of. */
export interface RuntimeFiles {
  wasm: Uint8Array<ArrayBuffer>;
  /** Where its script can be imported from. */
  glue: string;
}

/** A started runtime. */
export interface Runtime {
  /** For people. */
  readonly name: string;
  /** Heavy graphs run on the graphics card. */
  readonly graphics: boolean;
  /** Open a graph. heavy: it is worth the graphics card's while. */
  open(graph: Uint8Array, heavy: boolean): Promise<InferenceSession>;
  tensor(data: Float32Array, dims: readonly number[]): Tensor;
}

/** Start the build in a pack. graphics: that for the graphics card, compressed or not; null is for the processor, with so
 * many threads, of which more than one take a page that is isolated (`crossOriginIsolated`). */
export async function startRuntime(pack: Packed, graphics: ArrayBuffer | null, threads: number): Promise<Runtime> {
  const glue = new Blob([await unpack(pack, graphics ? "graphics.mjs" : "runtime.mjs")], { type: "text/javascript" });
  const files = { glue: URL.createObjectURL(glue), wasm: graphics ? await plainOf(graphics) : await unpack(pack, "runtime.wasm") };
  if (!graphics) return startWasm(files, threads);
  return started(graphicsRuntime as unknown as typeof plain, files, 1, "WebGPU", "webgpu");
}

/** As WebAssembly. */
export function startWasm(files: RuntimeFiles, threads: number): Runtime {
  return started(plain, files, threads, threads > 1 ? `WebAssembly, ${threads} threads` : "WebAssembly", "wasm");
}

/** Some hosts decompress what they send. */
async function plainOf(sent: ArrayBuffer): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(sent), compressed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!compressed) return bytes;
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());
}

function started(
  ort: typeof plain, files: RuntimeFiles, threads: number, name: string, heavyProvider: "wasm" | "webgpu",
): Runtime {
  const { wasm } = ort.env;
  wasm.wasmBinary = files.wasm.buffer;
  wasm.wasmPaths = { mjs: files.glue };
  wasm.numThreads = threads;
  ort.env.logLevel = "fatal"; // errors are thrown; its warnings are about its own optimiser
  return {
    name,
    graphics: heavyProvider === "webgpu",
    open: (graph, heavy) =>
      ort.InferenceSession.create(graph, {
        executionProviders: [heavy ? heavyProvider : "wasm"],
        enableMemPattern: false, // from the second tile on, a plan of all memory beside what the first one took
        logSeverityLevel: 4,
      }),
    tensor: (data, dims) => new ort.Tensor("float32", data, dims),
  };
}
