"""How much of a photo is at each code."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from darklift.image.samples import FloatArray, white_of

__all__ = ["Histogram"]


class Histogram:
    """How much of all pixels is at each code: of 256, or of 65536 where there is more to tell than 256 can."""

    def __init__(self, bits: int) -> None:
        self._deep = bits > 8
        self._counts: npt.NDArray[Any] = np.zeros(65536 if self._deep else 256, np.int64)
        self._weights: npt.NDArray[np.float64] | None = None

    def add(self, top: npt.NDArray[Any], weights: FloatArray | None) -> None:
        white = len(self._counts) - 1
        if top.dtype == np.uint8 and self._deep:
            codes = top * np.uint16(257)
        elif white_of(top) == white:
            codes = top
        else:
            unit = top if top.dtype.kind == "f" else top / np.float32(white_of(top))
            codes = (np.clip(unit, 0, 1) * white + 0.5).astype(np.uint16)
        if codes.dtype == np.uint8:  # three times as fast
            self._counts += Image.fromarray(np.ascontiguousarray(codes)).histogram()
        else:
            self._counts += np.bincount(codes.ravel(), minlength=len(self._counts))
        if weights is not None:
            self._weights = np.zeros(len(self._counts)) if self._weights is None else self._weights
            self._weights += np.bincount(codes.ravel(), weights.ravel(), minlength=len(self._counts))

    def shares(self) -> npt.NDArray[np.float64]:
        said = self._counts if self._weights is None else self._weights
        shares: npt.NDArray[np.float64] = said / said.sum()
        # A photo of 8 bits in a file of 16 is described as in its own, to the last digit.
        coarse = self._deep and self._counts[::257].sum() == self._counts.sum()
        return shares[::257] if coarse else shares

    def quantiles(self, wanted: tuple[float, ...]) -> npt.NDArray[np.float64]:
        shares = self.shares()
        found: npt.NDArray[np.float64] = np.searchsorted(np.cumsum(shares), np.array(wanted) - 1e-9) / (len(shares) - 1)
        return found
