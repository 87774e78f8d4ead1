"""What is known of several pictures in one file before any is decoded, and what all who write such files need."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from darklift.errors import ImageError, UsageError
from darklift.image.picture import Metadata, Picture

__all__ = ["Box", "Reel", "changed_part", "cut_out", "whole_milliseconds"]

Box: TypeAlias = tuple[int, int, int, int]
"""Top, left, height and width, in pixels."""


@dataclass(frozen=True, slots=True)
class Reel:
    """Frames that are shown one after the other, or pages.

    Attributes:
        count: how many; at least 1.
        moving: they are an animation's frames, all of one size. Otherwise pages, each a picture of its own.
        durations: of each frame, in milliseconds; empty for pages.
        loops: how often the animation is played, 0 for ever.
        alpha: some frame may have hidden pixels; every frame is written with alpha then.
        gray: every frame has one channel.
    """

    count: int
    moving: bool
    durations: tuple[float, ...] = ()
    loops: int = 0
    alpha: bool = False
    gray: bool = False

    @property
    def noun(self) -> str:
        """What they are called, as in "12 frames" and "1 page"."""
        return f"{'frame' if self.moving else 'page'}{'' if self.count == 1 else 's'}"

    def check(self, number: int) -> None:
        """Refuse the number, from 1, of one that there is not: ``UsageError`` or ``ImageError``."""
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise UsageError(f"frame is {number!r}, expected a whole number from 1 on")
        if number > self.count:
            has = (
                "is a single picture: leave the frame out"
                if self.count == 1
                else f"has {self.count} {self.noun}: choose another"
            )
            raise ImageError(f"frame {number} was asked for, and it {has}")


def whole_milliseconds(durations: Iterable[float]) -> list[int]:
    """Rounded such that no frame begins half a millisecond off, however many there are before it."""
    ends = np.rint(np.cumsum([0.0, *durations])).astype(int)
    return [int(length) for length in np.diff(ends)]


def changed_part(before: npt.NDArray[Any] | None, now: npt.NDArray[Any]) -> Box:
    """The smallest part of a frame (H, W, C) that differs from the one before, None for the first; one pixel at the
    corner where nothing does.
    """
    if before is None:
        return (0, 0, *now.shape[:2])
    differs = (before != now).any(axis=2)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if not rows.size:
        return (0, 0, 1, 1)
    top, left = int(rows[0]), int(columns[0])
    return (top, left, int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left)


def cut_out(picture: Picture, box: Box) -> Picture:
    """A part of a frame; what describes the picture goes along with the whole of it only."""
    top, left, height, width = box
    if (height, width) == picture.size:
        return picture
    rows, columns = slice(top, top + height), slice(left, left + width)
    held = picture.held
    alpha = None if held.alpha is None else held.alpha[rows, columns]
    held = replace(held, colours=held.colours[rows, columns], alpha=alpha)
    return replace(picture, held=held, metadata=Metadata(icc_profile=picture.metadata.icc_profile))
