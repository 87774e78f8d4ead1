"""A photo as a network sees it, any part of it at a time, so that no photo is ever held as floats as a whole."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from darklift.errors import ImageError, UsageError
from darklift.image import FloatArray, Picture
from darklift.image.colour import ColourSpace
from darklift.pipeline.hidden import Fill
from darklift.pipeline.tiling import Tile

if TYPE_CHECKING:
    from darklift.pipeline.deblock import Smoothing

__all__ = ["View", "require_picture"]


@dataclass(frozen=True, eq=False)
class View:
    """The part of a photo that counts, in sRGB, hidden pixels filled and flat dark blocks smoothed.

    Tiles are counted from the corner of that part. A tile has the pixels that it has in the whole, to the bit.
    """

    picture: Picture
    inside: Tile
    """The part that counts."""
    space: ColourSpace | None = None
    """Of the picture's numbers; None for sRGB."""
    fill: Fill | None = None
    """What stands in the place of hidden pixels; None where all is seen."""
    smoothing: Smoothing | None = None
    """Of flat dark blocks; None where there is none to do."""

    @property
    def size(self) -> tuple[int, int]:
        """(rows, columns) of the part that counts."""
        return self.inside.height, self.inside.width

    def strips(self, multiple: int = 1, pixels: int = 2**20) -> Iterator[Tile]:
        """All of it from top to bottom, in pieces of full width; see :meth:`Tile.strips`."""
        return Tile(0, 0, *self.size).strips(multiple, pixels)

    def of(self, tile: Tile) -> FloatArray:
        """What the network sees there, (3, h, w) unit."""
        return self.seen(self.own(tile), tile)

    def seen(self, low: FloatArray, tile: Tile) -> FloatArray:
        """:meth:`of`, where the photo's own pixels there are known, (3, h, w); the very same array where it shows
        these.
        """
        alpha = None if self.fill is None else self.alpha(tile)
        if self.fill is not None and alpha is not None:
            low = self.fill.apply(low, alpha, self.size, tile)
        return low if self.smoothing is None else self.smoothing.apply(low, tile)

    def counted(self, tile: Tile) -> tuple[FloatArray, FloatArray | None]:
        """What statistics go by there: (3, h, w) unit as the network sees it, but for soft rims, which are filled, too;
        and how much each pixel counts, (h, w), None for all alike.
        """
        alpha = None if self.fill is None else self.alpha(tile)
        if self.fill is None or alpha is None:
            return self.of(tile), None
        weights = self.fill.weights(alpha)
        low = self.fill.apply(self.own(tile), weights, self.size, tile)
        return low if self.smoothing is None else self.smoothing.apply(low, tile), weights

    def own(self, tile: Tile, every: tuple[int, int] = (1, 1)) -> FloatArray:
        """The photo's own pixels there as sRGB, neither filled nor smoothed: (3, h, w) unit, nobody else's. every: of
        the rows and of the columns, which ones.
        """
        window = tile.placed_in(self.inside).window
        rows, columns = (slice(part.start, part.stop, step) for part, step in zip(window, every, strict=True))
        if self.space is not None:
            return self.space.seen(self.picture.part(rows, columns))
        planes = self.picture.held.planes(rows, columns)
        return planes if self.picture.held.whole_numbers else planes.clip(0, 1, out=planes)

    def codes(self, tile: Tile) -> npt.NDArray[Any] | None:
        """The photo's own numbers there, (C, h, w) of all of their type's range, where :meth:`of` has the same in
        floats; else None.
        """
        held = self.picture.held
        as_held = self.space is None and self.fill is None and self.smoothing is None
        if not (as_held and held.holds(held.colours.dtype)):
            return None
        return held.codes(*tile.placed_in(self.inside).window)

    def numbers(self, tile: Tile) -> FloatArray:
        """The photo's own numbers there, (h, w, 3)."""
        return self.picture.part(*tile.placed_in(self.inside).window)

    def alpha(self, tile: Tile) -> FloatArray | None:
        """How far pixels are seen there, (h, w) in [0, 1]; None for a photo without alpha."""
        alpha = self.picture.alpha_part(*tile.placed_in(self.inside).window)
        return None if alpha is None else alpha.clip(0, 1)


def require_picture(picture: object) -> None:
    """Raise UsageError for what is no Picture, ImageError for one with NaN or infinity."""
    if not isinstance(picture, Picture):
        raise UsageError(
            f"expected a Picture as read_image makes it, got a {type(picture).__name__}: call the Enhancer itself for "
            "paths, PIL images and arrays"
        )
    colours = picture.held.colours
    if not picture.held.whole_numbers and not math.isfinite(float(np.min(colours)) - float(np.max(colours))):
        raise ImageError("the picture holds NaN or infinite values, expected [0, 1]: what computed it went wrong")
