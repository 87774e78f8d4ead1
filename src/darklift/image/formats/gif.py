"""GIF: a palette of up to 256 colours, of which one may be clear. Only read, and one frame."""

import io
from functools import partial
from typing import BinaryIO

from PIL.GifImagePlugin import GifImageFile

from darklift.image.formats.base import Format, matched
from darklift.image.picture import Picture
from darklift.image.pixels import adopt, check_filled, decode_with

__all__ = ["FORMAT"]

_NAME = "GIF"
_PIXELS_PER_BYTE = 2730  # a code of 12 bits stands for up to 4094

_adopt = partial(adopt, container=_NAME)


def _decode(stream: BinaryIO) -> Picture:
    return decode_with(_open, _adopt, stream)


def _open(stream: BinaryIO) -> GifImageFile:
    length = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    image = GifImageFile(stream)
    check_filled(_NAME, image.size, length, _PIXELS_PER_BYTE)
    return image


FORMAT = Format(
    name=_NAME,
    extensions=(".gif",),
    sniff=lambda head: matched(head, b"GIF87a", b"GIF89a"),
    decode=_decode,
    written_as=".png",
    pil={"GIF": _adopt},
)
