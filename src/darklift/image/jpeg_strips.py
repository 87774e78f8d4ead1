"""JPEG files of any size, coded strip by strip: Pillow's coder wants all pixels of a picture at once, four bytes each.

Each strip is coded as a file of its own. Behind a restart marker, a JPEG decoder begins anew (ITU-T T.81, E.1.4), as
each of these files does; so the coded pixels of one follow those of the one before with such a marker between, below
the head of the first. Every pixel is coded as in the whole picture, since strips end between coding units.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import BinaryIO

from PIL import Image

from darklift.image.picture import Picture
from darklift.image.pixels import image_of

__all__ = ["save_in_strips"]

_UNIT = 16  # rows and columns of the largest coding unit
_MOST_UNITS = 65535  # between two restart markers
_SMALLEST = 64  # pixels of the smallest
_SOF, _DRI, _SOS, _EOI = b"\xff\xc0", b"\xff\xdd", 0xDA, b"\xff\xd9"


def save_in_strips(picture: Picture, stream: BinaryIO, save: Callable[[Image.Image, BinaryIO], None]) -> None:
    """Write a picture as one JPEG file; a picture of up to four megapixels is one strip, and plainly saved.

    save: writes an image as a JPEG file. It is called for each strip, and must code all of them by the same tables:
    baseline, without ``optimize`` and ``progressive``.
    """
    height, width = picture.size
    rows = _MOST_UNITS * _SMALLEST // (-(-width // _UNIT) * _UNIT) // _UNIT * _UNIT
    if height <= rows:
        save(image_of(picture), stream)
        return
    for number, top in enumerate(range(0, height, rows)):
        strip = io.BytesIO()
        save(image_of(picture, rows=slice(top, min(top + rows, height))), strip)
        head, coded = _parts(strip.getbuffer())
        if number:
            stream.write(bytes([0xFF, 0xD0 + (number - 1) % 8]))
        else:
            stream.write(_head_for(head, height, width, rows))
        stream.write(coded)
    stream.write(_EOI)


def _parts(file: memoryview) -> tuple[bytes, memoryview]:
    """A JPEG file's head, up to its coded pixels, and these without the end marker."""
    place = 2
    while True:
        marker = file[place + 1]
        place += 2 + int.from_bytes(file[place + 2 : place + 4], "big")
        if marker == _SOS:
            return bytes(file[:place]), file[place:-2]


def _head_for(head: bytes, height: int, width: int, rows: int) -> bytes:
    """The first strip's head as that of the whole picture: its height, and how many coding units one strip has."""
    frame = 2
    while head[frame : frame + 2] != _SOF:
        frame += 2 + int.from_bytes(head[frame + 2 : frame + 4], "big")
    scan = frame
    while head[scan + 1] != _SOS:
        scan += 2 + int.from_bytes(head[scan + 2 : scan + 4], "big")
    sampling = [head[frame + 11 + 3 * component] for component in range(head[frame + 9])]
    # one component alone is coded in blocks of 8 x 8, whatever is said of it
    across, down = (
        (8, 8) if len(sampling) == 1 else (8 * max(s >> 4 for s in sampling), 8 * max(s & 15 for s in sampling))
    )
    units = -(-width // across) * (rows // down)
    restart = _DRI + struct.pack(">HH", 4, units)
    return head[: frame + 5] + struct.pack(">H", height) + head[frame + 7 : scan] + restart + head[scan:]
