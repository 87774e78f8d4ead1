"""How close a picture is to its ground truth, value by value: PSNR and SSIM. Their rows are in ``metrics.METRICS``.

One rule for both: **the two pictures are compared as saved RGB**, of 8 bits, or of 16 where a file has more than 8. A
float picture (unit, [0, 1]) is first rounded by :func:`as_saved`, a ``uint8`` or ``uint16`` one is taken as it is, and
the peak value is white. Evaluations that read saved PNG files back see exactly these values: a picture scores the same
here whether it has been saved or not.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from darklift.errors import UsageError
from darklift.image.samples import white_of

__all__ = ["MIN_SSIM_SIDE", "FloatPixels", "SavedPixels", "as_saved", "psnr", "ssim"]

FloatPixels: TypeAlias = npt.NDArray[np.floating[Any]]
"""A picture's values as floats: unit, [0, 1]."""
SavedPixels: TypeAlias = npt.NDArray[np.uint8 | np.uint16]
"""A picture's values as saved: 0 to 255, or to 65535."""
Float64Array = npt.NDArray[np.float64]

PEAK = 255.0  # of SSIM, whatever the bits
FINE = np.uint16(257)  # codes of 16 bits in one of 8

# Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004:
# an 11 × 11 Gaussian window of sigma 1.5, K1 = 0.01, K2 = 0.03.
RADIUS = 5
SIGMA = 1.5
LUMINANCE_CONSTANT = (0.01 * PEAK) ** 2
CONTRAST_CONSTANT = (0.03 * PEAK) ** 2
MIN_SSIM_SIDE = 2 * RADIUS + 1

# SSIM walks down the picture in strips of about this many values: small enough to stay in the processor's cache (four
# float64 maps of it), and a bound on the memory that a picture of any size needs.
STRIP_VALUES = 1 << 16


def as_saved(unit: FloatPixels | SavedPixels, bits: int = 8) -> SavedPixels:
    """Round a unit picture to the values that saving it would give.

    Args:
        unit: any shape; a float array in [0, 1] (values outside are clipped, as saving does), or ``uint8`` or
            ``uint16``, which is returned as it is.
        bits: how finely the file tells values apart.

    Returns:
        Array of the same shape, ``uint8`` for up to 8 bits and ``uint16`` for more, each over all of its type's range,
        rounded to the nearest (exact halves to the even value).

    Raises:
        UsageError: another dtype, whose range would have to be guessed, or values that are not finite.
    """
    if unit.dtype in (np.uint8, np.uint16):
        return unit.astype(unit.dtype, copy=False)
    if not np.issubdtype(unit.dtype, np.floating):
        raise UsageError(f"got a picture of dtype {unit.dtype}; expected floats in [0, 1], uint8 or uint16: convert it")
    if not np.isfinite(unit).all():
        raise UsageError("got a picture that holds NaN or infinity; expected finite values in [0, 1]: check the model")
    # float16 cannot hold 255 times a value to the half-step that rounding needs.
    wide = unit.astype(np.float32) if unit.dtype == np.float16 else unit
    white, dtype = (255, np.uint8) if bits <= 8 else (65535, np.uint16)
    saved: SavedPixels = np.rint(np.clip(wide, 0.0, 1.0) * white).astype(dtype)
    return saved


def psnr(prediction: FloatPixels | SavedPixels, target: FloatPixels | SavedPixels) -> float:
    """Peak signal-to-noise ratio over all pixels and channels of the pictures as saved, in dB.

    Args:
        prediction: (H, W, 3) RGB, ``uint8``, ``uint16``, or unit float, which is rounded to 8 bits.
        target: the ground truth, of the same shape; its dtype may differ.

    Returns:
        ``10·log10(255² / MSE)``, where MSE counts codes of 8 bits; ``inf`` when the saved pictures are identical.

    Raises:
        UsageError: shapes that differ or are not (H, W, 3), a dtype or values that :func:`as_saved` refuses.
    """
    left, right = _pair_as_saved(prediction, target)
    difference = left.astype(np.int32) - right
    # Integers: the sum is exact, whatever the size and the order of summation.
    squared_error = int(np.sum(np.square(difference, dtype=np.int64)))
    peak = float(white_of(left))
    if squared_error == 0:
        return float("inf")
    return float(10.0 * np.log10(peak * peak * difference.size / squared_error))


