"""OpenEXR: linear light in floats, of 16 or 32 bits; only read, with the extra ``exr``."""

from typing import BinaryIO

from darklift.image.formats.base import Format, matched
from darklift.image.linear import LINEAR_EXTRA, linear_picture
from darklift.image.picture import Picture

__all__ = ["FORMAT"]

_NAME = "EXR"


def _decode(stream: BinaryIO) -> Picture:
    return linear_picture(stream, _NAME, ".exr")


FORMAT = Format(
    name=_NAME,
    extensions=(".exr",),
    sniff=lambda head: matched(head, b"v/1\x01"),
    decode=_decode,
    needs=LINEAR_EXTRA,
    written_as=".tif",
)
