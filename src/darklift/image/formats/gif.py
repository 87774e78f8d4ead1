"""GIF: a palette of up to 256 colours, of which one may be clear; also animated. Only read."""

from functools import partial
from typing import BinaryIO

from PIL.GifImagePlugin import GifImageFile

from darklift.image.formats.base import Format, Several, matched
from darklift.image.pixels import adopt, check_clip, decode_with, pictures_in
from darklift.image.reel import Reel

__all__ = ["FORMAT"]

_NAME = "GIF"
_adopt = partial(adopt, container=_NAME)


def _scan(stream: BinaryIO) -> Reel | None:
    stream.seek(0)
    image = GifImageFile(stream)
    check_clip(*image.size, image.n_frames)
    if not image.is_animated:
        return None
    durations, clear = [], False
    for number in range(image.n_frames):  # each as it is seen, as some may be hidden behind a clear one
        image.seek(number)
        durations.append(float(image.info.get("duration", 0)))
        clear = clear or image.has_transparency_data
    return Reel(len(durations), True, tuple(durations), image.info.get("loop", 1), clear)  # silent: once


FORMAT = Format(
    name=_NAME,
    extensions=(".gif",),
    sniff=lambda head: matched(head, b"GIF87a", b"GIF89a"),
    decode=partial(decode_with, GifImageFile, _adopt),
    written_as=".png",
    several=Several(moving=True, scan=_scan, decode=partial(pictures_in, GifImageFile, _NAME)),
    pil={"GIF": _adopt},
)
