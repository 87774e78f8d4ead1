/** A model as the rest of the engine sees it. As Python's `runtime/model.py`; every network is asked asynchronously. */

import type { Planes } from "./arrays.ts";
import type { Intervals, ModelCard } from "./card.ts";
import type { Overview } from "./overview.ts";

/** The mean coded value that a result shall have, in (0, 1), and how many stops of it that may be off either way: 0 where
 * the mean itself was asked for. */
export interface Guess {
  readonly brightness: number;
  readonly doubt: number;
}

/** Values that go into a network or come out of it: its dimensions, the batch of one first. */
export interface Tensor {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** By the names of inputs and outputs. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** A part of a photo at full resolution. */
export interface Piece {
  /** (3, h, w) unit. */
  readonly low: Planes;
  /** (4,) fractions of the photo: top, left, bottom, right. */
  readonly box: Float32Array;
}

/** A card and what runs its graphs. */
export interface Model {
  readonly card: ModelCard;
  /** Bytes that a photo may take in all, the page itself included. */
  readonly memory: number;
  /** How far results may be off; null for a model that nobody has calibrated, or that does not guess exposures. */
  readonly intervals: Intervals | null;
  /** Whether the brightness wanted is an input of this model. */
  readonly controlsExposure: boolean;
  /** Whether it brings what it made of a small copy of a photo to full size. */
  readonly enlarges: boolean;
  /** How bright a good version of this photo would be; null where the model does not say. */
  guessExposure(overview: Overview): Promise<Guess | null>;
  /** All that is known of the photo before any piece of it is worked on; computed once per plan. */
  condition(overview: Overview, wanted: Guess | null): Promise<Tensors>;
  /** All that is known of a piece of the photo that `condition` is about; computed once per piece, not once per step. */
  bind(piece: Piece, condition: Tensors): Promise<Tensors>;
  /** One step of the network on what {@link bind} made: x (3, h, w) signed at level `abar`; the prediction ("eps" or
   * "x0", as the preset says) by name. */
  predict(known: Tensors, x: Planes, abar: number): Promise<Readonly<Record<string, Planes>>>;
  /** A piece of a photo, low (3, h, w), at full size from a small copy of it: what was seen and made of that, and how much
   * the latter changes with the former, each (3, h/2, w/2), interpolated there. All unit but for slopes; h and w are
   * multiples of 4. */
  enlarge(low: Planes, seen: Planes, made: Planes, slope: Planes): Promise<Planes>;
}
