/** The photo on its canvas: before on the left of the divider, after on the right; zoom and place. */
import type { Drawing } from "../../studio.ts";
import { find } from "../find.ts";
import { centred, fit, held, movable, moved, stepped, zoomed, type Size, type View } from "./view.ts";

export interface Layers {
  /** The photo's true size, whatever the size of its drawings. */
  size: Size;
  before: Drawing | null;
  after: Drawing | null;
  /** Drawn over `after`. */
  map: Drawing | null;
}

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const DAWN = 900; // milliseconds that the first result takes to be uncovered

export class Stage {
  readonly box = find("view");
  readonly canvas = this.box.querySelector("canvas")!;
  onView: () => void = () => {};
  onSplit: () => void = () => {};
  private readonly context = this.canvas.getContext("2d")!;
  private layers: Layers | null = null;
  private view: View = { scale: 1, left: 0, top: 0 };
  private fitted = true;
  private share = 0.5;
  private onlyBefore = false;
  private asked = 0;
  private dawn = 0;

  constructor() {
    new ResizeObserver(() => this.resize()).observe(this.box);
  }

  /** Another photo, or the same one with other drawings. A photo of another size is fitted to the canvas. */
  show(layers: Layers | null, another: boolean): void {
    const uncovers = !another && !this.layers?.after && layers?.after;
    this.layers = layers;
    if (another) {
      cancelAnimationFrame(this.dawn);
      this.fitted = true;
      this.share = 0.5;
    }
    this.settle();
    if (uncovers) this.uncover();
  }

  get split(): number {
    return this.share;
  }

  set split(share: number) {
    cancelAnimationFrame(this.dawn);
    this.setSplit(share);
  }

  get divides(): boolean {
    return Boolean(this.layers?.before && this.layers.after) && !this.onlyBefore;
  }

  /** The original alone, as long as a key is held. */
  set holding(only: boolean) {
    this.onlyBefore = only;
    this.changed();
  }

  /** The share that a place in CSS pixels from the left stands for. */
  shareAt(x: number): number {
    const { left, width } = this.visible;
    return width ? (x - left) / width : 0.5;
  }

  /** The part of the photo that can be seen, in CSS pixels from the stage's corner. */
  get visible(): { left: number; top: number; width: number; height: number } {
    if (!this.layers) return { left: 0, top: 0, width: 0, height: 0 };
    const { view, canvas, ratio, layers: { size } } = this;
    const [left, top] = [Math.max(0, view.left), Math.max(0, view.top)];
    const right = Math.min(canvas.width, view.left + size.width * view.scale);
    const bottom = Math.min(canvas.height, view.top + size.height * view.scale);
    return { left: left / ratio, top: top / ratio, width: (right - left) / ratio, height: (bottom - top) / ratio };
  }

  get scale(): number {
    return this.view.scale;
  }

  get isFitted(): boolean {
    return this.fitted;
  }

  get canMove(): boolean {
    return this.layers !== null && movable(this.view, this.layers.size, this.canvas);
  }

  fit(): void {
    this.fitted = true;
    this.settle();
  }

  /** To `scale` canvas pixels for one of the photo's, about a place in CSS pixels, or the middle. */
  zoom(scale: number, x?: number, y?: number): void {
    if (!this.layers) return;
    const ratio = this.ratio;
    const [atX, atY] = x === undefined || y === undefined
      ? [this.canvas.width / 2, this.canvas.height / 2] : [x * ratio, y * ratio];
    this.view = zoomed(this.view, scale, atX, atY, this.layers.size, this.canvas);
    this.fitted = this.view.scale === fit(this.layers.size, this.canvas).scale;
    this.changed();
  }

  step(up: boolean): void {
    this.zoom(stepped(this.view.scale, up));
  }

  move(dx: number, dy: number): void {
    if (!this.layers) return;
    this.view = moved(this.view, dx * this.ratio, dy * this.ratio, this.layers.size, this.canvas);
    this.changed();
  }

  /** Between whole and single pixels, about this place. */
  toggle(x: number, y: number): void {
    if (this.view.scale < 1 || (this.fitted && this.view.scale !== 1)) this.zoom(1, x, y);
    else this.fit();
  }

  private get ratio(): number {
    return this.canvas.width / (this.box.clientWidth || 1);
  }

  private setSplit(share: number): void {
    this.share = Math.max(0, Math.min(1, share));
    this.changed();
  }

  /** Night turns into day, once, when the first result is there. */
  private uncover(): void {
    if (calm.matches) return;
    const start = performance.now();
    const end = this.share;
    const frame = (now: number) => {
      const done = Math.min(1, (now - start) / DAWN);
      this.setSplit(end + (1 - end) * (1 - done) ** 3);
      if (done < 1) this.dawn = requestAnimationFrame(frame);
    };
    this.setSplit(1);
    this.dawn = requestAnimationFrame(frame);
  }

  private resize(): void {
    const ratio = devicePixelRatio;
    const [width, height] = [Math.round(this.box.clientWidth * ratio), Math.round(this.box.clientHeight * ratio)];
    if (!width || !height || (width === this.canvas.width && height === this.canvas.height)) return;
    this.canvas.width = width;
    this.canvas.height = height;
    this.settle();
    this.draw(); // at once, as the canvas is blank now
  }

  private settle(): void {
    if (this.layers) {
      const { size } = this.layers;
      this.view = this.fitted ? fit(size, this.canvas) : held(this.view, size, this.canvas);
    } else this.view = centred({ width: 1, height: 1 }, this.canvas, 1);
    this.changed();
  }

  private changed(): void {
    this.onView();
    this.onSplit();
    this.asked ||= requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    this.asked = 0;
    const { context, canvas, layers } = this;
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!layers) return;
    context.imageSmoothingEnabled = this.view.scale < 2;
    context.imageSmoothingQuality = "high";
    const { left, width } = this.visible;
    const cut = Math.round((left + this.share * width) * this.ratio);
    if (!layers.after || this.onlyBefore) this.paint(layers.before, 0, canvas.width);
    else {
      this.paint(layers.before, 0, cut);
      this.paint(layers.after, cut, canvas.width);
      context.globalAlpha = 0.8;
      this.paint(layers.map, cut, canvas.width);
      context.globalAlpha = 1;
    }
  }

  private paint(drawing: Drawing | null, from: number, to: number): void {
    if (!drawing || to <= from || !this.layers) return;
    const { context, view } = this;
    const { width, height } = this.layers.size;
    context.save();
    context.beginPath();
    context.rect(from, 0, to - from, this.canvas.height);
    context.clip();
    context.drawImage(drawing, Math.round(view.left), Math.round(view.top), width * view.scale, height * view.scale);
    context.restore();
  }
}
