"""Pictures out of samples with more than 8 bits, at their full depth."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from darklift.errors import ImageError
from darklift.image.arrays import held_of, turned
from darklift.image.metadata import profile_name
from darklift.image.picture import Metadata, Picture, Source
from darklift.image.samples import FloatArray

__all__ = ["divide_by_alpha", "picture_of_samples", "unit_of"]

_ROWS_AT_ONCE = 256  # keeps the temporary arrays of a very large picture small


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
    if not math.isfinite(low) or not math.isfinite(high):
        count = int(samples.size) - int(np.isfinite(samples).sum())
        raise ImageError(
            f"{count} of its {samples.size} samples are no numbers (NaN or infinite), as where nothing was measured: "
            "fill these in first"
        )
    if low < 0 or high > 1:
        raise ImageError(
            f"float samples from {low:.8g} to {high:.8g}, expected [0, 1]: it is HDR or linear light; develop it to 16 "
            "bits with a tone curve first"
        )
    unit[:] = samples
    return unit


def divide_by_alpha(unit: FloatArray) -> None:
    """Make straight colours, in place, of those that alpha, the last channel, is multiplied into; what is fully
    transparent stays black.
    """
    alpha = unit[:, :, -1:]
    np.divide(unit[:, :, :-1], alpha, out=unit[:, :, :-1], where=alpha > 0)
    np.clip(unit[:, :, :-1], 0, 1, out=unit[:, :, :-1])


def picture_of_samples(
    samples: npt.NDArray[Any], metadata: Metadata, orientation: int, container: str, bits: int, *, white: int = 0
) -> Picture:
    """The upright picture of (H, W, C) samples: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha (straight).

    samples: unit float32, or uint8 or uint16 from 0 to ``white``. orientation: 1 to 8, what they still have to be
    turned by. bits: how finely they tell values apart.
    """
    held = held_of(turned(samples, orientation), white)
    space = "sRGB" if metadata.icc_profile is None else profile_name(metadata.icc_profile)
    gray = held.colours.shape[2] == 1
    return Picture(gray=gray, metadata=metadata, source=Source(container, bits, space), held=held)
