"""How bright a result shall be: what a person wishes, and what that means for one photo."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Self

from darklift.errors import UsageError
from darklift.runtime import Guess

__all__ = ["Aim", "Exposure"]

_GAMMA = 2.2
_MAX_STOPS = 10
_MEAN_RANGE = (0.02, 0.95)
_LEFT_ALONE = (0.2, 0.6)
"""Stops of coded value by which the model would change a photo: left alone up to the first, wholly worked on from the
second."""


@dataclass(frozen=True)
class Aim:
    """What to ask of the model for one photo, and the share of its result to take; the rest is the photo itself."""

    wanted: Guess
    share: float


@dataclass(frozen=True)
class Exposure:
    """How bright the result should be: ``stops`` from what the model would choose, or a ``mean`` of the coded values;
    with neither it is the model's choice, and whether there is anything to do.

    A stop is a factor of two in light, as on a camera; light is taken as coded value to the power of 2.2. Raises
    UsageError for more than 10 stops and for a mean outside [0, 1].
    """

    stops: float | None = None
    mean: float | None = None

    def __post_init__(self) -> None:
        stops_fit = self.stops is None or abs(_number(self.stops)) <= _MAX_STOPS
        if not stops_fit or not (self.mean is None or 0 <= _number(self.mean) <= 1):
            raise _no_exposure(f"stops={self.stops!r}, mean={self.mean!r}")

    def __str__(self) -> str:
        return f"{self.stops or 0.0:+g}" if self.mean is None else f"mean={self.mean:g}"

    @classmethod
    def of(cls, wish: Exposure | float | str | None) -> Self:
        """From None, stops as a number ("+0.5"), or "mean=0.4". Raises UsageError."""
        if wish is None:
            return cls()
        if isinstance(wish, Exposure):
            return cls(wish.stops, wish.mean)
        text = str(wish).strip()
        key, equals, value = text.partition("=")
        number = _number(value if equals else text)
        if equals and key.strip() == "mean" and 0 < number < 1:
            return cls(mean=number)
        if not equals and abs(number) <= _MAX_STOPS:
            return cls(stops=number)
        raise _no_exposure(repr(text))

    def aim(self, guess: Guess, brightness: float) -> Aim:
        """What is wanted of a photo of this mean brightness for which the model would choose ``guess``.

        Where no exposure was asked for, a photo that the model would hardly change is good as it is, and left so.
        """
        if self.mean is not None:
            return Aim(_kept_in_range(Guess(self.mean)), 1.0)
        if self.stops is not None:
            return Aim(_kept_in_range(replace(guess, brightness=guess.brightness * 2 ** (self.stops / _GAMMA))), 1.0)
        change = math.log2(guess.brightness / max(brightness, _MEAN_RANGE[0]))
        return Aim(_kept_in_range(guess), _rise(abs(change), *_LEFT_ALONE))


def _number(value: Any) -> float:
    """NaN for what is none."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _no_exposure(got: str) -> UsageError:
    return UsageError(
        f"exposure {got} is neither stops from -{_MAX_STOPS} to {_MAX_STOPS} (such as +0.5) nor mean=V with V between "
        "0 and 1"
    )


def _kept_in_range(wanted: Guess) -> Guess:
    """Where a picture still is one."""
    return replace(wanted, brightness=min(max(wanted.brightness, _MEAN_RANGE[0]), _MEAN_RANGE[1]))


def _rise(value: float, start: float, end: float) -> float:
    """0 up to ``start``, 1 from ``end``, smooth between."""
    share = min(max((value - start) / (end - start), 0.0), 1.0)
    return share * share * (3 - 2 * share)
