"""TIFF pictures in YCbCr that are not compressed (TIFF 6.0, section 21), of which Pillow reads no subsampled ones.

A unit of some pixels has their brightness, row by row, and behind it one sample of each colour for all of them.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from darklift.image.samples import row_strips

__all__ = ["YCBCR", "as_rgb", "chroma_steps", "unit_bytes", "whole_pixels"]

YCBCR = 6
"""Of the tag PhotometricInterpretation."""

_PHOTOMETRIC, _COEFFICIENTS, _SUBSAMPLING, _REFERENCE = 262, 529, 530, 532
_CCIR_601 = (0.299, 0.587, 0.114)
_FULL_RANGE = (0, 255, 128, 255, 128, 255)  # (black, white) of each channel


def chroma_steps(tags: ImageFileDirectory_v2) -> tuple[int, int]:
    """(rows, columns) of pixels that share a sample of colour; (1, 1) for all but YCbCr."""
    if tags.get(_PHOTOMETRIC) != YCBCR:
        return 1, 1
    across, down = tags.get(_SUBSAMPLING, (2, 2))
    return max(int(down), 1), max(int(across), 1)


def unit_bytes(rows: int, columns: int, steps: tuple[int, int]) -> tuple[int, int]:
    """How many rows of units a strip or tile has, and the bytes of one."""
    down, across = steps
    return -(-rows // down), -(-columns // across) * (down * across + 2)


def whole_pixels(plain: bytes, shape: tuple[int, int, int], steps: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """The units of a strip or tile as pixels, uint8 of this shape, each with the colour of its unit."""
    (rows, columns, _), (down, across) = shape, steps
    high, row_bytes = unit_bytes(rows, columns, steps)
    units = np.frombuffer(plain, np.uint8, high * row_bytes).reshape(high, -1, down * across + 2)
    wide = units.shape[1]
    pixels = np.empty((high, down, wide, across, 3), np.uint8)
    pixels[..., 0] = units[:, :, :-2].reshape(high, wide, down, across).transpose(0, 2, 1, 3)
    pixels[..., 1:] = units[:, None, :, None, -2:]
    return pixels.reshape(high * down, wide * across, 3)[:rows, :columns]


def as_rgb(samples: npt.NDArray[np.uint8], tags: ImageFileDirectory_v2) -> npt.NDArray[np.uint8]:
    """(H, W, 3) of YCbCr as RGB, with the black, the white and the weights that the file states."""
    red, green, blue = _numbers(tags, _COEFFICIENTS, _CCIR_601)
    stated = np.array(_numbers(tags, _REFERENCE, _FULL_RANGE), np.float32).reshape(3, 2)
    if green == 0 or not np.all(stated[:, 1] > stated[:, 0]):
        raise ValueError("YCbCr without range or green")
    black, scale = stated[:, 0], np.array([255, 127, 127], np.float32) / (stated[:, 1] - stated[:, 0])
    rgb = np.empty_like(samples)
    for strip in row_strips((samples.shape[0], samples.shape[1])):
        luma, to_blue, to_red = np.moveaxis((samples[strip] - black) * scale, 2, 0)
        light = [luma + (2 - 2 * red) * to_red, luma, luma + (2 - 2 * blue) * to_blue]
        light[1] = (luma - blue * light[2] - red * light[0]) / green
        rgb[strip] = np.rint(np.stack(light, axis=2)).clip(0, 255)
    return rgb


def _numbers(tags: ImageFileDirectory_v2, tag: int, usual: tuple[float, ...]) -> tuple[float, ...]:
    found: Any = tags.get(tag, usual)
    return tuple(float(number) for number in found) if len(found) == len(usual) else usual
