"""Bars and borders around a photo: letterboxes, frames, the white edge of a scan. What is done to a photo goes by what
lies inside; a border keeps its values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from darklift.image import FloatArray
from darklift.pipeline.tiling import Tile

if TYPE_CHECKING:
    from darklift.pipeline.view import View

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


def inside_of_border(view: View) -> Tile:
    """The part of a photo inside of the border around it; all of it where there is none.

    A border is one flat colour on each side that has one, over whole rows or columns; another on each side is fine.
    """
    whole = inside = Tile(0, 0, *view.size)
    for _ in range(2):  # bars at the sides may reach beside those at the top, or the other way round
        top, bottom = _flat_ends(_Side(view, inside), _Side(view, inside, last=True))
        level = _cut(inside, top, bottom, 0, 0)
        left, right = _flat_ends(_Side(view, level, across=True), _Side(view, level, across=True, last=True))
        inside = _cut(inside, top, bottom, left, right)
        if not top + bottom + left + right:
            break
    if inside == whole:
        return whole
    return _checked(view, whole, inside)


@dataclass(frozen=True)
class _Side:
    """The rows of a part of a photo as they are met from one of its sides: from its first row, or the last, or from the
    first column (across) or the last.
    """

    view: View
    area: Tile
    across: bool = False
    last: bool = False

    def __len__(self) -> int:
        return self.area.width if self.across else self.area.height

    def rows(self, start: int, stop: int) -> FloatArray:
        """(3, stop - start, all that lies along the side), as far as there are any."""
        stop = min(stop, len(self))
        first = len(self) - stop if self.last else start
        if self.across:
            tile = Tile(self.area.top, self.area.left + first, self.area.height, stop - start)
            met = self.view.of(tile).transpose(0, 2, 1)
        else:
            met = self.view.of(Tile(self.area.top + first, self.area.left, stop - start, self.area.width))
        return met[:, ::-1] if self.last else met

    def colour(self) -> FloatArray:
        """Of the outermost row, (3,)."""
        colour: FloatArray = np.median(self.rows(0, 1)[:, 0], axis=1)
        return colour


def _cut(tile: Tile, top: int, bottom: int, left: int, right: int) -> Tile:
    return Tile(tile.top + top, tile.left + left, tile.height - top - bottom, tile.width - left - right)


def _flat_ends(first: _Side, last: _Side) -> tuple[int, int]:
    """How many rows at either side are flat; none where too few, or too few others are left."""
    rows = len(first)
    least = max(_THINNEST, int(rows * _THINNEST_SHARE))
    found = [flat if flat >= least else 0 for flat in (_flat_rows(first), _flat_rows(last))]
    return (found[0], found[1]) if rows - sum(found) >= max(_LEFT[0], rows * _LEFT[1]) else (0, 0)


def _flat_rows(side: _Side) -> int:
    """How many rows are of the outermost one's colour."""
    colour = side.colour()[:, None, None]
    rows, step = len(side), 16
    for start in range(0, rows, step):
        apart = np.abs(side.rows(start, start + step) - colour).max(axis=(0, 2))
        if (apart > _SAME).any():
            return start + int(np.argmax(apart > _SAME))
    return rows


def _checked(view: View, whole: Tile, inside: Tile) -> Tile:
    """Each flat side as far as it is a border, with a straight edge and a photo behind it."""
    below, behind = whole.height - inside.top - inside.height, whole.width - inside.left - inside.width
    upright = Tile(whole.top, inside.left, whole.height, inside.width)
    lying = Tile(inside.top, whole.left, inside.height, whole.width)
    ends = _edges(_Side(view, upright), _Side(view, upright, last=True), inside.top, below)
    sides = (_Side(view, lying, across=True), _Side(view, lying, across=True, last=True))
    return _cut(whole, *ends, *_edges(*sides, inside.left, behind))


def _edges(first: _Side, last: _Side, flat_first: int, flat_last: int) -> tuple[int, int]:
    """How many of so many flat rows at either side are a border.

    Beside a black bar, a photo may be black itself, and no edge to be seen. Bars come in pairs.
    """
    top, bottom = _edge(first, flat_first), _edge(last, flat_last)
    alike = np.abs(first.colour() - last.colour()).max() <= _SAME
    pair = min(flat_first, flat_last) if alike else 0
    if (top and bottom) or not pair:
        return top, bottom
    if top or bottom:
        wide = top or bottom
        return top or min(flat_first, wide), bottom or min(flat_last, wide)
    return (pair, pair) if pair >= len(first) * _PAIR_SHARE else (0, 0)


def _edge(side: _Side, flat: int) -> int:
    """Where the photo begins behind so many flat rows; 0 where no border ends there."""
    if not flat:
        return 0
    colour = side.colour()[:, None, None]
    apart: npt.NDArray[np.float32] = np.abs(side.rows(flat, flat + _RINGING + _INSIDE_ROWS) - colour).max(axis=0)
    by_row = apart.mean(axis=1)
    begins = int(np.argmax(by_row >= by_row[-_INSIDE_ROWS:].mean() / 2))
    behind = apart[begins : begins + _INSIDE_ROWS]
    clear = behind.mean() >= _CLEAR
    straight = (behind[:3].max(axis=0) > _OTHER).mean() >= _STRAIGHT
    return flat + begins if clear and straight else 0
