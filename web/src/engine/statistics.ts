/** Means, medians and quantiles of single-precision values, rounded as numpy rounds them: what is compared with a threshold
 * falls on the same side of it. */

const f32 = Math.fround;

/** Values that are summed in one go; more are halved first. */
const SUMMED_AT_ONCE = 128;

/** The mean in single precision, by pairwise sums; NaN of none. */
export function mean(values: Float32Array): number {
  return f32(pairwiseSum(values, 0, values.length) / values.length);
}

function pairwiseSum(values: Float32Array, start: number, count: number): number {
  const end = start + count;
  if (count > SUMMED_AT_ONCE) {
    const half = (count >> 1) - ((count >> 1) % 8);
    return f32(pairwiseSum(values, start, half) + pairwiseSum(values, start + half, count - half));
  }
  let sum = 0;
  let next = start;
  if (count >= 8) {
    const parts = values.slice(start, start + 8);
    for (next = start + 8; next + 8 <= end; next += 8) {
      for (let i = 0; i < 8; i++) parts[i] += values[next + i];
    }
    const [first, second] = [f32(parts[0] + parts[1]), f32(parts[2] + parts[3])];
    const [third, fourth] = [f32(parts[4] + parts[5]), f32(parts[6] + parts[7])];
    sum = f32(f32(first + second) + f32(third + fourth));
  }
  for (; next < end; next++) sum = f32(sum + values[next]);
  return sum;
}

/** The standard deviation, in single precision. */
export function deviation(values: Float32Array): number {
  const middle = mean(values);
  return f32(Math.sqrt(mean(values.map((value) => f32(value - middle) ** 2))));
}

/** The largest of values that are not below 0. */
export function largest(values: Float32Array): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) if (values[i] > most) most = values[i];
  return most;
}

/** The middle value, or the mean of the two in the middle, in single precision; NaN of none. */
export function median(values: Float32Array): number {
  const sorted = values.slice().sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : f32(f32(sorted[middle - 1] + sorted[middle]) / 2);
}

/** The value that this share of the values does not exceed, between the two next to it. */
export function quantile(values: Float32Array, share: number): number {
  const sorted = values.slice().sort();
  const place = (sorted.length - 1) * share;
  const before = Math.floor(place);
  const [low, high] = [sorted[before], sorted[Math.min(before + 1, sorted.length - 1)]];
  const [apart, behind] = [f32(high - low), place - before];
  return behind >= 0.5 ? high - apart * (1 - behind) : low + apart * behind;
}

/** The nearest whole number, the even one of two, as Python's `round`. */
export function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 ? below + 1 : below;
}
