/** The sliders, switches and selections. */
import { NEUTRAL, type Choices, type Facts } from "../studio.ts";
import { MORE, SLIDERS, SPEEDS, SWITCHES, type Slider, type Switching } from "./choices.ts";
import { find } from "./find.ts";
import { fill, onLanguage, say, type Key } from "./texts.ts";

export class Panel {
  private readonly rows: { slider: Slider; input: HTMLInputElement; shown: HTMLOutputElement }[] = [];
  private readonly switches = new Map<Switching, HTMLInputElement>();
  private readonly model: HTMLSelectElement;
  private readonly speed: HTMLSelectElement;
  private choices: Choices;

  constructor(private readonly facts: Facts, choices: Choices, private readonly changed: (choices: Choices) => void) {
    this.choices = choices;
    const [controls, more] = [find("controls"), find("more-controls")];
    for (const slider of SLIDERS) controls.append(this.slider(slider));
    controls.append(this.toggle("lift"));
    this.model = this.selection("model", facts.models.map(({ name }) => name));
    const models = row("control choice", label("model"), this.model);
    models.hidden = facts.models.length < 2;
    controls.append(models);
    for (const slider of MORE) more.append(this.slider(slider));
    more.append(this.toggle("deblock"));
    this.speed = this.selection("speed", SPEEDS);
    more.append(row("control choice", label("speed"), this.speed));
    fill(find("panel"));
    find("panel").addEventListener("submit", (event) => event.preventDefault());
    onLanguage(() => this.show(this.choices));
    this.show(choices);
  }

  show(choices: Choices): void {
    this.choices = choices;
    for (const { slider, input, shown } of this.rows) {
      const value = choices[slider.name];
      input.value = String(value ?? slider.auto);
      shown.textContent = written(slider, value);
      input.setAttribute("aria-valuetext", shown.textContent);
      fillTrack(input, slider);
    }
    for (const [name, input] of this.switches) input.checked = choices[name] === SWITCHES[name].on;
    this.model.value = choices.model;
    for (const [at, { name, title, bytes }] of this.facts.models.entries()) {
      const size = say("model.size", { size: Math.round(bytes / 1e5) / 10 });
      this.model.options[at].text = bytes ? `${name} · ${size}` : name;
      this.model.options[at].title = title;
    }
    this.speed.value = choices.speed;
    for (const [at, speed] of SPEEDS.entries()) this.speed.options[at].text = say(`speed.${speed}`);
  }

  private set(change: Partial<Choices>): void {
    this.show({ ...this.choices, ...change });
    this.changed(this.choices);
  }

  private slider(slider: Slider): HTMLElement {
    const input = document.createElement("input");
    Object.assign(input, { type: "range", id: slider.name, min: slider.least, max: slider.most, step: slider.step });
    const shown = document.createElement("output");
    shown.htmlFor.add(slider.name);
    shown.setAttribute("aria-live", "off"); // the slider itself says its value
    this.rows.push({ slider, input, shown });
    input.addEventListener("input", () => {
      const value = Number(input.value);
      this.set({ [slider.name]: slider.name === "steps" && value === slider.auto ? null : value });
    });
    const neutral = () => this.set({ [slider.name]: NEUTRAL[slider.name] });
    input.addEventListener("dblclick", neutral);
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Backspace" && event.key !== "Delete") return;
      event.preventDefault();
      event.stopPropagation(); // elsewhere, Delete removes the photo
      neutral();
    });
    return row("control", label(slider.name), shown, input);
  }

  private toggle(name: Switching): HTMLElement {
    const input = document.createElement("input");
    Object.assign(input, { type: "checkbox", id: name });
    input.setAttribute("role", "switch");
    this.switches.set(name, input);
    input.addEventListener("change", () => {
      const { on, off } = SWITCHES[name];
      this.set({ [name]: input.checked ? on : off });
    });
    const words = document.createElement("span");
    words.dataset.text = name;
    const whole = document.createElement("label");
    whole.className = "switch";
    whole.append(input, words);
    return whole;
  }

  private selection(name: "model" | "speed", values: readonly string[]): HTMLSelectElement {
    const made = document.createElement("select");
    made.id = name;
    for (const value of values) made.add(new Option(value, value));
    made.addEventListener("change", () => this.set({ [name]: made.value }));
    return made;
  }
}

function row(kind: string, ...parts: HTMLElement[]): HTMLElement {
  const made = document.createElement("div");
  made.className = kind;
  made.append(...parts);
  return made;
}

function label(name: Key & string): HTMLLabelElement {
  const made = document.createElement("label");
  made.htmlFor = name;
  made.dataset.text = name;
  return made;
}

/** A value as people read it; null is the model's own choice. */
export function written({ unit, factor = 1, signed }: Slider, value: number | null): string {
  if (value === null) return say("auto");
  const number = Math.round(value * factor * 10) / 10;
  const text = signed && number > 0 ? `+${number}` : String(number).replace("-", "−");
  return unit ? say(unit, { value: text }) : text;
}

/** The track is filled from the neutral place to the thumb. */
function fillTrack(input: HTMLInputElement, { least, most, name, auto }: Slider): void {
  const place = (value: number) => (100 * (value - least)) / (most - least);
  const [from, to] = [place(NEUTRAL[name] ?? auto ?? least), place(Number(input.value))];
  const start = name === "strength" ? 0 : Math.min(from, to);
  input.style.setProperty("--from", `${start}%`);
  input.style.setProperty("--to", `${name === "strength" ? to : Math.max(from, to)}%`);
}
