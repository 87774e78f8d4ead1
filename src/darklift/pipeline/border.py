"""Bars and borders around a photo: letterboxes, frames, the white edge of a scan. What is done to a photo goes by what
lies inside; a border keeps its values.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from darklift.pipeline.margin import Edge, Margin, Side, find_edge, find_line, find_margin
from darklift.pipeline.tiling import Tile

if TYPE_CHECKING:
    from darklift.pipeline.view import View

__all__ = ["inside_of_border"]

_Widths: TypeAlias = tuple[int, int, int, int]
"""Of the borders at the top, the bottom, the left and the right, in pixels."""

_THINNEST, _THINNEST_SHARE = 3, 0.01
"""A border has at least so many rows, and at least this share of the photo's."""
_LEFT = (16, 0.2)
"""What is inside has at least so many rows, and this share of the photo's."""
_LAYERS, _ROUNDS = 4, 5
"""Frames within frames, and looks at one of them until its sides agree; what does not settle is no frame."""
_SAME, _NEAR = 0.6 / 255, 1.25 / 255
"""Unit: margins without noise, and with some, are of one colour if they are no further apart."""
_CLEAR, _STRAIGHT, _SHARP = 2.5 / 255, 0.6, 0.7
"""An edge: the photo differs by so much (unit) from the margin, in this share of its columns right behind it, which are
this share of those that come to differ."""
_QUIET, _LEVEL = 3.2 / 255, 2.5 / 255
"""Unit: a margin with more noise or drift than this needs a strong edge."""
_SHARP_NOISY, _BEFORE, _WIDE = 0.8, 0.15, 0.2
"""Of an edge behind a margin with noise; at most this share of the step is there some rows before. One that takes more
than this share of the photo needs a strong edge: it may be the night around lit windows.
"""
_STRONG, _STRONG_CLEAR, _OVER_NOISE = 0.9, 8 / 255, 10
"""A strong edge: shares of columns as above, unit, and how many times the margin's noise it is."""
_FAINT, _FAINT_SHARP, _EQUAL, _PAIR_SHARE = 0.15, 0.5, 2, 0.03
"""Two bars at opposite sides that are of one colour and equally wide, up to so many rows, and take this share of the
photo each, need only a faint edge: beside a black bar, a photo may be black itself."""
_AS_WIDE = 0.8
"""Of a bar with a strong edge, what is seen of the one at the opposite side where the photo is black beside it."""
_LINE_MOST = 8
"""Pixels: a line between border and photo is no wider."""


@dataclass(frozen=True, eq=False)
class _Found:
    """What was found at one side."""

    side: Side
    margin: Margin
    edge: Edge | None

    @property
    def rows(self) -> int:
        """Of it, up to the edge; 0 without one."""
        return 0 if self.edge is None else self.edge.rows

    @property
    def quiet(self) -> bool:
        """Whether it has hardly any noise."""
        return self.margin.noise <= _QUIET and self.margin.drift <= _LEVEL

    @property
    def sure(self) -> bool:
        """Whether a picture begins behind it with a straight step."""
        edge = self.edge
        if edge is None or edge.clear < _CLEAR or edge.share < _STRAIGHT:
            return False
        if self.margin.plain:
            return edge.sharp >= _SHARP
        modest = self.quiet and edge.rows <= _WIDE * len(self.side)
        return edge.sharp >= _SHARP_NOISY and edge.before <= _BEFORE and (modest or self.strong)

    @property
    def strong(self) -> bool:
        """Whether the step is straight throughout and far above the noise."""
        edge, margin = self.edge, self.margin
        return (
            edge is not None
            and min(edge.share, edge.sharp) >= _STRONG
            and edge.before <= _BEFORE
            and edge.clear >= max(_STRONG_CLEAR, _OVER_NOISE * max(margin.noise, margin.drift))
        )

    @property
    def faint(self) -> bool:
        """Whether something begins there in some of the columns at once."""
        edge = self.edge
        if edge is None or edge.share < _FAINT or edge.sharp < _FAINT_SHARP:
            return False
        return edge.before <= _BEFORE and self.quiet


def inside_of_border(view: View) -> Tile:
    """The part of a photo inside of the border around it; all of it where there is none.

    A border is one colour over whole rows or columns, and ends with one straight step. Without any noise, it is one at
    each side for itself. With some (a video's, a scanner's, what JPEG leaves of an edge close by), another side must be
    of the same colour and end likewise: a real sky, wall or backdrop may be as flat, but not so on two sides. At the
    top or bottom, a caption may stand in it. Between border and photo there may be a line, or another border.
    """
    inside = Tile(0, 0, *view.size)
    for _ in range(_LAYERS):
        found = _layer(view, inside)
        if found == inside:
            break
        inside = found
    return inside


def _sides(view: View, upright: Tile, lying: Tile) -> list[Side]:
    """Top, bottom, left and right, the first two of one part and the others of another."""
    return [
        Side(view, upright),
        Side(view, upright, last=True),
        Side(view, lying, across=True),
        Side(view, lying, across=True, last=True),
    ]


