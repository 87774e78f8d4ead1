"""How alike the structure of two pictures is: SSIM on RGB and on grey, and multi-scale SSIM.

All three compare the pictures as saved (:func:`~darklift.evaluation.fidelity.as_saved`). Wang, Bovik, Sheikh and
Simoncelli, "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004, with its constants: an
11 × 11 Gaussian window of sigma 1.5, K1 = 0.01, K2 = 0.03, population variances. Only whole windows count.
"""

import numpy as np
import numpy.typing as npt

from darklift.errors import UsageError
from darklift.evaluation.fidelity import FloatPixels, SavedPixels, codes_of_8_bits, pair_as_saved
from darklift.evaluation.latest import Latest

__all__ = ["MIN_MS_SSIM_SIDE", "MIN_SSIM_SIDE", "gray_as_saved", "ms_ssim", "ssim", "ssim_gray"]

Float64Array = npt.NDArray[np.float64]

PEAK = 255.0  # whatever the bits
RADIUS = 5
SIGMA = 1.5
LUMINANCE_CONSTANT = (0.01 * PEAK) ** 2
CONTRAST_CONSTANT = (0.03 * PEAK) ** 2
MIN_SSIM_SIDE = 2 * RADIUS + 1

# Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality assessment", 2003: the exponents of
# its five scales, the finest first.
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
MIN_MS_SSIM_SIDE = (MIN_SSIM_SIDE - 1) * 2 ** (len(SCALE_WEIGHTS) - 1) + 1
"""The smallest side that still holds one whole window at the coarsest scale: 161 pixels."""

# SSIM walks down the picture in strips of about this many values: small enough to stay in the processor's cache (four
# float64 maps of it), and a bound on the memory that a picture of any size needs.
STRIP_VALUES = 1 << 16


def ssim(prediction: FloatPixels | SavedPixels, target: FloatPixels | SavedPixels) -> float:
    """Structural similarity of the pictures as saved: the mean over channels and over every whole 11 × 11 window.

    Equal to scikit-image's ``structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    channel_axis=-1, data_range=255)``, for 16 bits with codes of 8 and their fractions.

    Args:
        prediction: (H, W, 3) RGB with H, W ≥ 11, ``uint8``, ``uint16``, or unit float, which is rounded to 8 bits.
        target: the ground truth, of the same shape; its dtype may differ.

    Returns:
        A value in [-1, 1]; exactly 1.0 when the saved pictures are identical. Symmetric in its two arguments.

    Raises:
        UsageError: shapes that differ or are not (H, W, 3), a side below 11 pixels, a dtype or values that
            :func:`as_saved` refuses.
    """
    similarity, _ = _finest(*pair_as_saved(prediction, target))
    return float(similarity.mean())


def ssim_gray(prediction: FloatPixels | SavedPixels, target: FloatPixels | SavedPixels) -> float:
    """SSIM of :func:`gray_as_saved`: what people report who convert both pictures with ``rgb2gray`` first.

    Colour errors are lost in it, so it is the higher of the two as a rule, and never to be compared with :func:`ssim`.
    MATLAB's own ``ssim`` repeats the border's pixels and counts windows that cross it, which this one does not.
    Arguments, result and errors are those of :func:`ssim`.
    """
    left, right = (gray_as_saved(picture)[..., np.newaxis] for picture in pair_as_saved(prediction, target))
    similarity, _ = _similarities(left, right)
    return float(similarity[0])


def ms_ssim(prediction: FloatPixels | SavedPixels, target: FloatPixels | SavedPixels) -> float:
    """Multi-scale structural similarity of the pictures as saved: the mean over the three channels.

    Source: Wang et al. 2003: contrast and structure of five scales, luminance of the coarsest, each to its exponent. A
    scale is the one before, averaged over 2 × 2 pixels; where a side is odd, its last row or column counts twice, as in
    the authors' code. A negative mean of contrast and structure, whose power is no real number, counts as 0.

    Args:
        prediction: (H, W, 3) RGB with H, W ≥ 161, ``uint8``, ``uint16``, or unit float, which is rounded to 8 bits.
        target: the ground truth, of the same shape; its dtype may differ.

    Returns:
        A value in [0, 1]; exactly 1.0 when the saved pictures are identical. Symmetric in its two arguments.

    Raises:
        UsageError: as :func:`ssim`, with sides below 161 pixels.
    """
    left, right = pair_as_saved(prediction, target)
    _require_sides(left, MIN_MS_SSIM_SIDE, "MS-SSIM")
    similarity, contrast = _finest(left, right)
    product = np.ones(3)
    x, y = codes_of_8_bits(left), codes_of_8_bits(right)
    for weight in SCALE_WEIGHTS[:-1]:
        product *= np.maximum(contrast, 0.0) ** weight
        x, y = _halved(x), _halved(y)
        similarity, contrast = _similarities(x, y)
    product *= np.maximum(similarity, 0.0) ** SCALE_WEIGHTS[-1]
    return float(product.mean())


