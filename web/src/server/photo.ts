/** A photo that the server holds, and holds again where it has let it go. */

import {
  StudioError, type Choices, type Drawing, type Enhanced, type Note, type OnProgress, type Photo, type Shown,
} from "../studio.ts";
import { drawingOf, shownOf } from "./drawings.ts";
import { eventsOf } from "./events.ts";
import { Forgotten, studioError, type Problem, type Server } from "./http.ts";

/** What the server tells of a photo. */
export interface PhotoFacts {
  id: string;
  format: string;
  result_extension: string;
  width: number;
  height: number;
}

interface ResultFacts {
  extension: string;
  media_type: string;
  seconds: number;
  share: number;
  unchanged: boolean;
  holds_nothing: boolean;
  warnings: string[];
}

interface JobFacts {
  id: string;
  state: "waiting" | "running" | "done" | "failed" | "cancelled";
  done: number;
  total: number;
  result?: ResultFacts;
  problem?: Problem;
}

/** What every browser shows that runs the page. */
const SHOWN = ["image/jpeg", "image/png", "image/webp", "image/avif", "image/gif", "image/bmp"];

export async function openPhoto(server: Server, file: File, extensions: string[][], signal?: AbortSignal): Promise<Photo> {
  return new ServerPhoto(server, file, extensions, await send(server, file, signal));
}

async function send(server: Server, file: File, signal?: AbortSignal): Promise<PhotoFacts> {
  await checkReadable(file);
  const answer = await server.askPatiently("photos", { method: "POST", body: file, signal });
  return (await answer.json()) as PhotoFacts;
}

/** Sending a folder, or a file that has gone, fails as if the server did not answer. Rejects with a StudioError. */
async function checkReadable(file: File): Promise<void> {
  let start: ArrayBuffer;
  try {
    start = await file.slice(0, 1).arrayBuffer();
  } catch (error) {
    throw new StudioError("unreadable", {}, String(error));
  }
  if (!start.byteLength) throw new StudioError("unsupported", {}, "the file is empty");
}

class ServerPhoto implements Photo {
  readonly name: string;
  readonly format: string;
  readonly width: number;
  readonly height: number;
  private closed = false;

  /** extensions: the lists of those that mean the same format. */
  constructor(
    private readonly server: Server,
    private readonly file: File,
    private readonly extensions: string[][],
    private facts: PhotoFacts,
  ) {
    this.name = file.name;
    this.format = facts.format;
    this.width = facts.width;
    this.height = facts.height;
  }

  original(side: number, signal?: AbortSignal): Promise<Shown> {
    return this.held(signal, async (photo) => {
      const query = new URLSearchParams({ side: String(Math.round(side)), as: drawnAs() });
      return shownOf(await this.blob(`${photo}/original?${query}`, signal));
    });
  }

  preview(choices: Choices, side: number, signal?: AbortSignal): Promise<Shown> {
    return this.held(signal, async (photo) => {
      const query = fieldsOf(choices, { side: String(Math.round(side)), as: drawnAs() });
      return shownOf(await this.blob(`${photo}/preview?${query}`, signal));
    });
  }

  uncertainty(choices: Choices, side: number, signal?: AbortSignal): Promise<Drawing> {
    return this.held(signal, async (photo) => {
      const query = fieldsOf(choices, { side: String(Math.round(side)) });
      return drawingOf(await this.blob(`${photo}/uncertainty?${query}`, signal));
    });
  }

  async enhance(choices: Choices, onProgress?: OnProgress, signal?: AbortSignal): Promise<Enhanced> {
    const job = await this.held(signal, async () => this.begin(choices, signal));
    try {
      const facts = await this.follow(job, onProgress, signal);
      const file = await this.blob(`jobs/${job}/result`, signal);
      const shown = SHOWN.includes(facts.media_type) ? file : await this.blob(`jobs/${job}/picture?as=png`, signal);
      return {
        ...(await shownOf(shown)),
        file,
        name: this.resultName(facts.extension),
        seconds: facts.seconds,
        unchanged: facts.unchanged,
        notes: notesOf(facts),
      };
    } finally {
      this.forget(`jobs/${job}`); // stops it where it still runs
    }
  }

