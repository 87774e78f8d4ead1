"""How alike the structure of two pictures is: SSIM on RGB and on grey, and multi-scale SSIM.

All three compare the pictures as saved (:func:`~darklift.evaluation.fidelity.as_saved`). Wang, Bovik, Sheikh and
Simoncelli, "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004, with its constants: an
11 × 11 Gaussian window of sigma 1.5, K1 = 0.01, K2 = 0.03, population variances. Only whole windows count.
"""

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

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

# SSIM smooths by products with a band matrix, which make this many windows of a row or a column at a time. It walks
# over a channel in tiles of at most so many of these blocks: what bounds the memory that a picture of any size needs,
# stays in the processor's cache, and keeps BLAS on one thread, so that several can score at once, and all find the same
# values.
BLOCK = 16
TILE = (5, 20)


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
    _require_sides(left, MIN_SSIM_SIDE, "SSIM")
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
    rows, columns = height - 2 * RADIUS, width - 2 * RADIUS
    similarity, contrast = np.zeros(channels), np.zeros(channels)
    side = _tile_side(rows, TILE[0]), _tile_side(columns, TILE[1])
    tile = _Tile(*side)
    for top in range(0, rows, side[0]):
        for start in range(0, columns, side[1]):
            down, along = (slice(at, at + most + 2 * RADIUS) for at, most in zip((top, start), side, strict=True))
            for channel in range(channels):
                luminances, contrasts = tile.maps(left[down, along, channel], right[down, along, channel])
                contrast[channel] += contrasts.sum()
                luminances *= contrasts
                similarity[channel] += luminances.sum()
    return similarity / (rows * columns), contrast / (rows * columns)


def _tile_side(windows: int, most: int) -> int:
    """Windows of a tile, in whole blocks: as few tiles as ``most`` blocks allow, and all of one size."""
    blocks = -(-windows // BLOCK)
    tiles = -(-blocks // most)
    return -(-blocks // tiles) * BLOCK


class _Tile:
    """SSIM's maps of pieces of up to so many windows, all in the same memory: fetching new one takes as long."""

    def __init__(self, rows: int, columns: int) -> None:
        """rows, columns: multiples of ``BLOCK``."""
        length, width = BLOCK + 2 * RADIUS, columns + 2 * RADIUS
        self._moments = np.zeros((4, rows + 2 * RADIUS, width))
        self._halfway = np.empty((4, rows // BLOCK, BLOCK, width))
        self._smoothed = np.empty((4, rows, columns))
        # The blocks to smooth down the columns, and then along the rows: (4, blocks, length, width), (blocks, rows of
        # all four, length).
        self._down = sliding_window_view(self._moments, length, axis=1)[:, ::BLOCK].swapaxes(2, 3)
        halfway = self._halfway.reshape(-1, width)
        self._along = sliding_window_view(halfway, length, axis=1)[:, ::BLOCK].swapaxes(0, 1)
        self._blocks = self._smoothed.reshape(len(halfway), -1, BLOCK).swapaxes(0, 1)

    def maps(
        self, left: SavedPixels | Float64Array, right: SavedPixels | Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        """Luminance, and contrast with structure, of every whole window: (R, W) twice → (R - 10, W - 10) twice, until
        the next piece; their product is SSIM, Wang et al. 2004, equation 13.
        """
        rows, columns = left.shape
        # The formula needs the two variances only as their sum: four maps to smooth instead of five. float64, since a
        # variance is the small difference of two large moments.
        x, y, squares, product = self._moments[:, :rows, :columns]
        x[...], y[...] = codes_of_8_bits(left), codes_of_8_bits(right)
        np.multiply(y, y, out=product)
        np.multiply(x, x, out=squares)
        squares += product
        np.multiply(x, y, out=product)
        np.matmul(BAND, self._down, out=self._halfway)
        np.matmul(self._along, BAND.T, out=self._blocks)
        mean_x, mean_y, variances, covariance = self._smoothed[:, : rows - 2 * RADIUS, : columns - 2 * RADIUS]
        luminance = mean_x * mean_y
        mean_x *= mean_x
        mean_y *= mean_y
        mean_x += mean_y
        squares_of_means = mean_x
        variances -= squares_of_means
        covariance -= luminance
        contrast = _quotient(covariance, variances, CONTRAST_CONSTANT)
        return _quotient(luminance, squares_of_means, LUMINANCE_CONSTANT), contrast


def _quotient(product: Float64Array, squares: Float64Array, constant: float) -> Float64Array:
    """(2·product + constant) / (squares + constant), in the place of both."""
    product *= 2.0
    product += constant
    squares += constant
    product /= squares
    return product


def _halved(codes: Float64Array) -> Float64Array:
    """The mean of every 2 × 2 pixels, (H, W, C) → (ceil(H / 2), ceil(W / 2), C)."""
    height, width, _ = codes.shape
    if height % 2 or width % 2:
        codes = np.pad(codes, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    rows = codes[0::2] + codes[1::2]
    halved: Float64Array = (rows[:, 0::2] + rows[:, 1::2]) * 0.25
    return halved


def _band() -> Float64Array:
    """``BLOCK`` rows of the Gaussian window, which sums to 1, each one entry further on: (BLOCK, BLOCK + 10)."""
    window = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
    band = np.zeros((BLOCK, BLOCK + 2 * RADIUS))
    for row in range(BLOCK):
        band[row, row : row + len(window)] = window / window.sum()
    return band


BAND = _band()
