"""GIF: a palette of up to 256 colours, of which one may be clear. Only read, and one frame."""

import io
from functools import partial
from typing import BinaryIO

from PIL.GifImagePlugin import GifImageFile

from darklift.errors import ImageError
from darklift.image.formats.base import Format, matched
from darklift.image.picture import Picture
from darklift.image.pixels import adopt, decode_with

__all__ = ["FORMAT"]

_NAME = "GIF"
_PIXELS_PER_BYTE = 2730  # a code of 12 bits stands for up to 4094
_ANYWAY = 1 << 24  # pixels that a picture may have around a small frame

_adopt = partial(adopt, container=_NAME)


def _decode(stream: BinaryIO) -> Picture:
    return decode_with(_open, _adopt, stream)


def _open(stream: BinaryIO) -> GifImageFile:
    """Refuses a size that the file cannot fill, before Pillow makes room for it."""
    length = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    image = GifImageFile(stream)
    width, height = image.size
    if width * height > max(_ANYWAY, length * _PIXELS_PER_BYTE):
        raise ImageError(
            f"damaged or incomplete {_NAME} file ({width} x {height} pixels in {length} bytes): copy or download it"
            " again"
        )
    return image


FORMAT = Format(
    name=_NAME,
    extensions=(".gif",),
    sniff=lambda head: matched(head, b"GIF87a", b"GIF89a"),
    decode=_decode,
    written_as=".png",
    pil={"GIF": _adopt},
)
