"""Dark parts that a file holds as flat blocks, made smooth before a network lifts them.

Video coders (HEIC files) and strong JPEGs keep one colour for each block of a flat dark part, rounded to a code or two.
Lifted ten times, the steps between the blocks are plain to see, and what rounding made of the colours is brown, green
and blue. What was there is gone: the steps become slopes, and what is nearly black becomes grey.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darklift.image import FloatArray
from darklift.image.overview import area_average
from darklift.pipeline.cells import (
    blocks_of,
    box_means,
    box_sums,
    brightest,
    cells_of,
    enlarged,
    grid_of,
    luma_of,
    ramp,
)
from darklift.pipeline.tiling import Tile

__all__ = ["Smoothing", "plan_smoothing"]

_CELLS = 480
"""Along the longer side, of the grid that the filter works on (fast guided filter; He & Sun 2015, arXiv 1505.00996)."""
_RADIUS = 4
"""Of the filter's windows, in cells."""
_EDGE = 2 / 255
"""Deviation within a window; much more than this is no rounding, and is kept."""
_FLAT = (0.75, 0.9)
"""Of the pixels around, those like their neighbours: up to the first share there is detail, from the second none."""
_BRIGHT = (20 / 255, 36 / 255)
"""Unit: up to the first a place is dark, from the second on it is not."""
_COLOURED = (1 / 255, 4 / 255)
"""Unit: up to the first a place has no colour that could be believed, from the second on it has."""
_DETAIL, _COLOUR_DETAIL = (3 / 255, 6 / 255), (6 / 255, 12 / 255)
"""Of luma and of any channel, unit: what differs by up to the first from its smooth surroundings is smoothed with them,
from the second on it is a thing of its own, such as a star."""
_LEAST = (0.2, 0.3)
"""Of the photo, what is flat and dark: up to the first share it stays as it is, from the second on all is done."""


@dataclass(frozen=True, eq=False)
class Smoothing:
    """How the flat dark parts of one photo are smoothed: maps over a grid of at most 480 cells along its longer side.

    strength: of all of it, in (0, 1]. share: (h, w), how flat and dark each place is. slopes, offsets: (3, h, w), a
    guided filter's: what is smooth is slope·luma + offset. coloured: (h, w), where there is a colour to believe.
    """

    size: tuple[int, int]
    strength: float
    share: FloatArray
    slopes: FloatArray
    offsets: FloatArray
    coloured: FloatArray

    def apply(self, low: FloatArray, part: Tile | None = None) -> FloatArray:
        """The photo, or a part of it, smoothed: low (3, H, W) unit, all of the photo's pixels -> (3, h, w) unit.

        A part has the pixels that it has in the whole, to the bit.
        """
        part = part or Tile(0, 0, *self.size)
        made = np.empty((3, part.height, part.width), dtype=np.float32)
        for block in blocks_of(part):
            own = low[:, *block.window]
            touched = self.share[cells_of(block, self.share.shape, self.size)].any()
            made[:, *block.seen_from(part).window] = self._smoothed(own, block) if touched else own
        return made

    def _smoothed(self, low: FloatArray, block: Tile) -> FloatArray:
        def spread(cells: FloatArray) -> FloatArray:
            return enlarged(cells, self.size, block)

        luma = luma_of(low)
        smooth = spread(self.slopes) * luma + spread(self.offsets)
        smooth_luma = luma_of(smooth)
        share = self.strength * spread(self.share) * (1 - ramp(brightest(low), _BRIGHT))
        share *= 1 - ramp(np.abs(luma - smooth_luma), _DETAIL)
        share *= 1 - ramp(brightest(np.abs(low - smooth)), _COLOUR_DETAIL)
        smooth = smooth_luma + spread(self.coloured) * (smooth - smooth_luma)
        mixed: FloatArray = (low + share * (smooth - low)).clip(0, 1)
        return mixed


def plan_smoothing(low: FloatArray, weights: FloatArray | None = None) -> Smoothing | None:
    """How to smooth the flat dark parts of a photo (3, H, W) unit; None where they are a fifth of it or less.

    weights: (H, W) in [0, 1], how far each pixel is seen; only those that are count.

    A guided filter (He et al. 2013, IEEE TPAMI 35(6)), its guide the luma, over these parts alone.
    """
    rows, columns = low.shape[1:]
    flatness = _flatness(low, weights)
    mean = flatness.mean()
    if weights is not None:
        mean = np.average(flatness, weights=area_average(weights[None], flatness.shape)[0])
    strength = float(ramp(mean, _LEAST))
    if not strength:
        return None
    total = box_sums(flatness, _RADIUS) + np.float32(1e-4)

    def around(cells: FloatArray) -> FloatArray:
        """The means over windows, of the flat parts in them."""
        return box_sums(cells * flatness, _RADIUS) / total

    cells = area_average(low, flatness.shape)
    guide = luma_of(cells)
    means, guide_mean = around(cells), around(guide)
    slopes = (around(guide * cells) - guide_mean * means) / (around(guide * guide) - guide_mean**2 + _EDGE**2)
    offsets = means - slopes * guide_mean
    return Smoothing(
        size=(rows, columns),
        strength=strength,
        share=box_means(flatness, 1),
        slopes=around(slopes),
        offsets=around(offsets),
        coloured=ramp(means.max(axis=0), _COLOURED),
    )


def _flatness(low: FloatArray, weights: FloatArray | None) -> FloatArray:
    """How flat and dark the neighbourhood of each cell is, in [0, 1]: (h, w)."""
    top = brightest(low)
    dark = 1 - ramp(top, _BRIGHT)
    if weights is not None:
        dark *= weights
    same = np.zeros(top.shape, dtype=np.float32)
    like = [(p[:-1, :-1] == p[1:, :-1]) & (p[:-1, :-1] == p[:-1, 1:]) for p in low]
    same[:-1, :-1] = (like[0] & like[1] & like[2]) * dark[:-1, :-1]
    compared = dark.copy()
    compared[-1], compared[:, -1] = 0, 0
    grid = grid_of(top.shape, _CELLS)
    cells = area_average(np.stack([same, compared, dark]), grid)
    flat, share = box_sums(cells[:2], _RADIUS)
    # Of the dark pixels alone: flat darkness reaches up to the lights in it.
    flatness: FloatArray = ramp(flat / np.maximum(share, np.float32(1e-4)), _FLAT) * cells[2]
    return flatness
