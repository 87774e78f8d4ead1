"""BMP: uncompressed pixels, without alpha, and of the metadata the resolution and an ICC profile (BITMAPV5HEADER)."""

import io
import struct
from functools import partial
from typing import BinaryIO

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile

from darklift.image.formats.base import ANY_SIZE, EncodeOptions, Format, matched
from darklift.image.metadata import metadata_of
from darklift.image.opened import file_behind
from darklift.image.picture import Picture
from darklift.image.pixels import check_extent, check_mode, decode_with, gray_as_srgb, image_of, picture_of

__all__ = ["FORMAT"]

_NAME = "BMP"
_START, _PLAIN, _V5 = 14, 40, 124  # bytes of the file's header, and of those of the picture that Pillow and we write
_EMBEDDED = b"DEBM"
_COLOURS_AT, _PROFILE_AT = _START + 56, _START + 112
_FOR_PICTURES = 4  # perceptual


def _adopt(image: Image.Image) -> Picture:
    check_extent(image)
    check_mode(image)
    data = file_behind(image)
    profile = None if data is None else _profile(data)
    metadata, orientation = metadata_of({**image.info, "icc_profile": profile}, image.size)
    image.load()
    return picture_of(image, metadata, orientation, _NAME)


def _profile(data: bytes) -> bytes | None:
    (size,) = struct.unpack_from("<I", data, _START)
    if size < _V5 or data[_COLOURS_AT : _COLOURS_AT + 4] != _EMBEDDED:
        return None
    start, length = struct.unpack_from("<2I", data, _PROFILE_AT)
    return data[_START + start : _START + start + length]


def _encode(picture: Picture, stream: BinaryIO, options: EncodeOptions) -> None:
    image, metadata = image_of(picture), picture.metadata
    profile = metadata.icc_profile
    if profile and profile[16:20] == b"GRAY":  # there is no BMP of one channel, only palettes
        image, profile = gray_as_srgb(image, profile)
    if profile is None:
        image.save(stream, "BMP", dpi=metadata.dpi or (0, 0))
        return
    plain = io.BytesIO()
    image.save(plain, "BMP", dpi=metadata.dpi or (0, 0))
    data = plain.getbuffer()
    place = len(data) + _V5 - _PLAIN
    (pixels,) = struct.unpack_from("<I", data, 10)
    stream.write(struct.pack("<2sIII", b"BM", place + len(profile), 0, pixels + _V5 - _PLAIN))
    stream.write(struct.pack("<I", _V5) + data[_START + 4 : _START + _PLAIN])
    # no masks of colours, and of the colours themselves nothing but that a profile tells of them
    stream.write(struct.pack("<16x4s48x4I", _EMBEDDED, _FOR_PICTURES, place - _START, len(profile), 0))
    stream.write(data[_START + _PLAIN :])
    stream.write(profile)


FORMAT = Format(
    name=_NAME,
    extensions=(".bmp",),
    sniff=lambda head: matched(head, b"BM"),
    decode=partial(decode_with, BmpImageFile, _adopt),
    encode=_encode,
    keeps={"dpi": ANY_SIZE, "icc_profile": ANY_SIZE},
    alpha=False,
    pil={"BMP": _adopt},
)
