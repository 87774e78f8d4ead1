"""What is compared of a picture with others: its file's facts, its pixels' hash, and what its scene looks like."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from darklift.data.crop import Planes, planes_of
from darklift.image import FloatArray, read_image
from darklift.image.overview import area_average

__all__ = ["CELLS", "SAME_PICTURE", "SAME_SCENE", "Facts", "Print", "View", "look_at", "scene_of"]

CELLS = (32, 48)
"""Rows and columns of the small picture by which scenes are compared."""
SAME_SCENE = 0.87
"""From this likeness on, two pictures show one scene. LOL-v1's 485 pairs, grouped by hand into 235 scenes: pictures of
one scene have .897 and more, those of two .827 at most, between the two shots of a table on which things moved.
"""
SAME_PICTURE = 2
"""Of 255: where no cell's colour differs by more, two pictures are the same but for coding and noise."""
_AROUND = 4  # cells to each side that a cell is compared with
_LENGTH = 300  # pixels that the longer side has at least where shifts are measured


@dataclass(frozen=True, slots=True)
class Facts:
    """What a picture's file holds.

    size: height and width. bits: 8, or 16 where there are more. lowest, highest: of all channels' codes. gray: no
    colour anywhere. widened: it has 16 bits, and all its values are those of 8, as a converted picture's. brightness:
    the mean, from 0 to 1.
    """

    size: tuple[int, int]
    bits: int
    lowest: int
    highest: int
    gray: bool
    widened: bool
    brightness: float


@dataclass(frozen=True, slots=True)
class View:
    """A small picture to measure shifts on. factor: pixels of the photo that one of its pixels stands for."""

    luma: FloatArray
    factor: int


@dataclass(frozen=True, slots=True)
class Print:
    """By what a picture is found again, in 8 KB. pixels: a hash of all codes. cells: mean colours, 0 to 255, uint8 of
    (3, 32, 48). scene: :func:`scene_of`, float16.
    """

    pixels: bytes
    cells: npt.NDArray[np.uint8]
    scene: npt.NDArray[np.float16]


def look_at(path: Path) -> tuple[Facts, Print, View]:
    """All about the picture, decoded once. Raises ImageError."""
    planes = planes_of(read_image(path))
    white = int(np.iinfo(planes.dtype).max)
    view = _view(planes, white)
    cells = area_average(planes, CELLS) * np.float32(255)
    luma = cells.mean(axis=0)
    facts = Facts(
        size=(planes.shape[1], planes.shape[2]),
        bits=8 * planes.itemsize,
        lowest=int(planes.min()),
        highest=int(planes.max()),
        gray=bool(np.array_equal(planes[0], planes[1]) and np.array_equal(planes[1], planes[2])),
        widened=planes.itemsize == 2 and bool(np.all(planes % 257 == 0)),
        brightness=float(luma.mean()) / 255,
    )
    small = np.rint(cells).astype(np.uint8)
    return facts, Print(_hash(planes), small, scene_of(luma).astype(np.float16)), view


def _hash(planes: Planes) -> bytes:
    digest = hashlib.sha256(str((planes.shape, planes.dtype)).encode())
    digest.update(planes.data)
    return digest.digest()[:16]


def _view(planes: Planes, white: int) -> View:
    """Means over squares of whole pixels, so that all shifts keep their size but for the factor."""
    factor = max(1, max(planes.shape[1:]) // _LENGTH)
    rows, columns = (length // factor for length in planes.shape[1:])
    green = planes[1, : rows * factor, : columns * factor]  # half of a sensor's pixels, and the least noise
    added = green.reshape(rows, factor, columns * factor).sum(axis=1, dtype=np.uint32)
    sums = np.add.reduce([added[:, place::factor] for place in range(factor)])
    return View(sums.astype(np.float32) / np.float32(factor * factor * white), factor)


def scene_of(luma: FloatArray) -> FloatArray:
    """What a scene looks like at any exposure: log of the cells' brightness (0 to 255), less that of the cells around
    it, as a vector of length 1; zeros for a picture without any structure.
    """
    logs = np.log(luma + np.float32(2))  # darker than two codes, noise would count
    logs = logs - _means_around(logs)
    vector = (logs - logs.mean()).ravel()
    length = float(np.linalg.norm(vector))
    made: FloatArray = vector / np.float32(length) if length > 1e-3 else np.zeros_like(vector)
    return made


def _means_around(values: FloatArray) -> FloatArray:
    sides = 2 * _AROUND + 1
    padded = np.pad(values, _AROUND, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (sides, sides))
    means: FloatArray = windows.mean(axis=(2, 3), dtype=np.float32)
    return means
