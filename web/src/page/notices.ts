/** What the page says besides: heard by screen readers, or to be read until it is closed. */
import type { StudioError } from "../studio.ts";
import { find, icon } from "./find.ts";
import { isKey, say, type Key, type Values } from "./texts.ts";

/** For screen readers only, when they have finished what they are saying. */
export function announce(text: string): void {
  find("said").textContent = text;
}

/** Stays until it is closed; at once for screen readers. */
export function warn(text: string): void {
  const toast = document.createElement("div");
  toast.className = "toast";
  toast.setAttribute("role", "alert");
  const words = document.createElement("p");
  words.textContent = text;
  const close = document.createElement("button");
  close.className = "quiet icon";
  close.setAttribute("aria-label", say("close"));
  close.append(icon("close"));
  close.addEventListener("click", () => toast.remove());
  toast.append(words, close);
  find("toasts").append(toast);
}

/** Says a short success to everybody, for a while. */
export function tell(text: string): void {
  announce(text);
  document.querySelector(".toast.brief")?.remove();
  const toast = document.createElement("div");
  toast.className = "toast brief";
  toast.setAttribute("aria-hidden", "true");
  toast.textContent = text;
  find("toasts").append(toast);
  setTimeout(() => toast.remove(), 2600);
}

/** What went wrong and what to do. */
export function reason(failure: StudioError): string {
  const key = `error.${failure.key}`;
  return say(isKey(key) ? key : "error.internal", { message: failure.message, ...failure.values });
}

/** A note's text; one that this page does not know is better left out than shown as a name. */
export function noteText(key: string, values: Values = {}): string | null {
  const name = `note.${key}`;
  return isKey(name) ? say(name as Key, values) : null;
}
