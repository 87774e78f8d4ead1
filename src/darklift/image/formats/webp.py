"""WebP: lossy or lossless, with alpha; always RGB, at most 16383 pixels a side; also animated."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import BinaryIO

from PIL import Image, ImageCms
from PIL.WebPImagePlugin import WebPImageFile

from darklift.errors import ImageError, one_line
from darklift.image.formats.base import ANY_SIZE, EncodeOptions, Format, Several
from darklift.image.picture import Picture
from darklift.image.pixels import adopt, decode_with, image_of, pictures_in, to_srgb
from darklift.image.reel import Reel
from darklift.image.webp_frames import encode_frames, is_lossless, scan_frames

__all__ = ["FORMAT"]

_NAME = "WebP"
_LOSSLESS_EFFORT = 75  # what WebP calls quality when lossless: time spent against size, never the pixels

_adopt = partial(adopt, container=_NAME)


def _sniff(head: bytes) -> int:
    return 12 if head.startswith(b"RIFF") and head[8:12] == b"WEBP" else 0


def _decode(stream: BinaryIO) -> Picture:
    picture = decode_with(WebPImageFile, _adopt, stream)
    return replace(picture, source=replace(picture.source, lossless=is_lossless(stream)))


def _decode_frames(stream: BinaryIO, reel: Reel, numbers: Sequence[int]) -> Iterator[Picture]:
    lossless = is_lossless(stream)
    for picture in pictures_in(WebPImageFile, _NAME, stream, reel, numbers):
        yield replace(picture, source=replace(picture.source, lossless=lossless))


def _encode(picture: Picture, stream: BinaryIO, options: EncodeOptions) -> None:
    image, metadata = image_of(picture), picture.metadata
    icc_profile = metadata.icc_profile
    if icc_profile and icc_profile[16:20] == b"GRAY":
        image, icc_profile = _gray_as_srgb(image, icc_profile)
    image.save(
        stream,
        "WEBP",
        quality=_LOSSLESS_EFFORT if options.lossless else options.quality,
        lossless=options.lossless,
        exact=True,  # keep the colours of transparent pixels
        exif=metadata.exif or b"",
        icc_profile=icc_profile or b"",
        xmp=metadata.xmp or b"",
    )


def _gray_as_srgb(image: Image.Image, icc_profile: bytes) -> tuple[Image.Image, bytes | None]:
    """WebP is always RGB, which a profile for one channel does not fit."""
    if image.mode not in ("L", "LA"):
        return image, None
    try:
        converted, srgb = to_srgb(image.getchannel("L"), icc_profile)
    except (ImageCms.PyCMSError, OSError) as error:
        raise ImageError(f"its gray profile cannot be used ({one_line(error)}): write PNG or TIFF") from error
    if image.mode == "LA":
        converted.putalpha(image.getchannel("A"))
    return converted, srgb


FORMAT = Format(
    name=_NAME,
    extensions=(".webp",),
    sniff=_sniff,
    decode=_decode,
    encode=_encode,
    keeps={"exif": ANY_SIZE, "icc_profile": ANY_SIZE, "xmp": ANY_SIZE},
    max_side=16_383,
    takes_quality=True,
    several=Several(
        moving=True, scan=scan_frames, decode=_decode_frames, encode=partial(encode_frames, encode=_encode)
    ),
    pil={"WEBP": _adopt},
)
