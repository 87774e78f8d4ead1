"""Dark parts that a file holds as flat blocks, made smooth before a network lifts them.

Video coders (HEIC files) and strong JPEGs keep one colour for each block of a flat dark part, rounded to a code or two.
Lifted ten times, the steps between the blocks are plain to see, and what rounding made of the colours is brown, green
and blue. What was there is gone: the steps become slopes, and what is nearly black becomes grey.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from darklift.image import FloatArray
from darklift.image.overview import AreaAverage
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

if TYPE_CHECKING:
    from darklift.pipeline.strip import Strip
    from darklift.pipeline.view import View

__all__ = ["FlatParts", "Flatness", "Smoothing", "plan_smoothing"]

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

    def apply(self, low: FloatArray, part: Tile) -> FloatArray:
        """A part of the photo smoothed: its (3, h, w) unit -> (3, h, w) unit, the same as in the whole to the bit."""
        made = np.empty((3, part.height, part.width), dtype=np.float32)
        for block in blocks_of(part):
            here = block.seen_from(part).window
            touched = self.share[cells_of(block, self.share.shape, self.size)].any()
            made[:, *here] = self._smoothed(low[:, *here], block) if touched else low[:, *here]
        return made

    def _smoothed(self, low: FloatArray, block: Tile) -> FloatArray:
        def spread(cells: FloatArray) -> FloatArray:
            return enlarged(cells, self.size, block)

        luma, smooth = luma_of(low), spread(self.slopes)
        smooth *= luma
        smooth += spread(self.offsets)
        smooth_luma = luma_of(smooth)
        share = spread(self.share)
        share *= self.strength
        share *= 1 - ramp(brightest(low), _BRIGHT)
        luma -= smooth_luma
        share *= 1 - ramp(np.abs(luma, out=luma), _DETAIL)
        apart = low - smooth
        share *= 1 - ramp(brightest(np.abs(apart, out=apart)), _COLOUR_DETAIL)
        smooth -= smooth_luma
        smooth *= spread(self.coloured)
        smooth += smooth_luma
        smooth -= low
        smooth *= share
        smooth += low
        return smooth.clip(0, 1, out=smooth)


class FlatParts:
    """Finds the flat dark parts of a photo: a :class:`~darklift.pipeline.strip.Looker`."""

    def __init__(self, size: tuple[int, int]) -> None:
        grid = grid_of(size, _CELLS)
        self._maps, self._says = AreaAverage(size, grid), AreaAverage(size, grid)
        self._weighted = False
        self._last: FloatArray | None = None

    def add(self, strip: Strip) -> None:
        """Of each pixel: how dark it is if it is like the next ones to the right and below, if it has such neighbours,
        and in any case. That of the strip's last row waits for the one below.
        """
        dark = 1 - ramp(strip.top, _BRIGHT)
        if strip.alpha is not None:
            dark *= strip.alpha
            self._weighted = True
            self._says.add(strip.alpha[None, strip.above :])
        made = np.zeros((3, *dark[:-1].shape), dtype=np.float32)
        like = np.ones(dark[:-1, :-1].shape, np.bool_)
        for plane in strip.low if strip.codes is None else strip.codes:
            here = plane[:-1, :-1]
            like &= here == plane[1:, :-1]
            like &= here == plane[:-1, 1:]
        np.multiply(like, dark[:-1, :-1], out=made[0, :, :-1])
        made[1, :, :-1] = dark[:-1, :-1]
        made[2] = dark[:-1]
        self._maps.add(made)
        self._last = dark[-1:]

    def result(self) -> Flatness | None:
        """None where they are a fifth of the photo or less; of what is transparent, only what is seen counts."""
        assert self._last is not None
        self._maps.add(np.stack([np.zeros_like(self._last), np.zeros_like(self._last), self._last]))
        cells = self._maps.result()
        flat, share = box_sums(cells[:2], _RADIUS)
        # Of the dark pixels alone: flat darkness reaches up to the lights in it.
        flatness: FloatArray = ramp(flat / np.maximum(share, np.float32(1e-4)), _FLAT) * cells[2]
        mean = np.average(flatness, weights=self._says.result()[0]) if self._weighted else flatness.mean()
        strength = float(ramp(np.float32(mean), _LEAST))
        return Flatness(flatness, strength) if strength else None


class Flatness(NamedTuple):
    """What :class:`FlatParts` found."""

    cells: FloatArray
    """How flat and dark the neighbourhood of each cell is, (h, w) in [0, 1]."""
    strength: float
    """As of :class:`Smoothing`."""


def plan_smoothing(view: View, flatness: Flatness | None) -> Smoothing | None:
    """How to smooth the flat dark parts of a photo; None where there are none.

    A guided filter (He et al. 2013, IEEE TPAMI 35(6)), its guide the luma, over these parts alone.
    """
    if flatness is None:
        return None
    average = AreaAverage(view.size, grid_of(view.size, _CELLS))
    for strip in view.strips():
        average.add(view.of(strip))
    return _guided(flatness.cells, average.result(), flatness.strength, view.size)


def _guided(flatness: FloatArray, cells: FloatArray, strength: float, size: tuple[int, int]) -> Smoothing:
    total = box_sums(flatness, _RADIUS) + np.float32(1e-4)

    def around(cells: FloatArray) -> FloatArray:
        """The means over windows, of the flat parts in them."""
        return box_sums(cells * flatness, _RADIUS) / total

    guide = luma_of(cells)
    means, guide_mean = around(cells), around(guide)
    slopes = (around(guide * cells) - guide_mean * means) / (around(guide * guide) - guide_mean**2 + _EDGE**2)
    offsets = means - slopes * guide_mean
    return Smoothing(
        size=size,
        strength=strength,
        share=box_means(flatness, 1),
        slopes=around(slopes),
        offsets=around(offsets),
        coloured=ramp(means.max(axis=0), _COLOURED),
    )