def ssim(prediction: FloatPixels | SavedPixels, target: FloatPixels | SavedPixels) -> float:
    """Structural similarity of the pictures as saved: the mean over channels and over every whole 11 × 11 window.

    Source: Wang et al. 2004, with its constants, its Gaussian window and its population covariance; windows that would
    cross the border do not count. Equal to scikit-image's ``structural_similarity(gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, channel_axis=-1, data_range=255)``, for 16 bits with codes of 8 and their fractions.

    Args:
        prediction: (H, W, 3) RGB with H, W ≥ 11, ``uint8``, ``uint16``, or unit float, which is rounded to 8 bits.
        target: the ground truth, of the same shape; its dtype may differ.

    Returns:
        A value in [-1, 1]; exactly 1.0 when the saved pictures are identical. Symmetric in its two arguments.

    Raises:
        UsageError: shapes that differ or are not (H, W, 3), a side below 11 pixels, a dtype or values that
            :func:`as_saved` refuses.
    """
    left, right = _pair_as_saved(prediction, target)
    height, width, channels = left.shape
    if min(height, width) < MIN_SSIM_SIDE:
        raise UsageError(
            f"got pictures of {width}×{height} pixels; SSIM needs at least {MIN_SSIM_SIDE} a side: use larger ones"
        )
    left_rows = left.reshape(height, width * channels)
    right_rows = right.reshape(height, width * channels)
    valid_height = height - 2 * RADIUS
    strip = max(1, STRIP_VALUES // (width * channels))
    total = 0.0
    windows: int = valid_height * (width - 2 * RADIUS) * channels
    for top in range(0, valid_height, strip):
        rows = slice(top, min(top + strip, valid_height) + 2 * RADIUS)
        total += float(_similarity_map(left_rows[rows], right_rows[rows], channels).sum())
    return total / windows


def _pair_as_saved(
    prediction: FloatPixels | SavedPixels, target: FloatPixels | SavedPixels
) -> tuple[SavedPixels, SavedPixels]:
    """Both pictures as saved, in codes of one depth, once their shapes are known to agree."""
    if prediction.shape != target.shape:
        raise UsageError(
            f"got pictures of shapes {prediction.shape} and {target.shape}; expected one shape: crop or resize first"
        )
    if prediction.ndim != 3 or prediction.shape[2] != 3 or prediction.size == 0:
        raise UsageError(f"got pictures of shape {prediction.shape}; expected (height, width, 3), RGB, not empty")
    left, right = as_saved(prediction), as_saved(target)
    if left.dtype == right.dtype:
        return left, right
    return (left * FINE, right) if left.dtype == np.uint8 else (left, right * FINE)


def _similarity_map(left: SavedPixels, right: SavedPixels, channels: int) -> Float64Array:
    """SSIM of every whole window of a strip: (R, W·C) twice → (R - 10, (W - 10)·C), Wang et al. 2004, equation 13."""
    x, y = (codes.astype(np.float64) for codes in (left, right))
    if left.dtype == np.uint16:
        x, y = x / FINE, y / FINE
    # The formula needs the two variances only as their sum: four maps to smooth instead of five. float64, since a
    # variance is the small difference of two large moments.
    moments = np.stack((x, y, x * x + y * y, x * y))
    mean_x, mean_y, mean_squares, mean_product = _smooth(_smooth(moments, axis=1, step=1), axis=2, step=channels)
    product_of_means = mean_x * mean_y
    squares_of_means = mean_x * mean_x + mean_y * mean_y
    luminance = (2.0 * product_of_means + LUMINANCE_CONSTANT) / (squares_of_means + LUMINANCE_CONSTANT)
    covariance = mean_product - product_of_means
    variances = mean_squares - squares_of_means
    similarity: Float64Array = luminance * (2.0 * covariance + CONTRAST_CONSTANT) / (variances + CONTRAST_CONSTANT)
    return similarity


def _smooth(maps: Float64Array, axis: int, step: int) -> Float64Array:
    """Gaussian-weighted mean along one axis, whole windows only: that axis loses ``2·RADIUS·step`` entries.

    ``step`` is the distance between neighbouring pixels: the number of channels where they lie interleaved in a row.
    """
    length = maps.shape[axis] - 2 * RADIUS * step

    def shifted(offset: int) -> Float64Array:
        start = (RADIUS + offset) * step
        window = [slice(None)] * maps.ndim
        window[axis] = slice(start, start + length)
        return maps[tuple(window)]

    smoothed = WINDOW[0] * shifted(0)
    both_sides = np.empty_like(smoothed)
    for offset in range(1, RADIUS + 1):
        np.add(shifted(-offset), shifted(offset), out=both_sides)
        both_sides *= WINDOW[offset]
        smoothed += both_sides
    return smoothed


def _half_window() -> tuple[float, ...]:
    """Weights of the Gaussian window at distances 0 … RADIUS; the whole, symmetric window sums to 1."""
    weights = np.exp(-0.5 * (np.arange(RADIUS + 1) / SIGMA) ** 2)
    total = weights[0] + 2.0 * weights[1:].sum()
    return tuple(float(weight) for weight in weights / total)


WINDOW = _half_window()
