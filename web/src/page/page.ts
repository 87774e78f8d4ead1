/** The page: what comes in goes through the studio and out again. */
import { NEUTRAL, StudioError, type Facts, type Studio } from "../studio.ts";
import { possible, same } from "./choices.ts";
import { Editor } from "./editor.ts";
import { exampleFile, startExample } from "./example.ts";
import { find } from "./find.ts";
import { copy, save, zip } from "./hand_out.ts";
import { startHeader } from "./header.ts";
import { takeKeys, type Command } from "./keys.ts";
import { announce, reason, tell, warn } from "./notices.ts";
import { Panel } from "./panel.ts";
import { recall, remember } from "./remember.ts";
import { Roll, type Entry } from "./roll.ts";
import { makeDivider, takeGestures } from "./stage/gestures.ts";
import { Stage } from "./stage/stage.ts";
import { Strip } from "./strip.ts";
import { accept, chooseFiles, takeIn, takePhoto } from "./take_in.ts";
import { onLanguage, say, type Values } from "./texts.ts";
import { Work } from "./work.ts";

/** Pixels along the longer side that a canvas can be trusted with: phones have less memory. */
const LARGEST = matchMedia("(pointer: coarse)").matches ? 4096 : 12288;
const MAP = 1600;

/** Draws the first screen at once and starts the studio meanwhile. Resolves when photos can be worked on. */
export async function startPage(studio: Studio): Promise<void> {
  startHeader();
  startExample();
  const early: File[] = [];
  let take = (files: File[]) => {
    early.push(...files);
    tell(say("phase.loading"));
  };
  takeIn((files) => {
    if (files.length) take(files);
    else warn(say("error.no_photo"));
  });
  let commands: Partial<Record<Command, () => unknown>> = {
    open: chooseFiles, take: takePhoto, sample: async () => take(await sampled()),
  };
  const stage = new Stage();
  takeKeys((command) => run(commands[command]), (held) => (stage.holding = held));
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-do]");
    if (button) run(commands[button.dataset.do as Command]);
  });
  document.documentElement.dataset.ready = "drawn";
  try {
    const facts = await studio.start((done, total) => {
      find("computes").textContent = `${say("phase.loading")} (${say("percent", { value: Math.round((100 * done) / total) })})`;
    });
    const table = new Table(studio, facts, stage);
    commands = { ...commands, ...table.commands };
    take = (files) => table.take(files);
    if (early.length) take(early);
    document.documentElement.dataset.ready = "yes";
  } catch (error) {
    const told = error instanceof StudioError && error.key !== "internal";
    warn(told ? reason(error) : say("error.start", { message: error instanceof Error ? error.message : String(error) }));
  }
}

function run(action: (() => unknown) | undefined): boolean {
  if (!action) return false;
  void action();
  return true;
}

async function sampled(): Promise<File[]> {
  try {
    return [await exampleFile()];
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    warn(say("error.sample"));
    return [];
  }
}

/** Where photos are worked on. */
class Table {
  readonly commands: Partial<Record<Command, () => unknown>>;
  private readonly roll = new Roll();
  private readonly work: Work;
  private readonly editor: Editor;
  private readonly panel: Panel;
  private choices;

