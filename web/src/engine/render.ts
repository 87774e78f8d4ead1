/** Doing what a plan says: from noise and a dark picture to a bright one. As Python's `pipeline/render.py` and
 * `pipeline/sampling.py`. */
import { padLike, plane, planesOf, type Planes } from "./arrays.ts";
import { Canvas, type OnDoubt } from "./compose.ts";
import { UsageError } from "./errors.ts";
import { mapTiles } from "./fade.ts";
import type { Model } from "./model.ts";
import { noiseField } from "./noise.ts";
import type { Picture } from "./picture.ts";
import { type Plan, TILE_OVERLAP } from "./plan.ts";
import { sample } from "./sampler.ts";
import { PIECE_OVERLAP, SmallCopy } from "./scaled.ts";
import type { Tile } from "./tile.ts";
import { View } from "./view.ts";

/** Told (steps done, steps in all); waited for. What it throws ends the work. */
export type OnStep = (done: number, total: number) => Promise<void>;
type Put = (place: Tile, made: Planes) => void;

/** What the network made last of one picture in one piece, or of its small copy: tones and strength change without asking
 * it again. */
export class Made {
  private key = "";
  private kept: unknown = null;

  /** What was made by the same wish, or what `make` makes: always the same kind at one scale. */
  async of<Kind>(plan: Plan, make: () => Promise<Kind>): Promise<Kind> {
    const { settings, aim, ladder, look, scale } = plan, { seed, deblock } = settings;
    const key = JSON.stringify([plan.fingerprint, look.size, look.inside, scale, aim?.wanted, ladder, seed, deblock]);
    if (this.key !== key) {
      this.kept = await make();
      this.key = key;
    }
    return this.kept as Kind;
  }
}

/** onDoubt: told how far the result may be off, tile by tile, once the tile is in the result that is passed with it.
 * made: of earlier results of the same picture. */
export interface RenderOptions {
  onStep?: OnStep;
  onDoubt?: (place: Tile, widths: Float32Array, result: Picture) => void;
  made?: Made;
}

/** Make what the plan says of the picture that it was made for. Rejects with UsageError for another one's plan. */
export async function render(model: Model, picture: Picture, plan: Plan, options: RenderOptions = {}): Promise<Picture> {
  const { onDoubt } = options, { look, settings } = plan;
  if (look.size[0] !== picture.height || look.size[1] !== picture.width) {
    throw new UsageError(`the plan was made for ${look.size} rows and columns, got a picture of others: plan each picture`);
  }
  const view = new View(picture, look.inside, look.fill, plan.smoothing);
  const doubt: OnDoubt | null = onDoubt && plan.intervals ? (place, widths) => onDoubt(place, widths, result) : null;
  const canvas = new Canvas(view, plan, doubt), result = canvas.picture();
  if (plan.share * settings.strength === 0) {
    canvas.putOwn();
    await options.onStep?.(plan.steps, plan.steps);
    return result;
  }
  await makeAll(model, view, plan, options, (place, made) => canvas.put(place, made));
  return result;
}

/** What the model makes of the part that counts, piece by piece: (3, h, w) unit, and where. */
async function makeAll(
  model: Model, view: View, plan: Plan, { onStep, made = new Made() }: RenderOptions, put: Put,
): Promise<void> {
  const { tiles, pieces, scale, steps } = plan, total = tiles.length * steps + pieces.length;
  let begun = 0, enlarged = 0;
  const sampled = async (seen: View | SmallCopy, tile: Tile): Promise<Planes> => {
    const before = begun++ * steps;
    return sampleTile(model, seen, plan, tile, async (done) => onStep?.(before + done, total));
  };
  if (scale > 1) {
    const copy = await made.of(plan, async () => {
      const small = new SmallCopy(view, scale), keep: Put = (place, there) => small.put(place, there);
      await mapTiles(tiles, plan.workedOn, (tile) => sampled(small, tile), TILE_OVERLAP, keep);
      return small;
    });
    const enlarge = async (piece: Tile): Promise<Planes> => {
      const there = await copy.enlarge(model, piece);
      await onStep?.(tiles.length * steps + ++enlarged, total);
      return there;
    };
    await mapTiles(pieces, view.size, enlarge, PIECE_OVERLAP, put);
  } else if (tiles.length > 1) {
    await mapTiles(tiles, view.size, (tile) => sampled(view, tile), TILE_OVERLAP, put);
  } else {
    const whole = await made.of(plan, () => sampled(view, tiles[0]));
    put(tiles[0], { ...whole, data: whole.data.slice() });
  }
}

/** Sample one tile of what is worked on: (3, h, w) unit. */
async function sampleTile(model: Model, seen: View | SmallCopy, plan: Plan, tile: Tile, onStep: OnStep): Promise<Planes> {
  const { footprint } = model.card, { preset, scale } = plan, [rows, columns] = plan.look.inside.size;
  const { padded, top, left } = padLike(seen.of(tile), footprint.sizeMultiple, footprint.padding);
  const { height, width } = padded;
  const edges = [tile.top, tile.left, tile.top + height, tile.left + width];
  const box = Float32Array.from(edges, (edge, i) => (edge * scale) / (i % 2 ? columns : rows));
  const known = await model.bind({ low: padded, box }, await plan.condition(model));
  const denoise = async (x: Float32Array, abar: number): Promise<Float32Array> =>
    (await model.predict(known, planesOf(3, height, width, x), abar))[preset.predicts].data;
  const noise = (draw: number): Float32Array =>
    noiseField(plan.settings.seed, draw, 3, { top: tile.top, left: tile.left, height, width });
  const x0 = planesOf(3, height, width, await sample(denoise, noise(0), plan.ladder, preset, noise, onStep));
  return unitCut(x0, top, left, tile);
}

/** Signed to unit in [0, 1], without what was padded. */
function unitCut(x0: Planes, top: number, left: number, { height, width }: Tile): Planes {
  const made = planesOf(3, height, width);
  for (let channel = 0, place = 0; channel < 3; channel++) {
    const values = plane(x0, channel);
    for (let row = 0; row < height; row++) {
      const start = (top + row) * x0.width + left;
      for (let at = start; at < start + width; at++) {
        const unit = Math.fround(values[at] + 1) * 0.5;
        made.data[place++] = unit < 0 ? 0 : unit > 1 ? 1 : unit;
      }
    }
  }
  return made;
}
