"""Bars and borders around a photo: letterboxes, frames, the white edge of a scan. What is done to a photo goes by what
lies inside; a border keeps its values.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from darklift.image import FloatArray
from darklift.pipeline.tiling import Tile

__all__ = ["inside_of_border"]

_SAME, _OTHER = 0.6 / 255, 1.5 / 255
"""Unit: a border's pixels are as near to its colour as the first: nothing of a sky's noise, nor of the flat blocks that
coders leave of it. What is off by more than the second is something else."""
_THINNEST, _THINNEST_SHARE = 3, 0.01
"""A border has at least so many rows, and at least this share of the photo's."""
_PAIR_SHARE = 0.03
"""Two bars of one colour at opposite sides that take as much each need no edge to be seen."""
_LEFT = (16, 0.2)
"""What is inside has at least so many rows, and this share of the photo's."""
_RINGING = 16
"""Rows between a border and the photo that a JPEG file may have blurred: its largest unit, two blocks."""
_INSIDE_ROWS = 8
"""Behind the edge, by which the photo is told from the border."""
_CLEAR = 2.5 / 255
"""Unit: what is inside differs by as much from the border, on average over these rows, ..."""
_STRAIGHT = 0.6
"""... and this share of its columns does so right behind the edge. A skyline before a black sky rises by and by."""


def inside_of_border(low: FloatArray, whole: Tile | None = None) -> Tile:
    """The part of a photo (3, H, W) unit inside of the border around it; all of it where there is none.

    whole: look at this part of it alone.

    A border is one flat colour on each side that has one, over whole rows or columns; another on each side is fine.
    """
    whole = whole or Tile(0, 0, *low.shape[1:])
    inside = whole
    for _ in range(2):  # bars at the sides may reach beside those at the top, or the other way round
        top, bottom = _flat_ends(low[:, *inside.window])
        left, right = _flat_ends(low[:, *_cut(inside, top, bottom, 0, 0).window].transpose(0, 2, 1))
        inside = _cut(inside, top, bottom, left, right)
        if not top + bottom + left + right:
            break
    if inside == whole:
        return whole
    return _checked(low, whole, inside)


def _cut(tile: Tile, top: int, bottom: int, left: int, right: int) -> Tile:
    return Tile(tile.top + top, tile.left + left, tile.height - top - bottom, tile.width - left - right)


def _flat_ends(low: FloatArray) -> tuple[int, int]:
    """How many rows at the top and at the bottom are flat; none where too few, or too few others are left."""
    rows = low.shape[1]
    least = max(_THINNEST, int(rows * _THINNEST_SHARE))
    found = [flat if flat >= least else 0 for flat in (_flat_rows(low), _flat_rows(low[:, ::-1]))]
    return (found[0], found[1]) if rows - sum(found) >= max(_LEFT[0], rows * _LEFT[1]) else (0, 0)


def _flat_rows(low: FloatArray) -> int:
    """How many rows from the top on are of the first one's colour."""
    colour = np.median(low[:, 0], axis=1)[:, None, None]
    rows, step = low.shape[1], 16
    for start in range(0, rows, step):
        apart = np.abs(low[:, start : start + step] - colour).max(axis=(0, 2))
        if (apart > _SAME).any():
            return start + int(np.argmax(apart > _SAME))
    return int(rows)


def _checked(low: FloatArray, whole: Tile, inside: Tile) -> Tile:
    """Each flat side as far as it is a border, with a straight edge and a photo behind it."""
    above, before = inside.top - whole.top, inside.left - whole.left
    below, behind = whole.height - above - inside.height, whole.width - before - inside.width
    upright = low[:, whole.window[0], inside.window[1]]
    lying = low[:, inside.window[0], whole.window[1]].transpose(0, 2, 1)
    return _cut(whole, *_edges(upright, above, below), *_edges(lying, before, behind))


def _edges(low: FloatArray, first: int, last: int) -> tuple[int, int]:
    """How many of so many flat rows at the top and at the bottom are a border.

    Beside a black bar, a photo may be black itself, and no edge to be seen. Bars come in pairs.
    """
    top, bottom = _edge(low, first), _edge(low[:, ::-1], last)
    alike = np.abs(np.median(low[:, 0], axis=1) - np.median(low[:, -1], axis=1)).max() <= _SAME
    pair = min(first, last) if alike else 0
    if (top and bottom) or not pair:
        return top, bottom
    if top or bottom:
        wide = top or bottom
        return top or min(first, wide), bottom or min(last, wide)
    return (pair, pair) if pair >= low.shape[1] * _PAIR_SHARE else (0, 0)


def _edge(low: FloatArray, flat: int) -> int:
    """Where the photo begins behind so many flat rows at the top; 0 where no border ends there."""
    if not flat:
        return 0
    colour = np.median(low[:, 0], axis=1)[:, None, None]
    apart: npt.NDArray[np.float32] = np.abs(low[:, flat : flat + _RINGING + _INSIDE_ROWS] - colour).max(axis=0)
    by_row = apart.mean(axis=1)
    begins = int(np.argmax(by_row >= by_row[-_INSIDE_ROWS:].mean() / 2))
    behind = apart[begins : begins + _INSIDE_ROWS]
    clear = behind.mean() >= _CLEAR
    straight = (behind[:3].max(axis=0) > _OTHER).mean() >= _STRAIGHT
    return flat + begins if clear and straight else 0
