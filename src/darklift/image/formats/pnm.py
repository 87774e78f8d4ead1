"""PPM and PGM: raw samples behind a line of text, and nothing else; 8 bits here (Netpbm's formats P1 to P6)."""

from functools import partial
from typing import BinaryIO

from PIL import Image
from PIL.PpmImagePlugin import PpmImageFile

from darklift.errors import ImageError
from darklift.image.formats.base import ONLY_8_BITS, EncodeOptions, Format
from darklift.image.opened import file_behind
from darklift.image.picture import Picture
from darklift.image.pixels import adopt, decode_with, image_of

__all__ = ["FORMAT"]

_NAME = "PPM"


def _sniff(head: bytes) -> int:
    return 3 if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace() else 0


def _adopt(image: Image.Image) -> Picture:
    data = file_behind(image)
    if data is not None and _largest(data) > 255:  # Pillow reads deep colour as 8-bit without a word
        raise ImageError(ONLY_8_BITS)
    return adopt(image, _NAME)


def _largest(data: bytes) -> int:
    """The value of white, which the header states after width and height; 1 for bitmaps."""
    if data[1:2] in b"14":
        return 1
    words: list[bytes] = []
    for line in data[2:65536].splitlines():
        words += line.split(b"#", 1)[0].split()
        if len(words) >= 3:
            break
    return int(words[2]) if len(words) >= 3 and words[2].isdigit() else 0


def _encode(picture: Picture, stream: BinaryIO, options: EncodeOptions) -> None:
    image_of(picture).save(stream, "PPM")


FORMAT = Format(
    name=_NAME,
    extensions=(".ppm", ".pgm", ".pnm"),
    sniff=_sniff,
    decode=partial(decode_with, PpmImageFile, _adopt),
    encode=_encode,
    alpha=False,
    pil={"PPM": _adopt},
)
