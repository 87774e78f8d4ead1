"""What lies along one side of a photo: how many of its outermost rows are of one colour, and whether a picture begins
behind them with one straight step. :mod:`darklift.pipeline.border` judges by this what a border is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from darklift.image import FloatArray
from darklift.pipeline.cells import brightest
from darklift.pipeline.tiling import Tile

if TYPE_CHECKING:
    from darklift.pipeline.view import View

__all__ = ["Edge", "Margin", "Side", "find_edge", "find_line", "find_margin"]

_SAME = 0.6 / 255
"""Unit: pixels of a plain colour are as near to it as this: nothing of a sky's noise, nor of the flat blocks that
coders leave of it."""
_NOISIEST, _ODD = 8 / 255, 0.02
"""Unit: a margin's noise is no stronger (standard deviation), and at most this share of a row is further off."""
_LEAST_REACH = 2.6 / 255
"""Unit: what coders leave of noise is uneven."""
_DRIFT = 1.0 / 255
"""Unit: the means of a row's pieces are off by half as much again as those of the outermost, and by so much more."""
_PIECES = 12
"""Along a side, for that."""
_RESTLESS = 24 / 255
"""Unit: no margin's noise goes so far in a tenth of its pixels."""
_SEEN_ALONG, _NOISY_MOST = 600, 0.45
"""Pixels along a side by which noise is measured, and the share of a photo's rows that a noisy margin takes at most."""
_STEP = 16
"""Rows that are read at a time."""
_PRINT, _PRINT_ROWS, _PRINT_SHARE = 64 / 255, 5, 0.5
"""A caption differs from its ground by so much (unit), takes so many rows at least, and at most this share of a row."""
_WRITTEN_LEAST, _WRITTEN_MOST = 8, 0.35
"""A margin with a caption has at least so many rows, and at most this share of the photo's."""
_RINGING = 16
"""Rows between a margin and the photo that a JPEG file may have blurred: its largest unit, two blocks."""
_RINGS = 0.15
"""Of the step at an edge, ringing goes so far."""
_BEHIND = 8
"""Rows behind the edge, by which the photo is told from the margin."""
_LINE, _LINE_CLEAR, _LINE_BEHIND = 16, 40 / 255, 8 / 255
"""A line between a margin and the photo takes at most half as many rows, and differs by so much (unit) from the
margin."""
_OTHER = 1.5 / 255
"""Unit: what is off by more than this, or than noise can be, is something else."""


@dataclass(frozen=True)
class Side:
    """The rows of a part of a photo as they are met from one of its sides: from its first row, or the last, or from the
    first column (across) or the last.
    """

    view: View
    area: Tile
    across: bool = False
    last: bool = False

    def __len__(self) -> int:
        return self.area.width if self.across else self.area.height

    @property
    def length(self) -> int:
        """Pixels along the side."""
        return self.area.height if self.across else self.area.width

    def rows(self, start: int, stop: int, every: int = 1) -> FloatArray:
        """(3, stop - start, every how many-th pixel along the side), as far as there are any."""
        start, stop = max(start, 0), min(stop, len(self))
        first = len(self) - stop if self.last else start
        if self.across:
            tile = Tile(self.area.top, self.area.left + first, self.area.height, stop - start)
            met = self.view.own(tile, (every, 1)).transpose(0, 2, 1)
        else:
            met = self.view.own(Tile(self.area.top + first, self.area.left, stop - start, self.area.width), (1, every))
        return met[:, ::-1] if self.last else met


@dataclass(frozen=True, eq=False)
class Margin:
    """Rows of one colour along a side."""

    colour: FloatArray
    """(3,) unit."""
    noise: float
    """Standard deviation, unit; 0 for a colour that all pixels have."""
    reach: float
    """Unit: its pixels are no further from the colour."""
    rows: int
    """How many rows of it there are from the outermost on; 0 for none."""
    drift: float = 0.0
    """Unit: how far the means of its outermost pieces are from the colour."""
    written: int = 0
    """How many there are with a caption and the plain rows behind it; 0 where there is no caption."""

    @property
    def plain(self) -> bool:
        """Whether it has no noise."""
        return self.noise == 0


@dataclass(frozen=True)
class Edge:
    """Where a photo begins behind a margin."""

    rows: int
    """Of the margin."""
    clear: float
    """Unit: by how much the photo differs from the margin's colour, on average, beyond what its noise does."""
    share: float
    """Of the columns, that do so right behind the edge."""
    sharp: float
    """Of those that do so further behind, how many do so right behind the edge. A skyline rises by and by."""
    before: float
    """Of the step, how much there is some rows before. What is out of focus begins by and by."""


