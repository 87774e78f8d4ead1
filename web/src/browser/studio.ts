/** The page's Studio that computes in this browser, in a worker. Nothing leaves this device. */
import type { Choices, Enhanced, Facts, OnProgress, Photo, Shown, Studio } from "../studio.ts";
import { StudioError } from "../studio.ts";
import { type CallOptions, WorkerLink } from "./link.ts";
import { note } from "./notes.ts";
import { keepOffline } from "./offline.ts";
import { loadPack, type Packed, unpack } from "./packs.ts";
import type { CallName, Calls, ModelPack } from "./protocol.ts";
import { resultName } from "./files/names.ts";

/** Extensions of what browsers open. */
const OPENS = [".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".gif", ".bmp"];
/** The runtime's build for graphics cards: not a script, as those are opened from disk, where there is no fetching it. */
const GRAPHICS = "packs/graphics.bin";
/** Bytes that a photo may take, where a browser says nothing of its memory, and per GB that it tells of. */
const MEMORY = 2e9, MEMORY_PER_GB = 0.35e9, LEAST_MEMORY = 1e9;

/** What a worker is started with. */
interface Beginning {
  worker: Packed;
  runtime: Packed;
  model: ModelPack;
}

export class BrowserStudio implements Studio {
  private link: WorkerLink | null = null;
  private beginning: Beginning | null = null;
  private onGraphics = false;
  /** By the pack's name. */
  private added = new Map<string, Promise<unknown>>();
  private photos = 0;

  async start(onProgress?: OnProgress): Promise<Facts> {
    const total = 5;
    let done = 0;
    const load = async <Value>(loading: Promise<Value>): Promise<Value> => {
      const loaded = await loading;
      onProgress?.(++done, total, "loading");
      return loaded;
    };
    try {
      const models = JSON.parse(await textOf(await load(loadPack("models")), "models.json")) as Facts["models"];
      const { name } = models[0];
      const [worker, runtime, files] = await Promise.all([
        load(loadPack("worker")), load(loadPack("runtime")), load(loadPack(packOf(name))),
      ]);
      this.beginning = { worker, runtime, model: { name, files } };
      const computes = await load(this.begin(await graphicsBuild()));
      void keepOffline();
      return { models, computes, opens: OPENS, sends: false };
    } catch (error) {
      throw error instanceof StudioError ? error : missing(error);
    }
  }

  async open(file: File, signal?: AbortSignal): Promise<Photo> {
    const photo = ++this.photos;
    const facts = await this.call("open", { photo, file }, { signal });
    return new BrowserPhoto(this, photo, file, facts);
  }

  /** Ask the worker, which is handed the packs first that it needs and has not got. What a graphics card fails to do is done
   * by the processor, from then on. */
  async call<Name extends CallName>(
    name: Name, values: Calls[Name]["in"], options: CallOptions = {}, packs: readonly string[] = [],
  ): Promise<Calls[Name]["out"]> {
    try {
      return await this.callOnce(name, values, options, packs);
    } catch (error) {
      if (!this.onGraphics || !(error instanceof StudioError) || !["internal", "out_of_memory"].includes(error.key)) throw error;
      console.warn("the graphics card failed, and is not used any more:", error);
      await this.begin(null);
      const made = await this.callOnce(name, values, options, packs);
      if (made && "notes" in made) made.notes.push(note("without_graphics", {}));
      return made;
    }
  }

  private async callOnce<Name extends CallName>(
    name: Name, values: Calls[Name]["in"], options: CallOptions, packs: readonly string[],
  ): Promise<Calls[Name]["out"]> {
    if (!this.link) throw new StudioError("internal", {}, "the studio has not started: await start() first");
    for (const pack of packs) await this.need(this.link, pack);
    return this.link.call(name, values, options);
  }

  private async need(link: WorkerLink, pack: string): Promise<void> {
    const adding = this.added.get(pack) ?? loadPack(pack).then((files) => link.call("add", { name: pack, files }, { keep: true }));
    this.added.set(pack, adding);
    try {
      await adding;
    } catch (error) {
      this.added.delete(pack); // a next call tries again
      throw missing(error);
    }
  }

  /** Start a worker: on the graphics card where there is a build for one and it does its work well, else on the processor;
   * what computes. */
  private async begin(graphics: ArrayBuffer | null): Promise<string> {
    if (!this.beginning) throw new TypeError("there is nothing to begin with");
    const { worker, runtime, model } = this.beginning;
    const gigabytes = (navigator as Navigator & { deviceMemory?: number }).deviceMemory;
    const memory = gigabytes ? Math.max(gigabytes * MEMORY_PER_GB, LEAST_MEMORY) : MEMORY;
    const threads = self.crossOriginIsolated ? navigator.hardwareConcurrency : 1;
    this.link?.close();
    this.onGraphics = graphics !== null;
    this.added = new Map([[packOf(model.name), Promise.resolve()]]);
    try {
      this.link = new WorkerLink(await scriptOf(graphics ? await loadPack("graphics") : worker));
      const values = { runtime: graphics ?? runtime, threads, memory, model };
      return (await this.link.call("start", values, { keep: true })).computes;
    } catch (error) {
      if (!graphics) throw error;
      console.warn("the graphics card is not used:", error);
      return this.begin(null);
    }
  }
}

class BrowserPhoto implements Photo {
  readonly name: string;
  readonly format: string;
  readonly width: number;
  readonly height: number;

  constructor(
    private readonly studio: BrowserStudio,
    private readonly photo: number,
    private readonly file: File,
    facts: { format: string; width: number; height: number },
  ) {
    this.name = file.name;
    ({ format: this.format, width: this.width, height: this.height } = facts);
  }

  original(side: number, signal?: AbortSignal): Promise<Shown> {
    return this.studio.call("original", { ...this.request, side }, { signal });
  }

  preview(choices: Choices, side: number, signal?: AbortSignal): Promise<Shown> {
    return this.studio.call("preview", { ...this.request, choices, side }, { signal }, [packOf(choices.model)]);
  }

  async enhance(choices: Choices, onProgress?: OnProgress, signal?: AbortSignal): Promise<Enhanced> {
    const packs = [packOf(choices.model), "jpeg"];
    const { extension, ...made } = await this.studio.call(
      "enhance", { ...this.request, choices }, { signal, onProgress }, packs,
    );
    return { ...made, name: resultName(this.name, extension) };
  }

  uncertainty(choices: Choices, side: number, signal?: AbortSignal): Promise<ImageBitmap> {
    return this.studio.call("uncertainty", { ...this.request, choices, side }, { signal }, [packOf(choices.model)]);
  }

  close(): void {
    this.studio.call("close", { photo: this.photo }).catch((error: unknown) => console.warn("a photo was not let go of:", error));
  }

  private get request(): { photo: number; file: File } {
    return { photo: this.photo, file: this.file };
  }
}

/** The pack that a model lies in. */
function packOf(model: string): string {
  return `model-${model}`;
}

/** What the site has not given. */
function missing(error: unknown): StudioError {
  return new StudioError(navigator.onLine ? "internal" : "offline", {}, error instanceof Error ? error.message : String(error));
}

/** Where a worker's script is found: pages opened from disk may start a worker in no other way. */
async function scriptOf(pack: Packed): Promise<string> {
  return URL.createObjectURL(new Blob([await textOf(pack, "worker.js")], { type: "text/javascript" }));
}

async function textOf(pack: Packed, name: string): Promise<string> {
  return new TextDecoder().decode(await unpack(pack, name));
}

/** The runtime's build for the graphics card; null where there is no card, only software that poses as one, or no fetching
 * it. */
async function graphicsBuild(): Promise<ArrayBuffer | null> {
  if (!("gpu" in navigator) || location.protocol === "file:") return null;
  try {
    const adapter = await navigator.gpu.requestAdapter();
    if (!adapter || adapter.info?.isFallbackAdapter) return null;
    const answer = await fetch(GRAPHICS);
    return answer.ok ? await answer.arrayBuffer() : null;
  } catch (error) {
    console.warn("the graphics card is not used:", error);
    return null;
  }
}
