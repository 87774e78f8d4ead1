"""Dark parts that a file holds as flat blocks, made smooth before a network lifts them.

Video coders (HEIC files) and strong JPEGs keep one colour for each block of a flat dark part, rounded to a code or two.
Lifted ten times, the steps between the blocks are plain to see, and what rounding made of the colours is brown, green
and blue. What was there is gone: the steps become slopes, and what is nearly black becomes grey.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from darklift.image import FloatArray
from darklift.image.overview import area_average

__all__ = ["deblock"]

_CELLS = 480
"""Along the longer side, of the grid that the filter works on (fast guided filter; He & Sun 2015, arXiv 1505.00996)."""
_RADIUS = 4
"""Of the filter's windows, in cells."""
_EDGE = 2 / 255
"""Deviation within a window; much more than this is no rounding, and is kept."""
_FLAT = (0.75, 0.9)
"""Of the pixels around, those like their neighbours: up to the first share there is detail, from the second none."""
_BRIGHT = (20 / 255, 36 / 255)
"""Unit: up to the first a place is dark, from the second on it is not."""
_COLOURED = (1 / 255, 4 / 255)
"""Unit: up to the first a place has no colour that could be believed, from the second on it has."""
_DETAIL, _COLOUR_DETAIL = (3 / 255, 6 / 255), (6 / 255, 12 / 255)
"""Of luma and of any channel, unit: what differs by up to the first from its smooth surroundings is smoothed with them,
from the second on it is a thing of its own, such as a star."""
_LEAST = (0.2, 0.3)
"""Of the photo, what is flat and dark: up to the first share it stays as it is, from the second on all is done."""


def deblock(low: FloatArray) -> FloatArray:
    """The photo (3, H, W) unit with its flat dark parts smoothed; the array itself where they are a fifth or less.

    A guided filter (He et al. 2013, IEEE TPAMI 35(6)), its guide the luma, over these parts alone.
    """
    size = low.shape[1:]
    top = np.maximum(np.maximum(low[0], low[1]), low[2])
    flatness = _flatness(low, top)
    strength = float(_ramp(flatness.mean(), _LEAST))
    if not strength:
        return low
    total = _box(flatness) + np.float32(1e-4)

    def around(cells: FloatArray) -> FloatArray:
        """The means over windows, of the flat parts in them."""
        return _box(cells * flatness) / total

    cells = area_average(low, flatness.shape)
    luma, guide = _luma(low), _luma(cells)
    means, guide_mean = around(cells), around(guide)
    slopes = (around(guide * cells) - guide_mean * means) / (around(guide * guide) - guide_mean**2 + _EDGE**2)
    offsets = means - slopes * guide_mean
    smooth = _to_pixels(around(slopes), size) * luma + _to_pixels(around(offsets), size)
    smooth_luma = _luma(smooth)
    share = strength * _to_pixels(_mean_box(flatness, 1), size) * (1 - _ramp(top, _BRIGHT))
    share *= 1 - _ramp(np.abs(luma - smooth_luma), _DETAIL)
    share *= 1 - _ramp(np.abs(low - smooth).max(axis=0), _COLOUR_DETAIL)
    smooth = smooth_luma + _to_pixels(_ramp(means.max(axis=0), _COLOURED), size) * (smooth - smooth_luma)
    mixed: FloatArray = (low + share * (smooth - low)).clip(0, 1)
    return mixed


def _flatness(low: FloatArray, top: FloatArray) -> FloatArray:
    """How flat and dark the neighbourhood of each cell is, in [0, 1]: (h, w). top: (H, W), max(R, G, B)."""
    dark = 1 - _ramp(top, _BRIGHT)
    same = np.zeros(top.shape, dtype=np.float32)
    like = [(p[:-1, :-1] == p[1:, :-1]) & (p[:-1, :-1] == p[:-1, 1:]) for p in low]
    same[:-1, :-1] = (like[0] & like[1] & like[2]) * dark[:-1, :-1]
    compared = dark.copy()
    compared[-1], compared[:, -1] = 0, 0
    grid = tuple(min(side, -(-side * _CELLS // max(top.shape))) for side in top.shape)
    cells = area_average(np.stack([same, compared, dark]), grid)
    flat, share = _box(cells[:2])
    # Of the dark pixels alone: flat darkness reaches up to the lights in it.
    flatness: FloatArray = _ramp(flat / np.maximum(share, np.float32(1e-4)), _FLAT) * cells[2]
    return flatness


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
    return _box(maps, radius) / _box(np.ones(maps.shape[-2:], dtype=np.float32), radius)


def _to_pixels(cells: FloatArray, size: tuple[int, ...]) -> FloatArray:
    """Bilinear: (…, h, w) -> (…, H, W)."""
    rows, columns = size
    if cells.ndim > 2:
        return np.stack([_to_pixels(map_, size) for map_ in cells])
    return np.asarray(Image.fromarray(cells).resize((columns, rows), Image.Resampling.BILINEAR))
