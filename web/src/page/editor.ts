/** Shows the photo that is looked at, and what can be done with it. */
import type { Facts } from "../studio.ts";
import { isNeutral } from "./choices.ts";
import { find } from "./find.ts";
import { drawHistogram } from "./histogram.ts";
import { noteText, reason } from "./notices.ts";
import type { Panel } from "./panel.ts";
import type { Entry, Roll } from "./roll.ts";
import type { Stage } from "./stage/stage.ts";
import type { Strip } from "./strip.ts";
import { say } from "./texts.ts";

export class Editor {
  /** Whether the map of uncertainty is wanted. */
  mapped = false;
  private shown: Entry | null = null;
  private drawn: unknown[] = [];

  constructor(
    private readonly roll: Roll, private readonly stage: Stage, private readonly panel: Panel,
    private readonly strip: Strip, private readonly facts: Facts,
  ) {
    stage.onView = () => {
      find("zoom").textContent = say("percent", { value: Math.round(stage.scale * 100) });
      stage.box.classList.toggle("movable", stage.canMove);
      this.toggle("fit", stage.isFitted);
      this.toggle("whole", stage.scale === 1);
    };
  }

  update(): void {
    const { current, entries } = this.roll;
    find("first").hidden = entries.length > 0;
    find("editor").hidden = entries.length === 0;
    document.documentElement.dataset.screen = entries.length ? "editor" : "first";
    this.strip.update();
    this.updateTitle(current);
    if (!current) {
      this.shown = null;
      this.stage.show(null, true);
      return;
    }
    this.draw(current);
    this.updateBusy(current);
    this.updateTrouble(current);
    this.updateOut(current);
    this.updateNotes(current);
    if (this.shown !== current) this.panel.show(current.choices);
    this.shown = current;
  }

  private draw(entry: Entry): void {
    const map = this.mapped ? entry.map : null;
    const drawn = [entry, entry.before, entry.after, map];
    const another = this.shown !== entry;
    if (drawn.every((part, at) => part === this.drawn[at])) return;
    this.drawn = drawn;
    const { size, before, after } = entry;
    this.stage.show(size && before ? { size, before: before.drawing, after: after?.drawing ?? null, map } : null, another);
    drawHistogram(before, after);
    const { name } = entry.file;
    this.stage.box.setAttribute("aria-label", say("view", { name }));
    this.stage.canvas.setAttribute("aria-label", say("view.image", { name }));
  }

  /** In other colours: the system's, or those of the other theme. */
  redraw(): void {
    this.drawn = [];
    this.update();
  }

  private updateTitle(entry: Entry | null): void {
    const size = entry?.size ? ` · ${entry.size.width} × ${entry.size.height}` : "";
    const title = find("title");
    title.hidden = !entry;
    title.textContent = entry ? entry.file.name : "";
    if (entry && size) title.append(Object.assign(document.createElement("span"), { textContent: size }));
    document.title = entry ? `${entry.file.name} – darklift` : `darklift – ${say("first.title")}`;
  }

  private updateBusy(entry: Entry): void {
    const works = entry.state === "opening" || entry.state === "working" || entry.state === "waiting";
    find("busy").hidden = !works;
    const { done, total, phase } = entry.progress ?? { done: 0, total: 0, phase: null };
    find("busy-text").textContent = say(phase ? `phase.${phase}` : entry.state === "opening" ? "phase.opening" : "phase.enhancing");
    const bar = find<HTMLProgressElement>("progress");
    if (total > 0 && done > 0) bar.value = done / total;
    else bar.removeAttribute("value");
    find("stage").setAttribute("aria-busy", String(works));
  }

  private updateTrouble(entry: Entry): void {
    const failed = entry.state === "failed" ? entry.failure : null;
    const stopped = entry.state === "stopped";
    find("trouble").hidden = !failed && !stopped;
    find("trouble").classList.toggle("corner", stopped || Boolean(entry.before));
    if (!failed && !stopped) return;
    find("trouble-title").textContent = failed ? say("failed.title", { name: entry.file.name }) : say("stopped.title");
    find("trouble-text").textContent = failed ? reason(failed) : say("stopped.text");
    find("trouble").querySelector<HTMLElement>("[data-do=remove]")!.hidden = stopped;
    find("trouble").querySelector("[data-do=again]")!.textContent = say(failed ? "again" : "go.on");
  }

  private updateOut(entry: Entry): void {
    const { entries } = this.roll;
    const usable = (id: string, usable: boolean) => (find<HTMLButtonElement>(id).disabled = !usable);
    usable("save", entry.result !== null);
    usable("copy", entry.after !== null && entry.result !== null);
    usable("reset", !isNeutral(entry.choices));
    usable("save-all", entries.some((other) => other.result) && !entries.some((other) => other.state === "working"));
    find("spread").hidden = entries.length < 2;
    const model = this.facts.models.find((known) => known.name === entry.choices.model);
    find<HTMLButtonElement>("map").disabled = !model?.uncertainty || !entry.after;
    find("map").setAttribute("aria-pressed", String(this.mapped));
    find("legend").hidden = !(this.mapped && entry.map);
    find("tag-after").textContent = say(entry.quick ? "after.quick" : "after");
  }

  private updateNotes(entry: Entry): void {
    const coming = !entry.result && ["waiting", "opening", "working"].includes(entry.state);
    if (coming && this.shown === entry) return; // what is said stays for now, or the slider that moves would jump
    const told = entry.result?.notes ?? [];
    const notes = told.map(({ key, values }) => noteText(key, values));
    const asWished = entry.choices.strength === 0 || told.some(({ key }) => key === "nothing");
    if (entry.result?.unchanged && !asWished) notes.unshift(noteText("unchanged"));
    if (this.mapped && entry.map && (entry.choices.exposure !== null || entry.choices.lift === "full")) {
      notes.push(noteText("guess"));
    }
    const texts = notes.filter((text) => text !== null);
    const list = find("notes");
    list.hidden = texts.length === 0;
    if (list.textContent === texts.join("")) return;
    list.replaceChildren(...texts.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  }

  private toggle(command: string, on: boolean): void {
    document.querySelector(`.bar [data-do=${command}]`)!.classList.toggle("on", on);
  }
}
