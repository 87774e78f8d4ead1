"""A whole photo in brief, for a model that works on a piece of it: a thumbnail and statistics of its brightness.

Made in the same way for training (from arrays of 8 or 16 bits) and for use (from float arrays of any size and depth).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from darklift.image.histogram import Histogram
from darklift.image.samples import FloatArray, white_of

__all__ = [
    "CUES",
    "QUANTILE_95",
    "QUANTILE_99",
    "STATISTICS",
    "THUMBNAIL",
    "AreaAverage",
    "Describing",
    "Overview",
    "area_average",
    "describe",
    "describe_strips",
]

THUMBNAIL = 40
"""Side of the square thumbnail, onto which photos of any shape are squeezed."""

_QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
STATISTICS = 7 + len(_QUANTILES)
"""Length of :attr:`Overview.statistics`."""

QUANTILE_95, QUANTILE_99 = (4 + _QUANTILES.index(share) for share in (0.95, 0.99))
"""Where in the statistics these quantiles are."""

_HIGHLIGHTS = (0.999, 0.9999)
_CONTRAST_SCALES, _CONTRAST_SIDE = 5, 640
CUES = len(_HIGHLIGHTS) + _CONTRAST_SCALES
"""Length of :attr:`Overview.cues`."""

_SUMS: dict[Any, npt.DTypeLike] = {np.dtype(np.uint8): np.uint32, np.dtype(np.uint16): np.uint64}
"""What holds the sum of a cell of such integers, however large the photo."""


@dataclass(frozen=True)
class Overview:
    """A whole photo in brief.

    Attributes:
        thumbnail: float32 (3, 40, 40) in [0, 1], averaged over areas.
        statistics: float32 (14,), each in [0, 1]. First the square roots (so that dark photos differ, too) of the mean,
            of the three channels' means, and of quantiles of max(R, G, B). Then the spread of max(R, G, B), and the
            shares of pixels at the top (>= 250/255) and at the bottom (<= 2/255).
        cues: None, or float32 (7,) with further signs of how much light was lost. First the square roots of the .999
            and .9999 quantiles of max(R, G, B): how far the brightest parts are from white. Then the contrast between
            neighbours, in stops of coded value, 1, 2, 4, 8 and 16 pixels apart in a photo brought to sides of at most
            640.
        visible_brightness: of a photo with transparent parts, the mean of what is seen of it; None for others.
    """

    thumbnail: FloatArray
    statistics: FloatArray
    cues: FloatArray | None
    visible_brightness: float | None = None

    @property
    def brightness(self) -> float:
        """Mean of the thumbnail's coded values, in [0, 1]; that of all pixels if both sides are multiples of 40. Where
        some pixels are hidden, the mean of what is seen.
        """
        return float(self.thumbnail.mean()) if self.visible_brightness is None else self.visible_brightness


def area_average(planes: npt.NDArray[Any], size: tuple[int, int] = (THUMBNAIL, THUMBNAIL)) -> FloatArray:
    """A small picture of a large one: the mean of each cell in a grid over it, where cells are whole pixels.

    (C, H, W) uint8, uint16, or floats in [0, 1] -> float32 (C, height, width) in [0, 1], where ``size`` is (height,
    width). A side shorter than the grid repeats its pixels.
    """
    average = AreaAverage((planes.shape[1], planes.shape[2]), size)
    average.add(planes)
    return average.result()


class AreaAverage:
    """:func:`area_average` of a picture that comes in strips from top to bottom: to the bit, however it is cut."""

    def __init__(self, shape: tuple[int, int], size: tuple[int, int] = (THUMBNAIL, THUMBNAIL)) -> None:
        """shape: (H, W) of the picture. size: (height, width) of the result."""
        self._rows, self._columns = (
            np.arange(cells + 1) * length // cells for length, cells in zip(shape, size, strict=True)
        )
        self._every_pixel = tuple(shape) == tuple(size)
        self._ends = np.maximum(self._rows[1:], self._rows[:-1] + 1)
        self._widths = np.maximum(np.diff(self._columns), 1)
        self._begun: npt.NDArray[Any] | None = None  # the sums of a row of cells whose last pixels have not come
        self._seen = 0  # rows of pixels
        self._done: list[FloatArray] = []
        self._cells = 0

    def add(self, planes: npt.NDArray[Any]) -> None:
        """The next rows, (C, h, W)."""
        if self._every_pixel and planes.dtype == np.float32:
            self._done.append(planes)
            return
        first, self._seen = self._seen, self._seen + planes.shape[1]
        last = int(np.searchsorted(self._rows[:-1], self._seen))  # as many rows of cells have begun
        sums = np.empty((len(planes), last - self._cells, planes.shape[2]), _SUMS.get(planes.dtype, planes.dtype))
        for cell in range(self._cells, last):
            row = sums[:, cell - self._cells]
            start, end = (int(edge[cell]) - first for edge in (self._rows, self._ends))
            if start >= 0 and end - start > 2 and planes.shape[2] > 1:
                np.add.reduce(planes[:, start:end], axis=1, dtype=row.dtype, out=row)
                continue
            row[:] = planes[:, start] if start >= 0 or self._begun is None else self._begun
            for further in range(max(start + 1, 0), min(end, planes.shape[1])):  # one after the other, as there
                row += planes[:, further]
        complete = int(np.searchsorted(self._ends, self._seen, side="right"))
        self._begun = sums[:, -1].copy() if complete < last else None
        if complete > self._cells:
            heights = (self._ends - self._rows[:-1])[self._cells : complete]
            sums = _summed(sums[:, : len(heights)], self._columns[:-1], self._widths)
            pixels = np.outer(heights, self._widths) * float(white_of(planes))
            self._done.append((sums / pixels).astype(np.float32))
        self._cells = complete

    def result(self) -> FloatArray:
        """float32 (C, height, width), once all rows have come."""
        return np.ascontiguousarray(np.concatenate(self._done, axis=1))  # or means of it go by its layout


def _summed(values: npt.NDArray[Any], starts: npt.NDArray[np.intp], lengths: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
    """Sums along the last axis, of so many values from each start on; of one or two each in a sixth of the time."""
    if lengths.max() > 2:
        return np.add.reduceat(values, starts, axis=-1)
    two = np.flatnonzero(lengths == 2)
    sums = values.take(starts, axis=-1)
    sums[..., two] += values.take(starts[two] + 1, axis=-1)
    return sums


def describe(
    planes: npt.NDArray[Any], *, cues: bool = True, bits: int = 8, weights: FloatArray | None = None
) -> Overview:
    """The overview of a photo, (3, H, W) uint8, uint16, or floats in [0, 1].

    cues: with :attr:`Overview.cues`, which take as long as all the rest. bits: how finely the source of floats tells
    values apart; of more than 8, nothing is rounded to 8. Integers tell it by their type. weights: (H, W) in [0, 1],
    how much each pixel counts in statistics and cues, as far as it is seen; None is all alike.
    """
    bits = 8 * planes.itemsize if planes.dtype.kind == "u" else bits
    return describe_strips((planes.shape[1], planes.shape[2]), [(planes, weights)], cues=cues, bits=bits)


def describe_strips(
    shape: tuple[int, int],
    strips: Iterable[tuple[npt.NDArray[Any], FloatArray | None]],
    *,
    cues: bool = True,
    bits: int = 8,
) -> Overview:
    """:func:`describe` of strips from top to bottom, each with its weights."""
    described = Describing(shape, cues=cues, bits=bits)
    for planes, weights in strips:
        described.add(planes, weights)
    return described.result()


class Describing:
    """:func:`describe` of a photo of (H, W) that comes in strips from top to bottom."""

    def __init__(self, shape: tuple[int, int], *, cues: bool = True, bits: int = 8) -> None:
        factor = -(-max(shape) // _CONTRAST_SIDE)
        near = (max(shape[0] // factor, 1), max(shape[1] // factor, 1))
        self._thumbnail, self._contrast, self._say = (
            AreaAverage(shape),
            AreaAverage(shape, near),
            AreaAverage(shape, near),
        )
        self._histogram, self._visible, self._white = Histogram(bits), _Visible(), 1
        self._cues, self._as_it_is = cues, factor == 1

    def add(self, planes: npt.NDArray[Any], weights: FloatArray | None, top: npt.NDArray[Any] | None = None) -> None:
        """The next strip, (3, h, W), and its weights. top: max(R, G, B) of it, where it is known; as integers, all the
        better.
        """
        self._thumbnail.add(planes)
        self._histogram.add(np.maximum(np.maximum(planes[0], planes[1]), planes[2]) if top is None else top, weights)
        if weights is not None:
            self._visible.add(planes, weights)
        if self._cues and planes.dtype == np.uint8 and self._as_it_is:
            planes, self._white = planes.astype(np.float32), 255
        if self._cues:
            self._contrast.add(planes)
        if self._cues and weights is not None:
            self._say.add(weights[None])

    def result(self) -> Overview:
        """Once all strips have come."""
        made = self._thumbnail.result()
        shown = self._visible.means() if self._visible.weight is not None else None
        statistics = _statistics(self._histogram, made.mean(axis=(1, 2)) if shown is None else shown)
        overview = Overview(made, statistics, None)
        if shown is not None:
            overview = replace(overview, visible_brightness=float(shown.mean()))
        if not self._cues:
            return overview
        codes = self._contrast.result().mean(axis=0, dtype=np.float32)
        say = None if shown is None else self._say.result()[0]
        steps = _contrast(codes if self._white == 255 else 255 * codes, say)
        further = np.concatenate([np.sqrt(self._histogram.quantiles(_HIGHLIGHTS)), steps]).astype(np.float32)
        return replace(overview, cues=further)


def _statistics(histogram: Histogram, channels: npt.NDArray[Any]) -> FloatArray:
    """See :class:`Overview`. channels: (3,), their means."""
    share = histogram.shares()
    white = len(share) - 1
    values = np.arange(white + 1) / white
    spread = float(share @ (values - float(share @ values)) ** 2) ** 0.5
    # what 8 bits would round to 250 or more, and to 2 or less
    bright, dark = math.ceil(249.5 * white / 255), math.ceil(2.5 * white / 255)
    rooted = np.sqrt(np.concatenate([[channels.mean()], channels, histogram.quantiles(_QUANTILES)]))
    found = np.concatenate([rooted, [spread, share[bright:].sum(), share[:dark].sum()]])
    return found.astype(np.float32)


class _Visible:
    """The means of the channels of what is seen. weight: how much of it there is, None where all is."""

    def __init__(self) -> None:
        self.weight: float | None = None
        self._sums: npt.NDArray[np.float64] = np.zeros(3)

    def add(self, planes: npt.NDArray[Any], weights: FloatArray) -> None:
        white = white_of(planes)
        self._sums += [float((plane * weights).sum(dtype=np.float64)) / white for plane in planes]
        self.weight = (self.weight or 0.0) + float(weights.sum(dtype=np.float64))

    def means(self) -> npt.NDArray[np.float64]:
        return self._sums / (self.weight or 1.0)


def _contrast(codes: FloatArray, weights: FloatArray | None = None) -> list[float]:
    """Mean difference of neighbours in log2 of the coded value plus one, at doubling scales; 0 without neighbours.

    codes: (h, w) in [0, 255], of a photo brought to sides of at most 640.
    """
    levels = np.log2(codes + 1)
    found = []
    for _ in range(_CONTRAST_SCALES):
        steps = [np.abs(np.diff(levels, axis=axis)) for axis in (0, 1)]
        if weights is None:
            found.append(float(np.mean([step.mean() if step.size else 0.0 for step in steps])))
        else:
            pairs = np.minimum(weights[:-1], weights[1:]), np.minimum(weights[:, :-1], weights[:, 1:])
            found.append(float(np.mean([_weighted(step, say) for step, say in zip(steps, pairs, strict=True)])))
            weights = _halved(_halved(weights).T).T
        levels = _halved(_halved(levels).T).T
    return found


def _weighted(values: FloatArray, weights: FloatArray) -> float:
    """The mean; 0 where nothing has weight."""
    total = float(weights.sum(dtype=np.float64))
    return float((values * weights).sum(dtype=np.float64)) / total if total else 0.0


def _halved(levels: FloatArray) -> FloatArray:
    """Means of pairs of rows; an odd last row goes, an only one stays."""
    pairs = len(levels) // 2
    return (levels[: 2 * pairs : 2] + levels[1 : 2 * pairs : 2]) / np.float32(2) if pairs else levels
