"""Large photos are worked on as a small copy, and what is made of that is brought to full size by a small network that
sees the photo itself: light and colour from the copy, texture from the photo, noise from neither.

A part of a photo has from this what it has in the whole, to the bit: cells and pieces lie where the whole has them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np
import numpy.typing as npt

from darklift.image import FloatArray, pad_to_multiple, row_strips
from darklift.pipeline.cells import block_sums, box_means
from darklift.pipeline.settings import Speed
from darklift.pipeline.tiling import Tile, plan_tiles
from darklift.pipeline.view import View
from darklift.runtime import Model

__all__ = ["PIECE_OVERLAP", "SmallCopy", "most_of_copy", "pieces_of", "scale_for", "slopes_of", "small_size"]

_MOST_PIXELS: dict[str, float] = {"fast": 0.4e6, "balanced": 1024**2, "best": math.inf}
"""Of a small copy, where it drowns nothing."""
_MORE = 2
"""Times as many it may have of others: time and memory stay bounded."""
_MOST_DROWNED: dict[str, float] = {"fast": 0.6, "balanced": 0.4, "best": 0.0}
"""Of a photo, by a copy that is worked on (docs/lab/large-photos.md)."""
_GRID = 4
"""Pixels: pieces begin at multiples of it, where the cells of the detail network do."""
_PIECE, PIECE_OVERLAP = 512, 32
"""Pixels along a piece that is brought to full size at once. Neighbours are faded over the middle eighth of their
overlap, 14 pixels from where they are cut: of the 36 pixels that the detail network sees around each, those beyond
changed a photo by at most .21/255."""
_WINDOW, _SMOOTH, _EDGE = 2, 1, (1.5 / 255) ** 2
"""Of the slopes: cells around that are looked at, over which slopes are smoothed, and the variance that is an edge."""
_CODES = 65535
"""What 1 is held as."""


def scale_for(size: tuple[int, int], speed: Speed | str, drowned: Sequence[float] = ()) -> int:
    """Pixels of a photo of (rows, columns) along one of its small copy's; 1 for a photo that is worked on itself.

    drowned: by copies of scale 4, 8 …, each beyond one of half the scale: see
    :func:`~darklift.pipeline.octaves.drowned_by_octave`.
    """
    pixels = size[0] * size[1] / _MOST_PIXELS[speed]
    least, most = (max(1, math.ceil(math.sqrt(times))) for times in (pixels / _MORE, pixels))
    least = min(max(least, 2), most)
    return next(
        (scale for scale in range(most, least, -1) if _drowned_by(scale, drowned) <= _MOST_DROWNED[speed]), least
    )


def _drowned_by(scale: int, drowned: Sequence[float]) -> float:
    """Octave by octave, of the last as much as the scale reaches into it."""
    octaves = math.log2(scale) - 1
    return sum(share * min(max(octaves - number, 0.0), 1.0) for number, share in enumerate(drowned))


def small_size(size: tuple[int, int], scale: int) -> tuple[int, int]:
    """(rows, columns) of the small copy. What is left over at the end makes cells of its own."""
    return -(-size[0] // scale), -(-size[1] // scale)


def most_of_copy(size: tuple[int, int]) -> int:
    """Pixels that a small copy of a photo of at most (rows, columns) has at the most, at any speed."""
    most = _MORE * max(pixels for pixels in _MOST_PIXELS.values() if pixels < math.inf)
    return min(math.prod(small_size(size, 2)), int(most) + sum(size))  # cells of what is left over at the ends


def pieces_of(size: tuple[int, int]) -> tuple[Tile, ...]:
    """The pieces of a photo that are brought to full size one by one."""
    return plan_tiles(*size, side=_PIECE, overlap=PIECE_OVERLAP, multiple=_GRID)


class SmallCopy:
    """The small copy of some pieces of a photo: a view of its own, whose tiles are counted in cells of scale² pixels.
    It keeps what was made of it and enlarges the pieces, once that is all there.
    """

    def __init__(self, view: View, scale: int, tiles: Sequence[Tile], pieces: Sequence[Tile]) -> None:
        """tiles: of the whole copy. pieces: of the photo, those that are wanted."""
        self._view, self._scale = view, scale
        self.size = small_size(view.size, scale)
        """(rows, columns) of the whole copy, in cells."""
        self.area = self._around(_joined(pieces))
        """The cells that have a say in the pieces: something has to be made of these."""
        self._made = np.empty((3, self.area.height, self.area.width), np.uint16)
        self._span = _joined([tile for tile in tiles if tile.overlaps(self.area)])
        self._seen = np.empty((3, self._span.height, self._span.width), np.uint16)
        for cells in _strips(self._span, scale):
            self._seen[:, *cells.seen_from(self._span).window] = _held(self._means(cells))

    def of(self, tile: Tile) -> FloatArray:
        """What the network sees there, (3, h, w) unit."""
        return _unit(self._seen[:, *tile.seen_from(self._span).window])

    def put(self, tile: Tile, made: FloatArray) -> None:
        """What was made of a tile, (3, h, w) unit."""
        self._made[:, *tile.seen_from(self.area).window] = _held(made)

    def enlarge(self, model: Model, piece: Tile) -> FloatArray:
        """A piece of the photo at full size: (3, h, w) unit."""
        low, _ = pad_to_multiple(self._view.of(piece), _GRID)
        (height, width), around = low.shape[1:], self._around(piece)
        rows = _between(piece.top, height // 2, self._scale, around.top, around.height)
        columns = _between(piece.left, width // 2, self._scale, around.left, around.width)
        seen, made = self.of(around), _unit(self._made[:, *around.seen_from(self.area).window])
        slopes = np.stack([slopes_of(*planes) for planes in zip(seen, made, strict=True)])
        halves = [_interpolated(cells, rows, columns)[None] for cells in (seen, made, slopes)]
        return model.enlarge(low[None], *halves)[0, :, : piece.height, : piece.width]

    def _around(self, piece: Tile) -> Tile:
        """The cells that have a say in a piece."""
        (top, height), (left, width) = (
            _cells_around(start, length, self._scale, cells)
            for start, length, cells in zip(
                (piece.top, piece.left), (piece.height, piece.width), self.size, strict=True
            )
        )
        return Tile(top, left, height, width)

    def _means(self, cells: Tile) -> FloatArray:
        """Hidden pixels are filled before the means are taken, flat dark blocks smoothed after."""
        scale, smoothing = self._scale, self._view.smoothing
        top, left = cells.top * scale, cells.left * scale
        height, width = (
            min(count * scale, length - start)
            for count, length, start in zip((cells.height, cells.width), self._view.size, (top, left), strict=True)
        )
        pixels = replace(self._view, smoothing=None).of(Tile(top, left, height, width))
        rows, columns = (
            np.minimum(scale, length - np.arange(0, length, scale)).astype(np.float32) for length in (height, width)
        )
        means = np.stack([block_sums(plane, scale) for plane in pixels]) / (rows[:, None] * columns)
        return means if smoothing is None else replace(smoothing, size=self.size).apply(means, cells)


def slopes_of(seen: FloatArray, made: FloatArray) -> FloatArray:
    """How much what was made, (h, w) unit, changes with what was seen, around each cell: where there are edges. (The
    slopes of a guided filter; He et al. 2013, IEEE TPAMI 35(6).)
    """
    mean, made_mean = box_means(seen, _WINDOW), box_means(made, _WINDOW)
    covariance = box_means(seen * made, _WINDOW) - mean * made_mean
    variance = box_means(seen * seen, _WINDOW) - mean * mean
    slopes: FloatArray = np.divide(covariance, variance + _EDGE, dtype=np.float32)
    return box_means(slopes, _SMOOTH)


def _joined(tiles: Sequence[Tile]) -> Tile:
    return reduce(Tile.joined, tiles)


def _strips(cells: Tile, scale: int) -> Iterator[Tile]:
    """From top to bottom, so many cells at once that their pixels take little."""
    for rows in row_strips((cells.height * scale, cells.width * scale), scale):
        top, bottom = rows.start // scale, rows.stop // scale
        yield Tile(cells.top + top, cells.left, bottom - top, cells.width)


def _held(unit: FloatArray) -> npt.NDArray[np.uint16]:
    """In two bytes a value, as 16-bit files hold them."""
    held: npt.NDArray[np.uint16] = np.rint(unit * np.float32(_CODES)).astype(np.uint16)
    return held


def _unit(held: npt.NDArray[np.uint16]) -> FloatArray:
    unit: FloatArray = held.astype(np.float32) * np.float32(1 / _CODES)
    return unit


_Between = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], FloatArray]
"""Cells before places and behind them, and how much the latter say."""


def _cells_around(start: int, length: int, scale: int, cells: int) -> tuple[int, int]:
    """The first cell that has a say at places of a piece, and how many there are of them."""
    around = 1 + _WINDOW + _SMOOTH
    first = max(start // scale - around, 0)
    return first, min((start + length + _GRID) // scale + 1 + around, cells) - first


def _between(start: int, count: int, scale: int, first: int, cells: int) -> _Between:
    """Every other border between a piece's pixels, and the cells, counted from the first held, that it lies between."""
    places = (start + 1 + 2 * np.arange(count)) / scale - 0.5
    before = np.floor(places)
    behind = (places - before).astype(np.float32)
    cell = before.astype(np.intp) - first
    return cell.clip(0, cells - 1), (cell + 1).clip(0, cells - 1), behind


def _interpolated(cells: FloatArray, rows: _Between, columns: _Between) -> FloatArray:
    """Cells (3, h, w) at the places between them: columns first."""
    first, last = rows[0][0], rows[1][-1] + 1
    wide = _mixed(cells[:, first:last], columns, axis=2)
    return _mixed(wide, (rows[0] - first, rows[1] - first, rows[2]), axis=1)


def _mixed(cells: FloatArray, between: _Between, axis: int) -> FloatArray:
    """Interpolated along an axis of (C, h, w)."""
    before, behind, share = between
    mixed: FloatArray = cells.take(before, axis)
    share = share[:, None] if axis == 1 else share
    mixed += share * (cells.take(behind, axis) - mixed)
    return mixed
