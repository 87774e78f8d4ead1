/** ONNX Runtime Web, started once: on the graphics card where there is one, else as WebAssembly. */
import * as plain from "onnxruntime-web/wasm";
import * as graphics from "onnxruntime-web/webgpu";
import type { InferenceSession, Tensor } from "onnxruntime-web/wasm";

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
  /** Open a graph. heavy: it is worth the graphics card's while. */
  open(graph: Uint8Array, heavy: boolean): Promise<InferenceSession>;
  tensor(data: Float32Array, dims: readonly number[]): Tensor;
}

/** As WebAssembly, with so many threads; more than one takes a page that is isolated (`crossOriginIsolated`). */
export function startWasm(files: RuntimeFiles, threads: number): Runtime {
  return started(plain, files, threads, threads > 1 ? `WebAssembly, ${threads} threads` : "WebAssembly", "wasm");
}

/** On the graphics card; what it cannot do, it does as WebAssembly. Rejects where the browser gives none. */
export async function startWebGpu(files: RuntimeFiles): Promise<Runtime> {
  const adapter = await (navigator as Navigator & { gpu?: { requestAdapter(): Promise<unknown> } }).gpu?.requestAdapter();
  if (!adapter) throw new Error("this browser gives no graphics card");
  return started(graphics as unknown as typeof plain, files, 1, "WebGPU", "webgpu");
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
    open: (graph, heavy) =>
      ort.InferenceSession.create(graph, {
        executionProviders: [heavy ? heavyProvider : "wasm"],
        enableMemPattern: false, // from the second tile on, a plan of all memory beside what the first one took
        logSeverityLevel: 4,
      }),
    tensor: (data, dims) => new ort.Tensor("float32", data, dims),
  };
}
