/** The photos on the film strip, and which of them is looked at. */
import type { Choices, Drawing, Enhanced, OnProgress, Photo, Shown, StudioError } from "../studio.ts";

export type State = "waiting" | "opening" | "working" | "done" | "stopped" | "failed";
export type Phase = Parameters<OnProgress>[2];

/** What can be saved. */
export type Result = Pick<Enhanced, "file" | "name" | "seconds" | "unchanged" | "notes">;

export interface Entry {
  readonly file: File;
  choices: Choices;
  state: State;
  /** Open only while it is worked on or looked at. */
  photo: Photo | null;
  size: { width: number; height: number } | null;
  before: Shown | null;
  after: Shown | null;
  /** Whether `after` is a quick look only. */
  quick: boolean;
  /** Of exactly these choices; null while there is none. */
  result: Result | null;
  map: Drawing | null;
  thumb: Drawing | null;
  failure: StudioError | null;
  progress: { done: number; total: number; phase: Phase } | null;
}

/** Pixels along the longer side of a drawing of a photo that is not looked at, and of its thumbnail. */
export const ASIDE = 1600;
export const THUMB = 160;

export class Roll {
  readonly entries: Entry[] = [];
  current: Entry | null = null;
  private listeners: (() => void)[] = [];

  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Calls at every change until the answer is true. */
  until(look: () => boolean): void {
    const listener = () => {
      if (look()) this.listeners = this.listeners.filter((other) => other !== listener);
    };
    this.listeners.push(listener);
  }

  changed(): void {
    for (const listener of this.listeners) listener();
  }

  /** Puts them at the end; the first of them is looked at if none was. */
  add(files: File[], choices: Choices): void {
    const added = files.map((file): Entry => ({
      file, choices: { ...choices }, state: "waiting", photo: null, size: null, before: null, after: null, quick: false,
      result: null, map: null, thumb: null, failure: null, progress: null,
    }));
    this.entries.push(...added);
    if (!this.current || this.current.state === "failed") this.current = added[0] ?? this.current;
    this.changed();
  }

  select(entry: Entry): void {
    if (this.current === entry) return;
    const { current } = this;
    if (current && current.state !== "opening" && current.state !== "working") putAway(current);
    this.current = entry;
    this.changed();
    if (current) void this.shrink(current);
  }

  /** Several photos in all their pixels are more than a phone can hold. */
  private async shrink(entry: Entry): Promise<void> {
    for (const layer of ["before", "after"] as const) {
      const shown = entry[layer];
      const small = shown && (await smaller(shown, ASIDE));
      if (!small || small === shown || entry === this.current || entry[layer] !== shown) continue;
      entry[layer] = small;
      shown.drawing.close();
    }
  }

  /** The next (1) or the previous (-1) photo is looked at. */
  turn(by: 1 | -1): void {
    const next = this.entries[this.entries.indexOf(this.current as Entry) + by];
    if (next) this.select(next);
  }

  remove(entry: Entry): void {
    const at = this.entries.indexOf(entry);
    if (at < 0) return;
    this.entries.splice(at, 1);
    if (this.current === entry) this.current = this.entries[at] ?? this.entries[at - 1] ?? null;
    if (entry.state !== "opening" && entry.state !== "working") putAway(entry); // else whoever works on it does
    this.changed();
  }

  /** Other choices: what was made by the old ones is only shown until there is something better. */
  choose(entry: Entry, choices: Choices): void {
    entry.choices = choices;
    entry.result = null;
    entry.map = null;
    if (entry.state === "failed" && !entry.photo) return;
    entry.failure = null;
    entry.state = "waiting";
    this.changed();
  }

  /** What still has to be worked on, the one that is looked at first. */
  next(): Entry | null {
    const open = (entry: Entry | null) => entry !== null && !["done", "stopped", "failed"].includes(entry.state);
    return open(this.current) ? this.current : (this.entries.find(open) ?? null);
  }
}

/** Frees what a photo holds that is not looked at; what is shown of it stays. */
export function putAway(entry: Entry): void {
  entry.photo?.close();
  entry.photo = null;
  entry.map = null;
}

/** The same, at most `side` pixels along its longer side. */
export async function smaller(shown: Shown, side: number): Promise<Shown> {
  const { width, height } = shown.drawing;
  const scale = side / Math.max(width, height);
  if (scale >= 1) return shown;
  const drawing = await createImageBitmap(shown.drawing, {
    resizeWidth: Math.max(1, Math.round(width * scale)),
    resizeHeight: Math.max(1, Math.round(height * scale)),
    resizeQuality: "high",
  });
  return { drawing, histogram: shown.histogram };
}
