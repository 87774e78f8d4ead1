"""Seeded noise that depends on nothing but (seed, draw, place).

Noise is an endless field of blocks, each with a counter-based generator of its own (Philox; Salmon et al. 2011), so
that any window of a picture's noise can be made alone: the same picture comes out whatever the batch, the tiles, the
process or the backend. The same generator serves training: sample number i draws the same numbers on any rank, and
after any resume.
"""

from __future__ import annotations

import operator
import zlib
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

__all__ = ["noise_field", "noise_image", "random_generator"]

_BLOCK = 64
_WORD = 2**64


def random_generator(seed: int, purpose: str, *counters: int) -> np.random.Generator:
    """An independent stream for each (seed, purpose, up to 3 counters); a counter left out is 0.

    Seed and counters are whole numbers, negative ones too, and count modulo 2**64.
    """
    if len(counters) > 3:
        raise ValueError(f"at most 3 counters, got {len(counters)}")
    counter = _words([0, *counters, *[0] * (3 - len(counters))])
    return np.random.Generator(np.random.Philox(key=_key(operator.index(seed), purpose), counter=counter))


@lru_cache(maxsize=16)
def _key(seed: int, purpose: str) -> npt.NDArray[np.uint64]:
    return _words([seed, zlib.crc32(purpose.encode())])


def _words(numbers: Iterable[int]) -> npt.NDArray[np.uint64]:
    """Left to itself, numpy takes small and very large integers together for floats, and rounds them."""
    return np.array([operator.index(number) % _WORD for number in numbers], dtype=np.uint64)


def noise_field(seed: int, draw: int, channels: int, window: tuple[int, int, int, int]) -> npt.NDArray[np.float32]:
    """Unit Gaussian noise of the window (top, left, height, width) of the field: float32 (channels, height, width)."""
    top, left, height, width = window
    out = np.empty((channels, height, width), dtype=np.float32)
    for by in range(top // _BLOCK, (top + height - 1) // _BLOCK + 1):
        for bx in range(left // _BLOCK, (left + width - 1) // _BLOCK + 1):
            rng = random_generator(seed, "noise", draw, by, bx)
            block = rng.standard_normal((channels, _BLOCK, _BLOCK), dtype=np.float32)
            y0, x0 = max(by * _BLOCK, top), max(bx * _BLOCK, left)
            y1, x1 = min((by + 1) * _BLOCK, top + height), min((bx + 1) * _BLOCK, left + width)
            cut = block[:, y0 - by * _BLOCK : y1 - by * _BLOCK, x0 - bx * _BLOCK : x1 - bx * _BLOCK]
            out[:, y0 - top : y1 - top, x0 - left : x1 - left] = cut
    return out


def noise_image(seed: int, draw: int, shape: tuple[int, int, int]) -> npt.NDArray[np.float32]:
    """Unit Gaussian noise of a whole picture: float32 of ``shape`` (C, H, W)."""
    return noise_field(seed, draw, shape[0], (0, 0, shape[1], shape[2]))
