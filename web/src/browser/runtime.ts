/** ONNX Runtime Web, started once: on the graphics card where there is one, else as WebAssembly.
 *
 * It is bundled in two builds: for the worker of graphics cards, `build.mjs` puts `onnxruntime-web/webgpu` in the place of
 * what is imported here. */
import * as ort from "onnxruntime-web/wasm";
import type { InferenceSession, Tensor } from "onnxruntime-web/wasm";
import { type Packed, unpack } from "./packs.ts";

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

/** What is compiled: in a pack, or as it was fetched for the graphics card, compressed or not. */
export type RuntimeCode = Packed | ArrayBuffer;

/** Start it. threads: of the processor; more than one take a page that is isolated (`crossOriginIsolated`). */
export async function startRuntime(code: RuntimeCode, threads: number): Promise<Runtime> {
  if (!(code instanceof ArrayBuffer)) return startWasm(await unpack(code, "runtime.wasm"), threads);
  return started(await plainOf(new Uint8Array(code)), 1, "WebGPU", "webgpu");
}

/** As WebAssembly. */
export function startWasm(wasm: Uint8Array<ArrayBuffer>, threads: number): Runtime {
  return started(wasm, threads, threads > 1 ? `WebAssembly, ${threads} threads` : "WebAssembly", "wasm");
}

/** Whether this script was started by the runtime as one of its threads, and does no more than it does by itself. */
export function isThread(): boolean {
  return globalThis.self?.name?.startsWith("em-pthread");
}

/** Some hosts decompress what they send. */
async function plainOf(sent: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const compressed = sent[0] === 0x1f && sent[1] === 0x8b;
  if (!compressed) return sent;
  const stream = new Blob([sent]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function started(code: Uint8Array<ArrayBuffer>, threads: number, name: string, heavyProvider: "wasm" | "webgpu"): Runtime {
  const { wasm } = ort.env;
  // ONNX Runtime Web 1.30 convolves 63 channels wrongly in the layout that it prefers, and not in this one
  // (findings/onnxruntime-web-webgpu-conv-channels.sh)
  const heavyWork = heavyProvider === "webgpu" ? { name: heavyProvider, preferredLayout: "NCHW" as const } : heavyProvider;
  wasm.wasmBinary = code.buffer;
  wasm.numThreads = threads;
  ort.env.logLevel = "fatal"; // errors are thrown; its warnings are about its own optimiser
  return {
    name,
    graphics: heavyProvider === "webgpu",
    open: (graph, heavy) =>
      ort.InferenceSession.create(graph, {
        executionProviders: [heavy ? heavyWork : "wasm"],
        enableMemPattern: false, // from the second tile on, a plan of all memory beside what the first one took
        logSeverityLevel: 4,
      }),
    tensor: (data, dims) => new ort.Tensor("float32", data, dims),
  };
}
