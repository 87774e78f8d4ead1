"""compact's detail net: brings what the fine net made of a small copy of a photo to the photo's full size.

Shapes: B pieces of a photo, H, W their sides, multiples of 4. ``low`` is the dark photo at full size; ``seen`` the
small copy that the fine net saw, ``made`` what it made of that, and ``slope`` how much the latter changes with the
former, all enlarged to half of the photo's size. All unit but for slopes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darklift.methods.parts.blocks import zero_

__all__ = ["DetailNet", "enlarged_copy", "toned"]

_GRID = 4
"""Pixels of the photo along one of the net's cells."""
_WINDOW, _SMOOTH, _EDGE = 2, 1, (1.5 / 255) ** 2
"""Of the slopes: as :mod:`darklift.pipeline.scaled` has them."""
_DARK = 2 / 255
"""Added to values before one is divided by another, so that black is not lifted for ever."""
_TONE_RADIUS, _TONE_EDGE, _TONE_DARK = 6, 0.01, 0.03
"""Of the guided filter by which a target gets the tones of what was made: cells, variance, and like ``_DARK``."""


class DetailNet(nn.Module):
    """Works at a quarter of the photo's resolution (pixel unshuffle), by residual 3×3 convolutions.

    A fast guided filter (He & Sun 2015, arXiv 1505.00996) gives what was made the photo's edges. The photo, lifted at
    each place as the small copy was, differs from what was made by texture and noise: the net says how much more of
    that there is to keep in each pixel and channel (its gates), and what else is to be added.
    """

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        cell = 3 * _GRID**2
        self.stem = nn.Conv2d(cell + 2 * 12, width, 3, padding=1)
        self.blocks = nn.ModuleList(_Block(width) for _ in range(blocks))
        self.head = nn.Conv2d(width, 2 * cell, 1)
        zero_(self.head)

    def forward(self, low: Tensor, seen: Tensor, made: Tensor, slope: Tensor) -> Tensor:
        """low (B, 3, H, W); the others (B, 3, H/2, W/2) -> (B, 3, H, W), which may go a little beyond [0, 1]."""
        halves = F.pixel_unshuffle(low, 2).unflatten(1, (3, 4))
        lift = (made + _DARK) / (seen + _DARK)
        base = made.unsqueeze(2)
        texture = F.pixel_unshuffle(((halves + _DARK) * lift.unsqueeze(2) - (base + _DARK)).flatten(1, 2), 2)
        known = F.pixel_unshuffle(torch.cat([made, seen.sqrt()], dim=1), 2)
        features = self.stem(torch.cat([texture, known], dim=1))
        for block in self.blocks:
            features = block(features)
        gates, more = self.head(features).chunk(2, dim=1)
        change = F.pixel_shuffle(gates * texture + more, 2).unflatten(1, (3, 4))
        guided = base + slope.unsqueeze(2) * (halves - seen.unsqueeze(2))
        return F.pixel_shuffle((guided + change).flatten(1, 2), 2)


class _Block(nn.Module):
    """x + conv(relu(conv(x))); starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        zero_(self.conv2)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.conv2(F.relu(self.conv1(x)))
        return result


def enlarged_copy(seen: Tensor, made: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """What was seen and made of a small copy, (B, 3, h, w) each, and the slopes, enlarged bilinearly to (H/2, W/2)."""
    copy = torch.cat([seen, made, _slopes(seen, made)], dim=1)
    first, second, third = F.interpolate(copy, size=size, mode="bilinear", align_corners=False).chunk(3, dim=1)
    return first, second, third


def _slopes(seen: Tensor, made: Tensor) -> Tensor:
    """As :func:`darklift.pipeline.scaled.slopes_of`."""
    slope, _ = _fitted(seen, made, _WINDOW, _EDGE)
    return _around(slope, _SMOOTH)


def toned(x0: Tensor, made: Tensor) -> Tensor:
    """The ground truth (B, 3, H, W) with the tones of what was made of its small copy (B, 3, H/k, W/k).

    The net shall learn texture, not to correct tones: it would have to guess them from a few pixels. Logarithms of what
    was made, relative to the truth's own small copy, are smoothed but for the truth's edges (guided filter; He et al.
    2013, IEEE TPAMI 35(6)), so that texture stays the truth's.
    """
    scale = x0.shape[2] // made.shape[2]
    guide = F.avg_pool2d(x0, scale)
    away = ((made + _TONE_DARK) / (guide + _TONE_DARK)).log()
    slope, offset = _fitted(guide, away, _TONE_RADIUS, _TONE_EDGE)
    smooth = _around(slope, _TONE_RADIUS) * guide + _around(offset, _TONE_RADIUS)
    gain = F.interpolate(smooth.exp(), size=x0.shape[2:], mode="bilinear", align_corners=False)
    return ((x0 + _TONE_DARK) * gain - _TONE_DARK).clamp(0, 1)


def _fitted(guide: Tensor, values: Tensor, radius: int, edge: float) -> tuple[Tensor, Tensor]:
    """Slopes and offsets of values ≈ slope·guide + offset in windows (guided filter); edge: a variance, below which
    slopes are small.
    """
    mean, values_mean = _around(guide, radius), _around(values, radius)
    covariance = _around(guide * values, radius) - mean * values_mean
    slope = covariance / (_around(guide * guide, radius) - mean * mean + edge)
    return slope, values_mean - slope * mean


def _around(maps: Tensor, radius: int) -> Tensor:
    """Means over windows of cells, as much of each as there is."""
    window = 2 * radius + 1
    rows = F.avg_pool2d(maps, (window, 1), stride=1, padding=(radius, 0), count_include_pad=False)
    return F.avg_pool2d(rows, (1, window), stride=1, padding=(0, radius), count_include_pad=False)
