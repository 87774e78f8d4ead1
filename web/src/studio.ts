/**
 * What the page asks of whatever computes: this browser (`browser/`), or the server that serves the page (`server/`).
 * The page knows nothing else of either.
 */

/** Every choice of one enhancement, by the names and in the ranges of Python's `darklift.Settings`. */
export interface Choices {
  /** One of {@link Facts.models}. */
  model: string;
  /** Steps of the network, 1 to 8; null is the model's own choice. */
  steps: number | null;
  /** Stops brighter or darker than the model would choose, -10 to 10; null lets the model choose. */
  exposure: number | null;
  /** "trusted" keeps black what holds nothing; "full" lifts all. */
  lift: "trusted" | "full";
  /** 0 to 1, how much of the change is kept. */
  strength: number;
  /** -100 to 100 each, neutral at 0. */
  blacks: number;
  shadows: number;
  highlights: number;
  whites: number;
  saturation: number;
  /** Whether flat dark blocks are smoothed. */
  deblock: "auto" | "off";
  /** How large photos are worked on: "fast" and "balanced" as a small copy, which is brought to full size; "best" in full. */
  speed: "fast" | "balanced" | "best";
  /** Of the sampling noise. */
  seed: number;
}

export const NEUTRAL: Omit<Choices, "model"> = {
  steps: null,
  exposure: null,
  lift: "trusted",
  strength: 1,
  blacks: 0,
  shadows: 0,
  highlights: 0,
  whites: 0,
  saturation: 0,
  deblock: "auto",
  speed: "balanced",
  seed: 0,
};

export interface Facts {
  /** The first is the default. */
  models: { name: string; title: string; bytes: number; uncertainty: boolean }[];
  /** What computes, for people: "WebGPU", "WebAssembly, 2 threads", "server, 2 cores". */
  computes: string;
  /** Extensions that can be opened, with the dot, lower case. */
  opens: string[];
  /** Whether pictures leave this device. */
  sends: boolean;
}

/** Something to draw; (width, height) as seen, orientation applied, sRGB. */
export type Drawing = ImageBitmap;

export interface Shown {
  drawing: Drawing;
  /** 3 × 256 counts: red, green, blue, of all of the drawing's pixels. */
  histogram: Uint32Array;
}

export interface Enhanced extends Shown {
  /** The file to download: the original's format and metadata. */
  file: Blob;
  /** Its name: night.jpg gives night_enhanced.jpg. */
  name: string;
  /** Of computing. */
  seconds: number;
  /** Nothing had to be done: the file is the original, byte for byte. */
  unchanged: boolean;
  /** What was lost or done otherwise, for people; mostly empty. Each is a key of the page's texts with its values. */
  notes: Note[];
}

export interface Note {
  key: string;
  values?: Record<string, string | number>;
}

/** done of total, in whatever units; phase is a key of the page's texts. */
export type OnProgress = (done: number, total: number, phase: "opening" | "loading" | "enhancing" | "saving") => void;

/** Why something could not be done; `key` is a key of the page's texts, `values` what it mentions. */
export class StudioError extends Error {
  constructor(
    readonly key:
      | "unreadable" | "unsupported" | "too_large" | "out_of_memory" | "busy" | "offline" | "token" | "server" | "internal",
    readonly values: Record<string, string | number> = {},
    message: string = key,
  ) {
    super(message);
  }
}

/** A photo that is open. Everything that takes time ends with an AbortError soon after its signal aborts. */
export interface Photo {
  readonly name: string;
  readonly format: string;
  readonly width: number;
  readonly height: number;
  /** The photo as it is, at most `side` pixels along its longer side. */
  original(side: number, signal?: AbortSignal): Promise<Shown>;
  /** A quick look at what {@link enhance} would make, at most `side` pixels along its longer side. Looking at the photo
   * (the plan) takes place once; each further call only renders. */
  preview(choices: Choices, side: number, signal?: AbortSignal): Promise<Shown>;
  enhance(choices: Choices, onProgress?: OnProgress, signal?: AbortSignal): Promise<Enhanced>;
  /** How far the result may be off at each place, drawn in colours, at most `side` pixels along its longer side. */
  uncertainty(choices: Choices, side: number, signal?: AbortSignal): Promise<Drawing>;
  /** Frees what it holds. */
  close(): void;
}

export interface Studio {
  /** Once, before anything else. */
  start(onProgress?: OnProgress): Promise<Facts>;
  /** Throws StudioError for what is no photo, or one that cannot be opened here. */
  open(file: File, signal?: AbortSignal): Promise<Photo>;
}
