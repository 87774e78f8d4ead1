"""Maps over a photo, by cells of a coarse grid: made once, and spread over any of its pixels.

A part of a photo has from a map what it has in the whole, to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from darklift.image import FloatArray
from darklift.pipeline.tiling import Tile

__all__ = [
    "Guide",
    "block_sums",
    "blocks_of",
    "box_means",
    "box_sums",
    "brightest",
    "cells_of",
    "enlarged",
    "grid_of",
    "luma_of",
    "ramp",
    "smooth_ramp",
]

_BLOCK = (64, 1024)
"""Rows and columns that are worked on at once: they stay in the processor's cache."""


def grid_of(size: tuple[int, ...], cells: int) -> tuple[int, int]:
    """(rows, columns) of a grid over a photo of this size, with at most so many cells along its longer side."""
    rows, columns = (min(side, -(-side * cells // max(size))) for side in size)
    return rows, columns


def brightest(low: FloatArray) -> FloatArray:
    """max(R, G, B): (3, h, w) -> (h, w)."""
    brightest: FloatArray = np.maximum(low[0], low[1])
    np.maximum(brightest, low[2], out=brightest)
    return brightest


def luma_of(planes: FloatArray) -> FloatArray:
    """ITU-R BT.601: (3, h, w) -> (h, w)."""
    luma: FloatArray = planes[0] * np.float32(0.299)
    luma += planes[1] * np.float32(0.587)
    luma += planes[2] * np.float32(0.114)
    return luma


def ramp(values: FloatArray | np.float32, between: tuple[float, float]) -> FloatArray:
    """0 up to the first, 1 from the second on."""
    start, end = between
    shares: FloatArray = np.subtract(values, np.float32(start), dtype=np.float32)
    shares = np.divide(shares, np.float32(end - start), dtype=np.float32)
    return shares.clip(0, 1)


def smooth_ramp(values: FloatArray | np.float32 | float, between: tuple[float, float]) -> FloatArray:
    """Like ``ramp``, without corners."""
    share = ramp(np.asarray(values, dtype=np.float32), between)
    smooth: FloatArray = share * share * (3 - 2 * share)
    return smooth


def block_sums(plane: FloatArray, side: int) -> FloatArray:
    """Sums over cells of side² pixels, the last of each row and column as far as the plane (h, w) goes."""
    sums = plane
    for _ in range(2):  # rows, whole ones at a time, and then the few columns that are left
        every, sums = sums, sums[::side].copy(order="K")
        for first in range(1, side):
            rows = every[first::side]
            sums[: len(rows)] += rows
        sums = sums.T
    return sums


def box_sums(maps: FloatArray, radius: int) -> FloatArray:
    """Sums over windows of (2·radius + 1)² cells, as much of each as lies in the maps (…, h, w)."""
    window = 2 * radius + 1
    for axis in (-2, -1):
        length, shape = maps.shape[axis], list(maps.shape)
        shape[axis] += 2 * radius
        padded = np.zeros(shape, dtype=np.float32)
        along = padded.swapaxes(axis, -1)
        along[..., radius : radius + length] = maps.swapaxes(axis, -1)
        # Of 1, 2, 4, 8 … neighbours each, and of these those that make up a window: few additions.
        sums, first, count = along[..., :length].copy(order="K"), 1, 1
        while first < window:
            along = along[..., :-count] + along[..., count:]
            count *= 2
            if window & count:
                sums += along[..., first : first + length]
                first += count
        maps = sums.swapaxes(axis, -1)
    return maps


def box_means(maps: FloatArray, radius: int) -> FloatArray:
    """Means over the same windows."""
    rows, columns = (
        np.minimum(np.arange(length) + radius + 1, length) - np.maximum(np.arange(length) - radius, 0)
        for length in maps.shape[-2:]
    )
    means = box_sums(maps, radius)
    means /= rows.astype(np.float32)[:, None]
    means /= columns.astype(np.float32)
    return means


class Guide:
    """Cells by whose edges others are smoothed (guided filter; He et al. 2013, IEEE TPAMI 35(6)).

    mean: of the guide over windows of (2·radius + 1)² cells, (h, w). edge: the variance in one that counts as an edge.
    """

    def __init__(self, cells: FloatArray, radius: int, edge: float) -> None:
        self._cells, self._radius, self._edge = cells, radius, edge
        self.mean = box_means(cells, radius)
        self._variance = box_means(cells * cells, radius) - self.mean * self.mean

    def smooth(self, cells: FloatArray) -> FloatArray:
        """Smoothed but for the guide's edges."""
        mean = box_means(cells, self._radius)
        return self._lines(mean, box_means(self._cells * cells, self._radius) - self.mean * mean)

    def smooth_itself(self) -> FloatArray:
        """The guide, smoothed but for its own edges."""
        return self._lines(self.mean, self._variance)

    def _lines(self, mean: FloatArray, covariance: FloatArray) -> FloatArray:
        slopes: FloatArray = np.divide(covariance, self._variance + self._edge, dtype=np.float32)
        offsets = box_means(mean - slopes * self.mean, self._radius)
        smooth: FloatArray = box_means(slopes, self._radius) * self._cells + offsets
        return smooth


def blocks_of(part: Tile) -> Iterator[Tile]:
    """Pieces of a part that are worked on one by one."""
    height, width = _BLOCK
    for top in range(0, part.height, height):
        for left in range(0, part.width, width):
            rows, columns = min(height, part.height - top), min(width, part.width - left)
            yield Tile(part.top + top, part.left + left, rows, columns)


def cells_of(block: Tile, grid: tuple[int, ...], size: tuple[int, int]) -> tuple[slice, slice]:
    """The cells of a grid over the photo that have a say in a block's pixels."""
    rows, columns = (
        slice(max(_before(start, cells, length), 0), min(_before(start + count - 1, cells, length) + 2, cells))
        for start, count, cells, length in zip(
            (block.top, block.left), (block.height, block.width), grid, size, strict=True
        )
    )
    return rows, columns


def _before(place: int, cells: int, length: int) -> int:
    """The last cell whose centre is not behind that of a place, of as many as cells are spread over; -1 for none."""
    return math.floor((place + 0.5) * (cells / length) - 0.5)


def enlarged(cells: FloatArray, size: tuple[int, int], part: Tile) -> FloatArray:
    """A part of what (…, h, w) becomes when it is enlarged to ``size`` bilinearly: (…, rows, columns).

    By the rule of Pillow's ``resize``, which works on whole pictures only: columns first.
    """
    (above, below), rows_say = _neighbours(cells.shape[-2], size[0], part.top, part.height)
    (before, after), columns_say = _neighbours(cells.shape[-1], size[1], part.left, part.width)
    cells = cells[..., above[0] : below[-1] + 1, :]  # all that the part's rows need
    wide = cells.take(before, axis=-1)
    wide *= columns_say[0]
    beyond = cells.take(after, axis=-1)
    beyond *= columns_say[1]
    wide += beyond
    made: FloatArray = np.empty((*cells.shape[:-2], part.height, part.width), np.float32)
    places, rows_say = above - above[0], rows_say[:, :, None]
    ends = [*np.flatnonzero(np.diff(above + below)) + 1, part.height]
    for start, stop in zip([0, *ends], ends, strict=False):  # rows between the same two of the cells'
        upper, rows = places[start], made[..., start:stop, :]
        lower = upper + below[start] - above[start]
        np.multiply(wide[..., upper : upper + 1, :], rows_say[0, start:stop], out=rows)
        rows += wide[..., lower : lower + 1, :] * rows_say[1, start:stop]
    return made


@lru_cache(maxsize=256)  # blocks beside and below one another ask the same
def _neighbours(cells: int, length: int, start: int, count: int) -> tuple[tuple[npt.NDArray[np.intp], ...], FloatArray]:
    """For places ``start`` … of ``length`` that so many cells are spread over: the cells on either side, and how much
    each of the two says: (2, count).
    """
    centres = (np.arange(start, start + count) + 0.5) * (cells / length) - 0.5
    first = np.floor(centres).astype(np.intp)
    places = np.stack([first, first + 1])
    weights = np.where((places >= 0) & (places < cells), 1 - np.abs(centres - places), 0)
    weights /= weights.sum(axis=0)
    places = places.clip(0, cells - 1)
    return (places[0], places[1]), weights.astype(np.float32)
