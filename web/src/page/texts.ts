/** What the page says, in the reader's language: plain JSON in texts/, one file a language, the same keys in each. */
import de from "./texts/de.json";
import en from "./texts/en.json";
import es from "./texts/es.json";
import fr from "./texts/fr.json";
import ja from "./texts/ja.json";
import zhHans from "./texts/zh-Hans.json";

export type Key = keyof typeof en;
export type Values = Record<string, string | number>;
type Text = string | { one?: string; other: string };

export const LANGUAGES: Record<string, Record<Key, Text>> = { en, de, fr, es, "zh-Hans": zhHans, ja };

let language = "en";
const listeners: (() => void)[] = [];

/** The first of the wished languages ("pt-BR", "de") that there is, or English. */
export function bestLanguage(wished: readonly string[]): string {
  for (const wish of wished) {
    const primary = wish.toLowerCase().split("-")[0];
    const found = Object.keys(LANGUAGES).find((known) => known.toLowerCase().split("-")[0] === primary);
    if (found) return found;
  }
  return "en";
}

export function currentLanguage(): string {
  return language;
}

/** Says everything in this language from now on. */
export function speak(chosen: string): void {
  language = chosen in LANGUAGES ? chosen : "en";
  document.documentElement.lang = language;
  fill(document);
  for (const listener of listeners) listener();
}

export function onLanguage(listener: () => void): void {
  listeners.push(listener);
}

/** Whether the page has a text of this name. */
export function isKey(key: string): key is Key {
  return key in en;
}

/** The text with {names} replaced by their values; `count` chooses between one and many. */
export function say(key: Key, values: Values = {}): string {
  const text = LANGUAGES[language][key];
  const chosen = typeof text === "string" ? text : plural(text, Number(values.count));
  return chosen.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? shown(values[name]) : whole));
}

function plural(text: { one?: string; other: string }, count: number): string {
  return new Intl.PluralRules(language).select(count) === "one" ? (text.one ?? text.other) : text.other;
}

function shown(value: string | number): string {
  return typeof value === "string" ? value : new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(value);
}

/** Fills in every element below `root` that names its text: data-text, data-label (a name for all, and a tooltip), data-alt. */
export function fill(root: ParentNode): void {
  for (const element of root.querySelectorAll<HTMLElement>("[data-text]")) {
    element.textContent = say(element.dataset.text as Key);
  }
  for (const element of root.querySelectorAll<HTMLElement>("[data-label]")) {
    const text = say(element.dataset.label as Key);
    element.setAttribute("aria-label", text);
    if (element instanceof HTMLButtonElement) element.title = text;
  }
  for (const element of root.querySelectorAll<HTMLImageElement>("[data-alt]")) {
    element.alt = say(element.dataset.alt as Key);
  }
}
