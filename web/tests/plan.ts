/** Plans a picture for a test, which compares with what Python plans. */

import { type Planes, planesOf } from "../src/engine/arrays.ts";
import { cardOf } from "../src/engine/card.ts";
import { plan, type Plan, replan } from "../src/engine/plan.ts";
import type { Guess, Model, Tensor } from "../src/engine/model.ts";
import type { Overview } from "../src/engine/overview.ts";
import type { Picture } from "../src/engine/picture.ts";
import { type Settings, settingsOf } from "../src/engine/settings.ts";
import { Tile } from "../src/engine/tile.ts";
import { View } from "../src/engine/view.ts";

interface Request {
  readonly picture: Picture;
  /** What the file model.json of the model holds. */
  readonly card: unknown;
  /** What its network answers, in the place of the network. */
  readonly guess: Guess;
  readonly memory: number;
  readonly settings: readonly Partial<Settings>[];
  /** Of the part inside of borders: top, left, height and width of a piece to be shown. */
  readonly piece: readonly [number, number, number, number];
}

/** All that is planned, and what becomes of a piece by it. */
export async function answer(request: Request): Promise<unknown> {
  const model = modelOf(request);
  const wishes = request.settings.map(settingsOf);
  const first = await plan(model, request.picture, wishes[0]);
  const plans = [first];
  for (const wish of wishes.slice(1)) plans.push(replan(model, first, wish));
  const all = plans.map(async (made) => ({ ...told(made), condition: await conditionOf(model, made), piece: shown(request, made) }));
  return { look: first.look, plans: await Promise.all(all) };
}

/** A model whose network is told what to answer, and that passes on what it is told. */
function modelOf(request: Request): Model {
  const card = cardOf(request.card);
  const one = (value: number): Tensor => ({ dims: [1], data: Float32Array.of(value) });
  const missing = async (): Promise<never> => {
    throw new Error("a plan asks for no piece");
  };
  return {
    card,
    memory: request.memory,
    intervals: card.intervals,
    controlsExposure: true,
    enlarges: "detail.onnx" in card.files,
    guessExposure: async () => request.guess,
    condition: async (overview: Overview, wanted: Guess | null) => ({
      thumbnail: { dims: [1, 3, 40, 40], data: overview.thumbnail.data },
      statistics: { dims: [1, 14], data: overview.statistics },
      cues: { dims: [1, 7], data: overview.cues },
      ...(wanted && { brightness: one(wanted.brightness), doubt: one(wanted.doubt) }),
    }),
    bind: missing,
    predict: missing,
    enlarge: missing,
  };
}

function told(made: Plan): object {
  const { aim, brightness, fingerprint, ladder, pieces, preset, scale, share, steps, tiles, unchanged } = made;
  const { intervals, restraint } = made;
  return {
    ...{ aim, brightness, fingerprint, ladder, pieces, preset, scale, share, steps, tiles, unchanged },
    intervals: intervals && { ...intervals, factors: [...intervals.factors] },
    smooths: made.smoothing !== null,
    tone: made.tone && { curve: made.tone.curve, saturation: made.tone.saturation, colourKept: made.tone.colourKept },
    restraint: restraint && { ...restraint, limits: null },
  };
}

async function conditionOf(model: Model, made: Plan): Promise<Record<string, Float32Array>> {
  return Object.fromEntries(Object.entries(await made.condition(model)).map(([name, tensor]) => [name, tensor.data]));
}

/** What the network sees of a piece, and what the plan makes of a bright result that is made up by a formula. */
function shown(request: Request, made: Plan): object {
  const { look } = made;
  const view = new View(request.picture, look.inside, look.fill, made.smoothing);
  const tile = new Tile(...request.piece);
  const [seen, own] = [view.of(tile), view.own(tile)];
  const lit: Planes = planesOf(3, tile.height, tile.width, own.data.map((value) => Math.min(value * 3 + Math.fround(0.05), 1)));
  made.restraint?.apply(lit, own, seen, tile);
  const restrained = lit.data.slice();
  made.tone?.apply(lit);
  return { seen: seen.data, restrained, toned: lit.data };
}
