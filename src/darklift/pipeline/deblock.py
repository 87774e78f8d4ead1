"""Dark parts that a file holds as flat blocks, made smooth before a network lifts them.

Video coders (HEIC files) and strong JPEGs keep one colour for each block of a flat dark part, rounded to a code or two.
Lifted ten times, the steps between the blocks are plain to see, and what rounding made of the colours is brown, green
and blue. What was there is gone: the steps become slopes, and what is nearly black becomes grey.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from darklift.image import FloatArray
from darklift.image.overview import AreaAverage
from darklift.pipeline.tiling import Tile

if TYPE_CHECKING:
    from darklift.pipeline.view import View

__all__ = ["Smoothing", "enlarged", "plan_smoothing"]

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
_BLOCK = (64, 512)
"""Rows and columns that are worked on at once: they stay in the processor's cache."""
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
        for block in _blocks(part):
            here = block.seen_from(part).window
            touched = self.share[_cells_of(block, self.share.shape, self.size)].any()
            made[:, *here] = self._smoothed(low[:, *here], block) if touched else low[:, *here]
        return made

    def _smoothed(self, low: FloatArray, block: Tile) -> FloatArray:
        def spread(cells: FloatArray) -> FloatArray:
            return enlarged(cells, self.size, block)

        luma = _luma(low)
        smooth = spread(self.slopes) * luma + spread(self.offsets)
        smooth_luma = _luma(smooth)
        share = self.strength * spread(self.share) * (1 - _ramp(_brightest(low), _BRIGHT))
        share *= 1 - _ramp(np.abs(luma - smooth_luma), _DETAIL)
        share *= 1 - _ramp(_brightest(np.abs(low - smooth)), _COLOUR_DETAIL)
        smooth = smooth_luma + spread(self.coloured) * (smooth - smooth_luma)
        mixed: FloatArray = (low + share * (smooth - low)).clip(0, 1)
        return mixed


