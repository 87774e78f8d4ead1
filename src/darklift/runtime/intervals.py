"""How far a result may be off, place by place: what a calibration found, as plain numbers on a model's card.

A width is a power of two: the sum of curves, one for each thing that is known of a place, times a factor for the
coverage that is stated. ``tools/calibrate.py`` makes them (docs/explanation/maths.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np

from darklift.image import FloatArray

__all__ = ["KNOWN_OF_A_PLACE", "Curve", "Intervals"]

KNOWN_OF_A_PLACE = ("tone", "lift", "held", "contrast", "lit")
"""What widths go by: see :func:`darklift.pipeline.doubt.known_of_places`."""


@dataclass(frozen=True)
class Curve:
    """Straight from knot to knot, and level beyond the first and the last. Raises ValueError for what is no curve."""

    knots: tuple[float, ...]
    """Rising."""
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        finite = all(map(math.isfinite, (*self.knots, *self.values)))
        rising = all(one < other for one, other in pairwise(self.knots))
        if not self.knots or len(self.knots) != len(self.values) or not finite or not rising:
            raise ValueError(f"a curve takes rising knots and a value for each, got {self.knots} and {self.values}")

    def at(self, places: FloatArray) -> FloatArray:
        """Its values there, float32 of the same shape."""
        values: FloatArray = np.interp(places, self.knots, self.values).astype(np.float32)
        return values


@dataclass(frozen=True)
class Intervals:
    """Half-widths of intervals around a result's coded values that hold the true ones as often as is stated.

    Raises ValueError where a curve is missing, or a factor is not above 0.
    """

    curves: Mapping[str, Curve]
    """log2 of unit values, for each of :data:`KNOWN_OF_A_PLACE`; their sum is that of a half-width."""
    factors: Mapping[float, float]
    """Of half-widths, by the coverage that is stated, in (0, 1)."""
    made: Mapping[str, Any]
    """On what, and how: shown, never used."""

    def __post_init__(self) -> None:
        if set(self.curves) != set(KNOWN_OF_A_PLACE):
            raise ValueError(f"intervals take curves of {', '.join(KNOWN_OF_A_PLACE)}, got {', '.join(self.curves)}")
        if not self.factors or not all(0 < stated < 1 and factor > 0 for stated, factor in self.factors.items()):
            raise ValueError(f"intervals take factors above 0 of coverages between 0 and 1, got {self.factors}")

    def half_widths(self, known: Mapping[str, FloatArray], coverage: float) -> FloatArray:
        """float32 unit, like each array of what is ``known`` of the places. coverage: one of ``factors``."""
        stops = sum((self.curves[name].at(known[name]) for name in KNOWN_OF_A_PLACE), start=np.float32(0))
        widths: FloatArray = np.exp2(stops) * np.float32(self.factors[coverage])
        return widths

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "curves": {name: [list(curve.knots), list(curve.values)] for name, curve in self.curves.items()},
            "factors": {str(stated): factor for stated, factor in self.factors.items()},
            "made": dict(self.made),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`. Raises ValueError, TypeError, KeyError or AttributeError for what is none."""
        curves = {name: Curve(tuple(knots), tuple(heights)) for name, (knots, heights) in values["curves"].items()}
        factors = {float(stated): float(factor) for stated, factor in values["factors"].items()}
        return cls(curves, factors, dict(values["made"]))
