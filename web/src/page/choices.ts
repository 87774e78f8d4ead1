/** The sliders, switches and selections: their ranges, and what is remembered of them. */
import { NEUTRAL, type Choices, type Facts } from "../studio.ts";
import type { Key } from "./texts.ts";

type Names<T> = { [K in keyof Choices]: Choices[K] extends T ? K : never }[keyof Choices];
export type Sliding = Exclude<Names<number | null>, "seed">;
export type Switching = "lift" | "deblock";

export interface Slider {
  name: Sliding;
  least: number;
  most: number;
  step: number;
  /** Where the slider stands for the value null ("auto"), if it may be null. */
  auto?: number;
  /** How a value is written: a text with {value}, which is the value times `factor`. */
  unit?: Key;
  factor?: number;
  signed?: boolean;
}

export const SLIDERS: Slider[] = [
  { name: "exposure", least: -5, most: 5, step: 0.1, auto: 0, unit: "stops", signed: true },
  { name: "strength", least: 0, most: 1, step: 0.01, unit: "percent", factor: 100 },
  { name: "steps", least: 0, most: 8, step: 1, auto: 0 },
];

export const MORE: Slider[] = (["blacks", "shadows", "highlights", "whites", "saturation"] as const).map((name) => ({
  name, least: -100, most: 100, step: 1, signed: true,
}));

export const SWITCHES: Record<Switching, { on: Choices[Switching]; off: Choices[Switching] }> = {
  lift: { on: "trusted", off: "full" },
  deblock: { on: "auto", off: "off" },
};

export const SPEEDS: readonly Choices["speed"][] = ["fast", "balanced", "best"];

/** What was remembered, as far as it is still possible; neutral where it is not. */
export function possible(remembered: unknown, facts: Facts): Choices {
  const choices: Choices = { ...NEUTRAL, model: facts.models[0].name };
  if (typeof remembered !== "object" || remembered === null) return choices;
  const old = remembered as Partial<Record<keyof Choices, unknown>>;
  for (const { name, least, most, step, auto } of [...SLIDERS, ...MORE]) {
    const value = old[name];
    const whole = step < 1 || Number.isInteger(value);
    if (typeof value === "number" && value >= least && value <= most && whole && !(name === "steps" && value === auto)) {
      choices[name] = value;
    }
  }
  for (const name of ["lift", "deblock"] as const) {
    const { on, off } = SWITCHES[name];
    if (old[name] === on || old[name] === off) Object.assign(choices, { [name]: old[name] });
  }
  choices.speed = SPEEDS.find((speed) => speed === old.speed) ?? choices.speed;
  if (facts.models.some((model) => model.name === old.model)) choices.model = old.model as string;
  return choices;
}

/** Whether anything but the model differs from its neutral value. */
export function isNeutral(choices: Choices): boolean {
  return (Object.keys(NEUTRAL) as (keyof typeof NEUTRAL)[]).every((name) => choices[name] === NEUTRAL[name]);
}

export function same(one: Choices, other: Choices): boolean {
  return (Object.keys(one) as (keyof Choices)[]).every((name) => one[name] === other[name]);
}
