"""AVIF: lossy, 8 bits here, with alpha, EXIF, XMP and an ICC profile; also animated; at most 32768 pixels a side.

Pillow decodes and encodes. What it keeps to itself is read from the file's boxes: it takes 10 bits for 8, shows what
was cropped away, says nothing of colours that go by numbers, and writes EXIF anew when the file is turned.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

from PIL import Image
from PIL.AvifImagePlugin import SUPPORTED, AvifImageFile

from darklift.errors import ImageError
from darklift.image.avif_frames import save_frames, scan_frames
from darklift.image.boxes import HeifFacts, brands, heif_facts
from darklift.image.colour_numbers import profile_of_numbers
from darklift.image.exif import upright_xmp, without_orientation
from darklift.image.formats.base import ANY_SIZE, ONLY_8_BITS, EncodeOptions, Format, OptionsOf, Several
from darklift.image.metadata import metadata_of, understood_exif
from darklift.image.opened import file_behind
from darklift.image.picture import Picture
from darklift.image.pixels import check_extent, check_mode, check_size, decode_with, image_of, picture_of
from darklift.image.reel import Reel
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
    return _picture_in(image, facts)


def _decode_frames(stream: BinaryIO, reel: Reel, numbers: Sequence[int]) -> Iterator[Picture]:
    _check_library()
    stream.seek(0)
    facts = heif_facts(stream.read())
    stream.seek(0)
    image = AvifImageFile(stream)
    check_size(*image.size)
    for number in numbers:
        image.seek(number)
        yield _picture_in(image, facts)


def _picture_in(image: Image.Image, facts: HeifFacts) -> Picture:
    """The picture, or the frame that Pillow stands at."""
    check_mode(image)
    if facts.bits > 8:
        raise ImageError(ONLY_8_BITS)
    metadata, orientation = metadata_of(image.info)
    profile, notes = metadata.icc_profile, [*metadata.notes, *facts.notes]
    if profile is None and facts.nclx is not None:
        profile = profile_of_numbers(*facts.nclx[:2], gray=facts.gray)
    exif = metadata.exif if facts.exif is None else understood_exif(lambda: facts.exif, notes)[0]
    image.load()
    if facts.gray:  # with alpha, Pillow makes it RGBA
        image = image.convert("LA" if image.has_transparency_data else "L")
    if facts.crop is not None:
        left, top, width, height = facts.crop
        image = image.crop((left, top, left + width, top + height))
    xmp = metadata.xmp and without_claims(metadata.xmp)
    metadata = replace(metadata, exif=exif, xmp=xmp, icc_profile=profile, notes=tuple(notes))
    return picture_of(image, metadata, orientation, _NAME)


def _encode(picture: Picture, stream: BinaryIO, options: EncodeOptions) -> None:
    written = _options(picture, options)
    image_of(picture).save(stream, "AVIF", **written)


def _encode_frames(pictures: Iterable[Picture], reel: Reel, stream: BinaryIO, options: OptionsOf) -> None:
    pictures = iter(pictures)
    first = next(pictures)
    save_frames(itertools.chain([first], pictures), reel, stream, _options(first, options(first)))


def _options(picture: Picture, options: EncodeOptions) -> dict[str, Any]:
    """Of Pillow's writer."""
    _check_library()
    height, width = picture.size
    if height * width > _MAX_PIXELS:
        raise ImageError(f"{width} x {height} pixels, and {_NAME} takes 268 megapixels: write PNG or TIFF")
    metadata = picture.metadata
    return {
        "quality": options.quality,
        "subsampling": "4:0:0" if picture.gray else "4:4:4",
        # with an orientation in it, Pillow would write all of EXIF anew, and maker notes would break
        "exif": without_orientation(metadata.exif) if metadata.exif else b"",
        "icc_profile": metadata.icc_profile or b"",
        "xmp": upright_xmp(metadata.xmp or b""),  # where EXIF has no orientation, viewers go by XMP's
    }


FORMAT = Format(
    name=_NAME,
    extensions=(".avif", ".avifs"),
    sniff=_sniff,
    decode=_decode,
    encode=_encode,
    keeps={"exif": ANY_SIZE, "icc_profile": ANY_SIZE, "xmp": ANY_SIZE},
    max_side=_MAX_SIDE,
    takes_quality=True,
    can_be_lossless=False,
    several=Several(moving=True, scan=scan_frames, decode=_decode_frames, encode=_encode_frames),
    pil={"AVIF": _adopt},
)