def _layer(view: View, whole: Tile) -> Tile:
    """Without the outermost border and a line behind it."""
    inside = whole
    margins: list[Margin] = []
    for _ in range(2):  # bars at the sides may reach beside those at the top, or the other way round
        ends, top, bottom = _flat_ends(Side(view, inside), Side(view, inside, last=True))
        level = _cut(inside, top, bottom, 0, 0)
        sides, left, right = _flat_ends(Side(view, level, across=True), Side(view, level, across=True, last=True))
        inside = _cut(inside, top, bottom, left, right)
        margins += [margin for margin in (*ends, *sides) if margin.rows]
        if not top + bottom + left + right:
            break
    pairs = combinations(margins, 2)
    if inside == whole or not (any(margin.plain for margin in margins) or any(_alike(*pair) for pair in pairs)):
        return whole
    found, widths = _settled(view, whole, inside)
    if not any(widths):
        return whole
    return _within_line(view, _cut(whole, *widths), found, widths)


def _settled(view: View, whole: Tile, inside: Tile) -> tuple[list[_Found], _Widths]:
    """What there is at the four sides, each looked at between the others' borders."""
    for _ in range(_ROUNDS):
        upright = Tile(whole.top, inside.left, whole.height, inside.width)
        lying = Tile(inside.top, whole.left, inside.height, whole.width)
        found = [_look(side) for side in _sides(view, upright, lying)]
        widths = _decided(found)
        if _cut(whole, *widths) == inside:
            return found, widths
        if not _leaves_enough(whole, _cut(whole, *widths)):
            break
        inside = _cut(whole, *widths)
    return [], (0, 0, 0, 0)


def _leaves_enough(whole: Tile, inside: Tile) -> bool:
    return inside.height >= max(_LEFT[0], _LEFT[1] * whole.height) and inside.width >= max(
        _LEFT[0], _LEFT[1] * whole.width
    )


def _cut(tile: Tile, top: int, bottom: int, left: int, right: int) -> Tile:
    return Tile(tile.top + top, tile.left + left, tile.height - top - bottom, tile.width - left - right)


def _least(side: Side) -> int:
    """Rows that a border has at least."""
    return max(_THINNEST, int(len(side) * _THINNEST_SHARE))


def _flat_ends(first: Side, last: Side) -> tuple[list[Margin], int, int]:
    """What is flat at either side, and how many rows of it; no rows where too few others are left."""
    rows = len(first)
    margins = [find_margin(side, _least(side)) for side in (first, last)]
    top, bottom = (margin.rows for margin in margins)
    return (margins, top, bottom) if rows - top - bottom >= max(_LEFT[0], rows * _LEFT[1]) else (margins, 0, 0)


def _look(side: Side) -> _Found:
    """Margin and edge of a side, behind the caption if there is one."""
    margin = find_margin(side, _least(side), captions=not side.across)
    if not margin.rows:
        return _Found(side, margin, None)
    found = _Found(side, margin, find_edge(side, margin, margin.rows))
    if margin.written and not found.sure:
        written = _Found(side, margin, find_edge(side, margin, margin.written))
        if written.strong:
            return written
    return found


def _alike(one: Margin, other: Margin) -> bool:
    """Whether two margins have one colour."""
    if not (one.rows and other.rows):
        return False
    allowed = _SAME if one.plain and other.plain else _NEAR + max(one.noise, other.noise) / 4
    return bool(np.abs(one.colour - other.colour).max() <= allowed)


def _decided(found: list[_Found]) -> _Widths:
    """How many rows at each side are a border, by what was found at the four."""
    widths = [one.rows if one.sure and one.margin.plain else 0 for one in found]
    for first, last in ((0, 1), (2, 3)):
        pair = _pair(found[first], found[last])
        if any(pair):
            widths[first], widths[last] = pair
    for first, second in ((0, 2), (0, 3), (1, 2), (1, 3)):
        one, other = found[first], found[second]
        if one.strong and other.strong and _alike(one.margin, other.margin):
            widths[first], widths[second] = widths[first] or one.rows, widths[second] or other.rows
    return widths[0], widths[1], widths[2], widths[3]


def _pair(first: _Found, last: _Found) -> tuple[int, int]:
    """How many rows at opposite sides are a border for being a pair; (0, 0) for none."""
    if not _alike(first.margin, last.margin):
        return 0, 0
    if first.sure and last.sure:
        return first.rows, last.rows
    least = len(first.side) * _PAIR_SHARE
    if abs(first.rows - last.rows) <= _EQUAL and first.faint and last.faint and min(first.rows, last.rows) >= least:
        return first.rows, last.rows
    if first.strong or last.strong:
        known, other = (first, last) if first.strong else (last, first)
        if max(other.margin.rows, other.margin.written) >= known.rows * _AS_WIDE:
            return known.rows, known.rows
    return 0, 0


def _within_line(view: View, inside: Tile, found: list[_Found], widths: _Widths) -> Tile:
    """Without the thin line of another colour that a frame may have around the photo."""
    lines = [
        None if not width else find_line(side, one.margin.colour)
        for side, one, width in zip(_sides(view, inside, inside), found, widths, strict=True)
    ]
    rows = sorted(line.rows for line in lines if line is not None)
    sides = sum(width > 0 for width in widths)
    if sides < 2 or len(rows) < max(sides - 1, 2):
        return inside
    middle = rows[len(rows) // 2]
    if middle > _LINE_MOST or sum(abs(row - middle) <= 1 for row in rows) < max(sides - 1, 2):
        return inside
    top, bottom, left, right = (middle if width else 0 for width in widths)
    return _cut(inside, top, bottom, left, right)