_NONE = Margin(np.zeros(3, np.float32), 0.0, 0.0, 0)


def find_margin(side: Side, least: int, *, captions: bool = False) -> Margin:
    """The rows of one colour along a side, of which there are at least so many, else none."""
    if len(side) < least:
        return _NONE
    first = side.rows(0, 1, _thinning(side))[:, 0]
    if np.quantile(np.abs(first - np.median(first, axis=1)[:, None]), 0.9) > _RESTLESS:
        return _NONE  # as most photos: done with at once
    outermost = side.rows(0, min(least, _STEP))
    if not _is_plain(outermost):
        outermost = outermost[:, :, :: _thinning(side)]
    colour: FloatArray = np.median(outermost, axis=(1, 2)).astype(np.float32)
    apart = np.abs(outermost - colour[:, None, None]).max(axis=0)
    if _is_plain(outermost):
        ground = Margin(colour, 0.0, _SAME, 0)
    else:
        near = float(np.quantile(apart, 1 - _ODD / 2))
        inliers = apart <= near
        colour = np.stack([plane[inliers].mean(dtype=np.float64) for plane in outermost]).astype(np.float32)
        noise = float(max(np.std(plane[inliers]) for plane in outermost))
        if noise > _NOISIEST:
            return _NONE
        ground = Margin(colour, max(noise, 1e-6), max(1.3 * near + _SAME, _LEAST_REACH), 0)
    drift = 0.0 if ground.plain else float(_drift(outermost, ground).max())
    if drift > _NOISIEST:
        return _NONE
    ground = replace(ground, drift=drift)
    rows, written = _extent(side, ground, least, captions=captions)
    return replace(ground, rows=rows, written=written) if rows >= least else _NONE


def _is_plain(rows: FloatArray) -> bool:
    """Whether all pixels have one colour."""
    return bool(np.abs(rows - np.median(rows[:, 0], axis=1)[:, None, None]).max() <= _SAME)


