"""Pieces of a large picture: bounded memory for any size, no seams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from darklift.image import FloatArray

__all__ = ["Tile", "map_tiles", "plan_tiles", "plan_windows"]

_NO_SAY = 1e-6
"""Weight of a pixel that should not count: far below a 16-bit level, yet not 0, so that the sum of weights never is."""


@dataclass(frozen=True)
class Tile:
    """A window of the picture: rows top … top + height, columns left … left + width."""

    top: int
    left: int
    height: int
    width: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns, for indexing a (..., H, W) array."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


def plan_tiles(height: int, width: int, *, side: int, overlap: int, multiple: int) -> tuple[Tile, ...]:
    """Cover a picture by tiles of at most about ``side`` pixels a side that overlap by at least ``overlap``.

    One tile where the picture is no larger than ``side``² pixels in area. Tiles begin at multiples of ``multiple``,
    so that a network that halves its input sees the same grid in every tile and in the whole; a side may grow by less
    than ``multiple`` for it. Raises ValueError where ``overlap`` leaves a tile nothing of its own.
    """
    if not 0 <= overlap < side or multiple < 1:
        raise ValueError(f"tiles need 0 <= overlap < side and multiple >= 1, got {overlap}, {side} and {multiple}")
    if height * width <= side * side:
        return (Tile(0, 0, height, width),)
    rows = tuple(_spans(height, side, overlap, multiple))
    columns = tuple(_spans(width, side, overlap, multiple))
    return tuple(Tile(top, left, h, w) for top, h in rows for left, w in columns)


def _spans(length: int, side: int, overlap: int, multiple: int) -> Iterator[tuple[int, int]]:
    if length <= side:
        yield 0, length
        return
    count = -(-(length - overlap) // (side - overlap))
    stride = -(-(length - overlap) // count // multiple) * multiple
    for start in range(0, length - overlap, stride):
        yield start, min(stride + overlap, length - start)


def plan_windows(height: int, width: int, *, side: int, stride: int) -> tuple[Tile, ...]:
    """Windows of ``side``×``side`` pixels that begin ``stride`` pixels apart and cover the whole picture: the last of a
    row or column is moved back to end at the border. Raises ValueError for a picture smaller than a window, and where
    the stride leaves gaps.
    """
    if not 1 <= stride <= side <= min(height, width):
        raise ValueError(f"windows need 1 <= stride <= side <= {min(height, width)}, got {stride} and {side}")
    rows, columns = (sorted({*range(0, length - side, stride), length - side}) for length in (height, width))
    return tuple(Tile(top, left, side, side) for top in rows for left in columns)


def map_tiles(
    tiles: tuple[Tile, ...], shape: tuple[int, int, int], work: Callable[[Tile], FloatArray], overlap: int
) -> FloatArray:
    """Run ``work`` on each tile and cross-fade its (C, h, w) results into one (C, H, W) picture."""
    if len(tiles) == 1:
        return work(tiles[0])
    total = np.zeros(shape, dtype=np.float32)
    weights = np.zeros(shape[1:], dtype=np.float32)
    for tile in tiles:
        weight = np.outer(
            _fade(tile.top, tile.height, shape[1], overlap), _fade(tile.left, tile.width, shape[2], overlap)
        )
        total[:, *tile.window] += weight * work(tile)
        weights[tile.window] += weight
    total /= weights
    return total


def _fade(start: int, length: int, whole: int, overlap: int) -> FloatArray:
    """Weights along one side: rising over the first ``overlap`` pixels and falling over the last, except at the border.

    The outer quarter of an overlap gets no say: there a network sees the tile's cut edge.
    """
    places = np.arange(length, dtype=np.float32) + 0.5
    ramp = np.full(length, np.inf, dtype=np.float32)
    if start > 0:
        ramp = np.minimum(ramp, places)
    if start + length < whole:
        ramp = np.minimum(ramp, length - places)
    rising: FloatArray = np.clip((ramp - overlap / 4) / max(overlap / 2, 1), _NO_SAY, 1).astype(np.float32)
    return rising
