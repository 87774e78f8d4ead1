"""Tone curves: from a channel's coded values to light and back, in double precision.

A colour space codes its light by one of two kinds of curves: a formula or a table (ICC.1:2022, 10.6 and 10.18). Both
take and give arrays in [0, 1] and can be inverted, and both work value by value, so a part of a photo comes out to the
bit as the same place of the whole photo would.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["LINEAR", "SRGB", "Curve", "Formula", "Light", "Table"]

Light: TypeAlias = npt.NDArray[np.float64]
"""A float64 array of any shape."""


class Curve(Protocol):
    """What both kinds can do."""

    def decode(self, coded: npt.NDArray[Any]) -> Light:
        """Light of coded values in [0, 1]."""

    def encode(self, light: Light) -> Light:
        """Coded values in [0, 1] of light; what no code stands for gets the nearest one."""


@dataclass(frozen=True)
class Formula:
    """(a·x + b)^g + e from d on, and c·x + f below: all that ICC's parametric curves can say.

    Raises ValueError for numbers that make no rising curve over [0, 1].
    """

    g: float
    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0
    e: float = 0.0
    f: float = 0.0

    def __post_init__(self) -> None:
        numbers = (self.g, self.a, self.b, self.c, self.d, self.e, self.f)
        rising = self.g > 0 and self.a > 0 and self.c >= 0 and self.a * self.d + self.b >= -1e-4
        if not all(map(math.isfinite, numbers)) or not rising or not self._span() >= 1e-3:
            raise ValueError(f"a curve of the numbers {', '.join(f'{number:.4g}' for number in numbers)} does not rise")

    def _span(self) -> float:
        """Of the light from d on; NaN where no float holds it."""
        try:
            return self._power(1.0) - self._power(self.d)
        except OverflowError:
            return math.nan

    def _power(self, x: float) -> float:
        return float(max(self.a * x + self.b, 0.0) ** self.g + self.e)

    def decode(self, coded: npt.NDArray[Any]) -> Light:
        """See :class:`Curve`."""
        x = np.asarray(coded, np.float64)
        light: Light = np.maximum(self.a * x + self.b, 0) ** self.g + self.e
        return np.where(x >= self.d, light, self.c * x + self.f) if self.d > 0 else light

    def encode(self, light: Light) -> Light:
        """See :class:`Curve`."""
        coded: Light = (np.maximum(light - self.e, 0) ** (1 / self.g) - self.b) / self.a
        if self.d > 0:
            below = (light - self.f) / self.c if self.c > 1e-6 else np.zeros_like(light)
            coded = np.where(light >= self._power(self.d), coded, np.minimum(below, self.d))
        return coded.clip(0, 1)


@dataclass(frozen=True, eq=False)
class Table:
    """Light at evenly spaced coded values from 0 to 1, with straight lines between: (n,), n >= 2.

    Raises ValueError for a table that does not rise. Where it only dips a little, as measured ones do, the dip is
    levelled.
    """

    values: Light

    def __post_init__(self) -> None:
        levelled = np.maximum.accumulate(self.values)
        if len(levelled) < 2 or levelled[-1] - levelled[0] < 1e-3 or (levelled - self.values).max() > 0.01:
            raise ValueError(f"a table of {len(self.values)} values does not rise")
        object.__setattr__(self, "values", levelled)

    def decode(self, coded: npt.NDArray[Any]) -> Light:
        """See :class:`Curve`."""
        place = np.asarray(coded, np.float64) * (len(self.values) - 1)
        before = np.minimum(place.astype(np.intp), len(self.values) - 2)
        start = self.values[before]
        light: Light = start + (place - before) * (self.values[before + 1] - start)
        return light

    def encode(self, light: Light) -> Light:
        """See :class:`Curve`."""
        coded: Light = np.interp(light, self.values, np.linspace(0, 1, len(self.values)))
        return coded


LINEAR = Formula(1.0)
SRGB = Formula(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
"""IEC 61966-2-1."""
