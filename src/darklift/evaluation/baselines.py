"""Classical baselines: what a formula without training makes of a dark photo, so that a model's number has a floor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from darklift.data import Pair
from darklift.errors import UsageError, hint_for
from darklift.evaluation.lime import LIME_PARAMETERS, lime
from darklift.evaluation.protocol import GRAY_WEIGHTS, mean_brightness
from darklift.image import FloatArray, Picture

__all__ = ["BASELINES", "Baseline", "baseline_called", "clahe", "gamma_for_mean"]

Float64Array = npt.NDArray[np.float64]

FIXED_GAMMA = 2.2
CLIP_LIMIT = 2.0
TILES = 8
GAMMAS = (0.02, 50.0)
"""Exponents between which the best one is looked for."""


@dataclass(frozen=True)
class Baseline:
    """A formula, as a :class:`~.method.Method`."""

    name: str
    note: str
    make: Callable[[FloatArray, float], FloatArray]
    """(unit RGB (H, W, 3), mean brightness of the ground truth) -> unit RGB."""
    knows_truth: bool = False
    made_elsewhere: bool = False
    weights: str = "none"
    runs: str = "numpy"

    def obstacle(self, pair: Pair) -> str | None:
        """Never any."""
        return None

    def identity(self, pair: Pair) -> Mapping[str, str]:
        """What is told of it: a formula of your own that has changed needs another note."""
        return {"name": self.name, "note": self.note, "weights": self.weights}

    def enhance(self, low: Picture, pair: Pair, truth: Picture) -> Picture:
        """What the formula makes of it."""
        return low.with_pixels(self.make(low.pixels, mean_brightness(truth.pixels)).astype(np.float32, copy=False))


def baseline_called(name: str) -> Baseline:
    """The baseline of this name. Raises UsageError."""
    if name not in BASELINES:
        raise UsageError(f"no baseline {name!r}: {hint_for(name, BASELINES, 'choose ' + ', '.join(BASELINES))}")
    return BASELINES[name]


def gamma_for_mean(unit: FloatArray, mean: float) -> float:
    """The exponent g for which the mean brightness of ``unit ** g`` is ``mean``, found by halving the interval.

    unit: (H, W, 3) RGB in [0, 1]. The nearest of ``GAMMAS`` where none reaches it. A black picture stays black by any.
    """
    codes = np.rint(unit * 65535).astype(np.uint16)
    counts = sum(
        weight * np.bincount(codes[..., channel].ravel(), minlength=65536)
        for channel, weight in enumerate(GRAY_WEIGHTS)
    )
    present = np.flatnonzero(counts)
    values, shares = present / 65535, np.asarray(counts)[present] / codes[..., 0].size
    lowest, highest = np.log(GAMMAS)
    for _ in range(50):
        middle = 0.5 * (lowest + highest)
        if float((shares * values ** np.exp(middle)).sum()) > mean:
            lowest = middle  # too bright: a larger exponent darkens
        else:
            highest = middle
    return float(np.exp(0.5 * (lowest + highest)))


def clahe(unit: FloatArray) -> FloatArray:
    """Contrast-limited adaptive histogram equalisation (Zuiderveld 1994) of luma, with the colour differences kept.

    8 x 8 tiles, 256 bins, clip limit 2 (times the mean count of a bin), what is clipped spread evenly, tiles' curves
    interpolated bilinearly: as OpenCV's ``createCLAHE(2.0, (8, 8))`` on the Y of YCrCb.

    Args:
        unit: (H, W, 3) RGB in [0, 1].

    Returns:
        The same shape, in [0, 1].
    """
    luma = unit @ np.array(GRAY_WEIGHTS)
    codes = np.rint(luma * 255).astype(np.intp)
    height, width = codes.shape
    tile_height, tile_width = -(-height // TILES), -(-width // TILES)
    padding = ((0, tile_height * TILES - height), (0, tile_width * TILES - width))
    padded = np.pad(codes, padding, mode="reflect" if max(map(max, padding)) < min(height, width) else "symmetric")
    curves = _curves(padded, tile_height, tile_width)
    top, bottom, down = _between(height, tile_height)
    left, right, across = _between(width, tile_width)
    down, across = down[:, np.newaxis], across[np.newaxis]
    corners = [[curves[rows[:, np.newaxis], columns, codes] for columns in (left, right)] for rows in (top, bottom)]
    upper, lower = (first + across * (second - first) for first, second in corners)
    equalised = upper + down * (lower - upper)
    brighter: FloatArray = np.clip(unit + (equalised / 255 - luma)[..., np.newaxis], 0.0, 1.0).astype(np.float32)
    return brighter


def _curves(codes: npt.NDArray[np.intp], tile_height: int, tile_width: int) -> Float64Array:
    """What each tile makes of each code, (TILES, TILES, 256)."""
    pixels = tile_height * tile_width
    tiles = codes.reshape(TILES, tile_height, TILES, tile_width).transpose(0, 2, 1, 3).reshape(TILES * TILES, pixels)
    counts = np.stack([np.bincount(tile, minlength=256) for tile in tiles])
    limit = max(1, int(CLIP_LIMIT * pixels / 256))
    over = np.maximum(counts - limit, 0).sum(axis=1, keepdims=True)
    counts = np.minimum(counts, limit) + over // 256
    rest = over % 256  # one more for bins at even distances, as OpenCV does it
    step = np.maximum(256 // np.maximum(rest, 1), 1)
    bins = np.arange(256)[np.newaxis]
    counts += (bins % step == 0) & (bins // step < rest)
    curves = np.rint(np.cumsum(counts, axis=1) * (255.0 / pixels))
    return np.minimum(curves, 255.0).reshape(TILES, TILES, 256)


def _between(length: int, tile: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Float64Array]:
    """For each place along a side: the tiles before and after it, by their middles, and how far it is to the second."""
    place = np.arange(length) / tile - 0.5
    before = np.floor(place).astype(np.intp)
    return np.clip(before, 0, TILES - 1), np.clip(before + 1, 0, TILES - 1), place - before


def _gamma(unit: FloatArray, truth: float) -> FloatArray:
    power: FloatArray = unit ** np.float32(gamma_for_mean(unit, truth))
    return power


def _fixed_gamma(unit: FloatArray, truth: float) -> FloatArray:
    power: FloatArray = unit ** np.float32(1 / FIXED_GAMMA)
    return power


BASELINES: Mapping[str, Baseline] = {
    baseline.name: baseline
    for baseline in (
        Baseline("identity", "the dark photo as it is", lambda unit, truth: unit),
        Baseline(
            "gamma",
            "one exponent a photo that meets the ground truth's mean brightness: an oracle, told what no user knows",
            _gamma,
            knows_truth=True,
        ),
        Baseline("gamma2.2", f"x^(1/{FIXED_GAMMA}) of coded values, for every photo", _fixed_gamma),
        Baseline(
            "clahe",
            f"Zuiderveld 1994, on luma, {TILES}x{TILES} tiles, clip limit {CLIP_LIMIT:g}",
            lambda unit, truth: clahe(unit),
        ),
        Baseline(
            "lime", f"Guo, Li and Ling 2017, without denoising, {LIME_PARAMETERS}", lambda unit, truth: lime(unit)
        ),
    )
}
"""By name, in the order of help."""
