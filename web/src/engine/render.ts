/** Doing what a plan says: from noise and a dark picture to a bright one. As Python's `pipeline/render.py`. */
import { padLike, plane, planesOf, type Planes } from "./arrays.ts";
import { Canvas, type OnDoubt } from "./compose.ts";
import { UsageError } from "./errors.ts";
import { mapTiles } from "./fade.ts";
import type { Model } from "./model.ts";
import { noiseField } from "./noise.ts";
import type { Picture } from "./picture.ts";
import { type Plan, TILE_OVERLAP } from "./plan.ts";
import { sample } from "./sampler.ts";
import type { Tile } from "./tile.ts";
import { View } from "./view.ts";

/** Told (steps done, steps in all); waited for. What it throws ends the work. */
export type OnStep = (done: number, total: number) => Promise<void>;

/** What the network made last of one picture in one piece: tones and strength change without asking it again. */
export class Made {
  private key = "";
  private planes: Planes | null = null;

  /** A copy of what was made by the same wish, or what `make` makes. */
  async of(plan: Plan, make: () => Promise<Planes>): Promise<Planes> {
    const { settings, aim, ladder, look } = plan;
    const key = JSON.stringify([plan.fingerprint, look.size, look.inside, aim?.wanted, ladder, settings.seed, settings.deblock]);
    if (this.key !== key || !this.planes) {
      this.planes = await make();
      this.key = key;
    }
    return { ...this.planes, data: this.planes.data.slice() };
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
  const { onStep, onDoubt } = options, { look, settings } = plan;
  if (look.size[0] !== picture.height || look.size[1] !== picture.width) {
    throw new UsageError(`the plan was made for ${look.size} rows and columns, got a picture of others: plan each picture`);
  }
  const view = new View(picture, look.inside, look.fill, plan.smoothing);
  const doubt: OnDoubt | null = onDoubt && plan.intervals ? (place, widths) => onDoubt(place, widths, result) : null;
  const canvas = new Canvas(view, plan, doubt), result = canvas.picture();
  if (plan.share * settings.strength === 0) {
    canvas.putOwn();
    await onStep?.(plan.steps, plan.steps);
    return result;
  }
  let number = 0;
  const sampled = async (tile: Tile): Promise<Planes> => {
    const before = number++ * plan.steps, total = plan.tiles.length * plan.steps;
    return sampleTile(model, view, plan, tile, async (done) => onStep?.(before + done, total));
  };
  const whole = plan.tiles.length === 1 ? options.made : undefined;
  const work = (tile: Tile): Promise<Planes> => (whole ? whole.of(plan, () => sampled(tile)) : sampled(tile));
  await mapTiles(plan.tiles, look.inside.size, work, TILE_OVERLAP, (place, made) => canvas.put(place, made));
  return result;
}

/** Sample one tile: (3, h, w) unit. */
async function sampleTile(model: Model, view: View, plan: Plan, tile: Tile, onStep: OnStep): Promise<Planes> {
  const { footprint } = model.card, { preset } = plan, [rows, columns] = view.size;
  const { padded, top, left } = padLike(view.of(tile), footprint.sizeMultiple, footprint.padding);
  const { height, width } = padded;
  const box = Float32Array.of(
    tile.top / rows, tile.left / columns, (tile.top + height) / rows, (tile.left + width) / columns,
  );
  const known = await model.bind({ low: padded, box }, plan.condition);
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
