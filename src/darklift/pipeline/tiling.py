"""Pieces of a large picture: bounded memory for any size, no seams."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest

import numpy as np

from darklift.errors import UsageError
from darklift.image import FloatArray, row_strips

__all__ = ["Tile", "map_tiles", "plan_tiles", "plan_windows"]

_NO_SAY = 1e-6
"""Weight of a pixel that should not count: far below a 16-bit level, yet not 0, so that the sum of weights never is."""


@dataclass(frozen=True)
class Tile:
    """A window of the picture: rows top … top + height, columns left … left + width."""

    top: int
    """The first row, from 0."""
    left: int
    """The first column, from 0."""
    height: int
    """Rows, in pixels."""
    width: int
    """Columns, in pixels."""

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns, for indexing a (..., H, W) array."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    def overlaps(self, other: Tile) -> bool:
        """Whether the two have pixels in common."""
        return (
            self.top < other.top + other.height
            and other.top < self.top + self.height
            and self.left < other.left + other.width
            and other.left < self.left + self.width
        )

    def shared(self, other: Tile) -> Tile:
        """The pixels that this has in common with an overlapping one."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        bottom = min(self.top + self.height, other.top + other.height)
        return Tile(top, left, bottom - top, min(self.left + self.width, other.left + other.width) - left)

    def joined(self, other: Tile) -> Tile:
        """The smallest part that holds both."""
        top, left = min(self.top, other.top), min(self.left, other.left)
        bottom = max(self.top + self.height, other.top + other.height)
        return Tile(top, left, bottom - top, max(self.left + self.width, other.left + other.width) - left)

    def seen_from(self, other: Tile) -> Tile:
        """The same pixels, counted from the other's corner."""
        return Tile(self.top - other.top, self.left - other.left, self.height, self.width)

    def placed_in(self, other: Tile) -> Tile:
        """The inverse of :meth:`seen_from`: what is counted from the other's corner, counted as the other is."""
        return Tile(self.top + other.top, self.left + other.left, self.height, self.width)

    def strips(self, multiple: int = 1, pixels: int = 2**20) -> Iterator[Tile]:
        """All of it from top to bottom, in pieces of full width, their rows a multiple of some number but for the
        last's, of about so many pixels each.
        """
        for rows in row_strips((self.height, self.width), multiple, pixels):
            yield Tile(self.top + rows.start, self.left, rows.stop - rows.start, self.width)

    def check_inside(self, size: tuple[int, int]) -> None:
        """Raise UsageError for a part that is empty or reaches out of a picture of (rows, columns)."""
        rows, columns = size
        whole = all(isinstance(number, int) for number in (self.top, self.left, self.height, self.width))
        fits = whole and self.top >= 0 and self.left >= 0 and self.height >= 1 and self.width >= 1
        if not (fits and self.top + self.height <= rows and self.left + self.width <= columns):
            raise UsageError(f"{self} does not lie in a picture of {rows} rows and {columns} columns")


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
    tiles: Sequence[Tile],
    size: tuple[int, int],
    work: Callable[[Tile], FloatArray],
    overlap: int,
    part: Tile | None = None,
) -> Iterator[tuple[Tile, FloatArray]]:
    """Run ``work`` on each tile and cross-fade its (C, h, w) results: pieces of the picture as they become ready, each
    with its place. Together they cover all of it once; only what waits for the next tiles is held.

    tiles: as :func:`plan_tiles` makes them, covering a picture of ``size``, (H, W). part: make this part alone, of the
    tiles that reach into it; its pixels are those of the whole picture, to the bit.
    """
    whole = Tile(0, 0, *size)
    part = part or whole
    if tuple(tiles) == (whole,):  # nothing to fade: its values as they are
        yield part, work(whole)[:, *part.window]
        return
    rows = [list(row) for _, row in groupby((tile for tile in tiles if tile.overlaps(part)), lambda tile: tile.top)]
    above: FloatArray | None = None  # sums that wait for the next row of tiles, and their weights
    for row, below in zip_longest(rows, rows[1:]):
        places = [tile.shared(part) for tile in row]
        bottom = places[0].top + places[0].height
        done = bottom if below is None else below[0].shared(part).top
        waiting: list[FloatArray] = []
        beside: FloatArray | None = None  # ... and for the next tile
        for tile, place, following in zip_longest(row, places, places[1:]):
            faded = _faded(tile, place, size, overlap, work)
            if above is not None:
                faded = _continued(faded, above, place, part, 0 if beside is None else beside.shape[2])
            if beside is not None:
                faded[:, :, : beside.shape[2]] = beside + faded[:, :, : beside.shape[2]]
            right = place.left + place.width if following is None else following.left
            ready, beside = faded[:, :, : right - place.left], faded[:, :, right - place.left :].copy()
            waiting.append(ready[:, done - place.top :].copy())
            piece = Tile(place.top, place.left, done - place.top, right - place.left)
            if piece.height and piece.width:
                made = ready[:-1, : piece.height]
                made /= ready[-1, : piece.height]
                yield piece, made
        above = np.concatenate(waiting, axis=2)


def _faded(
    tile: Tile, place: Tile, size: tuple[int, int], overlap: int, work: Callable[[Tile], FloatArray]
) -> FloatArray:
    """What ``work`` makes of a place in a tile, times its weights, and these as a last channel: (C + 1, h, w)."""
    rows, columns = (_fade(tile.top, tile.height, size[0], overlap), _fade(tile.left, tile.width, size[1], overlap))
    here = place.seen_from(tile).window
    weight = np.outer(rows, columns)[here]
    made = work(tile)[:, *here]
    faded = np.empty((len(made) + 1, *weight.shape), np.float32)
    np.multiply(weight, made, out=faded[:-1])
    faded[-1] = weight
    return faded


def _continued(faded: FloatArray, above: FloatArray, place: Tile, part: Tile, begun: int) -> FloatArray:
    """With the sums of the row above added, but for as many columns as the tile before has begun with them."""
    left = place.left - part.left
    known = above[:, :, left + begun : left + place.width]
    rows = known.shape[1]
    faded[:, :rows, begun:] = known + faded[:, :rows, begun:]
    return faded


def _fade(start: int, length: int, whole: int, overlap: int) -> FloatArray:
    """Weights along one side: rising within the first ``overlap`` pixels and falling within the last, except at the
    border.

    Only the middle eighth of an overlap is faded over. The outer 7/16 get no say: there a network sees the tile's cut
    edge.
    """
    places = np.arange(length, dtype=np.float32) + 0.5
    ramp = np.full(length, np.inf, dtype=np.float32)
    if start > 0:
        ramp = np.minimum(ramp, places)
    if start + length < whole:
        ramp = np.minimum(ramp, length - places)
    rising: FloatArray = np.clip((ramp - overlap * 7 / 16) / max(overlap / 8, 1), _NO_SAY, 1).astype(np.float32)
    return rising
