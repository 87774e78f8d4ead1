"""AVIF: lossy, 8 bits here, with alpha, EXIF, XMP and an ICC profile; at most 32768 pixels a side.

Pillow decodes and encodes. What it keeps to itself is read from the file's boxes: it takes 10 bits for 8, shows what
was cropped away, says nothing of colours that go by numbers, and writes EXIF anew when the file is turned.
"""

from dataclasses import replace
from typing import BinaryIO

from PIL import Image
from PIL.AvifImagePlugin import SUPPORTED, AvifImageFile

from darklift.errors import ImageError
from darklift.image.boxes import HeifFacts, brands, heif_facts
from darklift.image.colour_numbers import profile_of_numbers
from darklift.image.exif import upright_xmp, without_orientation
from darklift.image.exif_add import has_thumbnail
from darklift.image.formats.base import ANY_SIZE, ONLY_8_BITS, EncodeOptions, Format
from darklift.image.metadata import describe, metadata_of, understood_exif
from darklift.image.opened import file_behind
from darklift.image.picture import Picture
from darklift.image.pixels import check_extent, check_mode, decode_with, image_of, picture_of
from darklift.image.xmp_claims import without_claims

__all__ = ["FORMAT"]

_NAME = "AVIF"
_MAX_SIDE = 32_768
_MAX_PIXELS = 16_384**2  # libavif reads no more, unless it is told to


def _sniff(head: bytes) -> int:
    return 12 if {b"avif", b"avis"} & set(brands(head)) else 0


def _decode(stream: BinaryIO) -> Picture:
    _check_library()
    return decode_with(AvifImageFile, _adopt, stream)


def _check_library() -> None:
    if not SUPPORTED:
        raise ImageError("this Pillow was built without AVIF: install it from PyPI, or convert the photo")


def _adopt(image: Image.Image) -> Picture:
    data = file_behind(image)
    facts = HeifFacts() if data is None else heif_facts(data)
    check_extent(image)
    check_mode(image)
    if facts.bits > 8:
        raise ImageError(ONLY_8_BITS)
    metadata, orientation = metadata_of(image.info, image.size)
    if data is not None:  # else there is only the EXIF that Pillow has written anew
        notes = list(facts.notes)
        exif, stated = understood_exif(lambda: facts.exif, notes)
        # where it agrees with the boxes, it counts from the corner of the picture as it is stored
        metadata = describe(image.info, exif, stated if stated == orientation else 1, notes, image.size)
        metadata = replace(metadata, thumbnail=exif is not None and has_thumbnail(facts.exif or b""))
    profile = metadata.icc_profile
    if profile is None and facts.nclx is not None:
        profile = profile_of_numbers(*facts.nclx[:2], gray=facts.gray)
    image.load()
    if facts.gray:  # with alpha, Pillow makes it RGBA
        image = image.convert("LA" if image.has_transparency_data else "L")
    if facts.crop is not None:
        left, top, width, height = facts.crop
        image = image.crop((left, top, left + width, top + height))
    xmp = metadata.xmp and without_claims(metadata.xmp)
    metadata = replace(metadata, xmp=xmp, icc_profile=profile)
    return picture_of(image, metadata, orientation, _NAME)


def _encode(picture: Picture, stream: BinaryIO, options: EncodeOptions) -> None:
    _check_library()
    height, width = picture.size
    if height * width > _MAX_PIXELS:
        raise ImageError(f"{width} x {height} pixels, and {_NAME} takes 268 megapixels: write PNG or TIFF")
    image, metadata = image_of(picture), picture.metadata
    image.save(
        stream,
        "AVIF",
        quality=options.quality,
        subsampling="4:0:0" if picture.gray else "4:4:4",
        # with an orientation in it, Pillow would write all of EXIF anew, and maker notes would break
        exif=without_orientation(metadata.exif) if metadata.exif else b"",
        icc_profile=metadata.icc_profile or b"",
        xmp=upright_xmp(metadata.xmp or b""),  # where EXIF has no orientation, viewers go by XMP's
    )


FORMAT = Format(
    name=_NAME,
    extensions=(".avif",),
    sniff=_sniff,
    decode=_decode,
    encode=_encode,
    keeps=dict.fromkeys(("exif", "thumbnail", "icc_profile", "xmp"), ANY_SIZE),
    max_side=_MAX_SIDE,
    takes_quality=True,
    can_be_lossless=False,
    pil={"AVIF": _adopt},
)
