/** The page's end of its worker: calls that can be cancelled, and a new worker where one does not let go. */
import { StudioError } from "../studio.ts";
import type { Asked, Call, CallName, Calls, Failure, Told } from "./protocol.ts";

/** Milliseconds after which a worker that works on something cancelled is ended, when somebody waits for it. The runtime
 * cannot be interrupted within a step, and a new worker takes a second or two to be where the old one was. */
const PATIENCE = 1500;

type Progress = (done: number, total: number, phase: "opening" | "loading" | "enhancing" | "saving") => void;

export interface CallOptions {
  signal?: AbortSignal;
  onProgress?: Progress;
  /** A worker that takes this one's place is asked the same. */
  keep?: boolean;
}

interface Waiting {
  asked: Call;
  onProgress?: Progress;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

export class WorkerLink {
  private worker: Worker | null = null;
  private next = 1;
  private readonly waiting = new Map<number, Waiting>();
  /** Cancelled, and not let go of by the worker yet. */
  private readonly cancelled = new Set<number>();
  private restart: ReturnType<typeof setTimeout> | undefined;

  /** What any new worker is told before all else. */
  private readonly kept: Call[] = [];

  /** source: where the worker's script is. */
  constructor(private readonly source: string) {}

  /** Ask the worker. Rejects with a StudioError, or an AbortError as soon as the signal aborts. */
  async call<Name extends CallName>(
    call: Name, values: Calls[Name]["in"], options: CallOptions = {},
  ): Promise<Calls[Name]["out"]> {
    const { signal, onProgress, keep } = options;
    signal?.throwIfAborted();
    const id = this.next++, asked = { id, call, values } as Call;
    const result = new Promise<unknown>((resolve, reject) => this.waiting.set(id, { asked, onProgress, resolve, reject }));
    const abort = (): void => this.cancel(id, signal?.reason);
    signal?.addEventListener("abort", abort);
    this.running().postMessage(asked);
    this.watch();
    try {
      const made = (await result) as Calls[Name]["out"];
      if (keep) this.kept.push(asked);
      return made;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  private cancel(id: number, reason: unknown): void {
    const waiting = this.waiting.get(id);
    if (!waiting) return;
    this.waiting.delete(id);
    this.cancelled.add(id);
    this.worker?.postMessage({ cancel: id } satisfies Asked);
    waiting.reject(reason ?? new DOMException("cancelled", "AbortError"));
    this.watch();
  }

  /** End a worker that keeps somebody waiting with what was cancelled. */
  private watch(): void {
    if (!this.cancelled.size || !this.waiting.size || this.restart !== undefined) return;
    this.restart = setTimeout(() => {
      this.restart = undefined;
      if (this.cancelled.size && this.waiting.size) this.renew();
    }, PATIENCE);
  }

  private running(): Worker {
    if (!this.worker) {
      this.worker = new Worker(this.source);
      this.worker.onmessage = ({ data }: MessageEvent<Told>) => this.hear(data);
      this.worker.onerror = (event) => this.lose(event.message || "the worker could not be started");
      for (const asked of this.kept) this.worker.postMessage(asked);
    }
    return this.worker;
  }

  private hear(told: Told): void {
    if ("done" in told) return this.waiting.get(told.id)?.onProgress?.(told.done, told.total, told.phase);
    const waiting = this.waiting.get(told.id);
    this.waiting.delete(told.id);
    this.cancelled.delete(told.id);
    if (!this.cancelled.size) this.rest();
    if ("failed" in told) waiting?.reject(errorOf(told.failed));
    else waiting?.resolve(told.result);
  }

  /** A new worker, which is asked all that the old one still owed. */
  private renew(): void {
    const owed = [...this.waiting.values()];
    this.end();
    for (const { asked } of owed) this.running().postMessage(asked);
  }

  /** The worker broke down, most likely for want of memory: whoever waits is told, and the next call starts another. */
  private lose(message: string): void {
    const owed = [...this.waiting.values()];
    this.waiting.clear();
    this.end();
    owed.forEach(({ reject }) => reject(new StudioError("internal", {}, message)));
  }

  /** No more calls: whoever waits is told. */
  close(): void {
    this.lose("the worker was replaced");
  }

  private end(): void {
    this.rest();
    this.worker?.terminate();
    this.worker = null;
    this.cancelled.clear();
  }

  private rest(): void {
    clearTimeout(this.restart);
    this.restart = undefined;
  }
}

function errorOf({ key, values, message }: Failure): unknown {
  if (key === "aborted") return new DOMException(message, "AbortError");
  return new StudioError(key as ConstructorParameters<typeof StudioError>[0], values, message);
}
