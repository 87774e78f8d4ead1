"""JPEG files without an end: read where all of the picture is there, or nearly, and only the end marker is missing."""

import hashlib
import io

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from darklift.errors import ImageError
from darklift.image.jpeg_layout import Layout

__all__ = ["with_an_end"]

_END = b"\xff\xd9"
_RESTARTS = tuple(bytes([0xFF, marker]) for marker in range(0xD0, 0xD8))
_ANY_BITS = hashlib.sha512(b"").digest().replace(b"\xff", b"\0")
_STRIP = 256  # rows that are compared at once, which takes little memory
_SHARE_MADE_UP = 0.02  # of the rows, that may be
_LAST_UNITS = 17  # rows: the largest row of coding units, and the row above that its colour reaches into
_SHARE_IN_UNITS = 0.1  # of the rows, that these may be at most


def with_an_end(data: bytes, layout: Layout, size: tuple[int, int]) -> tuple[Image.Image, str]:
    """The loaded image of a file that ends within its picture, and what is to be noted of it.

    Rows that are not there are made up by the decoder. Raises ``ImageError`` where these are more than 2 %, and more
    than the last row of coding units of a small picture, or where scans that refine all of the picture are to come.
    size: width and height.
    """
    body, (width, height) = _without_padding(data), size
    if not layout.is_told() or 8 * len(body) < width * height // 64:  # a block of 64 pixels takes a bit or more
        raise ImageError("it ends before its picture is complete: copy or download it again")
    image = _loaded(body + _END)
    missing = height - _first_difference(image, _loaded(body + _other_bits(body) + _END))
    if missing > max(height * _SHARE_MADE_UP, min(_LAST_UNITS, height * _SHARE_IN_UNITS)):
        raise ImageError(f"it ends before the last {missing} of its {height} rows: copy or download it again")
    if missing:
        return image, f"the last {missing} of {height} rows, before which its file ends (these are made up)"
    return image, "the damage of its file (the end marker was missing, all of the picture is there)"


def _without_padding(data: bytes) -> bytes:
    """Without the zeros that a rescued file may be filled up with, and without half an end marker."""
    body = data.rstrip(b"\0")
    if not body.endswith(b"\xff"):
        return body
    return body + b"\0" if len(body) < len(data) else body[:-1]  # FF 00 is how T.81 stores the value FF


def _other_bits(body: bytes) -> bytes:
    """What may follow as well, up to and into the part behind the next restart marker.

    Where the decoder makes something of it, its picture was not complete: without an end, that alone tells.
    """
    last = max(body.rfind(marker) for marker in _RESTARTS)
    restart = _RESTARTS[0 if last < 0 else (body[last + 1] + 1) % 8]
    return _ANY_BITS + restart + _ANY_BITS


def _loaded(data: bytes) -> Image.Image:
    image = JpegImageFile(io.BytesIO(data))
    image.load()
    return image


def _first_difference(one: Image.Image, other: Image.Image) -> int:
    """The first row in which they differ; their height where they do not."""
    for top in range(0, one.height, _STRIP):
        box = (0, top, one.width, min(top + _STRIP, one.height))
        different = (np.asarray(one.crop(box)) != np.asarray(other.crop(box))).reshape(box[3] - top, -1).any(axis=1)
        if different.any():
            return top + int(different.argmax())
    return one.height
