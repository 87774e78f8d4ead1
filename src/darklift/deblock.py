"""Dark parts that a file holds as flat blocks, made smooth before a network lifts them.

Video coders (HEIC files) and strong JPEGs keep one colour for each block of a flat dark part, rounded to a code or two.
Lifted ten times, the steps between the blocks are plain to see, and what rounding made of the colours is brown, green
and blue. What was there is gone: the steps become slopes, and what is nearly black becomes grey.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from darklift.overview import area_average

__all__ = ["deblock"]

FloatArray = npt.NDArray[np.float32]

_CELL = 4
"""Side in pixels of the grid that the filter works on (fast guided filter; He & Sun 2015, arXiv 1505.00996)."""
_RADIUS = 4
"""Of the filter's windows, in cells."""
_EDGE = 2 / 255
"""Differences much larger than this are no rounding, and stay."""
_FLAT = (0.4, 0.7)
"""Of the pixels around, those like their neighbours: up to the first share there is detail, from the second none."""
_BRIGHT = (20 / 255, 36 / 255)
"""Unit: up to the first a place is dark, from the second on it is not."""
_COLOURED = (2 / 255, 8 / 255)
"""Unit: up to the first a place has no colour that could be believed, from the second on it has."""
_DETAIL = (3 / 255, 6 / 255)
"""Of luma, unit: what differs by up to the first from its smooth surroundings is a block, from the second on a star."""
_LEAST = (0.2, 0.3)
"""Of the photo, what is flat dark blocks: up to the first share it stays as it is, from the second on all is done."""


def deblock(low: FloatArray) -> FloatArray:
    """The photo (3, H, W) unit with its flat dark blocks smoothed; the array itself where it has next to none.

    A guided filter (He et al. 2013, IEEE TPAMI 35(6)), its guide the luma, over the blocks alone.
    """
    size = low.shape[1:]
    blocks = _blocks(low)
    strength = float(_ramp(blocks.mean(), _LEAST))
    if not strength:
        return low
    total = _box(blocks) + np.float32(1e-4)

    def around(cells: FloatArray) -> FloatArray:
        """The means over windows, of the blocks in them."""
        return _box(cells * blocks) / total

    cells = area_average(low, blocks.shape)
    luma, guide = _luma(low), _luma(cells)
    means, guide_mean = around(cells), around(guide)
    slopes = (around(guide * cells) - guide_mean * means) / (around(guide * guide) - guide_mean**2 + _EDGE**2)
    offsets = means - slopes * guide_mean
    smooth = _to_pixels(around(slopes), size) * luma + _to_pixels(around(offsets), size)
    grey = _luma(smooth)
    smooth = grey + _to_pixels(_ramp(means.max(axis=0), _COLOURED), size) * (smooth - grey)
    share = strength * _to_pixels(_mean_box(blocks, 1), size) * (1 - _ramp(np.abs(luma - grey), _DETAIL))
    mixed: FloatArray = (low + share * (smooth - low)).clip(0, 1)
    return mixed


def _blocks(low: FloatArray) -> FloatArray:
    """How flat and dark the neighbourhood of each cell is, in [0, 1]: (h, w)."""
    corner, below, right = low[:, :-1, :-1], low[:, 1:, :-1], low[:, :-1, 1:]
    same = np.zeros(low.shape[1:], dtype=np.float32)
    same[:-1, :-1] = ((corner == below) & (corner == right)).all(axis=0)
    rows, columns = low.shape[1:]
    cells = area_average(np.stack([same, low.max(axis=0)]), (-(-rows // _CELL), -(-columns // _CELL)))
    flat, bright = _mean_box(cells)
    blocks: FloatArray = _ramp(flat, _FLAT) * (1 - _ramp(bright, _BRIGHT))
    return blocks


def _luma(planes: FloatArray) -> FloatArray:
    """ITU-R BT.601: (3, h, w) -> (h, w)."""
    luma: FloatArray = planes[0] * np.float32(0.299) + planes[1] * np.float32(0.587) + planes[2] * np.float32(0.114)
    return luma


def _ramp(values: FloatArray | np.float32, between: tuple[float, float]) -> FloatArray:
    """0 up to the first, 1 from the second on."""
    start, end = between
    shares: FloatArray = ((values - np.float32(start)) / np.float32(end - start)).clip(0, 1)
    return shares


def _box(maps: FloatArray, radius: int = _RADIUS) -> FloatArray:
    """Sums over windows of (2·radius + 1)² cells, as much of each as lies in the maps (…, h, w)."""
    for axis in (-2, -1):
        length = maps.shape[axis]
        before = np.insert(np.cumsum(maps, axis=axis, dtype=np.float64), 0, 0, axis=axis)
        ends, starts = (np.arange(length) + offset for offset in (radius + 1, -radius))
        maps = (before.take(ends.clip(max=length), axis) - before.take(starts.clip(min=0), axis)).astype(np.float32)
    return maps


def _mean_box(maps: FloatArray, radius: int = _RADIUS) -> FloatArray:
    return _box(maps, radius) / _box(np.ones_like(maps), radius)


def _to_pixels(cells: FloatArray, size: tuple[int, ...]) -> FloatArray:
    """Bilinear: (…, h, w) -> (…, H, W)."""
    rows, columns = size
    if cells.ndim > 2:
        return np.stack([_to_pixels(map_, size) for map_ in cells])
    return np.asarray(Image.fromarray(cells).resize((columns, rows), Image.Resampling.BILINEAR))
