"""A whole photo in brief, for a model that works on a piece of it: a thumbnail and statistics of its brightness.

Made in the same way for training (from 8-bit arrays) and for use (from float arrays of any size and depth).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from darklift.image.picture import FloatArray

__all__ = ["CUES", "QUANTILE_95", "QUANTILE_99", "STATISTICS", "THUMBNAIL", "Overview", "area_average", "describe"]

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

    (C, H, W) uint8, or floats in [0, 1] -> float32 (C, height, width) in [0, 1], where ``size`` is (height, width). A
    side shorter than the grid repeats its pixels.
    """
    return np.stack([_average_plane(plane, size) for plane in planes])


def _average_plane(plane: npt.NDArray[Any], size: tuple[int, int]) -> FloatArray:
    # One channel at a time, in a row of its own: summing over a channel-last picture in place takes ten times as long.
    wide = np.uint32 if plane.dtype == np.uint8 else plane.dtype
    sums = np.ascontiguousarray(plane, dtype=wide)
    counts = []
    for axis, cells in enumerate(size):
        length = plane.shape[axis]
        edges = np.arange(cells + 1) * length // cells
        sums = np.add.reduceat(sums, edges[:-1], axis=axis)
        counts.append(np.maximum(np.diff(edges), 1))
    scale = 255.0 if plane.dtype == np.uint8 else 1.0
    result: FloatArray = (sums / (np.outer(counts[0], counts[1]) * scale)).astype(np.float32)
    return result


def describe(
    planes: npt.NDArray[Any], *, cues: bool = True, bits: int = 8, weights: FloatArray | None = None
) -> Overview:
    """The overview of a photo, (3, H, W) uint8 or floats in [0, 1].

    cues: with :attr:`Overview.cues`, which take as long as all the rest. bits: how finely the photo's source tells
    values apart; of more than 8, nothing is rounded to 8. weights: (H, W) in [0, 1], how much each pixel counts in
    statistics and cues, as far as it is seen; None is all alike.
    """
    thumbnail = area_average(planes)
    top = np.maximum(np.maximum(planes[0], planes[1]), planes[2])
    share = _histogram(top, bits, weights)
    white = len(share) - 1
    cumulative = np.cumsum(share)
    values = np.arange(white + 1) / white
    mean = float(share @ values)
    quantiles, highlights = (
        np.searchsorted(cumulative, np.array(shares) - 1e-9) / white for shares in (_QUANTILES, _HIGHLIGHTS)
    )
    spread = float(share @ (values - mean) ** 2) ** 0.5
    # what 8 bits would round to 250 or more, and to 2 or less
    bright, dark = math.ceil(249.5 * white / 255), math.ceil(2.5 * white / 255)
    channels = thumbnail.mean(axis=(1, 2))
    if weights is not None:
        channels = np.array([np.average(plane, weights=weights) for plane in planes])
    rooted = np.sqrt(np.concatenate([[channels.mean()], channels, quantiles]))
    statistics = np.concatenate([rooted, [spread, share[bright:].sum(), share[:dark].sum()]]).astype(np.float32)
    brightness = None if weights is None else float(channels.mean())
    if not cues:
        return Overview(thumbnail, statistics, None, brightness)
    further = np.concatenate([np.sqrt(highlights), _contrast(planes, weights)]).astype(np.float32)
    return Overview(thumbnail, statistics, further, brightness)


def _histogram(top: npt.NDArray[Any], bits: int, weights: FloatArray | None = None) -> npt.NDArray[np.float64]:
    """The share of the pixels at each code: of 256, or of 65536 where there is more to tell than 256 can."""
    if top.dtype != np.uint8 and bits > 8:
        codes = (np.clip(top, 0, 1) * 65535 + 0.5).astype(np.uint16)
        counts = np.bincount(codes.ravel(), minlength=65536)
        # A photo of 8 bits in a file of 16 is described as in its own, to the last digit.
        finely = counts[::257].sum() != top.size
        fine = _shares(codes, 65536, weights)
        return fine if finely else fine[::257]
    if top.dtype != np.uint8:
        top = (np.clip(top, 0, 1) * 255 + 0.5).astype(np.uint8)
    return _shares(top, 256, weights)


def _shares(codes: npt.NDArray[Any], count: int, weights: FloatArray | None) -> npt.NDArray[np.float64]:
    """How much of all weight is at each of so many codes; without weights, all pixels have the same."""
    shares: npt.NDArray[np.float64]
    if weights is None:
        shares = np.bincount(codes.ravel(), minlength=count) / codes.size
    else:
        shares = np.bincount(codes.ravel(), weights.ravel(), minlength=count) / weights.sum(dtype=np.float64)
    return shares


def _contrast(planes: npt.NDArray[Any], weights: FloatArray | None = None) -> list[float]:
    """Mean difference of neighbours in log2 of the coded value plus one, at doubling scales; 0 without neighbours."""
    rows, columns = planes.shape[1:]
    factor = -(-max(rows, columns) // _CONTRAST_SIDE)
    if factor > 1:
        size = (max(rows // factor, 1), max(columns // factor, 1))
        planes = area_average(planes, size)
        weights = None if weights is None else area_average(weights[None], size)[0]
    codes = planes.mean(axis=0, dtype=np.float32)
    levels = np.log2((codes if planes.dtype == np.uint8 else 255 * codes) + 1)
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
