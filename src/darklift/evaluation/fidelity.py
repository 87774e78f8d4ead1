"""How close a picture is to its ground truth, value by value: PSNR and SSIM. Their rows are in ``metrics.METRICS``.

One rule for both: **the two pictures are compared as saved 8-bit RGB**. A float picture (unit, [0, 1]) is first rounded
by :func:`to_8bit`, a ``uint8`` one is taken as it is, and the peak value is 255. Evaluations that read saved PNG files
back see exactly these values: a picture scores the same here whether it has been saved or not.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from darklift.errors import UsageError

__all__ = ["MIN_SSIM_SIDE", "BytePixels", "FloatPixels", "psnr", "ssim", "to_8bit"]

FloatPixels: TypeAlias = npt.NDArray[np.floating[Any]]
"""A picture's values as floats: unit, [0, 1]."""
BytePixels: TypeAlias = npt.NDArray[np.uint8]
"""A picture's values as saved: 0 to 255."""
Float64Array = npt.NDArray[np.float64]

PEAK = 255.0

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


def to_8bit(unit: FloatPixels | BytePixels) -> BytePixels:
    """Round a unit picture to the 8-bit values that saving it would give.

    Args:
        unit: any shape; a float array in [0, 1] (values outside are clipped, as saving does), or ``uint8``, which is
            returned as it is.

    Returns:
        ``uint8`` array of the same shape, 0 … 255, rounded to the nearest (exact halves to the even value).

    Raises:
        UsageError: another dtype, whose range would have to be guessed, or values that are not finite.
    """
    if unit.dtype == np.uint8:
        return unit.astype(np.uint8, copy=False)
    if not np.issubdtype(unit.dtype, np.floating):
        raise UsageError(f"got a picture of dtype {unit.dtype}; expected floats in [0, 1] or uint8: convert it first")
    if not np.isfinite(unit).all():
        raise UsageError("got a picture that holds NaN or infinity; expected finite values in [0, 1]: check the model")
    # float16 cannot hold 255 times a value to the half-step that rounding needs.
    wide = unit.astype(np.float32) if unit.dtype == np.float16 else unit
    rounded: BytePixels = np.rint(np.clip(wide, 0.0, 1.0) * PEAK).astype(np.uint8)
    return rounded


def psnr(prediction: FloatPixels | BytePixels, target: FloatPixels | BytePixels) -> float:
    """Peak signal-to-noise ratio over all pixels and channels of the 8-bit pictures, in dB.

    Args:
        prediction: (H, W, 3) RGB, unit float or ``uint8``.
        target: the ground truth, of the same shape; its dtype may differ.

    Returns:
        ``10·log10(255² / MSE)``; ``inf`` when the 8-bit pictures are identical.

    Raises:
        UsageError: shapes that differ or are not (H, W, 3), a dtype or values that :func:`to_8bit` refuses.
    """
    left, right = _pair_8bit(prediction, target)
    difference = left.astype(np.int32) - right
    # Integers: the sum is exact, whatever the size and the order of summation.
    squared_error = int(np.sum(difference * difference, dtype=np.int64))
    if squared_error == 0:
        return float("inf")
    return float(10.0 * np.log10(PEAK * PEAK * difference.size / squared_error))


def ssim(prediction: FloatPixels | BytePixels, target: FloatPixels | BytePixels) -> float:
    """Structural similarity of the 8-bit pictures: the mean over channels and over every whole 11 × 11 window.

    Source: Wang et al. 2004, with its constants, its Gaussian window and its population covariance; windows that would
    cross the border do not count. Equal to scikit-image's ``structural_similarity(gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, channel_axis=-1, data_range=255)``.

    Args:
        prediction: (H, W, 3) RGB with H, W ≥ 11, unit float or ``uint8``.
        target: the ground truth, of the same shape; its dtype may differ.

    Returns:
        A value in [-1, 1]; exactly 1.0 when the 8-bit pictures are identical. Symmetric in its two arguments.

    Raises:
        UsageError: shapes that differ or are not (H, W, 3), a side below 11 pixels, a dtype or values that
            :func:`to_8bit` refuses.
    """
    left, right = _pair_8bit(prediction, target)
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


def _pair_8bit(prediction: FloatPixels | BytePixels, target: FloatPixels | BytePixels) -> tuple[BytePixels, BytePixels]:
    """Both pictures as 8-bit values, once their shapes are known to agree."""
    if prediction.shape != target.shape:
        raise UsageError(
            f"got pictures of shapes {prediction.shape} and {target.shape}; expected one shape: crop or resize first"
        )
    if prediction.ndim != 3 or prediction.shape[2] != 3 or prediction.size == 0:
        raise UsageError(f"got pictures of shape {prediction.shape}; expected (height, width, 3), RGB, not empty")
    return to_8bit(prediction), to_8bit(target)


def _similarity_map(left: BytePixels, right: BytePixels, channels: int) -> Float64Array:
    """SSIM of every whole window of a strip: (R, W·C) twice → (R - 10, (W - 10)·C), Wang et al. 2004, equation 13."""
    x = left.astype(np.float64)
    y = right.astype(np.float64)
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
