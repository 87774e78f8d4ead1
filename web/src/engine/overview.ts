/** A whole photo in brief, for a model that works on a piece of it: a thumbnail and statistics of its brightness. As
 * Python's `image/overview.py`. */

import type { Planes } from "./arrays.ts";

/** A whole photo in brief. */
export interface Overview {
  /** (3, 40, 40) in [0, 1], averaged over areas. */
  readonly thumbnail: Planes;
  /** (14,), each in [0, 1]. First the square roots of the mean, of the three channels' means, and of quantiles of
   * max(R, G, B). Then the spread of max(R, G, B), and the shares of pixels at the top and at the bottom. */
  readonly statistics: Float32Array;
  /** (7,), further signs of how much light was lost: the square roots of high quantiles, and contrasts at five scales. */
  readonly cues: Float32Array;
  /** Mean coded value of the thumbnail, in [0, 1]; of a photo with transparent parts, that of what is seen. */
  readonly brightness: number;
}
