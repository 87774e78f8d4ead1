"""PAM: raw samples behind lines of text, with 8 or 16 bits, and with alpha (Netpbm's format P7)."""

from typing import BinaryIO

import numpy as np

from darklift.errors import ImageError
from darklift.image.arrays import assemble
from darklift.image.deep import picture_of_samples, unit_of
from darklift.image.formats.base import EncodeOptions, Format, matched
from darklift.image.netpbm import notes_behind, pam_header, read_samples
from darklift.image.picture import Metadata, Picture

__all__ = ["FORMAT"]

_NAME = "PAM"
_TUPLES = {1: b"GRAYSCALE", 2: b"GRAYSCALE_ALPHA", 3: b"RGB", 4: b"RGB_ALPHA"}


def _decode(stream: BinaryIO) -> Picture:
    header = pam_header(stream)
    white = int(header.white)
    if not 1 <= white <= 65535:
        raise ImageError(f"damaged file: its white is {white}, expected 1 to 65535: copy or download it again")
    unit = unit_of(read_samples(stream, header, ">u2" if white > 255 else "u1"), white)
    metadata = Metadata(notes=tuple(notes_behind(stream, header, 2 if white > 255 else 1)))
    return picture_of_samples(unit, metadata, 1, _NAME, max(8, white.bit_length()))


def _encode(picture: Picture, stream: BinaryIO, options: EncodeOptions) -> None:
    dtype = ">u2" if options.bits == 16 else "u1"
    values = assemble(picture, dtype, gray=picture.gray, alpha=picture.alpha is not None)
    height, width, channels = values.shape
    facts = (width, height, channels, np.iinfo(values.dtype).max, _TUPLES[channels])
    stream.write(b"P7\nWIDTH %d\nHEIGHT %d\nDEPTH %d\nMAXVAL %d\nTUPLTYPE %s\nENDHDR\n" % facts)
    stream.write(values.tobytes())


FORMAT = Format(
    name=_NAME,
    extensions=(".pam",),
    sniff=lambda head: matched(head, b"P7\n"),
    decode=_decode,
    encode=_encode,
    bits=(8, 16),
)
