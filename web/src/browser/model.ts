/** A model of the engine on ONNX Runtime Web. As Python's `runtime/model.py` and `runtime/onnx.py`. */
import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-web/wasm";
import { planesOf, type Planes } from "../engine/arrays.ts";
import { cardOf, type ModelCard } from "../engine/card.ts";
import { ModelError } from "../engine/errors.ts";
import type { Guess, Model, Piece, Tensor, Tensors } from "../engine/model.ts";
import type { Overview } from "../engine/overview.ts";
import { checkGraphics } from "./graphics.ts";
import type { Runtime } from "./runtime.ts";
import { sha256 } from "./sha256.ts";

const CARD = "model.json";

/** Graphs that are worth a graphics card's while, and which of their inputs have half of the others' sides. */
const HEAVY: Readonly<Record<string, readonly string[]>> = { step: [], detail: ["seen", "made", "slope"] };

/** A model's files by name, decompressed when they are asked for. */
export type ModelFiles = (name: string) => Promise<Uint8Array>;

/** Open a model. memory: bytes that a photo may take. Rejects with ModelError for a damaged one,
 * and where a graphics card computes something else than the processor. */
export async function openModel(runtime: Runtime, files: ModelFiles, memory: number): Promise<OnnxModel> {
  const card = cardOf(JSON.parse(new TextDecoder().decode(await files(CARD))));
  const graphs: Record<string, InferenceSession> = {};
  for (const [name, digest] of Object.entries(card.files)) {
    const data = await files(name);
    if (sha256(data) !== digest) {
      throw new ModelError(`${name} of model ${card.name} is damaged (its sha256 is not the card's): load the page again`);
    }
    const graph = name.replace(/\.onnx$/, "");
    const halved = HEAVY[graph];
    graphs[graph] = await runtime.open(data, halved !== undefined);
    if (halved && runtime.graphics) await checkGraphics(runtime, graphs[graph], await runtime.open(data, false), halved);
  }
  if (!graphs.step) throw new ModelError(`model ${card.name} has no graph 'step', only ${Object.keys(graphs)}`);
  return new OnnxModel(card, graphs, runtime, memory);
}

/** A card and its graphs. */
export class OnnxModel implements Model {
  constructor(
    readonly card: ModelCard,
    private readonly graphs: Readonly<Record<string, InferenceSession>>,
    private readonly runtime: Runtime,
    readonly memory: number,
  ) {}

  get intervals(): ModelCard["intervals"] {
    return "exposure" in this.graphs ? this.card.intervals : null;
  }

  get controlsExposure(): boolean {
    return Object.values(this.graphs).some((graph) => graph.inputNames.includes("brightness"));
  }

  get enlarges(): boolean {
    return "detail" in this.graphs;
  }

  async guessExposure(overview: Overview): Promise<Guess | null> {
    if (!this.graphs.exposure) return null;
    const { brightness, doubt } = await this.run("exposure", described(overview));
    return { brightness: brightness.data[0], doubt: doubt ? doubt.data[0] : 0 };
  }

  async condition(overview: Overview, wanted: Guess | null): Promise<Tensors> {
    const known = described(overview);
    if (wanted) {
      known.brightness = { dims: [1], data: Float32Array.of(wanted.brightness) };
      known.doubt = { dims: [1], data: Float32Array.of(wanted.doubt) };
    }
    return this.graphs.condition ? { ...known, ...(await this.run("condition", known)) } : known;
  }

  async bind(piece: Piece, condition: Tensors): Promise<Tensors> {
    const known = { ...condition, low: tensorOf(piece.low), box: { dims: [1, 4], data: piece.box } };
    return this.graphs.encode ? { ...known, ...(await this.run("encode", known)) } : known;
  }

  async predict(known: Tensors, x: Planes, abar: number): Promise<Readonly<Record<string, Planes>>> {
    const told = await this.run("step", { ...known, x: tensorOf(x), abar: { dims: [1], data: Float32Array.of(abar) } });
    return Object.fromEntries(Object.entries(told).map(([name, tensor]) => [name, planesFrom(tensor)]));
  }

  async enlarge(low: Planes, seen: Planes, made: Planes, slope: Planes): Promise<Planes> {
    const known = { low: tensorOf(low), seen: tensorOf(seen), made: tensorOf(made), slope: tensorOf(slope) };
    return planesFrom((await this.run("detail", known)).x0);
  }

  /** Frees what the runtime holds of it. */
  async close(): Promise<void> {
    await Promise.all(Object.values(this.graphs).map((graph) => graph.release()));
  }

  private async run(name: string, known: Tensors): Promise<Record<string, Tensor>> {
    const graph = this.graphs[name];
    const missing = graph.inputNames.filter((input) => !(input in known));
    if (missing.length) throw new ModelError(`${name} of model ${this.card.name} wants unknown inputs: ${missing}`);
    const feeds = graph.inputNames.map((input) => [input, this.runtime.tensor(known[input].data, known[input].dims)]);
    const told = (await graph.run(Object.fromEntries(feeds))) as Record<string, OrtTensor>;
    return Object.fromEntries(
      Object.entries(told).map(([output, { dims, data }]) => [output, { dims, data: data as Float32Array }]),
    );
  }
}

function described({ thumbnail, statistics, cues }: Overview): Record<string, Tensor> {
  return {
    thumbnail: tensorOf(thumbnail),
    statistics: { dims: [1, statistics.length], data: statistics },
    cues: { dims: [1, cues.length], data: cues },
  };
}

function tensorOf({ channels, height, width, data }: Planes): Tensor {
  return { dims: [1, channels, height, width], data };
}

function planesFrom({ dims, data }: Tensor): Planes {
  return planesOf(dims[1], dims[2], dims[3], data);
}
