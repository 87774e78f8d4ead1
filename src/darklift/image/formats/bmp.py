"""BMP: uncompressed pixels, without alpha, and of the metadata only the resolution."""

from functools import partial
from typing import BinaryIO

from PIL.BmpImagePlugin import BmpImageFile

from darklift.image.formats.base import ANY_SIZE, EncodeOptions, Format, matched
from darklift.image.picture import Picture
from darklift.image.pixels import adopt, decode_with, image_of

__all__ = ["FORMAT"]

_NAME = "BMP"
_adopt = partial(adopt, container=_NAME)


def _encode(picture: Picture, stream: BinaryIO, options: EncodeOptions) -> None:
    image_of(picture).save(stream, "BMP", dpi=picture.metadata.dpi or (0, 0))


FORMAT = Format(
    name=_NAME,
    extensions=(".bmp",),
    sniff=lambda head: matched(head, b"BM"),
    decode=partial(decode_with, BmpImageFile, _adopt),
    encode=_encode,
    keeps={"dpi": ANY_SIZE},
    alpha=False,
    pil={"BMP": _adopt},
)