  close(): void {
    if (!this.closed) this.forget(`photos/${this.facts.id}`);
    this.closed = true;
  }

  private async begin(choices: Choices, signal?: AbortSignal): Promise<string> {
    const query = fieldsOf(choices, { photo: this.facts.id });
    const answer = await this.server.askPatiently(`jobs?${query}`, { method: "POST", signal });
    return ((await answer.json()) as JobFacts).id;
  }

  private async follow(job: string, onProgress?: OnProgress, signal?: AbortSignal): Promise<ResultFacts> {
    const answer = await this.server.ask(`jobs/${job}/events`, { signal });
    try {
      for await (const event of eventsOf(answer)) {
        const facts = JSON.parse(event.data) as JobFacts;
        if (facts.problem) throw studioError(facts.problem);
        if (facts.result) return facts.result;
        onProgress?.(facts.done, facts.total, phaseOf(facts));
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw error instanceof StudioError ? error : new StudioError("offline", {}, String(error));
    }
    return this.ended(job, signal);
  }

  /** Of a job whose events have broken off. */
  private async ended(job: string, signal?: AbortSignal): Promise<ResultFacts> {
    const facts = await this.server.json<JobFacts>(`jobs/${job}`, { signal });
    if (facts.result) return facts.result;
    throw facts.problem ? studioError(facts.problem) : new StudioError("server", {}, `the job is ${facts.state}`);
  }

  /** Do something with the photo that the server holds; where it holds it no more, send it once more. */
  private async held<T>(signal: AbortSignal | undefined, use: (address: string) => Promise<T>): Promise<T> {
    try {
      return await use(`photos/${this.facts.id}`);
    } catch (error) {
      if (!(error instanceof Forgotten) || this.closed) throw error;
      this.facts = await send(this.server, this.file, signal);
      return use(`photos/${this.facts.id}`);
    }
  }

  private async blob(path: string, signal?: AbortSignal): Promise<Blob> {
    const answer = await this.server.askPatiently(path, { signal });
    try {
      return await answer.blob();
    } catch (error) {
      signal?.throwIfAborted();
      throw new StudioError("offline", {}, String(error));
    }
  }

  /** Nobody waits for the answer, and what the server keeps it lets go by itself after a while. */
  private forget(path: string): void {
    this.server.ask(path, { method: "DELETE", keepalive: true }).catch(() => undefined);
  }

  private resultName(extension: string): string {
    const dot = this.name.lastIndexOf(".");
    const [stem, own] = dot > 0 ? [this.name.slice(0, dot), this.name.slice(dot)] : [this.name, ""];
    const same = this.extensions.some((all) => all.includes(extension) && all.includes(own.toLowerCase()));
    return `${stem}_enhanced${same ? own : extension}`;
  }
}

function notesOf({ share, holds_nothing, warnings }: ResultFacts): Note[] {
  const notes: Note[] = warnings.map((text) => ({ key: "left_out", values: { what: text } }));
  return holds_nothing && !share ? [{ key: "nothing" }, ...notes] : notes;
}

function phaseOf(facts: JobFacts): "opening" | "enhancing" | "saving" {
  if (!facts.done) return "opening";
  return facts.done < facts.total ? "enhancing" : "saving";
}

/** Without loss where nothing has to go far; else a fifth of the bytes. */
function drawnAs(): string {
  return ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname) ? "png" : "jpg";
}

function fieldsOf(choices: Choices, more: Record<string, string>): URLSearchParams {
  const fields = new URLSearchParams(more);
  for (const [name, value] of Object.entries(choices)) {
    if (value === null) continue;
    fields.set(name, name === "exposure" && Number(value) >= 0 ? `+${value}` : String(value));
  }
  return fields;
}
