/** What shall happen to one photo, decided by one look at it. As Python's `pipeline/plan.py`. */

import { type Intervals, presetOf } from "./card.ts";
import type { Smoothing } from "./deblock.ts";
import { UsageError } from "./errors.ts";
import { type Aim, aimFor, litKept } from "./exposure.ts";
import { type Look, lookAt, type Pause } from "./look.ts";
import { tileSide } from "./memory.ts";
import type { Model, Tensors } from "./model.ts";
import type { Picture } from "./picture.ts";
import { ladderOf, type SamplerPreset } from "./preset.ts";
import { type Restraint, restrain } from "./restraint.ts";
import type { Ladder } from "./schedule.ts";
import { piecesOf, scaleFor, smallSize } from "./scaled.ts";
import { DEFAULTS, type Settings } from "./settings.ts";
import { planTiles, type Size, type Tile } from "./tile.ts";
import { Tone } from "./tone.ts";
import { brightnessOf } from "./trust.ts";

/** Pixels. The bundled networks see 148 around them, of which the farthest hardly count. */
export const TILE_OVERLAP = 128;
/** For each pixel, of a map of uncertainty and what is drawn of it. */
const MAP_BYTES = 8;

/** What shall happen to one photo. */
export class Plan {
  /** fingerprint: of the model that it was made for. preset, ladder: how the model is sampled. aim: the brightness to ask
   * for; null where the model takes none. tiles: the pieces that are sampled one by one, which overlap. scale: pixels along one of the small copy that is
   * worked on; 1 where the photo itself is. pieces: of the photo, which are brought to full size one by one where a small
   * copy was worked on; they overlap, too. intervals: how far the result may be off, where that was asked for and the
   * model's card tells it. */
  constructor(
    readonly fingerprint: string,
    readonly settings: Settings,
    readonly look: Look,
    readonly preset: SamplerPreset,
    readonly ladder: Ladder,
    readonly aim: Aim | null,
    readonly tiles: readonly Tile[],
    readonly scale: number,
    readonly pieces: readonly Tile[],
    readonly intervals: Intervals | null,
  ) {}

  private known: Promise<Tensors> | null = null;

  /** All that the network is told of the whole photo, by the names of its inputs: made when it is first asked for, as a
   * photo that stays as it is needs none. model: the one that the plan was made for. */
  condition(model: Model): Promise<Tensors> {
    return (this.known ??= model.condition(this.look.overview, this.aim && this.aim.wanted));
  }

  /** Sampling steps. */
  get steps(): number {
    return this.ladder.length - 1;
  }

  /** Of what is sampled: of the part inside, or of its small copy. */
  get workedOn(): Size {
    return smallSize(this.look.inside.size, this.scale);
  }

  /** How much of what the model makes goes into the result, in [0, 1]; the rest is the photo itself. */
  get share(): number {
    return this.nothingToDo ? 0 : this.aim === null ? 1 : this.aim.share;
  }

  /** What is done to tones and colours after the model; null for nothing. */
  get tone(): Tone | null {
    return this.nothingToDo ? null : Tone.of(this.settings);
  }

  private get nothingToDo(): boolean {
    return this.look.hidden || (this.look.empty && this.settings.exposure === null);
  }

  /** Whether the result is the photo itself. */
  get unchanged(): boolean {
    return !this.settings.strength || (!this.share && this.tone === null);
  }

  /** Of the photo's flat dark blocks; null where there is none to do, or none is wanted. The look, and so the brightness,
   * is that of the smooth photo either way: a switch needs no other look. */
  get smoothing(): Smoothing | null {
    return this.settings.deblock === "auto" ? this.look.smoothing : null;
  }

  /** How far the model may go at each place; null for as far as it likes. Made anew each time. */
  get restraint(): Restraint | null {
    const { signal } = this.look;
    if (signal === null || this.aim === null || this.settings.lift !== "trusted") return null;
    const wanted = this.aim.wanted.brightness;
    return restrain(signal, wanted, litKept(this.settings.exposure, wanted, brightnessOf(signal.scene)));
  }

  /** The mean sRGB-coded value asked of the model; null where it takes none. */
  get brightness(): number | null {
    return this.aim === null ? null : this.aim.wanted.brightness;
  }
}

/** Look at the picture once and decide all that is decided about it: cheap beside doing it.
 *
 * pause: is called between the pieces of the look, and may throw to end it. Throws UsageError for settings that this model
 * cannot do, ImageError where there is too little memory. */
export async function plan(model: Model, picture: Picture, settings: Settings = DEFAULTS, pause?: Pause): Promise<Plan> {
  checkSettings(model, settings);
  return decide(model, await lookAt(model, picture, pause), settings);
}

/** The same photo under other settings, without looking at it again. Throws UsageError. */
export function replan(model: Model, made: Plan, settings: Settings): Plan {
  checkMadeFor(model, made);
  checkSettings(model, settings);
  return decide(model, made.look, settings);
}

/** Throw UsageError for a plan of another model. */
export function checkMadeFor(model: Model, made: Plan): void {
  if (made.fingerprint !== model.card.fingerprint) {
    throw new UsageError(`the plan was made for another model than ${model.card.name}: plan anew`);
  }
}

/** Throw UsageError for settings that this model cannot do, whatever the photo. */
export function checkSettings(model: Model, settings: Settings): void {
  const { name } = model.card;
  checkedLadder(presetOf(model.card, settings.preset), settings.steps);
  if (settings.exposure !== null && !model.controlsExposure) {
    throw new UsageError(`model ${name} cannot be told how bright to go: leave out the exposure`);
  }
  if (!settings.uncertainty) return;
  if (model.intervals === null) throw new UsageError(`model ${name} does not tell where it is unsure: choose one that does`);
  const known = [...model.intervals.factors.keys()];
  if (!known.includes(settings.coverage)) {
    throw new UsageError(`coverage is ${settings.coverage}, and model ${name} was calibrated for others: choose from ${known}`);
  }
}

/** What shall happen to the photo that was looked at; `settings` are such as this model can do. */
export function decide(model: Model, look: Look, settings: Settings): Plan {
  const { card } = model;
  const preset = presetOf(card, settings.preset);
  const scene = look.signal !== null && settings.lift === "trusted" ? look.signal.scene : null;
  const aim = look.guess && aimFor(settings.exposure, look.guess, look.overview.brightness, scene);
  const { size } = look.inside, scale = model.enlarges ? scaleFor(size, settings.speed, look.drowned) : 1;
  return new Plan(
    card.fingerprint,
    settings,
    look,
    preset,
    checkedLadder(preset, settings.steps),
    aim,
    tilesOf(model, look, settings, smallSize(size, scale)),
    scale,
    scale > 1 ? piecesOf(size) : [],
    settings.uncertainty ? model.intervals : null,
  );
}

function tilesOf(model: Model, look: Look, settings: Settings, workedOn: Size): Tile[] {
  const mapBytes = settings.uncertainty ? MAP_BYTES * look.size[0] * look.size[1] : 0;
  const side = tileSide(model, look, workedOn, mapBytes);
  return planTiles(workedOn, side, TILE_OVERLAP, model.card.footprint.sizeMultiple);
}

function checkedLadder(preset: SamplerPreset, steps: number | null): Ladder {
  try {
    return ladderOf(preset, steps);
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`steps: ${error.message}`);
    throw error;
  }
}
