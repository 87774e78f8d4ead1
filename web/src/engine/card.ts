/** What must be known of a model to run it: plain data that travels beside its graphs as `model.json`. As Python's
 * `runtime/card.py` and `runtime/footprint.py`. */

import { paddedLength, type Padding } from "./arrays.ts";
import { ModelError, UsageError } from "./errors.ts";
import type { SamplerPreset } from "./preset.ts";
import type { Size } from "./tile.ts";

const CARD_FORMAT = "darklift-model-2";

/** The sizes that a network takes, and its memory. */
export interface Footprint {
  /** Sides of what the network sees are multiples of it, in pixels. */
  readonly sizeMultiple: number;
  /** How sides become multiples. */
  readonly padding: Padding;
  /** Memory of a step at its peak for each pixel, beside the picture itself; 0 where the card does not say. */
  readonly bytesPerPixel: number;
}

/** Straight from knot to knot, and level beyond the first and the last: knots, which rise, and a value for each. */
export type Curve = readonly [knots: readonly number[], values: readonly number[]];

/** What widths go by. */
export const KNOWN_OF_A_PLACE = ["tone", "lift", "held", "contrast", "lit"] as const;

/** Half-widths of intervals around a result's coded values that hold the true ones as often as is stated. */
export interface Intervals {
  /** log2 of unit values; their sum is that of a half-width. */
  readonly curves: Readonly<Record<(typeof KNOWN_OF_A_PLACE)[number], Curve>>;
  /** Of half-widths, by the coverage that is stated, in (0, 1). */
  readonly factors: ReadonlyMap<number, number>;
}

/** What must be known of a model to run it. */
export interface ModelCard {
  readonly name: string;
  readonly footprint: Footprint;
  /** Ways of sampling by name; the first is the default. */
  readonly presets: ReadonlyMap<string, SamplerPreset>;
  /** Whether flat dark blocks of a photo are smoothed before the network sees it. */
  readonly deblocks: boolean;
  /** Tells whether two models are the same, wherever their files lie. */
  readonly fingerprint: string;
  /** SHA-256 of each of its graphs' files, by name. */
  readonly files: Readonly<Record<string, string>>;
  /** How far a result may be off; null where nobody has calibrated it. */
  readonly intervals: Intervals | null;
}

/** What (rows, columns) become for the network. */
export function paddedSize(footprint: Footprint, size: Size): Size {
  return [
    paddedLength(size[0], footprint.sizeMultiple, footprint.padding),
    paddedLength(size[1], footprint.sizeMultiple, footprint.padding),
  ];
}

/** The preset of this name, or the default one. Throws UsageError. */
export function presetOf(card: ModelCard, name: string | null): SamplerPreset {
  const preset = name === null ? card.presets.values().next().value : card.presets.get(name);
  if (preset === undefined) {
    throw new UsageError(`model ${card.name} has no preset ${name}: choose from ${[...card.presets.keys()].join(", ")}`);
  }
  return preset;
}

/** A card by what its file holds. Throws ModelError for another kind of file, and for a network that sees all of its
 * input at once, which is not run here. */
export function cardOf(values: any): ModelCard {
  if (values?.format !== CARD_FORMAT) {
    throw new ModelError(`a model card of the format ${values?.format}, expected ${CARD_FORMAT}: export the model again`);
  }
  const { footprint, presets, files, intervals } = values;
  if (footprint.sees_whole) {
    throw new ModelError(`model ${values.name} sees whole pictures at once, which takes a server: choose compact or nano`);
  }
  const digests = Object.values(files as Record<string, string>).sort();
  return {
    name: values.name,
    footprint: {
      sizeMultiple: footprint.size_multiple,
      padding: footprint.padding,
      bytesPerPixel: footprint.bytes_per_pixel,
    },
    presets: new Map(Object.entries(presets).map(([name, preset]) => [name, presetFrom(preset)])),
    deblocks: values.deblocks === true,
    fingerprint: `${values.method} ${digests.join(" ") || values.name}`,
    files,
    intervals: intervals ? intervalsFrom(intervals) : null,
  };
}

function presetFrom(values: any): SamplerPreset {
  return {
    steps: values.steps,
    schedule: values.schedule,
    trainSteps: values.train_steps,
    start: values.start,
    end: values.end,
    spacing: values.spacing,
    eta: values.eta,
    clip: values.clip,
    predicts: values.predicts,
    maxSteps: values.max_steps,
  };
}

function intervalsFrom(values: any): Intervals {
  const missing = KNOWN_OF_A_PLACE.filter((name) => !(name in values.curves));
  if (missing.length) throw new ModelError(`a model card's intervals have no curve of ${missing.join(", ")}: export it again`);
  const factors = Object.entries(values.factors as Record<string, number>);
  return { curves: values.curves, factors: new Map(factors.map(([stated, factor]) => [Number(stated), factor])) };
}
