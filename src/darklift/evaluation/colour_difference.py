"""CIEDE2000: how far the colours of two pictures are apart, in steps that look alike.

Source: Sharma, Wu and Dalal, "The CIEDE2000 Color-Difference Formula: Implementation Notes, Supplementary Test Data,
and Mathematical Observations", 2005; numbers in brackets are its equations. Written for whole pictures in strips, in
float64: OpenCV's Lab of floats is off by up to 0.3, and libvips cuts floats to 8 bits.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from darklift.evaluation.fidelity import FloatPixels, SavedPixels, pair_as_saved

__all__ = ["ciede2000", "delta_e_2000", "lab_of_srgb"]

Float64Array = npt.NDArray[np.float64]

# Linear sRGB to XYZ, and the white of D65 (2°), in the digits of scikit-image's rgb2lab.
XYZ_OF_RGB = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]], np.float64
)
WHITE = np.array([0.95047, 1.0, 1.08883])
# The terms of the hue's weight, equation (15), as complex factors of exp(i·k·hue).
_T1, _T2, _T3, _T4 = (
    share * np.exp(1j * np.radians(angle)) for share, angle in ((-0.17, -30), (0.24, 0), (0.32, 6), (-0.20, -63))
)
STRIP_PIXELS = 1 << 14
"""As many at a time: two dozen float64 maps of them stay in the processor's cache."""


def ciede2000(prediction: FloatPixels | SavedPixels, target: FloatPixels | SavedPixels) -> float:
    """Mean CIEDE2000 over all pixels of the pictures as saved, taken as sRGB seen under D65.

    Equal to ``deltaE_ciede2000(rgb2lab(target), rgb2lab(prediction)).mean()`` of scikit-image.

    Args:
        prediction: (H, W, 3) RGB, ``uint8``, ``uint16``, or unit float, which is rounded to 8 bits.
        target: the ground truth, of the same shape; its dtype may differ.

    Returns:
        0 (identical) or more; 1 is just about visible, black against white is 100.

    Raises:
        UsageError: shapes that differ or are not (H, W, 3), a dtype or values that :func:`as_saved` refuses.
    """
    left, right = pair_as_saved(prediction, target)
    one, other = left.reshape(-1, 3), right.reshape(-1, 3)
    total = 0.0
    for start in range(0, len(one), STRIP_PIXELS):
        part = slice(start, start + STRIP_PIXELS)
        total += float(delta_e_2000(lab_of_srgb(other[part]), lab_of_srgb(one[part])).sum())
    return total / len(one)


def lab_of_srgb(saved: SavedPixels) -> Float64Array:
    """CIE L*a*b* (D65, 2°) of sRGB as saved, (..., 3) uint8 or uint16 → (..., 3) float64, L in [0, 100]."""
    relative = _linear(int(np.iinfo(saved.dtype).max))[saved] @ (XYZ_OF_RGB.T / WHITE)
    folded = np.where(relative > 0.008856, np.cbrt(relative), 7.787 * relative + 16.0 / 116.0)
    x, y, z = folded[..., 0], folded[..., 1], folded[..., 2]
    return np.stack((116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)), axis=-1)


@lru_cache(maxsize=2)
def _linear(white: int) -> Float64Array:
    """The light of each code of sRGB, from 0 to ``white``."""
    coded = np.arange(white + 1) / white
    return np.where(coded > 0.04045, ((coded + 0.055) / 1.055) ** 2.4, coded / 12.92)


def delta_e_2000(one: Float64Array, other: Float64Array) -> Float64Array:
    """CIEDE2000 of two sets of L*a*b* colours, (..., 3) twice → (...), with kL = kC = kH = 1. Symmetric."""
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(one, -1, 0), np.moveaxis(other, -1, 0)
    stretch = 1.5 - 0.5 * _saturated(0.5 * (np.hypot(a1, b1) + np.hypot(a2, b2)))  # (2), (3); 1 + G, (4)
    a1, a2 = stretch * a1, stretch * a2  # (5)
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)  # (6)
    h1, h2 = _hue(a1, b1), _hue(a2, b2)
    grey = c1 * c2 == 0.0
    turn = np.where(grey, 0.0, h2 - h1)  # (10), the short way round
    far = np.abs(turn) > np.pi
    turn = np.where(far, turn - np.copysign(2.0 * np.pi, turn), turn)
    lightness, chroma = l2 - l1, c2 - c1  # (8), (9)
    hue = 2.0 * np.sqrt(c1 * c2) * np.sin(0.5 * turn)  # (11)
    mean_chroma = 0.5 * (c1 + c2)  # (13)
    mean_hue = np.where(grey, h1 + h2, 0.5 * (h1 + h2) + np.where(far, np.pi, 0.0))  # (14), up to whole turns
    u = np.cos(mean_hue) + 1j * np.sin(mean_hue)  # its powers hold cosine and sine of the hue's multiples
    u2 = u * u
    weights = 1.0 + (_T1 * u + _T2 * u2 + _T3 * (u2 * u) + _T4 * (u2 * u2)).real  # (15)
    # (16): the distance from 275°, where the hue counts from 0° to 360°
    from_blue = (np.degrees(mean_hue) % 360.0 - 275.0) / 25.0
    rotation = np.radians(60.0) * np.exp(-from_blue * from_blue)  # twice delta-theta
    around = (0.5 * (l1 + l2) - 50.0) ** 2  # (12)
    lightness /= 1.0 + 0.015 * around / np.sqrt(20.0 + around)  # (18)
    chroma /= 1.0 + 0.045 * mean_chroma  # (19)
    hue /= 1.0 + 0.015 * mean_chroma * weights  # (20)
    cross = -2.0 * _saturated(mean_chroma) * np.sin(rotation)  # (17), (21)
    squared = lightness**2 + chroma**2 + hue**2 + cross * chroma * hue  # (22)
    difference: Float64Array = np.sqrt(np.maximum(squared, 0.0))
    return difference


def _hue(a: Float64Array, b: Float64Array) -> Float64Array:
    """(7): in radians, from 0 to 2π, which decides where two hues lie exactly opposite."""
    hue = np.arctan2(b, a)
    return np.where(hue < 0.0, hue + 2.0 * np.pi, hue)


def _saturated(chroma: Float64Array) -> Float64Array:
    """``sqrt(C⁷ / (C⁷ + 25⁷))``, without the slow power."""
    seventh = chroma / 25.0
    squared = seventh * seventh
    seventh *= squared * squared * squared
    saturated: Float64Array = np.sqrt(seventh / (seventh + 1.0))
    return saturated