def gray_as_saved(saved: SavedPixels) -> SavedPixels:
    """Luma of ITU-R BT.601, 0.299·R + 0.587·G + 0.114·B, rounded to the picture's own bits, (H, W).

    As MATLAB's ``rgb2gray`` and OpenCV's ``COLOR_RGB2GRAY`` do it, whose weights have more digits or fewer: one code
    apart at most.
    """
    red, green, blue = (saved[..., channel].astype(np.uint32) for channel in range(3))
    gray: SavedPixels = ((299 * red + 587 * green + 114 * blue + 500) // 1000).astype(saved.dtype)
    return gray


def _finest(left: SavedPixels, right: SavedPixels) -> tuple[Float64Array, Float64Array]:
    """:func:`_similarities` of whole pictures, once for SSIM and MS-SSIM of the same two."""
    _require_sides(left, MIN_SSIM_SIDE, "SSIM")
    return _LATEST.get((left, right), lambda: _similarities(left, right))


_LATEST: Latest[tuple[Float64Array, Float64Array]] = Latest(count=2)  # both protocols, which may take turns


def _require_sides(picture: SavedPixels, least: int, name: str) -> None:
    height, width = picture.shape[:2]
    if min(height, width) < least:
        raise UsageError(
            f"got pictures of {width}×{height} pixels; {name} needs at least {least} a side: use larger ones"
        )


def _similarities(
    left: SavedPixels | Float64Array, right: SavedPixels | Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Mean over every whole window of SSIM, and of its part of contrast and structure, for each channel: (C,) twice."""
    height, width, channels = left.shape
    left_rows = left.reshape(height, width * channels)
    right_rows = right.reshape(height, width * channels)
    valid_height = height - 2 * RADIUS
    strip = max(1, STRIP_VALUES // (width * channels))
    similarity, contrast = np.zeros(channels), np.zeros(channels)
    for top in range(0, valid_height, strip):
        rows = slice(top, min(top + strip, valid_height) + 2 * RADIUS)
        luminances, contrasts = _maps(left_rows[rows], right_rows[rows], channels)
        contrast += contrasts.reshape(-1, channels).sum(axis=0)
        luminances *= contrasts
        similarity += luminances.reshape(-1, channels).sum(axis=0)
    windows = valid_height * (width - 2 * RADIUS)
    return similarity / windows, contrast / windows


def _maps(
    left: SavedPixels | Float64Array, right: SavedPixels | Float64Array, channels: int
) -> tuple[Float64Array, Float64Array]:
    """Luminance, and contrast with structure, of every whole window of a strip: (R, W·C) twice → (R - 10, (W - 10)·C)
    twice; their product is SSIM, Wang et al. 2004, equation 13.
    """
    x, y = codes_of_8_bits(left), codes_of_8_bits(right)
    # The formula needs the two variances only as their sum: four maps to smooth instead of five. float64, since a
    # variance is the small difference of two large moments.
    moments = np.stack((x, y, x * x + y * y, x * y))
    mean_x, mean_y, mean_squares, mean_product = _smooth(_smooth(moments, axis=1, step=1), axis=2, step=channels)
    product_of_means = mean_x * mean_y
    squares_of_means = mean_x * mean_x + mean_y * mean_y
    luminance: Float64Array = (2.0 * product_of_means + LUMINANCE_CONSTANT) / (squares_of_means + LUMINANCE_CONSTANT)
    covariance = mean_product - product_of_means
    variances = mean_squares - squares_of_means
    contrast: Float64Array = (2.0 * covariance + CONTRAST_CONSTANT) / (variances + CONTRAST_CONSTANT)
    return luminance, contrast


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


def _halved(codes: Float64Array) -> Float64Array:
    """The mean of every 2 × 2 pixels, (H, W, C) → (ceil(H / 2), ceil(W / 2), C)."""
    height, width, _ = codes.shape
    if height % 2 or width % 2:
        codes = np.pad(codes, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    rows = codes[0::2] + codes[1::2]
    halved: Float64Array = (rows[:, 0::2] + rows[:, 1::2]) * 0.25
    return halved


def _half_window() -> tuple[float, ...]:
    """Weights of the Gaussian window at distances 0 … RADIUS; the whole, symmetric window sums to 1."""
    weights = np.exp(-0.5 * (np.arange(RADIUS + 1) / SIGMA) ** 2)
    total = weights[0] + 2.0 * weights[1:].sum()
    return tuple(float(weight) for weight in weights / total)


WINDOW = _half_window()
