"""What was last made of some arrays, so that two metrics, or two protocols, need not make it twice."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy.typing as npt

__all__ = ["Latest"]

Made = TypeVar("Made")


class Latest(Generic[Made]):
    """Remembers the last results for given arrays, by their identity: they must not be changed in between.

    It holds on to the arrays, so that no other one can take their place in memory, until others come. Several threads
    may ask: at worst, something is made twice.
    """

    def __init__(self, count: int = 1) -> None:
        """count: how many results."""
        self._count = count
        self._known: tuple[tuple[tuple[npt.NDArray[Any], ...], Made], ...] = ()

    def get(self, arrays: tuple[npt.NDArray[Any], ...], make: Callable[[], Made]) -> Made:
        """What ``make`` returns, or returned not long ago, if that was for the same arrays."""
        for known, made in self._known:
            if len(known) == len(arrays) and all(a is b for a, b in zip(known, arrays, strict=True)):
                return made
        made = make()
        self._known = ((arrays, made), *self._known[: self._count - 1])
        return made
