/** The keys, and the sheet that tells them. */
import { find } from "./find.ts";
import { recall, remember } from "./remember.ts";
import { onLanguage, say, type Key } from "./texts.ts";

/** What a key or a button can ask for. */
export type Command =
  | "open" | "take" | "sample" | "add" | "save" | "save-all" | "copy" | "reset" | "spread" | "map" | "in" | "out" | "fit"
  | "whole" | "next" | "previous" | "remove" | "cancel" | "again";

const LETTERS: Record<string, Command> = {
  o: "open", d: "save", D: "save-all", c: "copy", r: "reset", u: "map", "+": "in", "=": "in", "-": "out", "0": "fit",
  "1": "whole", "]": "next", "[": "previous",
};
const CHORDS: Record<string, Command> = { o: "open", s: "save", c: "copy" };
const NAMED: Record<string, Command> = { PageDown: "next", PageUp: "previous", Delete: "remove", Escape: "cancel" };

const SHEET: [keys: string[], text: Key][] = [
  [["O"], "key.open"], [["Ctrl", "V"], "key.paste"], [["D"], "key.save"], [["Shift", "D"], "save.all"],
  [["C"], "key.copy"], [["B"], "key.before"], [["U"], "key.map"], [["+", "−"], "key.zoom"], [["0", "1"], "key.fit"],
  [["[", "]"], "key.next"], [["R"], "key.reset"], [["⌫"], "key.neutral"], [["Del"], "remove"], [["Esc"], "key.cancel"],
  [["?"], "key.help"],
];

/** Calls `run` for keys; `hold` while B is held down. Keys of one letter can be turned off, for those who dictate. */
export function takeKeys(run: (command: Command) => boolean, hold: (held: boolean) => void): void {
  const dialog = find<HTMLDialogElement>("help");
  const single = find<HTMLInputElement>("single-keys");
  single.checked = recall("single-keys") !== false;
  single.addEventListener("change", () => remember("single-keys", single.checked));
  find("keys").addEventListener("click", () => dialog.showModal());
  find("help-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // beside it
  });
  onLanguage(drawSheet);
  drawSheet();

  window.addEventListener("keydown", (event) => {
    if (dialog.open || event.defaultPrevented || event.altKey) return;
    const command = commandOf(event, single.checked);
    if (command === "help") dialog.showModal();
    else if (command === "before") hold(true);
    else if (!command || !run(command)) return;
    event.preventDefault();
  });
  window.addEventListener("keyup", (event) => {
    if (event.key.toLowerCase() === "b") hold(false);
  });
  window.addEventListener("blur", () => hold(false));
}

function commandOf(event: KeyboardEvent, single: boolean): Command | "help" | "before" | undefined {
  const writes = event.target instanceof HTMLSelectElement;
  if (event.ctrlKey || event.metaKey) {
    if (event.key === "c" && String(getSelection())) return undefined; // text is copied as everywhere
    return event.shiftKey ? undefined : CHORDS[event.key];
  }
  if (event.key in NAMED) {
    const isSlider = event.target instanceof HTMLElement && event.target.matches("[role=slider], [type=range]");
    return writes || (isSlider && event.key.startsWith("Page")) ? undefined : NAMED[event.key];
  }
  if (!single || writes) return undefined;
  if (event.key === "?") return "help";
  if (event.key === "b" || event.key === "B") return "before";
  return LETTERS[event.key];
}

function drawSheet(): void {
  find("help-keys").replaceChildren(...SHEET.map(([keys, text]) => {
    const [row, term, words] = [document.createElement("div"), document.createElement("dt"), document.createElement("dd")];
    for (const key of keys) {
      const cap = document.createElement("kbd");
      cap.textContent = key;
      term.append(cap);
    }
    words.textContent = say(text);
    row.append(term, words);
    return row;
  }));
}
