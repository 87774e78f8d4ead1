/** The film strip: all photos that are open, if there are several. */
import { find } from "./find.ts";
import type { Entry, Roll } from "./roll.ts";
import { say } from "./texts.ts";

export class Strip {
  private readonly list = find<HTMLOListElement>("thumbs");
  private readonly items = new Map<Entry, { item: HTMLLIElement; canvas: HTMLCanvasElement; drawn: ImageBitmap | null }>();

  constructor(private readonly roll: Roll, private readonly select: (entry: Entry) => void) {
    this.list.addEventListener("keydown", (event) => {
      const by = ({ ArrowLeft: -1, ArrowRight: 1 } as Record<string, -1 | 1 | undefined>)[event.key];
      const next = by && this.roll.entries[this.roll.entries.indexOf(this.roll.current as Entry) + by];
      if (!next) return;
      event.preventDefault();
      this.select(next);
      this.items.get(next)?.item.focus();
    });
  }

  update(): void {
    const { entries, current } = this.roll;
    find("strip").hidden = entries.length < 2;
    for (const [entry, { item }] of this.items) {
      if (entries.includes(entry)) continue;
      item.remove();
      this.items.delete(entry);
    }
    for (const entry of entries) this.updateItem(entry, entry === current);
    const done = entries.filter((entry) => entry.state === "done").length;
    find("count").textContent = say("strip.count", { done, count: entries.length });
  }

  private updateItem(entry: Entry, isCurrent: boolean): void {
    const known = this.items.get(entry) ?? this.make(entry);
    const { item, canvas } = known;
    const name = say("strip.photo", { name: entry.file.name, state: say(`state.${entry.state}`) });
    item.setAttribute("aria-label", name);
    item.title = name;
    item.dataset.state = entry.state;
    if (isCurrent && item.ariaSelected !== "true") item.scrollIntoView({ block: "nearest", inline: "nearest" });
    item.setAttribute("aria-selected", String(isCurrent));
    item.tabIndex = isCurrent ? 0 : -1;
    if (known.drawn === entry.thumb || !entry.thumb) return;
    known.drawn = entry.thumb;
    canvas.width = entry.thumb.width;
    canvas.height = entry.thumb.height;
    canvas.getContext("2d")!.drawImage(entry.thumb, 0, 0);
  }

  private make(entry: Entry): { item: HTMLLIElement; canvas: HTMLCanvasElement; drawn: ImageBitmap | null } {
    const item = document.createElement("li");
    item.setAttribute("role", "option");
    const canvas = document.createElement("canvas");
    canvas.setAttribute("aria-hidden", "true");
    canvas.width = canvas.height = 1;
    item.append(canvas);
    item.dataset.number = String(this.roll.entries.indexOf(entry) + 1);
    item.addEventListener("click", () => this.select(entry));
    this.list.append(item);
    const made = { item, canvas, drawn: null };
    this.items.set(entry, made);
    return made;
  }
}
