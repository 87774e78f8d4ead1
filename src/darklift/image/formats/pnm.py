"""PPM and PGM: raw samples behind a line of text, and nothing else (Netpbm's formats P1 to P6).

Pillow reads what has 8 bits; of deep files it keeps as many, so these are read here.
"""

from typing import BinaryIO

import numpy as np
from PIL import Image
from PIL.PpmImagePlugin import PpmImageFile

from darklift.errors import ImageError
from darklift.image.arrays import assemble
from darklift.image.deep import picture_of_samples, unit_of
from darklift.image.formats.base import EncodeOptions, Format
from darklift.image.netpbm import notes_behind, read_samples, text_header
from darklift.image.opened import file_behind
from darklift.image.picture import Metadata, Picture
from darklift.image.pixels import TOO_DEEP, adopt, decode_with, with_notes

__all__ = ["FORMAT"]

_NAME = "PPM"
_HEAD = 65536


def _sniff(head: bytes) -> int:
    return 3 if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace() else 0


def _decode(stream: BinaryIO) -> Picture:
    stream.seek(0)
    head = stream.read(_HEAD)
    if _largest(head) <= 255:
        picture = decode_with(PpmImageFile, _adopt, stream)
        return with_notes(picture, [] if head[1:2] in b"14" else notes_behind(stream, text_header(stream, held=1), 1))
    header = text_header(stream)
    white = int(header.white)
    if white > 65535:
        raise ImageError(f"damaged file: its white is {white}, expected up to 65535: copy or download it again")
    unit = unit_of(read_samples(stream, header, ">u2"), white)
    metadata = Metadata(notes=tuple(notes_behind(stream, header, 2)))
    return picture_of_samples(unit, metadata, 1, _NAME, white.bit_length())


def _adopt(image: Image.Image) -> Picture:
    data = file_behind(image)
    if data is not None and _largest(data) > 255:  # Pillow reads deep colour as 8-bit without a word
        raise ImageError(TOO_DEEP)
    return adopt(image, _NAME)


def _largest(data: bytes) -> int:
    """The value of white, which the header states after width and height; 1 for bitmaps."""
    if data[1:2] in b"14":
        return 1
    words: list[bytes] = []
    for line in data[2:_HEAD].splitlines():
        words += line.split(b"#", 1)[0].split()
        if len(words) >= 3:
            break
    return int(words[2]) if len(words) >= 3 and words[2].isdigit() else 0


def _encode(picture: Picture, stream: BinaryIO, options: EncodeOptions) -> None:
    values = assemble(picture, ">u2" if options.bits == 16 else "u1", gray=picture.gray, alpha=False)
    height, width, channels = values.shape
    kind = b"P6" if channels == 3 else b"P5"
    stream.write(b"%s\n%d %d\n%d\n" % (kind, width, height, np.iinfo(values.dtype).max))
    stream.write(values.tobytes())


FORMAT = Format(
    name=_NAME,
    extensions=(".ppm", ".pgm", ".pnm"),
    sniff=_sniff,
    decode=_decode,
    encode=_encode,
    alpha=False,
    bits=(8, 16),
    pil={"PPM": _adopt},
)
