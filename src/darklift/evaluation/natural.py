"""NIQE: how natural a picture looks, without a ground truth.

Source: Mittal, Soundararajan and Bovik, "Making a 'Completely Blind' Image Quality Analyzer", 2013: the distance of a
picture's statistics from those of pristine photos. Numbers in brackets are its equations. The model of pristine photos
is the authors' own; ``niqe/LICENSE.txt`` holds their terms, which ask to name them where its numbers are published.
"""

import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from darklift.errors import UsageError
from darklift.evaluation.fidelity import FloatPixels, SavedPixels, as_saved, codes_of_8_bits
from darklift.evaluation.structure import gray_as_saved

__all__ = ["MIN_NIQE_SIDES", "niqe"]

Float64Array = npt.NDArray[np.float64]

BLOCK = 96
MIN_NIQE_SIDES = (BLOCK, 2 * BLOCK)
"""The shorter and the longer side that hold the two blocks which a covariance needs at least."""

RADIUS = 3  # a Gaussian window of 7 × 7 pixels
SIGMA = 7.0 / 6.0
FLAT = 1e-6
"""Codes of 8 bits from its surroundings below which a pixel is no different: there only the sum's rounding would say
whether it is brighter or darker, and the statistics count both."""
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))
SHAPES = np.arange(0.2, 10.001, 0.001)
"""Shapes of a generalised Gaussian among which the best is looked for."""


