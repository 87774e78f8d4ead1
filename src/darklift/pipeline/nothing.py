"""Frames that hold nothing: black, a lens cap's noise, a film's black frame with a time stamp. Lifted, they would
become a gray or turquoise wall.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from darklift.image.overview import AreaAverage

if TYPE_CHECKING:
    from darklift.pipeline.strip import Strip

__all__ = ["Emptiness"]

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


class Emptiness:
    """Finds out whether a photo is dark and flat, but for noise and a small stamp: a
    :class:`~darklift.pipeline.strip.Looker`. With most photos it is done at once.
    """

    def __init__(self, size: tuple[int, int], bits: int) -> None:
        """bits: how finely its source tells values apart."""
        self._step: float = 1 / (2 ** min(bits, 16) - 1)
        self._size, self._grid = size, (size[0] // _CELL, size[1] // _CELL)
        self._few = self._grid[0] * self._grid[1] < _FEWEST_CELLS
        self._bright, self._most = 0, _STAMP * size[0] * size[1]
        self._rows, self._columns = (np.zeros(side, np.bool_) for side in size)  # with something bright in them
        self._least, self._greatest = np.full(3, np.inf, np.float32), np.full(3, -np.inf, np.float32)
        self._average, self._steps = None if self._few else AreaAverage(size, self._grid), 0.0

    def add(self, strip: Strip) -> None:
        """Look at the next one, unless it is known already that there is more than a stamp."""
        if self._bright > self._most:
            return
        bright = strip.top[strip.above :] > _DARK
        self._bright += int(np.count_nonzero(bright))
        if self._bright > self._most:
            return
        self._rows[strip.place.window[0]] = bright.any(axis=1)
        self._columns |= bright.any(axis=0)
        low = strip.low[:, strip.above :]
        if self._average is None:
            self._least = np.minimum(self._least, low.min(axis=(1, 2)))
            self._greatest = np.maximum(self._greatest, low.max(axis=(1, 2)))
            return
        gray = low.mean(axis=0, dtype=np.float32)
        self._average.add(gray[None])
        self._steps += float(np.abs(np.diff(gray, axis=1)).sum(dtype=np.float64))

    def result(self) -> bool:
        """Whether there is nothing in it."""
        if self._bright > self._most:
            return False
        if self._average is None:
            spread = float((self._greatest - self._least).max())
            return spread <= 1.01 * self._step and not self._bright
        cells = self._average.result()[0][self._away()]
        if not cells.size:
            return False
        # the standard deviation of the mean of a pixel's channels, by the differences of neighbours
        rows, columns = self._size
        noise = self._steps / max(rows * (columns - 1), 1) * math.sqrt(math.pi) / 2
        apart = np.abs(cells - np.median(cells))
        allowed = min(max(_STEPS * self._step, _SIGMAS * noise / _CELL), _MOST)
        return float(cells.std()) <= allowed and float(apart.max()) <= _SINGLE * allowed

    def _away(self) -> npt.NDArray[np.bool_]:
        """The cells that have no part in a stamp; none where the bright spots are no stamp."""
        away = np.ones(self._grid, dtype=np.bool_)
        if not self._bright:
            return away
        (top, bottom), (left, right) = (
            (int(place[0]), int(place[-1]) + 1) for place in map(np.flatnonzero, (self._rows, self._columns))
        )
        rows, columns = self._size
        middle = (top + bottom) / 2 / rows
        small = (bottom - top) * (right - left) <= _STAMP_BOX * rows * columns
        if not small or _STAMP_BAND < middle < 1 - _STAMP_BAND:
            return np.zeros(self._grid, dtype=np.bool_)
        (first, last), (before, after) = (
            (math.floor(start * cells / side) - 1, math.ceil(end * cells / side) + 1)
            for (start, end), cells, side in zip(((top, bottom), (left, right)), self._grid, self._size, strict=True)
        )
        away[max(first, 0) : last, max(before, 0) : after] = False
        return away
