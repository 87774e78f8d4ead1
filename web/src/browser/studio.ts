/** The page's Studio that computes in this browser, in a worker. Nothing leaves this device. */
import type { Choices, Enhanced, Facts, OnProgress, Photo, Shown, Studio } from "../studio.ts";
import { StudioError } from "../studio.ts";
import { WorkerLink } from "./link.ts";
import { keepOffline } from "./offline.ts";
import { loadPack, type Packed, unpack } from "./packs.ts";
import { resultName } from "./files/names.ts";

/** Extensions of what browsers open. */
const OPENS = [".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".gif", ".bmp"];
/** The runtime's build for graphics cards: not a script, as those are opened from disk, where there is no fetching it. */
const GRAPHICS = "packs/graphics.bin";
/** Bytes that a photo may take, where a browser says nothing of its memory, and per GB that it tells of. */
const MEMORY = 2e9, MEMORY_PER_GB = 0.35e9;

interface SiteModel {
  name: string;
  title: string;
  bytes: number;
  uncertainty: boolean;
}

export class BrowserStudio implements Studio {
  private link: WorkerLink | null = null;
  private readonly added = new Map<string, Promise<unknown>>();
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
      const models = JSON.parse(await textOf(await load(loadPack("models")), "models.json")) as SiteModel[];
      const [source, runtime, model] = await Promise.all([
        load(loadPack("worker")), load(loadPack("runtime")), load(loadPack(`model-${models[0].name}`)),
      ]);
      const script = new Blob([await textOf(source, "worker.js")], { type: "text/javascript" });
      this.link = new WorkerLink(URL.createObjectURL(script));
      const computes = await load(this.begin(runtime, { name: models[0].name, files: model }));
      this.added.set(models[0].name, Promise.resolve());
      void keepOffline();
      return { models, computes, opens: OPENS, sends: false };
    } catch (error) {
      if (error instanceof StudioError) throw error;
      throw new StudioError(navigator.onLine ? "internal" : "offline", {}, String(error));
    }
  }

  async open(file: File, signal?: AbortSignal): Promise<Photo> {
    const photo = ++this.photos;
    const facts = await this.worker.call("open", { photo, file }, { signal });
    return new BrowserPhoto(this, photo, file, facts);
  }

  get worker(): WorkerLink {
    if (!this.link) throw new StudioError("internal", {}, "the studio has not started: await start() first");
    return this.link;
  }

  /** Hand the worker what a call needs that it has not got. part: a model's name, or that of another pack. */
  async need(part: string, pack: string, signal?: AbortSignal): Promise<void> {
    const adding = this.added.get(part) ?? this.add(part, pack);
    this.added.set(part, adding);
    try {
      await adding;
    } catch (error) {
      this.added.delete(part); // a next call tries again
      throw new StudioError(navigator.onLine ? "internal" : "offline", {}, String(error));
    }
    signal?.throwIfAborted();
  }

  private async add(name: string, pack: string): Promise<void> {
    await this.worker.call("add", { name, files: await loadPack(pack) }, { keep: true });
  }

  /** Start on the graphics card where there is one that does its work well, else on the processor; what does it. */
  private async begin(runtime: Packed, model: { name: string; files: Packed }): Promise<string> {
    const gigabytes = (navigator as Navigator & { deviceMemory?: number }).deviceMemory;
    const values = {
      runtime, model, memory: gigabytes ? Math.max(gigabytes * MEMORY_PER_GB, 1e9) : MEMORY,
      threads: self.crossOriginIsolated ? navigator.hardwareConcurrency : 1,
    };
    const graphics = await graphicsBuild();
    if (graphics) {
      try {
        const packs = { ...runtime, ...(await loadPack("graphics")) };
        return (await this.worker.call("start", { ...values, runtime: packs, graphics }, { keep: true })).computes;
      } catch (error) {
        console.warn("the graphics card is not used:", error);
      }
    }
    return (await this.worker.call("start", { ...values, graphics: null }, { keep: true })).computes;
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
    return this.studio.worker.call("original", { ...this.request, side }, { signal });
  }

  async preview(choices: Choices, side: number, signal?: AbortSignal): Promise<Shown> {
    await this.studio.need(choices.model, `model-${choices.model}`, signal);
    return this.studio.worker.call("preview", { ...this.request, choices, side }, { signal });
  }

  async enhance(choices: Choices, onProgress?: OnProgress, signal?: AbortSignal): Promise<Enhanced> {
    await this.studio.need(choices.model, `model-${choices.model}`, signal);
    await this.studio.need("jpeg", "jpeg", signal);
    const { extension, ...made } = await this.studio.worker.call("enhance", { ...this.request, choices }, { signal, onProgress });
    return { ...made, name: resultName(this.name, extension) };
  }

  async uncertainty(choices: Choices, side: number, signal?: AbortSignal): Promise<ImageBitmap> {
    await this.studio.need(choices.model, `model-${choices.model}`, signal);
    return this.studio.worker.call("uncertainty", { ...this.request, choices, side }, { signal });
  }

  close(): void {
    void this.studio.worker.call("close", { photo: this.photo });
  }

  private get request(): { photo: number; file: File } {
    return { photo: this.photo, file: this.file };
  }
}

async function textOf(pack: Packed, name: string): Promise<string> {
  return new TextDecoder().decode(await unpack(pack, name));
}

/** The runtime's build for the graphics card; null where there is no card, or no fetching it. */
async function graphicsBuild(): Promise<ArrayBuffer | null> {
  const { gpu } = navigator as Navigator & { gpu?: { requestAdapter(): Promise<object | null> } };
  try {
    if (location.protocol === "file:" || !(await gpu?.requestAdapter())) return null;
    const answer = await fetch(GRAPHICS);
    return answer.ok ? await answer.arrayBuffer() : null;
  } catch (error) {
    console.warn("the graphics card is not used:", error);
    return null;
  }
}
