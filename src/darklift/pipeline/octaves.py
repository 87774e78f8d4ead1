"""At what resolution a photo's noise lives: how much of its contrast a small copy would drown in noise.

A copy of scale k holds no noise finer than k pixels: what there is of it stays for the network for detail, which is
small and takes it for texture where a place has contrast. In flat places it does not, nor where the noise is too weak
to be seen; a soft photo suffers as much as a sharp one (docs/lab/large-photos.md). Noise is told from contrast by where
they are: it is what those places of one brightness have that differ least from their surroundings.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from darklift.image import FloatArray
from darklift.pipeline.cells import luma_of
from darklift.pipeline.tiling import Tile
from darklift.pipeline.view import View

__all__ = ["drowned_by_octave"]

_Doubles = npt.NDArray[np.float64]

_OCTAVES = 3
"""Of 2 to 4, 4 to 8 and 8 to 16 pixels. A copy of scale 2 drowns nothing."""
_PATCHES, _SIDE, _GRID = 192, 64, 8
"""About as many patches are looked at, of so many pixels along a side; they begin where a JPEG's blocks do."""
_BLOCK = 16
"""Pixels along a block, of which contrast is told."""
_LEVELS, _QUIET = 6, 4
"""Groups of blocks of about one brightness. Noise is what is in that part of each with the least contrast: one in so
many."""
_SPREAD = 1.2
"""Times the noise: up to there, what is in a block may be noise alone."""
_CLIPPED = np.float32(250 / 255)
"""Unit: blocks with something brighter do not count, lamps and skies hide noise. Nor do those with hidden pixels, which
are filled with what has none."""
_UNSEEN, _LEAST = 0.08, 0.1
"""Deviation that is hardly seen, in codes for each of the place's, and the variance in codes² that it is at least.
(SSIM has such a constant, of 7.6 codes: that of a place of 95 codes, as it is once it is lifted.)"""


def drowned_by_octave(view: View) -> tuple[float, ...]:
    """How much of a photo has both contrast and noise to be seen, for the noise of 2 to 4 pixels, 4 to 8, and 8 to 16:
    each in [0, 1]; 0 for photos of less than 64 pixels a side. By patches that lie where the whole photo has them.
    """
    patches = _patches_of(view.size)
    if not patches:
        return (0.0,) * _OCTAVES
    looks = [(luma_of(low), weights) for low, weights in map(view.counted, patches)]
    luma = np.stack([each for each, _ in looks])
    counted = _blocks_of(luma).max(axis=(2, 4)).ravel() < _CLIPPED
    shares = [weights for _, weights in looks if weights is not None]
    if shares:  # of every patch
        counted &= _blocks_of(np.stack(shares)).min(axis=(2, 4)).ravel() > 0
    variances, level = _described(luma * np.float32(255))
    return _drowned(variances[:, counted], level[counted]) if counted.any() else (0.0,) * _OCTAVES


def _blocks_of(patches: FloatArray) -> FloatArray:
    """(n, 64, 64) -> (n, 4, 16, 4, 16)."""
    across = _SIDE // _BLOCK
    return patches.reshape(-1, across, _BLOCK, across, _BLOCK)


def _patches_of(size: tuple[int, int]) -> list[Tile]:
    """Evenly over a photo of (rows, columns); none overlaps another."""
    height, width = size
    rows = min(max(round(math.sqrt(_PATCHES * height / width)), 1), height // _SIDE)
    columns = min(max(round(_PATCHES / max(rows, 1)), 1), width // _SIDE)
    tops, lefts = (
        [((2 * number + 1) * length // (2 * count) - _SIDE // 2) // _GRID * _GRID for number in range(count)]
        for length, count in ((height, rows), (width, columns))
    )
    return [Tile(top, left, _SIDE, _SIDE) for top in tops for left in lefts]


def _described(luma: FloatArray) -> tuple[_Doubles, _Doubles]:
    """Of each block in patches (n, 64, 64) of codes: the variances of its octaves (of a Haar wavelet), (3, blocks), in
    codes², and its mean, (blocks,).
    """
    variances: list[FloatArray] = []
    cells, side = _halved(luma), 2
    while side < _BLOCK:
        larger = _halved(cells)
        apart = cells - larger.repeat(2, axis=1).repeat(2, axis=2)
        variance = apart * apart
        for _ in range(round(math.log2(_BLOCK / side))):
            variance = _halved(variance)
        variances.append(variance.ravel())
        cells, side = larger, 2 * side
    return np.stack(variances, dtype=np.float64), cells.ravel().astype(np.float64)


def _halved(planes: FloatArray) -> FloatArray:
    """Means of 2×2: (n, h, w) -> (n, h / 2, w / 2). Added in this order, the page has the same to the bit."""
    pairs = planes[:, :, ::2] + planes[:, :, 1::2]
    halved: FloatArray = (pairs[:, ::2] + pairs[:, 1::2]) * np.float32(0.25)
    return halved


def _drowned(variances: _Doubles, level: _Doubles) -> tuple[float, ...]:
    noise = _noise(variances, level)
    contrast = np.maximum(variances - _SPREAD * noise, 0)[1:].sum(axis=0)
    unseen = (_UNSEEN * level) ** 2 + _LEAST
    seen = contrast / (contrast + unseen) * (noise / (noise + unseen))
    return tuple(float(share) for share in seen.mean(axis=1))


def _noise(variances: _Doubles, level: _Doubles) -> _Doubles:
    """What the variances would be without contrast, by the blocks of about the same level: like them."""
    noise = np.zeros_like(variances)
    coarse = variances[1] + variances[2]
    for alike in np.array_split(np.argsort(level, kind="stable"), _LEVELS):
        quiet = alike[np.argsort(coarse[alike], kind="stable")[: -(-len(alike) // _QUIET)]]
        if len(quiet):
            noise[:, alike] = variances[:, quiet].mean(axis=1)[:, None]
    return noise
