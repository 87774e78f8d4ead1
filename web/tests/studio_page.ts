/** The program of a page for tests, which ask its studio themselves. */
import { BrowserStudio } from "../src/browser/studio.ts";
import type { Choices, Photo } from "../src/studio.ts";
import { NEUTRAL } from "../src/studio.ts";

const studio = new BrowserStudio();
const photos = new Map<string, Photo>();

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

async function base64Of(blob: Blob): Promise<string> {
  const url = await new Promise<string>((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.readAsDataURL(blob);
  });
  return url.slice(url.indexOf(",") + 1);
}

/** The mean of each channel. */
function meansOf(histogram: Uint32Array): number[] {
  return [0, 256, 512].map((start) => {
    const counts = histogram.subarray(start, start + 256), all = counts.reduce((sum, count) => sum + count, 0);
    return counts.reduce((sum, count, code) => sum + count * code, 0) / all;
  });
}

const asked = {
  start: () => studio.start(),
  async open(name: string, data: string) {
    const photo = await studio.open(new File([bytesOf(data)], name));
    photos.set(name, photo);
    return { format: photo.format, width: photo.width, height: photo.height };
  },
  async enhance(name: string, choices: Partial<Choices> = {}) {
    const progress: unknown[] = [];
    const made = await photoOf(name).enhance(chosen(choices), (...told) => void progress.push(told));
    const { drawing, file, histogram, ...rest } = made;
    return { ...rest, progress, means: meansOf(histogram), size: [drawing.width, drawing.height], type: file.type, file: await base64Of(file) };
  },
  async preview(name: string, side: number, choices: Partial<Choices> = {}) {
    const { drawing, histogram } = await photoOf(name).preview(chosen(choices), side);
    return { size: [drawing.width, drawing.height], means: meansOf(histogram) };
  },
  async uncertainty(name: string, side: number, choices: Partial<Choices> = {}) {
    const drawing = await photoOf(name).uncertainty(chosen(choices), side);
    const canvas = new OffscreenCanvas(drawing.width, drawing.height);
    canvas.getContext("2d")?.drawImage(drawing, 0, 0);
    return { size: [drawing.width, drawing.height], png: await base64Of(await canvas.convertToBlob()) };
  },
  /** Give up an enhancement after some milliseconds, and ask for a quick look: how long each took to end. */
  async cancel(name: string, after: number) {
    const giveUp = new AbortController(), started = performance.now();
    setTimeout(() => giveUp.abort(), after);
    const failed = await photoOf(name).enhance(chosen({ steps: 8 }), undefined, giveUp.signal).then(() => null, (error) => error.name);
    const ended = performance.now();
    await photoOf(name).preview(chosen(), 64);
    return { failed, seconds: [(ended - started - after) / 1000, (performance.now() - ended) / 1000] };
  },
  close: async (name: string) => photoOf(name).close(),
};

function photoOf(name: string): Photo {
  const photo = photos.get(name);
  if (!photo) throw new Error(`${name} is not open`);
  return photo;
}

function chosen(choices: Partial<Choices> = {}): Choices {
  return { ...NEUTRAL, model: "nano", ...choices };
}

/** What a call answers, or {failed: a StudioError's key}. */
Object.assign(globalThis, {
  ask: async (call: keyof typeof asked, ...values: unknown[]) => {
    try {
      return (await (asked[call] as (...values: unknown[]) => Promise<unknown>)(...values)) ?? null;
    } catch (error) {
      return { failed: (error as { key?: string }).key ?? String(error), message: String(error) };
    }
  },
});
