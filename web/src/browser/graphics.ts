/** Whether a graphics card can be trusted: drivers differ, and some compute something else. */
import type { InferenceSession, Tensor } from "onnxruntime-web/wasm";
import { ModelError } from "../engine/errors.ts";
import type { Runtime } from "./runtime.ts";

/** Of a picture that is tried. */
const SIDE = 64;
/** Signed units: a code of 8 bits is 1/128. */
const ALLOWED = 1 / 256;
/** A card is made for large pictures, and may take so much longer than the processor for a small one; milliseconds that
 * are no trouble in any case. Software that poses as a card takes a hundred times as long. */
const SLOWER = 10, NO_TROUBLE = 250;

/** Rejects with ModelError where a graph on the graphics card, on made-up input, differs from the same one on the processor,
 * or is much slower. halved: inputs that have half of the others' sides. */
export async function checkGraphics(
  runtime: Runtime, there: InferenceSession, here: InferenceSession, halved: readonly string[],
): Promise<void> {
  const feeds = Object.fromEntries(
    here.inputMetadata.map((input) => [input.name, madeUp(runtime, input, halved.includes(input.name) ? SIDE / 2 : SIDE)]),
  );
  const got = await there.run(feeds), started = performance.now(); // the first time, it prepares
  await there.run(feeds);
  const between = performance.now(), expected = await here.run(feeds), ended = performance.now();
  for (const name of here.outputNames) {
    const [one, other] = [got[name], expected[name]].map((value) => (value as Tensor).data as Float32Array);
    const off = one.reduce((most, value, i) => Math.max(most, Math.abs(value - other[i])), 0);
    if (!(off <= ALLOWED)) throw new ModelError(`the graphics card is off by ${off} in ${name}: the processor is used`);
  }
  const [took, allowed] = [between - started, Math.max(SLOWER * (ended - between), NO_TROUBLE)];
  if (took > allowed) throw new ModelError(`the graphics card takes ${took} ms for ${allowed} at most: the processor is used`);
  await here.release();
}

/** Waves between 0 and 1, in the shape of an input; its open sides are those of a small picture, and a batch of one. */
function madeUp(runtime: Runtime, input: InferenceSession.ValueMetadata, open: number): Tensor {
  if (!input.isTensor) throw new ModelError(`the input ${input.name} is no tensor`);
  const dims = input.shape.map((side, axis) => (typeof side === "number" ? side : axis === 0 ? 1 : open));
  const count = dims.reduce((product, side) => product * side, 1);
  return runtime.tensor(Float32Array.from({ length: count }, (_, i) => 0.5 + 0.4 * Math.sin(i * 0.7)), dims);
}
