/** The worker's end: calls come in, are done one after the other, and can be cancelled while they wait or work. */
import { DarkliftError, ImageError } from "../engine/errors.ts";
import { StudioError } from "../studio.ts";
import type { Asked, Call, CallName, Calls, Failure, Told } from "./protocol.ts";

/** What a call has at hand while it works. */
export interface Job {
  /** Throws an AbortError where the call was cancelled; lets the worker hear of that first. */
  breathe(): Promise<void>;
  tell(done: number, total: number, phase: "opening" | "loading" | "enhancing" | "saving"): void;
}

/** What does the calls; what it hands out in `moves` goes to the page without a copy. */
export type Desk = {
  [Name in CallName]: (values: Calls[Name]["in"], job: Job, moves: Transferable[]) => Promise<Calls[Name]["out"]>;
};

/** Serve the page from now on. */
export function serve(desk: Desk): void {
  const queue: Call[] = [], cancelled = new Set<number>();
  let busy = false;
  const post = (told: Told, moves: Transferable[] = []): void => self.postMessage(told, { transfer: moves });
  const work = async (): Promise<void> => {
    busy = true;
    for (let asked = queue.shift(); asked; asked = queue.shift()) {
      const { id } = asked, moves: Transferable[] = [];
      try {
        const job = jobOf(id, cancelled, post);
        await job.breathe();
        const call = desk[asked.call] as (values: unknown, job: Job, moves: Transferable[]) => Promise<unknown>;
        post({ id, result: await call.call(desk, asked.values, job, moves) }, moves);
      } catch (error) {
        post({ id, failed: failureOf(error) });
      }
      cancelled.delete(id);
    }
    busy = false;
  };
  self.onmessage = ({ data }: MessageEvent<Asked>) => {
    if ("cancel" in data) cancelled.add(data.cancel);
    else queue.push(data);
    if (!busy) void work();
  };
}

function jobOf(id: number, cancelled: ReadonlySet<number>, post: (told: Told) => void): Job {
  const { port1, port2 } = new MessageChannel();
  return {
    async breathe() {
      await new Promise((resolve) => {
        port2.onmessage = resolve;
        port1.postMessage(null);
      });
      if (cancelled.has(id)) throw new DOMException("cancelled", "AbortError");
    },
    tell: (done, total, phase) => post({ id, done, total, phase }),
  };
}

function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof DOMException && error.name === "AbortError") return { key: "aborted", values: {}, message };
  if (error instanceof StudioError) return { key: error.key, values: error.values, message };
  if (error instanceof RangeError || /memory|allocat/i.test(message)) return { key: "out_of_memory", values: {}, message };
  if (error instanceof ImageError) return { key: "too_large", values: {}, message };
  if (!(error instanceof DarkliftError)) console.error(error);
  return { key: "internal", values: { message }, message };
}
