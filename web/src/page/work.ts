/** Works on the photos one after the other, on the one that is looked at first. */
import { StudioError, type Choices, type Drawing, type Photo, type Studio } from "../studio.ts";
import { ASIDE, putAway, smaller, THUMB, type Entry, type Roll } from "./roll.ts";

/** Milliseconds that a slider must rest before a quick look, and before the full picture. */
const REST = { quick: 70, full: 450 };
/** A quick look should take about this long, and has between so many pixels along its longer side. */
const QUICK = { milliseconds: 300, least: 320, most: 1280 };

export interface Hooks {
  /** The longest side of the original that can be drawn here. */
  largest: number;
  quick(entry: Entry): void;
  done(entry: Entry): void;
  failed(entry: Entry): void;
}

export class Work {
  private running: { entry: Entry; stop: AbortController } | null = null;
  private looking: AbortController | null = null;
  private quickSide = 640;
  private lastMoved = -Infinity;

  constructor(private readonly studio: Studio, private readonly roll: Roll, private readonly hooks: Hooks) {}

  get entry(): Entry | null {
    return this.running?.entry ?? null;
  }

  /** There may be something to do. What runs for another photo than the one looked at makes way if that one waits. */
  wake(): void {
    if (!this.running) void this.loop();
    else if (!this.roll.entries.includes(this.running.entry) || this.makesWay(this.running.entry)) {
      this.running.stop.abort();
    }
  }

  /** A photo that is shown smaller than it is, as it was not looked at while it was made: makes it again, to zoom in. */
  sharpen(entry: Entry): void {
    if (entry.state !== "done" || this.isSharp(entry)) return;
    entry.state = "waiting";
    this.wake();
  }

  /** The result in all its pixels. Rejects with an AbortError if it is not made, as something else is asked for. */
  sharpened(entry: Entry): Promise<Drawing> {
    this.sharpen(entry);
    return new Promise((resolve, reject) => {
      const look = () => {
        if (entry.state === "waiting" || entry.state === "opening" || entry.state === "working") return false;
        if (entry.result && entry.after && this.isSharp(entry)) resolve(entry.after.drawing);
        else reject(new DOMException("not made", "AbortError"));
        return true;
      };
      if (!look()) this.roll.until(look);
    });
  }

  private isSharp(entry: Entry): boolean {
    return !entry.size || (entry.after?.drawing.width ?? 0) >= Math.min(entry.size.width, this.hooks.largest);
  }

  /** Other choices for the photo that is looked at. */
  choose(choices: Choices): void {
    const entry = this.roll.current;
    if (!entry) return;
    this.lastMoved = performance.now();
    this.roll.choose(entry, choices);
    // A photo that is being opened goes on being opened; what is made of it later has these choices.
    if (this.running && (this.running.entry !== entry || entry.before)) this.running.stop.abort();
    this.wake();
  }

  /** Nothing more is done until somebody asks for it. */
  stop(): void {
    for (const entry of this.roll.entries) {
      if (["waiting", "opening", "working"].includes(entry.state)) entry.state = "stopped";
    }
    this.running?.stop.abort();
    this.roll.changed();
  }

  /** Tries all that was stopped, or this one that failed. */
  again(failed?: Entry): void {
    for (const entry of this.roll.entries) {
      if (entry.state === "stopped" || entry === failed) {
        entry.state = "waiting";
        entry.failure = null;
      }
    }
    this.roll.changed();
    this.wake();
  }

  /** How far the result may be off; null if something else has been asked for in the meantime. */
  async map(entry: Entry, side: number): Promise<Drawing | null> {
    this.looking?.abort();
    this.looking = new AbortController();
    const { signal } = this.looking;
    try {
      if (!entry.photo) await this.openPhoto(entry, signal);
      return await entry.photo!.uncertainty(entry.choices, side, signal);
    } catch (error) {
      if (signal.aborted) return null;
      throw error;
    } finally {
      if (entry !== this.roll.current) putAway(entry);
    }
  }

  private makesWay(running: Entry): boolean {
    const { current } = this.roll;
    return running !== current && this.roll.next() === current;
  }

  private async loop(): Promise<void> {
    for (let entry = this.roll.next(); entry; entry = this.roll.next()) {
      const stop = new AbortController();
      this.running = { entry, stop };
      try {
        await this.workOn(entry, stop.signal);
      } catch (error) {
        if (!stop.signal.aborted) this.fail(entry, error);
      }
      entry.progress = null;
      if (entry.state === "opening" || entry.state === "working") entry.state = "waiting";
      if (entry !== this.roll.current || !this.roll.entries.includes(entry)) putAway(entry);
      this.roll.changed();
    }
    this.running = null;
  }

  private fail(entry: Entry, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    entry.failure = error instanceof StudioError ? error : new StudioError("internal", { message }, message);
    entry.state = "failed";
    this.hooks.failed(entry);
  }

  private async workOn(entry: Entry, signal: AbortSignal): Promise<void> {
    if (!entry.photo) await this.open(entry, signal);
    if (entry === this.roll.current) await this.quickLook(entry, signal);
    entry.state = "working";
    this.roll.changed();
    const made = await entry.photo!.enhance(entry.choices, (done, total, phase) => {
      if (signal.aborted) return;
      entry.progress = { done, total, phase };
      this.roll.changed();
    }, signal);
    signal.throwIfAborted();
    const { file, name, seconds, unchanged, notes } = made;
    entry.result = { file, name, seconds, unchanged, notes };
    entry.state = "done";
    if (entry === this.roll.current) {
      entry.after = made;
      entry.before = await entry.photo!.original(this.hooks.largest, signal);
    } else entry.after = await smaller(made, ASIDE);
    entry.quick = false;
    entry.thumb = (await smaller(entry.after, THUMB)).drawing;
    this.hooks.done(entry);
  }

  private async open(entry: Entry, signal: AbortSignal): Promise<void> {
    entry.state = "opening";
    this.roll.changed();
    const photo = await this.openPhoto(entry, signal);
    entry.size = { width: photo.width, height: photo.height };
    entry.before ??= await photo.original(ASIDE, signal);
    entry.thumb ??= (await smaller(entry.before, THUMB)).drawing;
    this.roll.changed();
  }

  private async openPhoto(entry: Entry, signal: AbortSignal): Promise<Photo> {
    const photo = await this.studio.open(entry.file, signal);
    if (entry.photo) photo.close(); // somebody was faster
    return (entry.photo ??= photo);
  }

  /** Once the slider rests: a small picture first, then, if it rests longer, the way is free for the full one. */
  private async quickLook(entry: Entry, signal: AbortSignal): Promise<void> {
    await this.rest(REST.quick, signal);
    const start = performance.now();
    const { width, height } = entry.photo!;
    if (entry.result || this.quickSide >= Math.max(width, height)) return;
    entry.after = await entry.photo!.preview(entry.choices, this.quickSide, signal);
    signal.throwIfAborted();
    entry.quick = true;
    this.tune(performance.now() - start);
    this.hooks.quick(entry);
    this.roll.changed();
    await this.rest(REST.full, signal);
  }

  private tune(took: number): void {
    const side = this.quickSide * Math.sqrt(QUICK.milliseconds / Math.max(took, 20));
    this.quickSide = Math.round(Math.max(QUICK.least, Math.min(QUICK.most, (this.quickSide + side) / 2)));
  }

  private rest(milliseconds: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const left = this.lastMoved + milliseconds - performance.now();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, Math.max(0, left));
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        reject(signal.reason as Error);
      });
    });
  }
}
