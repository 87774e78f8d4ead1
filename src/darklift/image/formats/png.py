"""PNG: lossless, with alpha, and with texts of its own."""

import io
import struct
from dataclasses import replace
from functools import partial
from typing import BinaryIO, NamedTuple

from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

from darklift.errors import ImageError
from darklift.image.formats.base import ANY_SIZE, EncodeOptions, Format, matched
from darklift.image.metadata import metadata_of
from darklift.image.picture import Picture
from darklift.image.pixels import TOO_DEEP, check_extent, check_mode, decode_with, image_of, picture_of

__all__ = ["FORMAT"]

_NAME = "PNG"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LEVEL = 4  # of deflate: less than half the time of Pillow's 6, for files 4 % larger

_KEPT_CHUNKS = frozenset({b"tEXt", b"zTXt", b"iTXt", b"gAMA", b"cHRM", b"sRGB", b"cICP"})
# texts that Metadata holds by another name, and that would show another orientation than the upright picture's
_TEXTS_HELD_ELSEWHERE = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0", b"Raw profile type APP1\0")


class _Facts(NamedTuple):
    """What Pillow does not tell about a PNG file. ``gray_bits``: bits per sample if it is gray, else 8."""

    gray_bits: int = 8
    chunks: tuple[tuple[bytes, bytes], ...] = ()


def _decode(stream: BinaryIO) -> Picture:
    facts = _scan(stream)
    picture = decode_with(PngImageFile, partial(_adopt, gray_bits=facts.gray_bits), stream)
    return replace(picture, metadata=replace(picture.metadata, png_chunks=facts.chunks))


def _scan(stream: BinaryIO) -> _Facts:
    """Walk over the chunks; raise an ``ImageError`` for 16 bits per channel.

    The walk ends at the first thing amiss: it is Pillow's part to say what is wrong.
    """
    stream.seek(len(_SIGNATURE))
    gray_bits = 8
    chunks: list[tuple[bytes, bytes]] = []
    while len(start := stream.read(8)) == 8:
        length, name = struct.unpack(">I4s", start)
        if name == b"IHDR":
            header = stream.read(length + 4)
            if len(header) < 13:
                break
            bits, colour_type = header[8], header[9]
            if bits == 16:
                raise ImageError(TOO_DEEP)
            gray_bits = bits if colour_type == 0 and bits in (1, 2, 4) else 8
        elif name in _KEPT_CHUNKS:
            contents = stream.read(length)
            stream.seek(4, io.SEEK_CUR)
            if not contents.startswith(_TEXTS_HELD_ELSEWHERE):
                chunks.append((name, contents))
        else:
            stream.seek(length + 4, io.SEEK_CUR)
    return _Facts(gray_bits, tuple(chunks))


def _adopt(image: Image.Image, gray_bits: int = 8) -> Picture:
    check_extent(image)
    # Pillow reads 16-bit colour as 8-bit without a word; until it is loaded, the decoder's arguments tell
    if any(";16" in str(tile) for tile in getattr(image, "tile", ())):
        raise ImageError(TOO_DEEP)
    check_mode(image)
    image.load()
    if image.mode in ("1", "L") and image.info.get("transparency", 256) < 2**gray_bits:
        # the transparent gray is stated in the file's bits, and Pillow has spread the pixels to 8
        image.info["transparency"] *= 255 // (2**gray_bits - 1)
    return picture_of(image, *metadata_of(image.info), _NAME)


def _encode(picture: Picture, stream: BinaryIO, options: EncodeOptions) -> None:
    metadata = picture.metadata
    chunks = PngInfo()
    for name, contents in metadata.png_chunks:
        chunks.add(name, contents)
    if metadata.xmp:
        chunks.add(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp)
    if metadata.comment:
        chunks.add_text("Comment", metadata.comment.decode("utf-8", "replace"))
    image_of(picture).save(
        stream,
        "PNG",
        compress_level=_LEVEL,
        pnginfo=chunks,
        dpi=metadata.dpi,
        exif=metadata.exif or b"",
        icc_profile=metadata.icc_profile,
    )


FORMAT = Format(
    name=_NAME,
    extensions=(".png",),
    sniff=lambda head: matched(head, _SIGNATURE),
    decode=_decode,
    encode=_encode,
    keeps=dict.fromkeys(("exif", "icc_profile", "dpi", "xmp", "comment", "png_chunks"), ANY_SIZE),
    pil={"PNG": _adopt},
)
