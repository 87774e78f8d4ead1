"""Pictures as they would be saved, and PSNR, which compares them value by value.

One rule for all metrics: **the two pictures are compared as saved RGB**, of 8 bits, or of 16 where a file has more
than 8. A float picture (unit, [0, 1]) is first rounded by :func:`as_saved`, a ``uint8`` or ``uint16`` one is taken as
it is, and the peak value is white. Evaluations that read saved PNG files back see exactly these values: a picture
scores the same here whether it has been saved or not. Metrics' rows are in ``metrics.METRICS``.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from darklift.errors import UsageError
from darklift.image.samples import white_of

__all__ = ["FINE", "FloatPixels", "SavedPixels", "as_saved", "codes_of_8_bits", "pair_as_saved", "psnr"]

FloatPixels: TypeAlias = npt.NDArray[np.floating[Any]]
"""A picture's values as floats: unit, [0, 1]."""
SavedPixels: TypeAlias = npt.NDArray[np.uint8 | np.uint16]
"""A picture's values as saved: 0 to 255, or to 65535."""
FINE = np.uint16(257)
"""Codes of 16 bits in one of 8."""


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
    left, right = pair_as_saved(prediction, target)
    difference = left.astype(np.int32) - right
    # Integers: the sum is exact, whatever the size and the order of summation.
    squared_error = int(np.sum(np.square(difference, dtype=np.int64)))
    peak = float(white_of(left))
    if squared_error == 0:
        return float("inf")
    return float(10.0 * np.log10(peak * peak * difference.size / squared_error))


def pair_as_saved(
    prediction: FloatPixels | SavedPixels, target: FloatPixels | SavedPixels
) -> tuple[SavedPixels, SavedPixels]:
    """Both pictures as saved, in codes of one depth.

    Raises:
        UsageError: shapes that differ or are not (H, W, 3), a dtype or values that :func:`as_saved` refuses.
    """
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


def codes_of_8_bits(saved: SavedPixels | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A saved picture's values in codes of 8 bits, 0 to 255, with the fractions that 16 bits tell apart.

    Floats are such codes already.
    """
    codes = saved.astype(np.float64, copy=False)
    return codes / float(FINE) if saved.dtype == np.uint16 else codes
