/** Parts of sampling for a test, which compares with what Python computes. */

import { planesOf, type Planes } from "../src/engine/arrays.ts";
import { mapTiles } from "../src/engine/fade.ts";
import { noiseField } from "../src/engine/noise.ts";
import { sample } from "../src/engine/sampler.ts";
import { planTiles, type Size } from "../src/engine/tile.ts";
import { sha256 } from "../src/browser/sha256.ts";

interface Walk {
  x: number[];
  ladder: number[];
  preset: { eta: number; clip: boolean; predicts: "eps" | "x0" };
}

/** Noise of windows, as [seed, draw, channels, top, left, height, width] each. */
export const noise = async (windows: number[][]): Promise<Float32Array[]> =>
  windows.map(([seed, draw, channels, top, left, height, width]) => noiseField(seed, draw, channels, { top, left, height, width }));

/** Walks with a network that halves what it sees, and noise of seed 5. */
export const walks = async (asked: Walk[]): Promise<Float32Array[]> => {
  const halves = async (x: Float32Array): Promise<Float32Array> => x.map((value) => value * 0.5);
  const made: Float32Array[] = [];
  for (const { x, ladder, preset } of asked) {
    const fresh = (draw: number): Float32Array => noiseField(5, draw, 1, { top: 0, left: 0, height: 1, width: x.length });
    made.push(await sample(halves, Float32Array.from(x), ladder, preset, fresh));
  }
  return made;
};

/** Cross-faded tiles of noise, each with a seed of its own. */
export const faded = async ({ size, side, overlap }: { size: Size; side: number; overlap: number }): Promise<Float32Array> => {
  const tiles = planTiles(size, side, overlap, 8), made = planesOf(2, ...size);
  const work = async (tile: { top: number; left: number; height: number; width: number }): Promise<Planes> =>
    planesOf(2, tile.height, tile.width, noiseField(1000 * tile.top + tile.left, 0, 2, { ...tile, top: 0, left: 0 }));
  await mapTiles(tiles, size, work, overlap, (place, piece) => {
    for (let channel = 0; channel < 2; channel++) {
      for (let row = 0; row < place.height; row++) {
        const from = (channel * place.height + row) * place.width;
        const to = (channel * size[0] + place.top + row) * size[1] + place.left;
        made.data.set(piece.data.subarray(from, from + place.width), to);
      }
    }
  });
  return made.data;
};

/** Of bytes. */
export const digests = async (texts: number[][]): Promise<string[]> => texts.map((text) => sha256(Uint8Array.from(text)));

const asked = { noise, walks, faded, digests };

export async function answer({ call, value }: { call: keyof typeof asked; value: never }): Promise<unknown> {
  return asked[call](value);
}
