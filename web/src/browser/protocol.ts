/** What the page and its worker say to each other. */
import type { Choices, Note } from "../studio.ts";
import type { Packed } from "./packs.ts";
import type { RuntimeCode } from "./runtime.ts";

/** A photo by its number; the worker opens its file when it has not done so yet. */
export interface PhotoRequest {
  photo: number;
  file: File;
}

/** A model's files, to be opened when it is first used. */
export interface ModelPack {
  name: string;
  files: Packed;
}

/** What can be asked for, by name: what goes in, and what comes out. */
export interface Calls {
  /** Start the runtime and open a model. memory: bytes that a photo may take. */
  start: {
    in: { runtime: RuntimeCode; threads: number; memory: number; model: ModelPack };
    out: { computes: string };
  };
  /** Hand over a part that a later call needs: a further model, or a pack of its own. */
  add: { in: ModelPack; out: null };
  open: { in: PhotoRequest; out: { format: string; width: number; height: number } };
  original: { in: PhotoRequest & { side: number }; out: ShownPixels };
  preview: { in: PhotoRequest & { choices: Choices; side: number }; out: ShownPixels };
  enhance: { in: PhotoRequest & { choices: Choices }; out: EnhancedPixels };
  uncertainty: { in: PhotoRequest & { choices: Choices; side: number }; out: ImageBitmap };
  close: { in: { photo: number }; out: null };
}

export interface ShownPixels {
  drawing: ImageBitmap;
  histogram: Uint32Array;
}

export interface EnhancedPixels extends ShownPixels {
  file: Blob;
  /** Of the result's name, with the dot. */
  extension: string;
  seconds: number;
  unchanged: boolean;
  notes: Note[];
}

export type CallName = keyof Calls;

/** To the worker: a call. */
export type Call = { [Name in CallName]: { id: number; call: Name; values: Calls[Name]["in"] } }[CallName];

/** To the worker. */
export type Asked = Call | { cancel: number };

/** From the worker. */
export type Told =
  | { id: number; done: number; total: number; phase: "opening" | "loading" | "enhancing" | "saving" }
  | { id: number; result: unknown }
  | { id: number; failed: Failure };

/** An error on its way to the page: a StudioError's key, or "aborted". */
export interface Failure {
  key: string;
  values: Record<string, string | number>;
  message: string;
}
