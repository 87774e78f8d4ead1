"""Seen or invented: how far a result may be off at each place, by what is known of it when the photo is enhanced.

A model's card turns this into half-widths (:class:`darklift.runtime.Intervals`); what these mean, and how they were
calibrated, is told in docs/explanation/maths.md. A pixel goes by itself and by what lies around it in the photo, so a
part has what it has in the whole, to the bit.
"""

from __future__ import annotations

from functools import reduce

import numpy as np

from darklift.image import FloatArray
from darklift.pipeline.cells import enlarged, luma_of
from darklift.pipeline.tiling import Tile
from darklift.pipeline.trust import Signal
from darklift.pipeline.view import View

__all__ = ["known_of_places"]

_AROUND = 3
"""Pixels to each side, of the window whose contrast counts."""
_CODE = np.float32(1 / 255)
_FLOOR, _STILL = np.float32(2 / 255), np.float32(0.3)
"""Added to both sides of a lift, unit, and to a contrast, in codes, before they become stops."""


def known_of_places(view: View, signal: Signal, tile: Tile, shown: FloatArray) -> dict[str, FloatArray]:
    """What the half-widths of a tile's pixels go by: float32 (h, w) each, by the names that the card has for them.

    shown: the result there, (3, h, w) unit sRGB. tone: its luma. lift: by how much it is brighter than the photo, in
    stops of coded value. held: log2 of the codes that the photo holds there, plus one. contrast: log2 of the deviation
    of the photo's luma around, in codes. lit: how well lit the photo is there, in [0, 1].
    """
    tone, around = luma_of(shown), _luma_around(view, tile)
    own = around[_AROUND:-_AROUND, _AROUND:-_AROUND]
    held, lit = enlarged(np.stack([signal.held, signal.lit]).astype(np.float32), signal.size, tile)
    return {
        "tone": tone,
        "lift": np.log2((tone + _FLOOR) / (own + _FLOOR)),
        "held": np.log2(held + 1),
        "contrast": np.log2(_deviation(around) / _CODE + _STILL),
        "lit": lit,
    }


def _luma_around(view: View, tile: Tile) -> FloatArray:
    """Of a tile and the pixels around it, which repeat the photo's edge where it ends."""
    (top, bottom), (left, right) = (
        (start - max(start - _AROUND, 0), min(start + length + _AROUND, end) - start - length)
        for start, length, end in zip((tile.top, tile.left), (tile.height, tile.width), view.size, strict=True)
    )
    there = Tile(tile.top - top, tile.left - left, tile.height + top + bottom, tile.width + left + right)
    missing = [(_AROUND - before, _AROUND - after) for before, after in ((top, bottom), (left, right))]
    return np.pad(luma_of(view.own(there)), missing, mode="edge")


def _deviation(around: FloatArray) -> FloatArray:
    """In the window around each pixel, of what has so many more pixels to each side."""
    mean, square = _window_means(around), _window_means(around * around)
    deviation: FloatArray = np.sqrt(np.maximum(square - mean * mean, 0))
    return deviation


def _window_means(around: FloatArray) -> FloatArray:
    """Sums in one order wherever a tile begins, unlike running ones, so that a part is as the whole."""
    window = 2 * _AROUND + 1
    for axis in (0, 1):
        length = around.shape[axis] - 2 * _AROUND
        around = reduce(np.add, (around.take(range(start, start + length), axis) for start in range(window)))
    means: FloatArray = around / np.float32(window**2)
    return means
