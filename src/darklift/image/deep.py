"""Pictures out of samples with more than 8 bits, at their full depth."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from darklift.errors import ImageError
from darklift.image.metadata import profile_name
from darklift.image.picture import FloatArray, Metadata, Picture, Source

__all__ = ["divide_by_alpha", "picture_of_samples", "unit_of", "upright"]

_ROWS_AT_ONCE = 256  # keeps the temporary arrays of a very large picture small
_UPRIGHT: dict[int, Callable[[FloatArray], FloatArray]] = {
    2: lambda values: values[:, ::-1],
    3: lambda values: values[::-1, ::-1],
    4: lambda values: values[::-1],
    5: lambda values: values.swapaxes(0, 1),
    6: lambda values: values[::-1].swapaxes(0, 1),
    7: lambda values: values[::-1, ::-1].swapaxes(0, 1),
    8: lambda values: values[:, ::-1].swapaxes(0, 1),
}


def unit_of(samples: npt.NDArray[Any], white: int) -> FloatArray:
    """Samples as float32 in [0, 1]: unsigned integers from 0 to ``white``, or floats, which are in [0, 1] already.

    Raises ``ImageError`` for floats outside, which are HDR, and for NaN and infinity.
    """
    unit = np.empty(samples.shape, np.float32)
    if samples.dtype.kind != "f":
        for top in range(0, len(samples), _ROWS_AT_ONCE):
            rows = slice(top, top + _ROWS_AT_ONCE)
            # 16 bits fit float32; more are divided as float64, and are rounded once
            dtype = np.float32 if white < 2**16 else np.float64
            unit[rows] = np.divide(samples[rows], dtype(white), dtype=dtype)
        return unit
    low, high = float(samples.min()), float(samples.max())
    if not (low >= 0 and high <= 1):  # said this way round, NaN is refused, too
        raise ImageError(
            f"float samples from {low:.4g} to {high:.4g}, expected [0, 1]: it is HDR or linear light; develop it to 16 "
            "bits with a tone curve first"
        )
    unit[:] = samples
    return unit


def divide_by_alpha(unit: FloatArray) -> None:
    """Make straight colours of those that alpha is multiplied into; what is fully transparent stays black."""
    alpha = unit[:, :, -1:]
    np.divide(unit[:, :, :-1], alpha, out=unit[:, :, :-1], where=alpha > 0)
    np.clip(unit[:, :, :-1], 0, 1, out=unit[:, :, :-1])


def upright(values: FloatArray, orientation: int) -> FloatArray:
    """Rows and columns, turned from this orientation, 1 to 8."""
    return _UPRIGHT[orientation](values) if orientation in _UPRIGHT else values


def picture_of_samples(unit: FloatArray, metadata: Metadata, orientation: int, container: str, bits: int) -> Picture:
    """The upright picture of (H, W, C) unit samples: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha (straight).

    orientation: 1 to 8, what the samples still have to be turned by. bits: how finely they tell values apart.
    """
    unit = upright(unit, orientation)
    channels = unit.shape[2]
    gray = channels < 3
    pixels = np.repeat(unit[:, :, :1], 3, axis=2) if gray else np.ascontiguousarray(unit[:, :, :3])
    alpha = np.ascontiguousarray(unit[:, :, -1]) if channels in (2, 4) else None
    space = "sRGB" if metadata.icc_profile is None else profile_name(metadata.icc_profile)
    return Picture(pixels, alpha=alpha, gray=gray, metadata=metadata, source=Source(container, bits, space))
