/** Results leave the page: as a file, as several in a zip, as a PNG on the clipboard. */
import { downloadZip } from "client-zip";
import type { Drawing } from "../studio.ts";
import type { Result } from "./roll.ts";

/** The browser's own way to save a file. */
export function save(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser may still be reading it
}

/** Stored in the zip as they are, since photos do not get smaller. */
export async function zip(results: Result[]): Promise<Blob> {
  const names = distinct(results.map((result) => result.name));
  return downloadZip(results.map(({ file }, at) => ({ name: names[at], input: file, lastModified: new Date() }))).blob();
}

/** a.jpg, a.jpg → a.jpg, a-2.jpg; case does not tell names apart everywhere. */
export function distinct(names: string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const dot = name.lastIndexOf(".") > 0 ? name.lastIndexOf(".") : name.length;
    let next = name;
    for (let count = 2; taken.has(next.toLowerCase()); count++) next = `${name.slice(0, dot)}-${count}${name.slice(dot)}`;
    taken.add(next.toLowerCase());
    return next;
  });
}

/** Throws a DOMException where the browser does not allow it. */
export async function copy(drawing: Promise<Drawing>): Promise<void> {
  if (!navigator.clipboard?.write) throw new DOMException("no clipboard for pictures", "NotAllowedError");
  await navigator.clipboard.write([new ClipboardItem({ "image/png": png(drawing) })]);
}

async function png(coming: Promise<Drawing>): Promise<Blob> {
  const drawing = await coming;
  const canvas = new OffscreenCanvas(drawing.width, drawing.height);
  canvas.getContext("2d")!.drawImage(drawing, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}
