/** A studio that brightens by a power function: enough to try the page, and slow or failing where a test wants it. */
import { StudioError, type Choices, type Drawing, type Facts, type Photo, type Shown, type Studio } from "../src/studio.ts";

/** What tests may change: milliseconds of a full picture, of a quick look, of opening; and how many it has made. */
export const fake = { full: 800, quick: 60, opens: 50, made: 0 };

export class FakeStudio implements Studio {
  async start(): Promise<Facts> {
    return {
      models: [
        { name: "nano", title: "Nano", bytes: 1_540_000, uncertainty: true },
        { name: "compact", title: "Compact", bytes: 8_230_000, uncertainty: true },
      ],
      computes: "WebAssembly, 2 threads",
      opens: [".jpg", ".jpeg", ".png", ".webp", ".avif"],
      sends: false,
    };
  }

  async open(file: File, signal?: AbortSignal): Promise<Photo> {
    await pause(fake.opens, signal);
    if (file.name.includes("crash")) throw new Error("a fault of the fake");
    try {
      return new FakePhoto(file, await createImageBitmap(file));
    } catch (error) {
      throw new StudioError("unreadable", { name: file.name }, String(error));
    }
  }
}

class FakePhoto implements Photo {
  readonly format = "JPEG";

  constructor(private readonly file: File, private readonly bitmap: ImageBitmap) {}

  get name(): string {
    return this.file.name;
  }

  get width(): number {
    return this.bitmap.width;
  }

  get height(): number {
    return this.bitmap.height;
  }

  async original(side: number): Promise<Shown> {
    return shownOf(draw(this.bitmap, side));
  }

  async preview(choices: Choices, side: number, signal?: AbortSignal): Promise<Shown> {
    await pause(fake.quick, signal);
    return shownOf(brighten(draw(this.bitmap, side), choices));
  }

  async enhance(
    choices: Choices, onProgress?: (done: number, total: number, phase: "enhancing") => void, signal?: AbortSignal,
  ) {
    for (let done = 0; done < 10; done++) {
      onProgress?.(done, 10, "enhancing");
      await pause(fake.full / 10, signal);
    }
    fake.made++;
    const canvas = brighten(draw(this.bitmap, Infinity), choices);
    const shown = await shownOf(canvas);
    const file = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
    const name = this.file.name.replace(/(\.\w+)?$/, "_enhanced.jpg");
    return { ...shown, file, name, seconds: fake.full / 1000, unchanged: false, notes: [] };
  }

  async uncertainty(_choices: Choices, side: number, signal?: AbortSignal): Promise<Drawing> {
    await pause(fake.quick, signal);
    const canvas = draw(this.bitmap, side);
    each(canvas, (pixel) => {
      const dark = 1 - Math.min(1, (pixel[0] + pixel[1] + pixel[2]) / 200);
      pixel.set([68 + 185 * dark, 1 + 230 * dark, 84 - 47 * dark]);
    });
    return canvas.transferToImageBitmap();
  }

  close(): void {}
}

function draw(bitmap: ImageBitmap, side: number): OffscreenCanvas {
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
  canvas.getContext("2d", { willReadFrequently: true })!.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}

function brighten(canvas: OffscreenCanvas, { exposure, strength, saturation }: Choices): OffscreenCanvas {
  const table = Float32Array.from({ length: 256 }, (_, level) => {
    const bright = 255 * (level / 255) ** (0.38 * 2 ** (-(exposure ?? 0) / 3));
    return level + (bright - level) * strength;
  });
  each(canvas, (pixel) => {
    const [red, green, blue] = [table[pixel[0]], table[pixel[1]], table[pixel[2]]];
    const gray = (red + green + blue) / 3;
    const more = 1 + saturation / 100;
    pixel.set([red, green, blue].map((value) => Math.max(0, Math.min(255, gray + (value - gray) * more))));
  });
  return canvas;
}

function each(canvas: OffscreenCanvas, change: (pixel: Uint8ClampedArray) => void): void {
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  const image = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < image.data.length; at += 4) change(image.data.subarray(at, at + 3));
  context.putImageData(image, 0, 0);
}

async function shownOf(canvas: OffscreenCanvas): Promise<Shown> {
  const { data } = canvas.getContext("2d", { willReadFrequently: true })!.getImageData(0, 0, canvas.width, canvas.height);
  const histogram = new Uint32Array(768);
  for (let at = 0; at < data.length; at += 4) {
    for (let channel = 0; channel < 3; channel++) histogram[channel * 256 + data[at + channel]]++;
  }
  return { drawing: await createImageBitmap(canvas), histogram };
}

function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });
}
