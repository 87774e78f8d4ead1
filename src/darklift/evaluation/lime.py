"""LIME: a dark photo divided by its illumination, which is estimated and smoothed between edges.

Source: Guo, Li and Ling, "LIME: Low-Light Image Enhancement via Illumination Map Estimation", 2017; numbers in brackets
are its equations. The illumination begins as the brightest channel (4) and is refined by their exact solver, with
weights of strategy III; the final denoising is left out.
"""

import numpy as np
import numpy.typing as npt

from darklift.image import FloatArray

__all__ = ["LIME_PARAMETERS", "lime"]

Float64Array = npt.NDArray[np.float64]

ALPHA = 0.15  # how much smoothness counts
GAMMA = 0.8  # of the illumination: 1 would leave no shade at all
SIGMA = 2.0  # of the window in the weights, in pixels
RADIUS = 5
EPSILON = 1e-3
PENALTY, GROWTH, ROUNDS = 1.0, 1.1, 40
LIME_PARAMETERS = f"alpha {ALPHA}, gamma {GAMMA}, strategy III with sigma {SIGMA:g}"


def lime(unit: FloatArray) -> FloatArray:
    """(H, W, 3) RGB in [0, 1] → the same, brighter; a black pixel stays black."""
    first = unit.max(axis=2).astype(np.float64)  # (4)
    illumination = np.clip(_refined(first), EPSILON, 1.0) ** GAMMA
    brighter = np.clip(unit / illumination[..., np.newaxis], 0.0, 1.0)  # (3)
    return brighter.astype(np.float32)


def _refined(first: Float64Array) -> Float64Array:
    """The map near ``first`` that is smooth but where ``first`` has structure (8), by algorithm 1."""
    shape = first.shape
    # Differences to the next pixel, around the border: a convolution, which Fourier transforms turn into a product.
    turns = [
        np.exp(2j * np.pi * np.fft.fftfreq(shape[0]))[:, None],
        np.exp(2j * np.pi * np.fft.rfftfreq(shape[1]))[None],
    ]
    smooth = sum(np.abs(turn - 1.0) ** 2 for turn in turns)
    weights = [ALPHA * _weight(_difference(first, axis)) for axis in (0, 1)]
    refined = first
    auxiliary = [np.zeros(shape), np.zeros(shape)]  # G
    multiplier = [np.zeros(shape), np.zeros(shape)]  # Z
    penalty = PENALTY
    for _ in range(ROUNDS):
        wanted = [g - z / penalty for g, z in zip(auxiliary, multiplier, strict=True)]
        back = sum(_adjoint(each, axis) for axis, each in enumerate(wanted))
        refined = np.fft.irfft2(np.fft.rfft2(2.0 * first + penalty * back) / (2.0 + penalty * smooth), s=shape)  # (11)
        for axis in (0, 1):
            slope = _difference(refined, axis)
            moved = slope + multiplier[axis] / penalty
            auxiliary[axis] = np.sign(moved) * np.maximum(np.abs(moved) - weights[axis] / penalty, 0.0)  # (13)
            multiplier[axis] = multiplier[axis] + penalty * (slope - auxiliary[axis])  # (14)
        penalty *= GROWTH
    return refined


def _difference(values: Float64Array, axis: int) -> Float64Array:
    return np.roll(values, -1, axis) - values


def _adjoint(values: Float64Array, axis: int) -> Float64Array:
    return np.roll(values, 1, axis) - values


def _weight(slope: Float64Array) -> Float64Array:
    """Small where slopes around agree, as on an edge, large where they cancel, as in texture: strategy III (20)."""
    window = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
    window /= window.sum()
    mean = slope
    for axis in (0, 1):
        mean = sum((share * np.roll(mean, k - RADIUS, axis) for k, share in enumerate(window)), np.zeros(slope.shape))
    weight: Float64Array = 1.0 / (np.abs(mean) + EPSILON)
    return weight