def plan_smoothing(view: View) -> Smoothing | None:
    """How to smooth the flat dark parts of a photo; None where they are a fifth of it or less. Of what is transparent,
    only what is seen counts.

    A guided filter (He et al. 2013, IEEE TPAMI 35(6)), its guide the luma, over these parts alone.
    """
    grid = tuple(min(side, -(-side * _CELLS // max(view.size))) for side in view.size)
    maps, says = AreaAverage(view.size, (grid[0], grid[1])), AreaAverage(view.size, (grid[0], grid[1]))
    for strip in view.strips():
        alpha = None if view.fill is None else view.alpha(strip)
        maps.add(_alike(view, strip, alpha))
        if alpha is not None:
            says.add(alpha[None])
    flatness = _flatness(maps.result())
    mean = flatness.mean() if view.fill is None else np.average(flatness, weights=says.result()[0])
    strength = float(_ramp(mean, _LEAST))
    if not strength:
        return None
    average = AreaAverage(view.size, (grid[0], grid[1]))
    for strip in view.strips():
        average.add(view.of(strip))
    return _guided(flatness, average.result(), strength, view.size)


def _guided(flatness: FloatArray, cells: FloatArray, strength: float, size: tuple[int, int]) -> Smoothing:
    total = _box(flatness) + np.float32(1e-4)

    def around(cells: FloatArray) -> FloatArray:
        """The means over windows, of the flat parts in them."""
        return _box(cells * flatness) / total

    guide = _luma(cells)
    means, guide_mean = around(cells), around(guide)
    slopes = (around(guide * cells) - guide_mean * means) / (around(guide * guide) - guide_mean**2 + _EDGE**2)
    offsets = means - slopes * guide_mean
    return Smoothing(
        size=size,
        strength=strength,
        share=_mean_box(flatness, 1),
        slopes=around(slopes),
        offsets=around(offsets),
        coloured=_ramp(means.max(axis=0), _COLOURED),
    )


def _alike(view: View, strip: Tile, alpha: FloatArray | None) -> FloatArray:
    """(3, h, w) for the pixels of a strip: how dark those are that are like the next ones to the right and below, how
    dark those that have such neighbours, how dark each is.
    """
    below = min(strip.height + 1, view.size[0] - strip.top)
    low = view.of(Tile(strip.top, 0, below, strip.width))
    dark = 1 - _ramp(_brightest(low[:, : strip.height]), _BRIGHT)
    if alpha is not None:
        dark *= alpha
    made = np.zeros((3, *dark.shape), dtype=np.float32)
    rows = below - 1  # but for the photo's last
    like = [(p[:-1, :-1] == p[1:, :-1]) & (p[:-1, :-1] == p[:-1, 1:]) for p in low]
    made[0, :rows, :-1] = (like[0] & like[1] & like[2]) * dark[:rows, :-1]
    made[1, :rows, :-1] = dark[:rows, :-1]
    made[2] = dark
    return made


def _flatness(cells: FloatArray) -> FloatArray:
    """How flat and dark the neighbourhood of each cell is, in [0, 1]: means of :func:`_alike` (3, h, w) -> (h, w)."""
    flat, share = _box(cells[:2])
    # Of the dark pixels alone: flat darkness reaches up to the lights in it.
    flatness: FloatArray = _ramp(flat / np.maximum(share, np.float32(1e-4)), _FLAT) * cells[2]
    return flatness


def _brightest(low: FloatArray) -> FloatArray:
    """max(R, G, B): (3, h, w) -> (h, w)."""
    brightest: FloatArray = np.maximum(np.maximum(low[0], low[1]), low[2])
    return brightest


def _luma(planes: FloatArray) -> FloatArray:
    """ITU-R BT.601: (3, h, w) -> (h, w)."""
    luma: FloatArray = planes[0] * np.float32(0.299) + planes[1] * np.float32(0.587) + planes[2] * np.float32(0.114)
    return luma


def _ramp(values: FloatArray | np.float32, between: tuple[float, float]) -> FloatArray:
    """0 up to the first, 1 from the second on."""
    start, end = between
    shares: FloatArray = ((values - np.float32(start)) / np.float32(end - start)).clip(0, 1)
    return shares


def _box(maps: FloatArray, radius: int = _RADIUS) -> FloatArray:
    """Sums over windows of (2·radius + 1)² cells, as much of each as lies in the maps (…, h, w)."""
    for axis in (-2, -1):
        length = maps.shape[axis]
        before = np.insert(np.cumsum(maps, axis=axis, dtype=np.float64), 0, 0, axis=axis)
        ends, starts = (np.arange(length) + offset for offset in (radius + 1, -radius))
        maps = (before.take(ends.clip(max=length), axis) - before.take(starts.clip(min=0), axis)).astype(np.float32)
    return maps


def _mean_box(maps: FloatArray, radius: int = _RADIUS) -> FloatArray:
    return _box(maps, radius) / _box(np.ones(maps.shape[-2:], dtype=np.float32), radius)


def _blocks(part: Tile) -> Iterator[Tile]:
    height, width = _BLOCK
    for top in range(0, part.height, height):
        for left in range(0, part.width, width):
            rows, columns = min(height, part.height - top), min(width, part.width - left)
            yield Tile(part.top + top, part.left + left, rows, columns)


def _cells_of(block: Tile, grid: tuple[int, ...], size: tuple[int, int]) -> tuple[slice, slice]:
    """The cells of a grid over the photo that have a say in a block's pixels."""
    (above, below), _ = _neighbours(grid[0], size[0], block.top, block.height)
    (before, after), _ = _neighbours(grid[1], size[1], block.left, block.width)
    return slice(above[0], below[-1] + 1), slice(before[0], after[-1] + 1)


def enlarged(cells: FloatArray, size: tuple[int, int], part: Tile) -> FloatArray:
    """A part of what (…, h, w) becomes when it is enlarged to ``size`` bilinearly: (…, rows, columns).

    By the rule of Pillow's ``resize``, which works on whole pictures only: columns first, sums in double precision.
    """
    (above, below), rows_say = _neighbours(cells.shape[-2], size[0], part.top, part.height)
    (before, after), columns_say = _neighbours(cells.shape[-1], size[1], part.left, part.width)
    cells = cells[..., above[0] : below[-1] + 1, :]  # all that the part's rows need
    wide = cells[..., before] * columns_say[0] + cells[..., after] * columns_say[1]
    wide = wide.astype(np.float32)
    above, below = above - above[0], below - above[0]
    made = wide[..., above, :] * rows_say[0][:, None] + wide[..., below, :] * rows_say[1][:, None]
    result: FloatArray = made.astype(np.float32)
    return result


def _neighbours(
    cells: int, length: int, start: int, count: int
) -> tuple[tuple[npt.NDArray[np.intp], ...], npt.NDArray[np.float64]]:
    """For places ``start`` … of ``length`` that so many cells are spread over: the cells on either side, and how much
    each of the two says: (2, count).
    """
    centres = (np.arange(start, start + count) + 0.5) * (cells / length) - 0.5
    first = np.floor(centres).astype(np.intp)
    places = np.stack([first, first + 1])
    weights = np.where((places >= 0) & (places < cells), 1 - np.abs(centres - places), 0)
    weights /= weights.sum(axis=0)
    places = places.clip(0, cells - 1)
    return (places[0], places[1]), weights
