"""GIF: a palette of up to 256 colours, of which one may be clear; also animated. Only read."""

import io
from collections.abc import Iterator, Sequence
from functools import partial
from typing import BinaryIO

from PIL import Image
from PIL.GifImagePlugin import GifImageFile

from darklift.errors import ImageError
from darklift.image.formats.base import Format, Several, matched
from darklift.image.gif_blocks import gif_blocks
from darklift.image.metadata import metadata_of
from darklift.image.opened import file_behind
from darklift.image.picture import Picture
from darklift.image.pixels import adopt, check_clip, check_filled, decode_with, picture_of, pictures_in, with_notes
from darklift.image.reel import Reel

__all__ = ["FORMAT"]

_NAME = "GIF"
_PIXELS_PER_BYTE = 2730  # a code of 12 bits stands for up to 4094

_adopt = partial(adopt, container=_NAME)


def _decode(stream: BinaryIO) -> Picture:
    return with_notes(decode_with(_open, _adopt, stream), _notes(stream))


def _decode_frames(stream: BinaryIO, reel: Reel, numbers: Sequence[int]) -> Iterator[Picture]:
    notes = _notes(stream)
    for picture in pictures_in(_open, _NAME, stream, reel, numbers):
        yield with_notes(picture, notes)


def _adopt_opened(image: Image.Image) -> Picture:
    """What somebody else has opened, whose ``info`` stays as Pillow has it."""
    data = file_behind(image)
    picture = _adopt(image)
    if data is None:
        return picture
    blocks = gif_blocks(data)
    return with_notes(picture_of(image, *metadata_of(image.info | blocks.info, image.size), _NAME), blocks.notes)


def _notes(stream: BinaryIO) -> list[str]:
    stream.seek(0)
    return gif_blocks(stream.read()).notes


def _open(stream: BinaryIO) -> GifImageFile:
    length = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    image = GifImageFile(stream)
    check_filled(_NAME, image.size, length, _PIXELS_PER_BYTE)
    place = stream.tell()
    stream.seek(0)
    blocks = gif_blocks(stream.read())
    stream.seek(place)  # where Pillow goes on
    image.info |= blocks.info
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
    several=Several(moving=True, scan=_scan, decode=_decode_frames),
    pil={"GIF": _adopt_opened},
)