  constructor(studio: Studio, private readonly facts: Facts, private readonly stage: Stage) {
    this.choices = possible(recall("choices"), facts);
    this.work = new Work(studio, this.roll, {
      largest: LARGEST,
      quick: () => {},
      done: (entry) => this.done(entry),
      failed: (entry) => this.failed(entry),
    });
    this.panel = new Panel(facts, this.choices, (choices) => {
      this.keep(choices);
      this.work.choose({ ...choices });
    });
    this.editor = new Editor(this.roll, stage, this.panel, new Strip(this.roll, (entry) => this.select(entry)), facts);
    takeGestures(stage);
    makeDivider(stage);
    this.commands = this.makeCommands();
    this.roll.onChange(() => {
      this.editor.update();
      this.findMap();
    });
    const view = stage.onView;
    stage.onView = () => {
      view();
      const { current } = this.roll;
      if (current?.after && current.size && stage.scale * current.size.width > current.after.drawing.width * 1.01) {
        this.work.sharpen(current);
      }
    };
    accept(facts.opens);
    onLanguage(() => this.speak());
    for (const name of ["themechange", "resize"]) addEventListener(name, () => this.editor.redraw());
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => this.editor.redraw());
    window.addEventListener("beforeunload", (event) => this.leave(event));
    this.speak();
  }

  take(files: File[]): void {
    if (!files.length) return;
    const first = this.roll.entries.length === 0;
    this.roll.add(files, this.choices);
    announce(say("said.opened", { count: files.length }));
    this.work.wake();
    if (first) find("view").focus({ preventScroll: true });
  }

  private makeCommands(): Partial<Record<Command, () => unknown>> {
    const { stage, work, roll } = this;
    const withCurrent = (act: (entry: Entry) => unknown) => () => roll.current && act(roll.current);
    return {
      add: chooseFiles,
      in: () => stage.step(true),
      out: () => stage.step(false),
      fit: () => stage.fit(),
      whole: () => stage.zoom(1),
      next: () => this.turn(1),
      previous: () => this.turn(-1),
      cancel: () => this.cancel(),
      again: withCurrent((entry) => work.again(entry)),
      remove: withCurrent((entry) => this.remove(entry)),
      save: withCurrent((entry) => this.save(entry)),
      "save-all": () => this.saveAll(),
      copy: withCurrent((entry) => this.copy(entry)),
      reset: withCurrent((entry) => this.reset(entry)),
      spread: withCurrent((entry) => this.spread(entry)),
      map: withCurrent(() => this.showMap(!this.editor.mapped)),
    };
  }

  private keep(choices: typeof this.choices): void {
    this.choices = { ...choices };
    remember("choices", this.choices);
  }

  private select(entry: Entry): void {
    this.roll.select(entry);
    this.work.wake();
  }

  private turn(by: 1 | -1): void {
    this.roll.turn(by);
    this.work.wake();
  }

  private remove(entry: Entry): void {
    this.roll.remove(entry);
    this.work.wake();
    if (!this.roll.entries.length) document.querySelector<HTMLElement>("#first [data-do=open]")!.focus();
  }

  private cancel(): void {
    if (!this.roll.next()) return;
    this.work.stop();
    announce(say("said.stopped"));
  }

  private reset(entry: Entry): void {
    const choices = { ...NEUTRAL, model: entry.choices.model };
    if (same(choices, entry.choices)) return;
    this.keep(choices);
    this.panel.show(choices);
    this.work.choose(choices);
    announce(say("said.reset"));
  }

  private spread(entry: Entry): void {
    for (const other of this.roll.entries) {
      if (!same(other.choices, entry.choices)) this.roll.choose(other, { ...entry.choices });
    }
    this.work.wake();
    tell(say("said.spread"));
  }

  private done(entry: Entry): void {
    if (entry === this.roll.current && entry.result) {
      announce(say("said.done", { name: entry.file.name, seconds: entry.result.seconds }));
    }
  }

  private failed(entry: Entry): void {
    const values: Values = { name: entry.file.name, reason: reason(entry.failure!) };
    const better = this.roll.entries.find((other) => other.state !== "failed");
    if (entry !== this.roll.current || better) warn(say("failed.toast", values));
    else announce(say("failed.toast", values));
    if (entry === this.roll.current && better && !entry.before) this.roll.select(better);
  }

  private save(entry: Entry): void {
    if (!entry.result) return;
    save(entry.result.file, entry.result.name);
    saved.add(entry.result.file);
    tell(say("said.saved", { name: entry.result.name }));
  }

  private async saveAll(): Promise<void> {
    const results = this.roll.entries.flatMap(({ result }) => result ?? []);
    if (!results.length) return;
    save(await zip(results), "darklift.zip");
    for (const { file } of results) saved.add(file);
    tell(say("said.saved", { name: "darklift.zip" }));
  }

  private async copy(entry: Entry): Promise<void> {
    if (!entry.after || !entry.result) return;
    try {
      await copy(this.work.sharpened(entry));
      tell(say("said.copied"));
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      warn(say("error.copy"));
    }
  }

  private showMap(wanted: boolean): void {
    if (wanted && find<HTMLButtonElement>("map").disabled) return;
    this.editor.mapped = wanted;
    this.editor.redraw();
    this.findMap();
  }

  /** The map of the photo that is looked at, once there is a result to lay it over. */
  private findMap(): void {
    const { current } = this.roll;
    if (!this.editor.mapped || !current || current.map || current.state !== "done" || this.asked === current.result) return;
    this.asked = current.result;
    this.work.map(current, MAP).then((map) => {
      if (!map || this.asked !== current.result) return;
      current.map = map;
      this.roll.changed();
    }, (error) => {
      this.editor.mapped = false;
      this.editor.redraw();
      const failure = error instanceof StudioError ? error : new StudioError("internal", {}, String(error));
      warn(say("failed.toast", { name: say("map"), reason: reason(failure) }));
    });
  }

  private asked: unknown = null;

  private speak(): void {
    const { sends, computes } = this.facts;
    find("sends").textContent = say(sends ? "first.sent" : "first.here", { host: location.host });
    find("computes").textContent = say(sends ? "first.computes.there" : "first.computes", { computes });
    this.editor.redraw();
  }

  /** Asks before results are lost that took a while: several, not all of them saved. */
  private leave(event: BeforeUnloadEvent): void {
    const unsaved = this.roll.entries.filter(({ result }) => result && !saved.has(result.file));
    if (this.roll.entries.length > 1 && unsaved.length) event.preventDefault();
  }
}

const saved = new WeakSet<Blob>();
