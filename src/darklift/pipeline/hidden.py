"""Photos with transparent parts: what nobody sees neither counts as light or dark, nor is seen by the network.

Whatever lies under the transparency (black, white, leftovers of an editor), the network sees the colours around it
instead, and hidden pixels keep their values to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darklift.image import FloatArray, Picture
from darklift.image.overview import area_average
from darklift.pipeline.cells import enlarged, grid_of
from darklift.pipeline.tiling import Tile

__all__ = ["Fill", "alpha_of", "hides_all", "plan_fill", "seen_part", "visibility"]

_CELLS = 96
"""Along the longer side, of the grid of colours that hidden pixels are filled with."""
_SEEN = np.float32(4)
"""Pixels with an alpha of a quarter and more have a colour of their own; less of it, the less the alpha is."""


@dataclass(frozen=True, eq=False)
class Fill:
    """The colours that visible pixels have around each place: float32 (3, h, w) unit, over a grid of the photo."""

    cells: FloatArray

    def apply(self, low: FloatArray, alpha: FloatArray) -> FloatArray:
        """The photo as the network sees it: (3, H, W) unit, the same for any values of hidden pixels."""
        size = (low.shape[1], low.shape[2])
        made = np.empty(low.shape, dtype=np.float32)
        for top in range(0, size[0], 64):
            rows = slice(top, min(top + 64, size[0]))
            around = enlarged(self.cells, size, Tile(top, 0, rows.stop - top, size[1]))
            share = visibility(alpha[rows])  # of 1 and of 0 exact
            made[:, rows] = low[:, rows] * share + around * (1 - share)
        return made.clip(0, 1, out=made)


def alpha_of(picture: Picture) -> FloatArray | None:
    """The alpha in [0, 1] of a picture that can be seen through somewhere; None for all others."""
    alpha = picture.alpha
    if alpha is None or float(alpha.min()) >= 1 or hides_all(picture):
        return None
    return alpha.clip(0, 1)


def hides_all(picture: Picture) -> bool:
    """Whether a picture is transparent everywhere."""
    return picture.alpha is not None and float(picture.alpha.max()) <= 0


def visibility(alpha: FloatArray) -> FloatArray:
    """How far pixels have colours of their own: 0 for hidden ones, 1 from an alpha of a quarter on."""
    share: FloatArray = np.minimum(alpha * _SEEN, np.float32(1))
    return share


def seen_part(alpha: FloatArray) -> Tile:
    """The smallest part of a photo that has all of its visible pixels."""
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    return Tile(int(rows[0]), int(columns[0]), int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1)


def plan_fill(low: FloatArray, alpha: FloatArray) -> Fill:
    """Colours for the hidden pixels of a photo (3, H, W) unit with an alpha (H, W): means of visible ones nearby, and
    further away of a wider neighbourhood (push and pull; Gortler et al. 1996, "The Lumigraph").
    """
    size = alpha.shape
    rows, columns = grid_of(size, _CELLS)
    weights = area_average(alpha[None], (rows, columns))[0]
    sums = np.stack([area_average((plane * alpha)[None], (rows, columns))[0] for plane in low])
    return Fill(_filled(sums, weights).clip(0, 1))


def _filled(sums: FloatArray, weights: FloatArray) -> FloatArray:
    """(3, h, w) colours, each times its weight, and the weights (h, w) -> colours everywhere."""
    rows, columns = weights.shape
    own: FloatArray = (sums / np.maximum(weights, np.float32(1e-12))).astype(np.float32)
    if rows == columns == 1:
        return own
    half = (-(-rows // 2), -(-columns // 2))
    padding = (2 * half[0] - rows, 2 * half[1] - columns)
    padded = np.pad(np.concatenate([sums, weights[None]]), ((0, 0), (0, padding[0]), (0, padding[1])))
    halved = padded.reshape(4, half[0], 2, half[1], 2).sum(axis=(2, 4), dtype=np.float32)
    wider = enlarged(_filled(halved[:3], halved[3]), (rows, columns), Tile(0, 0, rows, columns))
    mixed: FloatArray = wider + visibility(weights) * (own - wider)
    return mixed
