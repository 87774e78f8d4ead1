/** Photos come in: chosen, taken, dropped, pasted. */
import { find } from "./find.ts";

const input = find<HTMLInputElement>("file");
const camera = find<HTMLInputElement>("camera");

export function chooseFiles(): void {
  input.click();
}

export function takePhoto(): void {
  camera.click();
}

/** Calls back with what came in; with nothing where something came that holds no file. */
export function takeIn(take: (files: File[]) => void): void {
  for (const element of [input, camera]) {
    element.addEventListener("change", () => {
      const files = [...(element.files ?? [])];
      element.value = ""; // so that the same file can be chosen again
      if (files.length) take(files);
    });
  }
  takeDropped(take);
  document.addEventListener("paste", (event) => {
    const { clipboardData: data } = event;
    if (!data || isField(event.target)) return;
    const files = [...data.files];
    if (files.length || [...data.types].length) take(files);
  });
}

/** What can be opened, by extension; any image is let through, as browsers open more than they say. */
export function accept(extensions: string[]): void {
  input.accept = ["image/*", ...extensions].join(",");
}

function takeDropped(take: (files: File[]) => void): void {
  const sheet = find("drop");
  let depth = 0;
  const show = (by: number) => {
    depth = Math.max(0, depth + by);
    sheet.hidden = depth === 0;
  };
  window.addEventListener("dragenter", (event) => {
    if (event.dataTransfer?.types.includes("Files")) show(1);
  });
  window.addEventListener("dragleave", () => show(-1));
  window.addEventListener("dragover", (event) => {
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = "copy";
  });
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    show(-depth);
    take([...(event.dataTransfer?.files ?? [])]);
  });
}

function isField(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("input:not([type=range], [type=checkbox]), textarea, select");
}
