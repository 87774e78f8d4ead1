"""WebP: lossy or lossless, with alpha; always RGB, at most 16383 pixels a side; also animated."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import BinaryIO

from PIL.WebPImagePlugin import WebPImageFile

from darklift.image.formats.base import ANY_SIZE, EncodeOptions, Format, Several
from darklift.image.left_behind import notes_on_blocks, notes_on_rest
from darklift.image.picture import Picture
from darklift.image.pixels import (
    adopt,
    check_clip,
    check_size,
    decode_with,
    gray_as_srgb,
    image_of,
    pictures_in,
    with_notes,
)
from darklift.image.reel import Reel
from darklift.image.webp_frames import canvas_of, encode_frames, kinds_of, rest_of, scan_frames

__all__ = ["FORMAT"]

_NAME = "WebP"
_KNOWN_CHUNKS = frozenset({b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ICCP", b"EXIF", b"XMP ", b"ANIM", b"ANMF"})
_CREDENTIALS = b"C2PA"
_BESIDES = 8  # bytes a pixel: two canvases on which libwebp puts frames together
_LOSSLESS_EFFORT = 75  # what WebP calls quality when lossless: time spent against size, never the pixels

_adopt = partial(adopt, container=_NAME)


def _sniff(head: bytes) -> int:
    return 12 if head.startswith(b"RIFF") and head[8:12] == b"WEBP" else 0


def _decode(stream: BinaryIO) -> Picture:
    size = canvas_of(stream)
    if size is not None:  # Pillow makes room as it opens the file
        check_size(*size, held=3, decoding=7 + _BESIDES)
    picture = decode_with(WebPImageFile, _adopt, stream)
    return _with_facts(picture, kinds_of(stream), rest_of(stream))


def _with_facts(picture: Picture, kinds: set[bytes], rest: bytes) -> Picture:
    """What the chunks of its file tell, which is sound, and what is behind them."""
    lossless = b"VP8L" in kinds and b"VP8 " not in kinds
    picture = replace(picture, source=replace(picture.source, lossless=lossless))
    unknown = sorted(kinds - _KNOWN_CHUNKS)
    return with_notes(picture, [*notes_on_blocks(unknown, _CREDENTIALS), *notes_on_rest(rest)])


def _decode_frames(stream: BinaryIO, reel: Reel, numbers: Sequence[int]) -> Iterator[Picture]:
    size = canvas_of(stream)
    if size is not None:
        check_clip(*size, reel.count)
    kinds, rest = kinds_of(stream), rest_of(stream)
    for picture in pictures_in(WebPImageFile, _NAME, stream, reel, numbers):
        yield _with_facts(picture, kinds, rest)


def _encode(picture: Picture, stream: BinaryIO, options: EncodeOptions) -> None:
    image, metadata = image_of(picture), picture.metadata
    icc_profile = metadata.icc_profile
    if icc_profile and icc_profile[16:20] == b"GRAY":  # WebP is always RGB
        image, icc_profile = gray_as_srgb(image, icc_profile)
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


FORMAT = Format(
    name=_NAME,
    extensions=(".webp",),
    sniff=_sniff,
    decode=_decode,
    encode=_encode,
    keeps=dict.fromkeys(("exif", "thumbnail", "icc_profile", "xmp"), ANY_SIZE),
    max_side=16_383,
    takes_quality=True,
    several=Several(
        moving=True, scan=scan_frames, decode=_decode_frames, encode=partial(encode_frames, encode=_encode)
    ),
    pil={"WEBP": _adopt},
)
