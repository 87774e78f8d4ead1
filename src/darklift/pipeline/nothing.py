"""Frames that hold nothing: black, a lens cap's noise, a film's black frame with a time stamp. Lifted, they would
become a gray or turquoise wall.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from darklift.image import FloatArray
from darklift.image.overview import AreaAverage
from darklift.pipeline.cells import brightest
from darklift.pipeline.tiling import Tile

if TYPE_CHECKING:
    from darklift.pipeline.view import View

__all__ = ["holds_nothing"]

_DARK = 24.5 / 255
"""Unit: nothing but a stamp is brighter than this in any channel."""
_STAMP, _STAMP_BOX, _STAMP_BAND = 0.02, 0.05, 0.2
"""What is brighter takes at most this share of the pixels, lies in one box of at most this share, and that in the upper
or lower fifth."""
_CELL = 16
"""Pixels along a cell's side. Noise goes down to a 16th in the mean of one; what a lens saw does not."""
_FEWEST_CELLS = 12
"""In a smaller picture, noise cannot be told from what was seen."""
_STEPS, _SIGMAS, _MOST = 0.5, 3.0, 1.0 / 255
"""Cells differ by at most half a step of the file's codes, or three times what the noise of their pixels explains, and
never by more than the last (unit). The darkest of LOL's photos differ by 1.2/255."""
_SINGLE = 4
"""No cell is off by more than so many times that."""


def holds_nothing(view: View, bits: int) -> bool:
    """Whether a photo is dark and flat, but for noise and a small stamp.

    bits: how finely its source tells values apart.
    """
    spots = _spots(view)
    if spots is None:
        return False
    step: float = 1 / (2 ** min(bits, 16) - 1)
    rows, columns = (side // _CELL for side in spots.shape)
    if rows * columns < _FEWEST_CELLS:
        low = view.of(Tile(0, 0, *view.size))
        spread = float((low.max(axis=(1, 2)) - low.min(axis=(1, 2))).max())
        return spread <= 1.01 * step and not bool(spots.any())
    cells, noise = _cells(view, (rows, columns))
    cells = cells[_away_from(spots, (rows, columns))]
    if not cells.size:
        return False
    apart = np.abs(cells - np.median(cells))
    allowed = min(max(_STEPS * step, _SIGMAS * noise / _CELL), _MOST)
    return float(cells.std()) <= allowed and float(apart.max()) <= _SINGLE * allowed


def _spots(view: View) -> npt.NDArray[np.bool_] | None:
    """What is brighter than dark, (H, W); None where that is more than a stamp. Most photos are done with at once."""
    spots, most, found = np.zeros(view.size, np.bool_), _STAMP * view.size[0] * view.size[1], 0
    for strip in view.strips():
        bright = brightest(view.of(strip)) > _DARK
        spots[strip.window] = bright
        found += int(np.count_nonzero(bright))
        if found > most:
            return None
    return spots


def _cells(view: View, grid: tuple[int, int]) -> tuple[FloatArray, float]:
    """The means of cells, and the standard deviation of the mean of a pixel's channels, by the differences of
    neighbours.
    """
    average, steps = AreaAverage(view.size, grid), 0.0
    for strip in view.strips():
        gray = view.of(strip).mean(axis=0, dtype=np.float32)
        average.add(gray[None])
        steps += float(np.abs(np.diff(gray, axis=1)).sum(dtype=np.float64))
    rows, columns = view.size
    return average.result()[0], steps / max(rows * (columns - 1), 1) * math.sqrt(math.pi) / 2


def _away_from(spots: npt.NDArray[np.bool_], grid: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """The cells that have no part in a stamp; none where the bright spots are no stamp."""
    away = np.ones(grid, dtype=np.bool_)
    if not spots.any():
        return away
    places = [np.flatnonzero(spots.any(axis=axis)) for axis in (1, 0)]
    (top, bottom), (left, right) = ((int(place[0]), int(place[-1]) + 1) for place in places)
    middle = (top + bottom) / 2 / spots.shape[0]
    small = (bottom - top) * (right - left) <= _STAMP_BOX * spots.size
    if not small or _STAMP_BAND < middle < 1 - _STAMP_BAND:
        return np.zeros(grid, dtype=np.bool_)
    (first, last), (before, after) = (
        (math.floor(start * cells / side) - 1, math.ceil(end * cells / side) + 1)
        for (start, end), cells, side in zip(((top, bottom), (left, right)), grid, spots.shape, strict=True)
    )
    away[max(first, 0) : last, max(before, 0) : after] = False
    return away
