/** The first screen's pair: night turns into day once, then the reader has the slider. */
import { find } from "./find.ts";
import { onLanguage, say } from "./texts.ts";

const REST = 42; // percent of the picture that stays night
const TIME = 1800; // milliseconds
const WAIT = 350;

export function startExample(): void {
  const pair = find("pair");
  // A page opened from disk may show its pictures, but not read them.
  document.querySelector<HTMLElement>("[data-do=sample]")!.hidden = location.protocol === "file:";
  const slider = find<HTMLInputElement>("example");
  const show = () => {
    pair.style.setProperty("--night", `${slider.value}%`);
    slider.setAttribute("aria-valuetext", say("compare.value", { percent: 100 - Number(slider.value) }));
  };
  onLanguage(show);
  let touched = false;
  slider.addEventListener("input", () => {
    touched = true;
    show();
  });
  const rest = () => {
    slider.value = String(REST);
    show();
  };
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return rest();
  show();
  const start = performance.now() + WAIT;
  const frame = (now: number) => {
    if (touched) return;
    const done = Math.max(0, Math.min(1, (now - start) / TIME));
    const eased = done < 0.5 ? 4 * done ** 3 : 1 - (2 - 2 * done) ** 3 / 2;
    slider.valueAsNumber = 100 - (100 - REST) * eased;
    pair.style.setProperty("--night", `${100 - (100 - REST) * eased}%`);
    if (done < 1) requestAnimationFrame(frame);
    else rest();
  };
  requestAnimationFrame(frame);
}

/** The example as the file that it is. Throws TypeError where it cannot be had. */
export async function exampleFile(): Promise<File> {
  const { src } = document.querySelector<HTMLImageElement>("#pair img")!;
  const answer = await fetch(src);
  if (!answer.ok) throw new TypeError(`${src} answers ${answer.status}`);
  return new File([await answer.blob()], "night.jpg", { type: "image/jpeg" });
}
