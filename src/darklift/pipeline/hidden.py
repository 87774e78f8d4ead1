"""Photos with transparent parts: what nobody sees neither counts as light or dark, nor is seen by the network.

Whatever lies under the transparency (black, white, leftovers of an editor), the network sees the colours around it
instead, and hidden pixels keep their values to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from darklift.image import FloatArray, Picture, row_strips
from darklift.image.overview import AreaAverage
from darklift.pipeline.cells import enlarged, grid_of
from darklift.pipeline.tiling import Tile

if TYPE_CHECKING:
    from darklift.pipeline.view import View

__all__ = ["Fill", "hides_all", "is_seen_through", "plan_fill", "seen_part", "visibility"]

_CELLS = 96
"""Along the longer side, of the grid of colours that hidden pixels are filled with."""
_SEEN = np.float32(4)
"""Pixels with an alpha of a quarter and more have a colour of their own; less of it, the less the alpha is."""
_RIM = (np.float32(0.96), np.float32(0.99))
"""The soft rim of a cut-out, which editors leave mixed with what lay behind it, has less alpha than its inside."""
_SOLID_SHARE = 0.5
"""Of what is seen, so much is solid in a cut-out. In a photo that is half transparent all over, all counts."""


@dataclass(frozen=True, eq=False)
class Fill:
    """The colours that visible pixels have around each place: float32 (3, h, w) unit, over a grid of the photo."""

    cells: FloatArray
    solid: bool = False
    """Whether solid pixels alone count in statistics, for there are enough of them, and not the rim around them."""

    def weights(self, alpha: FloatArray) -> FloatArray:
        """How much pixels with such an alpha count in statistics, in [0, 1]."""
        if not self.solid:
            return alpha
        low, high = _RIM
        weights: FloatArray = ((alpha - low) / (high - low)).clip(0, 1)
        return weights

    def apply(self, low: FloatArray, alpha: FloatArray, size: tuple[int, int], part: Tile) -> FloatArray:
        """A part of a photo of this size as the network sees it: (3, h, w) unit, the same for any values of hidden
        pixels. low: (3, h, w), alpha: (h, w), those of the part.
        """
        made = np.empty(low.shape, dtype=np.float32)
        for top in range(0, part.height, 64):
            rows = slice(top, min(top + 64, part.height))
            around = enlarged(self.cells, size, Tile(part.top + top, part.left, rows.stop - top, part.width))
            share = visibility(alpha[rows])  # of 1 and of 0 exact
            made[:, rows] = low[:, rows] * share + around * (1 - share)
        return made.clip(0, 1, out=made)


def is_seen_through(picture: Picture) -> bool:
    """Whether a picture can be seen through somewhere, and not everywhere."""
    return not picture.is_opaque and not hides_all(picture)


def hides_all(picture: Picture) -> bool:
    """Whether a picture is transparent everywhere."""
    return picture.held.alpha is not None and bool(picture.held.alpha.max() <= 0)


def visibility(alpha: FloatArray) -> FloatArray:
    """How far pixels have colours of their own: 0 for hidden ones, 1 from an alpha of a quarter on."""
    share: FloatArray = np.minimum(alpha * _SEEN, np.float32(1))
    return share


def seen_part(picture: Picture) -> Tile:
    """The smallest part of a photo with alpha that has all of its visible pixels."""
    alpha = picture.held.alpha
    assert alpha is not None
    columns = np.zeros(alpha.shape[1], np.bool_)
    rows = np.zeros(alpha.shape[0], np.bool_)
    for strip in row_strips(picture.size):
        visible = alpha[strip] > 0
        rows[strip] = visible.any(axis=1)
        columns |= visible.any(axis=0)
    (top, bottom), (left, right) = (
        (int(found[0]), int(found[-1]) + 1) for found in map(np.flatnonzero, (rows, columns))
    )
    return Tile(top, left, bottom - top, right - left)


def plan_fill(view: View) -> Fill:
    """Colours for the hidden pixels of a photo with alpha: means of visible ones nearby, and further away of a wider
    neighbourhood (push and pull; Gortler et al. 1996, "The Lumigraph").
    """
    seen = solid = 0.0
    for strip in view.strips():
        alpha = view.alpha(strip)
        assert alpha is not None
        seen += float(alpha.sum(dtype=np.float64))
        solid += float(np.count_nonzero(alpha >= _RIM[1]))
    fill = Fill(np.empty((3, 0, 0), np.float32), solid >= _SOLID_SHARE * seen)
    sums = AreaAverage(view.size, grid_of(view.size, _CELLS))
    for strip in view.strips():
        alpha = view.alpha(strip)
        assert alpha is not None
        weights = fill.weights(alpha)
        sums.add(np.concatenate([view.own(strip) * weights, weights[None]]))
    cells = sums.result()
    return replace(fill, cells=_filled(cells[:3], cells[3]).clip(0, 1))


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
