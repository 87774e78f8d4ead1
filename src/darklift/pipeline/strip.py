"""One pass over a photo: rows on their way past all who look at it, what they share worked out once."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy.typing as npt

from darklift.image import FloatArray
from darklift.pipeline.cells import brightest, luma_of
from darklift.pipeline.tiling import Tile

if TYPE_CHECKING:
    from darklift.pipeline.view import View

__all__ = ["Looker", "Strip", "look_once"]

_PIXELS = 2**18
"""Of a strip: they stay in the processor's cache, whatever is made of them."""


class Strip:
    """Rows of a view, from top to bottom one strip after the other, in full width."""

    def __init__(self, view: View, place: Tile) -> None:
        self.place = place
        self.above = min(place.top, 1)
        """Rows that are held beside, as the first: the one above the strip, where there is one."""
        self._view = view
        self._held = Tile(place.top - self.above, place.left, place.height + self.above, place.width)

    @cached_property
    def codes(self) -> npt.NDArray[Any] | None:
        """The file's own numbers, of all of their type's range, (C, h, w); None where the view shows others."""
        return self._view.codes(self._held)

    @cached_property
    def low(self) -> FloatArray:
        """What the network sees, (3, h, w) unit."""
        return self._view.of(self._held)

    @cached_property
    def alpha(self) -> FloatArray | None:
        """How far pixels are seen, (h, w); None where all are."""
        return None if self._view.fill is None else self._view.alpha(self._held)

    @cached_property
    def _counted(self) -> tuple[FloatArray, FloatArray | None]:
        return (self.low, None) if self._view.fill is None else self._view.counted(self._held)

    @property
    def counted(self) -> FloatArray:
        """What statistics go by, (3, h, w) unit: see :meth:`View.counted`."""
        return self._counted[0]

    @property
    def weights(self) -> FloatArray | None:
        """How much each pixel counts there, (h, w); None for all alike."""
        return self._counted[1]

    @cached_property
    def top(self) -> FloatArray:
        """max(R, G, B) of what the network sees, (h, w)."""
        return brightest(self.low)

    @cached_property
    def counted_top(self) -> FloatArray:
        """The same of what statistics go by."""
        return self.top if self.weights is None else brightest(self.counted)

    @cached_property
    def counted_luma(self) -> FloatArray:
        """Luma of what statistics go by, (h, w)."""
        return luma_of(self.counted)


_Found = TypeVar("_Found", covariant=True)


class Looker(Protocol[_Found]):
    """Whoever looks at a photo, strip by strip."""

    def add(self, strip: Strip) -> None:
        """Look at the next one."""

    def result(self) -> _Found:
        """What was found, after the last."""
        ...


def look_once(view: View, lookers: Iterable[Looker[object]], multiple: int = 1) -> None:
    """Show them all of a view. multiple: of rows in a strip, but for the last."""
    lookers = tuple(lookers)
    for place in view.strips(multiple, _PIXELS):
        strip = Strip(view, place)
        for looker in lookers:
            looker.add(strip)
