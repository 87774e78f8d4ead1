/** What the worker does: photos are opened, looked at once for each model, and rendered as often as is asked. */
import type { Look } from "../engine/look.ts";
import { lookAt } from "../engine/look.ts";
import { checkSettings, decide, type Plan } from "../engine/plan.ts";
import { lookOfReduced, reduced } from "../engine/reduce.ts";
import { Made, render } from "../engine/render.ts";
import { type Settings, settingsOf } from "../engine/settings.ts";
import { type Choices, StudioError } from "../studio.ts";
import { bitmapOf, shown } from "./shown.ts";
import { DoubtMap } from "./doubt_map.ts";
import { openFile, type OpenFile } from "./files/open.ts";
import { saveFile } from "./files/save.ts";
import { type OnnxModel, openModel } from "./model.ts";
import { note } from "./notes.ts";
import { type Packed, unpack } from "./packs.ts";
import type { Calls, EnhancedPixels, PhotoRequest, ShownPixels } from "./protocol.ts";
import type { Desk, Job } from "./queue.ts";
import { type Runtime, startRuntime } from "./runtime.ts";

/** A photo, and what has been found out about it. */
interface OpenPhoto extends OpenFile {
  /** By the model's name. */
  looks: Map<string, Look>;
  /** Of its quick looks, and of all of it. */
  small: Made;
  whole: Made;
  /** Of the last full result, and the choices that it was made by. */
  doubt: { choices: string; map: DoubtMap } | null;
}

export class Bench implements Desk {
  private runtime: Runtime | null = null;
  private memory = 0;
  private readonly packs = new Map<string, Packed>();
  private readonly models = new Map<string, OnnxModel>();
  private readonly photos = new Map<number, OpenPhoto>();

  async start({ runtime, threads, memory, model }: Calls["start"]["in"]): Promise<{ computes: string }> {
    this.memory = memory;
    this.packs.set(`model-${model.name}`, model.files);
    this.models.clear();
    this.runtime = await startRuntime(runtime, threads);
    await this.model(model.name);
    return { computes: this.runtime.name };
  }

  async add({ name, files }: Calls["add"]["in"]): Promise<null> {
    this.packs.set(name, files);
    return null;
  }

  async open(asked: PhotoRequest): Promise<Calls["open"]["out"]> {
    const { picture } = await this.photo(asked);
    return { format: picture.container ?? "", width: picture.width, height: picture.height };
  }

  async original(asked: Calls["original"]["in"], _job: Job, moves: Transferable[]): Promise<ShownPixels> {
    return shown((await this.photo(asked)).picture, asked.side, moves);
  }

  async preview(asked: Calls["preview"]["in"], job: Job, moves: Transferable[]): Promise<ShownPixels> {
    const photo = await this.photo(asked), model = await this.model(asked.choices.model);
    const look = await this.look(photo, model, job);
    const small = reduced(photo.picture, asked.side);
    const plan = decided(model, lookOfReduced(look, small), settingsFrom(asked.choices));
    await job.breathe();
    return shown(await render(model, small, plan, { onStep: () => job.breathe(), made: photo.small }), asked.side, moves);
  }

  async enhance(asked: Calls["enhance"]["in"], job: Job, moves: Transferable[]): Promise<EnhancedPixels> {
    const photo = await this.photo(asked), started = performance.now();
    const { plan, result } = await this.full(photo, asked.choices, job);
    const seconds = (performance.now() - started) / 1000;
    job.tell(0, 1, "saving");
    const saved = await saveFile(photo, result, plan.unchanged, () => this.part("jpeg"));
    const notes = plan.look.empty && !plan.share ? [note("nothing", {}), ...saved.notes] : saved.notes;
    return { ...(await shown(result, Infinity, moves)), ...saved, notes, seconds, unchanged: plan.unchanged };
  }

  async uncertainty(asked: Calls["uncertainty"]["in"], job: Job, moves: Transferable[]): Promise<ImageBitmap> {
    const photo = await this.photo(asked);
    if (photo.doubt?.choices !== keyOf(asked.choices)) await this.full(photo, asked.choices, job);
    if (!photo.doubt) throw new StudioError("internal", {}, `model ${asked.choices.model} does not tell where it is unsure`);
    const { map } = photo.doubt, drawing = await bitmapOf(map.drawn(), map.width, []);
    const scale = Math.min(asked.side / Math.max(map.width, map.height), 1);
    if (scale === 1) return moved(drawing, moves);
    const resizeWidth = Math.max(Math.round(map.width * scale), 1), resizeHeight = Math.max(Math.round(map.height * scale), 1);
    return moved(await createImageBitmap(drawing, { resizeWidth, resizeHeight, resizeQuality: "medium" }), moves);
  }

  async close({ photo }: Calls["close"]["in"]): Promise<null> {
    this.photos.delete(photo);
    return null;
  }

  private async photo({ photo, file }: PhotoRequest): Promise<OpenPhoto> {
    const known = this.photos.get(photo) ?? { ...(await openFile(file, this.memory)), ...unseen() };
    this.photos.set(photo, known);
    return known;
  }

  /** The photo enhanced in full, and how far that may be off, which is kept. */
  private async full(photo: OpenPhoto, choices: Choices, job: Job): Promise<{ plan: Plan; result: OpenFile["picture"] }> {
    const { picture } = photo, model = await this.model(choices.model);
    const settings = settingsFrom(choices, model.intervals !== null);
    const plan = decided(model, await this.look(photo, model, job), settings);
    const map = new DoubtMap([picture.height, picture.width]);
    const result = await render(model, picture, plan, {
      onStep: async (done, total) => {
        job.tell(done, total, "enhancing");
        await job.breathe();
      },
      onDoubt: (place, widths, seen) => map.add(place, widths, seen),
      made: photo.whole,
    });
    photo.doubt = model.intervals && { choices: keyOf(choices), map };
    return { plan, result };
  }

  private async look(photo: OpenPhoto, model: OnnxModel, job: Job): Promise<Look> {
    const known = photo.looks.get(model.card.name) ?? (await lookAt(model, photo.picture, () => job.breathe()));
    photo.looks.set(model.card.name, known);
    return known;
  }

  private async model(name: string): Promise<OnnxModel> {
    if (!this.runtime) throw new StudioError("internal", {}, "the runtime has not started");
    const pack = this.part(`model-${name}`);
    const known = this.models.get(name) ?? (await openModel(this.runtime, (file) => unpack(pack, file), this.memory));
    this.models.set(name, known);
    return known;
  }

  private part(name: string): Packed {
    const pack = this.packs.get(name);
    if (!pack) throw new StudioError("internal", {}, `the worker has no ${name}: the page has to hand it over first`);
    return pack;
  }
}

function unseen(): Omit<OpenPhoto, keyof OpenFile> {
  return { looks: new Map(), small: new Made(), whole: new Made(), doubt: null };
}

function decided(model: OnnxModel, look: Look, settings: Settings): Plan {
  checkSettings(model, settings);
  return decide(model, look, settings);
}

function settingsFrom({ model: _, exposure, ...choices }: Choices, uncertainty = false): Settings {
  return settingsOf({ ...choices, exposure: exposure === null ? null : { stops: exposure, mean: null }, uncertainty });
}

function keyOf(choices: Choices): string {
  return JSON.stringify(Object.entries(choices).sort());
}

function moved(drawing: ImageBitmap, moves: Transferable[]): ImageBitmap {
  moves.push(drawing);
  return drawing;
}
