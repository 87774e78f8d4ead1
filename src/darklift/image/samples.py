"""The values of a picture as they are held: one copy, of the type that they came in, and unit floats of any part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from darklift.errors import UsageError

__all__ = ["FloatArray", "Samples", "row_strips", "white_of"]

FloatArray: TypeAlias = npt.NDArray[np.float32]
"""A float32 array of any shape."""

_STRIP_PIXELS = 2**20
_ALL = slice(None)


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Colours and alpha of a picture, as few bytes as tell all of it.

    Attributes:
        colours: (H, W, 3) RGB, or (H, W, 1) gray: float32 in [0, 1], or uint8 or uint16 from 0 to ``white``.
        alpha: (H, W) of the same type, where the largest value is opaque; None for a picture without.
        white: what stands for 1; 0 is as much as integers of their type hold.

    Raises:
        UsageError: an array has another dtype or shape.
    """

    colours: npt.NDArray[Any]
    alpha: npt.NDArray[Any] | None = None
    white: int = 0

    def __post_init__(self) -> None:
        colours, alpha = self.colours, self.alpha
        known = colours.dtype in (np.dtype(np.float32), np.dtype(np.uint8), np.dtype(np.uint16))
        if not known or colours.ndim != 3 or colours.shape[2] not in (1, 3) or not colours.size:
            raise UsageError(
                f"pixels are {colours.dtype} of shape {colours.shape}, expected float32 of shape (H, W, 3)"
                ": use from_array for other kinds of arrays"
            )
        if alpha is not None and (alpha.dtype != colours.dtype or alpha.shape != self.size):
            raise UsageError(
                f"alpha is {alpha.dtype} of shape {alpha.shape}, expected {colours.dtype} of shape {self.size}"
                ": give it one value for each pixel"
            )
        if not self.white:
            object.__setattr__(self, "white", white_of(colours))

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.colours.shape[0], self.colours.shape[1]

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return self.colours.nbytes + (0 if self.alpha is None else self.alpha.nbytes)

    @property
    def whole_numbers(self) -> bool:
        """Integers, which are always in range."""
        return self.colours.dtype.kind == "u"

    def holds(self, dtype: np.dtype[Any]) -> bool:
        """Whether these are integers of this type over all of its range, as files have them."""
        return self.whole_numbers and self.colours.dtype == dtype and self.white == np.iinfo(dtype).max

    def pixels(self, rows: slice = _ALL, columns: slice = _ALL) -> FloatArray:
        """Unit RGB of a part, float32 (h, w, 3): the held array itself, or a view of it, where it is that."""
        unit = self._unit(self.colours, rows, columns)
        return np.repeat(unit, 3, axis=2) if unit.shape[2] == 1 else unit

    def codes(self, rows: slice = _ALL, columns: slice = _ALL) -> npt.NDArray[Any]:
        """The held colours of a part, its channels apart, (C, h, w): a copy."""
        return np.ascontiguousarray(self.colours[rows, columns].transpose(2, 0, 1))

    def planes(self, rows: slice = _ALL, columns: slice = _ALL) -> FloatArray:
        """Unit RGB of a part, its channels apart, float32 (3, h, w): a copy."""
        planes: FloatArray = self.codes(rows, columns)
        if self.whole_numbers:
            planes = np.divide(planes, np.float32(self.white), dtype=np.float32)
        return np.repeat(planes, 3, axis=0) if len(planes) == 1 else planes

    def opacity(self, rows: slice = _ALL, columns: slice = _ALL) -> FloatArray | None:
        """The alpha of a part, float32 (h, w); None for a picture without."""
        return None if self.alpha is None else self._unit(self.alpha, rows, columns)

    def _unit(self, values: npt.NDArray[Any], rows: slice, columns: slice) -> FloatArray:
        if not self.whole_numbers:
            return values if rows == columns == _ALL else values[rows, columns]
        unit: FloatArray = np.divide(values[rows, columns], np.float32(self.white), dtype=np.float32)
        return unit


def white_of(values: npt.NDArray[Any]) -> int:
    """What stands for 1: as much as integers of this type hold, and 1 itself in floats."""
    return int(np.iinfo(values.dtype).max) if values.dtype.kind == "u" else 1


def row_strips(size: tuple[int, int], multiple: int = 1, pixels: int = _STRIP_PIXELS) -> Iterator[slice]:
    """The rows of a picture of (H, W) from top to bottom, so many at once that what is made of them takes little: a
    multiple of some number, but for the last. pixels: about so many at once.
    """
    rows, columns = size
    step = max(1, pixels // (columns * multiple)) * multiple
    for top in range(0, rows, step):
        yield slice(top, min(top + step, rows))
