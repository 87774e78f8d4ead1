"""What was last made of some arrays, so that two metrics, or two protocols, need not make it twice."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy.typing as npt

__all__ = ["Latest"]

Made = TypeVar("Made")


class Latest(Generic[Made]):
    """Remembers the last result for given arrays, by their identity: they must not be changed in between.

    It holds on to the arrays, so that no other one can take their place in memory, until the next ones come.
    """

    def __init__(self) -> None:
        self._last: tuple[tuple[npt.NDArray[Any], ...], Made] | None = None

    def get(self, arrays: tuple[npt.NDArray[Any], ...], make: Callable[[], Made]) -> Made:
        """What ``make`` returns, or returned the last time, if that was for the same arrays."""
        last = self._last
        if (
            last is not None
            and len(last[0]) == len(arrays)
            and all(a is b for a, b in zip(last[0], arrays, strict=True))
        ):
            return last[1]
        made = make()
        self._last = (arrays, made)
        return made