def _thinning(side: Side) -> int:
    """Of the pixels along a side, every how many-th is looked at where noise is measured."""
    return max(side.length // _SEEN_ALONG, 1)


def _extent(side: Side, ground: Margin, least: int, *, captions: bool) -> tuple[int, int]:
    """Of a margin of this colour: its rows up to anything else, and those up to the photo if that is a caption."""
    odd = 0.0 if ground.plain else _ODD
    most = int(len(side) * _WRITTEN_MOST)
    plain_end = start = print_rows = run = written = 0
    contrast = 0.0
    stop = len(side) if ground.plain else int(len(side) * _NOISY_MOST)
    while start < stop:
        rows = side.rows(start, start + _STEP, 1 if ground.plain else _thinning(side))
        met = rows.shape[1]
        apart = brightest(np.abs(rows - ground.colour[:, None, None]))
        share = (apart > ground.reach).mean(axis=1)
        plain = share <= odd
        if not ground.plain:
            plain &= _drift(rows, ground) <= 1.5 * ground.drift + _DRIFT
        for number in range(met):
            if not print_rows and plain[number]:
                plain_end = start + number + 1
                continue
            if not captions or plain_end < least or start + number >= most or share[number] > _PRINT_SHARE:
                return plain_end, written
            if plain[number]:
                run += 1
                if run >= 2 and print_rows >= _PRINT_ROWS and contrast >= _PRINT:
                    written = start + number + 1
            else:
                run, print_rows = 0, print_rows + 1
                contrast = max(contrast, float(apart[number].max()))
        start += met
    return plain_end, written


def _pieces(rows: FloatArray) -> FloatArray:
    """Means of pieces along the rows, (3, h, pieces)."""
    length = rows.shape[2]
    starts = np.arange(min(_PIECES, length)) * length // min(_PIECES, length)
    sums = np.add.reduceat(rows, starts, axis=2, dtype=np.float32)
    means: FloatArray = (sums / np.diff(np.append(starts, length))).astype(np.float32)
    return means


def _drift(rows: FloatArray, ground: Margin) -> FloatArray:
    """How far the pieces of each row are from the colour, (h,)."""
    drift: FloatArray = np.abs(_pieces(rows) - ground.colour[:, None, None]).max(axis=(0, 2))
    return drift


def find_edge(side: Side, margin: Margin, rows: int) -> Edge | None:
    """Where the photo begins behind so many rows of a margin; None where nothing else begins there."""
    back = 0 if margin.plain else min(rows, _RINGING)
    first = rows - back
    met = side.rows(first, rows + _RINGING + 2 * _BEHIND)
    apart = _apart(met, margin)
    by_row = apart.mean(axis=1)
    if len(by_row) <= back:
        return None
    base = 0.0 if margin.plain else float(_apart(side.rows(0, min(_BEHIND, rows)), margin).mean())
    inside = float(by_row[back : back + _RINGING + _BEHIND][-_BEHIND:].mean())
    begins = int(np.argmax(by_row >= (base + inside) / 2))
    begins = _behind_ringing(apart, by_row, begins, base)
    while margin.plain and begins > 3:  # a photo may be darker there than a little further
        ahead = float(by_row[max(begins - 5, 0) : begins - 2].mean())
        if ahead <= _RINGS * float(by_row[begins : begins + _BEHIND].mean()):
            break
        begins = int(np.argmax(by_row >= ahead / 2))
    behind = apart[begins : begins + _BEHIND]
    limit = max(_OTHER, margin.noise)
    near = _grouped(met[:, begins : begins + 3], margin) > limit
    far = near.copy()
    for start in range(begins + 3, min(begins + 2 * _BEHIND, met.shape[1] - 2), 3):
        far |= _grouped(met[:, start : start + 3], margin) > limit
    clear = float(behind.mean()) - base
    before = 0.0 if begins < 3 else float(by_row[max(begins - 5, 0) : begins - 2].mean()) - base
    return Edge(
        first + begins,
        clear,
        float(near.mean()),
        float(near.sum()) / max(int(far.sum()), 1),
        max(before, 0.0) / max(clear, 1e-6),
    )


def _grouped(rows: FloatArray, margin: Margin) -> FloatArray:
    """How far the rows are from the colour, column by column, (w,): the mean of a noisy margin's, else the most."""
    if margin.plain:
        most: FloatArray = np.abs(rows - margin.colour[:, None, None]).max(axis=(0, 1))
        return most
    whole: FloatArray = _apart(rows.mean(axis=1, keepdims=True), margin)[0]
    return whole


def _apart(rows: FloatArray, margin: Margin) -> FloatArray:
    """How far each pixel is from the colour, (h, w); behind a noisy margin, means of nine."""
    off = rows - margin.colour[:, None, None]
    if not margin.plain:
        sums = np.pad(off, ((0, 0), (0, 0), (5, 4)), mode="edge").cumsum(axis=2, dtype=np.float64)
        off = ((sums[:, :, 9:] - sums[:, :, :-9]) / 9).astype(np.float32)
    apart: FloatArray = brightest(np.abs(off))
    return apart


def _behind_ringing(apart: FloatArray, by_row: FloatArray, begins: int, base: float) -> int:
    """Where a line begins, if what was taken for the photo's beginning is a JPEG's ringing before that line."""
    ahead = by_row[begins : begins + _RINGING]
    peak = begins + int(np.argmax(ahead))
    half = (base + float(by_row[peak])) / 2
    straight = float((apart[peak] >= half).mean()) >= 0.95
    if straight and by_row[begins] < _RINGS * by_row[peak]:
        return begins + int(np.argmax(ahead >= half))
    return begins


def find_line(side: Side, colour: FloatArray) -> Edge | None:
    """Where the photo begins behind a thin line at the inner edge of a margin of this colour, as frames have one."""
    met = side.rows(0, _LINE)
    middle = np.median(met, axis=2)
    away = np.abs(middle - colour[:, None]).max(axis=0)
    peak = int(np.argmax(away[: _LINE // 2]))
    own: FloatArray = middle[:, peak].astype(np.float32)
    spread = np.abs(met[:, peak] - own[:, None]).max(axis=0)
    if away[peak] < _LINE_CLEAR or float(np.quantile(spread, 0.98)) > away[peak] / 6:
        return None
    noise = 0.0 if spread.max() <= _SAME else max(float(np.sqrt((spread**2).mean())), 1e-6)
    line = Margin(own, noise, _SAME, peak + 1)
    edge = find_edge(side, line, peak + 1)
    clear, share = (_OTHER, 0.3) if line.plain else (_LINE_BEHIND, 0.8)
    if edge is None or edge.clear < clear or edge.share < share or edge.sharp < 0.7:
        return None
    behind = np.abs(middle[:, edge.rows + 2 : edge.rows + 10] - colour[:, None]).max(axis=0)
    beyond = behind.size > 0 and bool(away[peak] > behind.mean() + clear)
    return edge if beyond or edge.rows >= 3 else None
