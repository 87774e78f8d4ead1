"""GIF: a palette of up to 256 colours, of which one may be clear; also animated. Only read."""

import io
from functools import partial
from typing import BinaryIO

from PIL.GifImagePlugin import GifImageFile

from darklift.errors import ImageError
from darklift.image.formats.base import Format, Several, matched
from darklift.image.picture import Picture
from darklift.image.pixels import adopt, check_clip, check_filled, decode_with, pictures_in
from darklift.image.reel import Reel

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


def _scan(stream: BinaryIO) -> Reel | None:
    image = _open(stream)
    if not image.is_animated:
        return None
    check_clip(*image.size, image.n_frames)
    durations, clear, size = [], False, image.size
    for number in range(image.n_frames):  # each as it is seen, as some may be hidden behind a clear one
        image.seek(number)
        if image.size != size:  # Pillow makes room for what lies outside from there on
            raise ImageError("damaged GIF file: a frame lies outside of the picture: copy or download it again")
        durations.append(float(image.info.get("duration", 0)))
        clear = clear or image.has_transparency_data
    return Reel(len(durations), True, tuple(durations), image.info.get("loop", 1), clear)  # silent: once


FORMAT = Format(
    name=_NAME,
    extensions=(".gif",),
    sniff=lambda head: matched(head, b"GIF87a", b"GIF89a"),
    decode=_decode,
    written_as=".png",
    several=Several(moving=True, scan=_scan, decode=partial(pictures_in, _open, _NAME)),
    pil={"GIF": _adopt},
)
