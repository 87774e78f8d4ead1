/** How far a result may be off, place by place, by what a card tells. As Python's `runtime/intervals.py`. */
import { type Curve, type Intervals, KNOWN_OF_A_PLACE } from "./card.ts";
import { ModelError } from "./errors.ts";

/** What is known of places: as many values of each. */
export type KnownOfPlaces = Readonly<Record<(typeof KNOWN_OF_A_PLACE)[number], Float32Array>>;

const f = Math.fround;

/** Half-widths, unit, like each array of what is known of the places. coverage: one that the card was calibrated for. */
export function halfWidths(intervals: Intervals, known: KnownOfPlaces, coverage: number): Float32Array {
  const factor = intervals.factors.get(coverage);
  if (factor === undefined) {
    throw new ModelError(`coverage is ${coverage}, calibrated are ${[...intervals.factors.keys()].join(", ")}: choose one`);
  }
  const stops = new Float32Array(known.tone.length), scale = f(factor);
  for (const name of KNOWN_OF_A_PLACE) addCurve(stops, intervals.curves[name], known[name]);
  for (let i = 0; i < stops.length; i++) stops[i] = f(2 ** stops[i]) * scale;
  return stops;
}

function addCurve(stops: Float32Array, [knots, values]: Curve, places: Float32Array): void {
  const last = knots.length - 1;
  for (let i = 0; i < places.length; i++) {
    const place = places[i];
    let knot = 0;
    while (knot < last && place >= knots[knot + 1]) knot++;
    if (place <= knots[0]) stops[i] += f(values[0]);
    else if (knot === last) stops[i] += f(values[last]);
    else {
      const slope = (values[knot + 1] - values[knot]) / (knots[knot + 1] - knots[knot]);
      stops[i] += f(slope * (place - knots[knot]) + values[knot]);
    }
  }
}
