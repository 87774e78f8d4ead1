/** Numbers as colours, as Python's `figures/heatmap.py` draws them. */

/** Viridis (Smith & van der Walt 2015, CC0) at ten even places: rises evenly in lightness, also for colour-blind eyes. */
const VIRIDIS = [
  [68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142],
  [31, 158, 137], [53, 183, 121], [110, 206, 88], [181, 222, 43], [253, 231, 37],
];

/** RGBA of unit numbers, from violet at 0 to yellow at 1; what is beyond has the colours of the ends. */
export function viridis(unit: Float32Array): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(4 * unit.length).fill(255);
  for (let i = 0; i < unit.length; i++) {
    const place = Math.min(Math.max(unit[i], 0), 1) * (VIRIDIS.length - 1);
    const before = Math.min(Math.floor(place), VIRIDIS.length - 2), share = place - before;
    for (let channel = 0; channel < 3; channel++) {
      const start = VIRIDIS[before][channel];
      pixels[4 * i + channel] = start + share * (VIRIDIS[before + 1][channel] - start);
    }
  }
  return pixels;
}