def niqe(picture: FloatPixels | SavedPixels, _: object = None) -> float:
    """The natural image quality evaluator of a picture as saved, from its luma rounded to 8 bits.

    As the authors' code: ``rgb2gray`` first, 96 × 96 blocks without overlap, all of them counted. Many Python packages
    take the Y of YCbCr instead (16 to 235), which moves the number by some hundredths to some tenths.

    Args:
        picture: (H, W, 3) RGB of 96 × 192 pixels or more, ``uint8``, ``uint16``, or unit float.

    Returns:
        0 or more, lower is more natural; photos lie at about 2 to 8. NaN where the statistics are not defined: fewer
        than two blocks have any structure, as in a flat or black picture.

    Raises:
        UsageError: another shape, smaller sides, a dtype or values that :func:`as_saved` refuses.
    """
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise UsageError(f"got a picture of shape {picture.shape}; expected (height, width, 3), RGB")
    height, width, _ = picture.shape
    if min(height, width) < MIN_NIQE_SIDES[0] or max(height, width) < MIN_NIQE_SIDES[1]:
        needed = "×".join(map(str, MIN_NIQE_SIDES))
        raise UsageError(f"got a picture of {width}×{height} pixels; NIQE needs at least {needed}: use larger ones")
    gray = np.rint(codes_of_8_bits(gray_as_saved(as_saved(picture))))
    gray = gray[: height // BLOCK * BLOCK, : width // BLOCK * BLOCK]
    features = np.concatenate([_features(gray, BLOCK), _features(_halved(gray), BLOCK // 2)], axis=1)
    whole = features[~np.isnan(features).any(axis=1)]
    if len(whole) < 2:
        return math.nan
    mean, covariance = _pristine()
    away = mean - np.nanmean(features, axis=0)
    spread = np.linalg.pinv((covariance + np.cov(whole, rowvar=False)) / 2.0)
    return math.sqrt(max(0.0, float(away @ spread @ away)))  # (10)


@lru_cache(maxsize=1)
def _pristine() -> tuple[Float64Array, Float64Array]:
    """Mean (36,) and covariance (36, 36) of the features of pristine photos."""
    with np.load(Path(__file__).with_name("niqe") / "model.npz") as model:
        return model["mu_pris_param"][0], model["cov_pris_param"]


def _features(gray: Float64Array, side: int) -> Float64Array:
    """The 18 features of each block, (blocks, 18); NaN where a block has no structure."""
    mean = _smooth(gray)
    contrast = np.sqrt(np.abs(_smooth(gray * gray) - mean * mean))
    away = gray - mean
    away[np.abs(away) < FLAT] = 0.0
    normal = away / (contrast + 1.0)  # (1)
    rows, columns = (length // side for length in gray.shape)
    blocks = normal.reshape(rows, side, columns, side).transpose(0, 2, 1, 3).reshape(-1, side, side)
    shape, left, right = _fitted(blocks)
    features = [shape, (left + right) / 2.0]
    for shift in NEIGHBOURS:
        shape, left, right = _fitted(blocks * np.roll(blocks, shift, axis=(1, 2)))
        mean_of_product = (right - left) * _gamma_ratio(shape, 2.0, 1.0)  # (8)
        features += [shape, mean_of_product, left, right]
    return np.stack(features, axis=1)


def _fitted(blocks: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Shape, left and right scale of an asymmetric generalised Gaussian for each block (7), (blocks,) each."""
    values = blocks.reshape(len(blocks), -1)
    squares = values * values
    below, above = values < 0.0, values > 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.sqrt((squares * below).sum(axis=1) / below.sum(axis=1))
        right = np.sqrt((squares * above).sum(axis=1) / above.sum(axis=1))
        ratio = left / right
        r = np.abs(values).mean(axis=1) ** 2 / squares.mean(axis=1)
        wanted = r * (ratio**3 + 1.0) * (ratio + 1.0) / (ratio**2 + 1.0) ** 2
    table = _shape_table()
    after = np.clip(np.searchsorted(table, wanted), 1, len(table) - 1)
    nearest = np.where(wanted - table[after - 1] <= table[after] - wanted, after - 1, after)
    shape = np.where(np.isfinite(wanted), SHAPES[nearest], np.nan)
    scale = np.sqrt(_gamma_ratio(shape, 1.0, 3.0))
    return shape, left * scale, right * scale


@lru_cache(maxsize=1)
def _shape_table() -> Float64Array:
    """What the moments' ratio would be for each of ``SHAPES``: rising."""
    one, two, three = (np.array([math.gamma(k / shape) for shape in SHAPES]) for k in (1.0, 2.0, 3.0))
    table: Float64Array = two**2 / (one * three)
    return table


def _gamma_ratio(shape: Float64Array, above: float, below: float) -> Float64Array:
    """``Γ(above / shape) / Γ(below / shape)``; NaN stays NaN."""
    ratio: Any = [math.gamma(above / one) / math.gamma(below / one) for one in shape]
    return np.array(ratio, dtype=np.float64)


def _smooth(gray: Float64Array) -> Float64Array:
    """Gaussian-weighted mean of 7 × 7 pixels, the border's repeated outwards, (H, W) → (H, W)."""
    weights = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
    weights /= weights.sum()
    height, width = gray.shape
    padded = np.pad(gray, RADIUS, mode="edge")
    rows: Float64Array = sum(weight * padded[k : k + height] for k, weight in enumerate(weights))
    smooth: Float64Array = sum(weight * rows[:, k : k + width] for k, weight in enumerate(weights))
    return smooth


def _halved(gray: Float64Array) -> Float64Array:
    """Half the size as MATLAB's ``imresize(gray, 0.5)``: bicubic, widened against aliasing; sides are even."""
    away = np.abs(np.arange(-3.5, 4.0)) / 2.0  # of the eight pixels, in pixels of the result
    near = 1.5 * away**3 - 2.5 * away**2 + 1.0
    far = -0.5 * away**3 + 2.5 * away**2 - 4.0 * away + 2.0
    weights = np.where(away <= 1.0, near, far) / 2.0
    weights /= weights.sum()
    padded = np.pad(gray, 3, mode="symmetric")
    height, width = gray.shape
    rows: Float64Array = sum(weight * padded[k : k + height : 2] for k, weight in enumerate(weights))
    halved: Float64Array = sum(weight * rows[:, k : k + width : 2] for k, weight in enumerate(weights))
    return halved
