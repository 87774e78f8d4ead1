"""PFM: 32-bit floats behind a line of text, from 0 to 1 here; rows go upwards.

The format says nothing of colours, so the numbers are read as coded ones, as those of float TIFF files are. Beyond 0
to 1 they are light of a wider range, and refused.
"""

from typing import BinaryIO

import numpy as np

from darklift.image.arrays import assemble
from darklift.image.deep import picture_of_samples, unit_of
from darklift.image.formats.base import EncodeOptions, Format
from darklift.image.netpbm import notes_behind, read_samples, text_header
from darklift.image.picture import Metadata, Picture

__all__ = ["FORMAT"]

_NAME = "PFM"


def _sniff(head: bytes) -> int:
    return 3 if head[:2] in (b"PF", b"Pf") and head[2:3].isspace() else 0


def _decode(stream: BinaryIO) -> Picture:
    header = text_header(stream)
    # the sign of the scale tells the byte order; by how much it scales is a matter of physical units
    samples = read_samples(stream, header, "<f4" if header.white < 0 else ">f4")
    metadata = Metadata(notes=tuple(notes_behind(stream, header, 4)))
    return picture_of_samples(unit_of(samples[::-1], 1), metadata, 1, _NAME, 32)


def _encode(picture: Picture, stream: BinaryIO, options: EncodeOptions) -> None:
    values = assemble(picture, "<f4", gray=picture.gray, alpha=False)
    height, width, channels = values.shape
    stream.write(b"%s\n%d %d\n-1.0\n" % (b"PF" if channels == 3 else b"Pf", width, height))
    stream.write(np.ascontiguousarray(values[::-1]).tobytes())


FORMAT = Format(
    name=_NAME,
    extensions=(".pfm",),
    sniff=_sniff,
    decode=_decode,
    encode=_encode,
    alpha=False,
    bits=(32,),
)
