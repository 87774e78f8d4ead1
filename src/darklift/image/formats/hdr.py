"""Radiance HDR: linear light, 8 bits a channel and an exponent in common; only read, with the extra ``exr``."""

import re
from typing import BinaryIO

from darklift.image.formats.base import Format, matched
from darklift.image.linear import LINEAR_EXTRA, linear_picture
from darklift.image.picture import Picture

__all__ = ["FORMAT"]

_NAME = "HDR"
_HEAD = 65_536
_AXES = re.compile(rb"\n\n([-+][XY]) \d+ ([-+][XY]) \d+\n")
# where rows follow each other, and where the samples of one do, as an orientation of EXIF's. Y is upwards, as in the
# files of "-Y +X" that all programs write. OpenImageIO 3.2.2 takes 6 and 8 for each other
_ORIENTATIONS = {
    (b"-Y", b"+X"): 1,
    (b"-Y", b"-X"): 2,
    (b"+Y", b"-X"): 3,
    (b"+Y", b"+X"): 4,
    (b"+X", b"-Y"): 5,
    (b"-X", b"-Y"): 6,
    (b"-X", b"+Y"): 7,
    (b"+X", b"+Y"): 8,
}


def _decode(stream: BinaryIO) -> Picture:
    stream.seek(0)
    found = _AXES.search(stream.read(_HEAD))
    return linear_picture(stream, _NAME, ".hdr", _ORIENTATIONS.get((found[1], found[2])) if found else None)


FORMAT = Format(
    name=_NAME,
    extensions=(".hdr",),
    sniff=lambda head: matched(head, b"#?RADIANCE", b"#?RGBE"),
    decode=_decode,
    needs=LINEAR_EXTRA,
    written_as=".tif",
)
