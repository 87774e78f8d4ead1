"""AVIF: lossy, with 8, 10 or 12 bits, alpha, EXIF, XMP and an ICC profile; animated; at most 32768 pixels a side.

Pillow codes pixels of 8 bits; deep ones, which it takes for 8, imagecodecs, which comes with the extra ``deep``. What
neither tells is read from the file's boxes: what was cropped away, colours that go by numbers, EXIF as it was written.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

from PIL import Image
from PIL.AvifImagePlugin import SUPPORTED, AvifImageFile

from darklift.errors import ImageError
from darklift.image.arrays import assemble_codes
from darklift.image.avif_blocks import with_blocks
from darklift.image.avif_frames import save_frames, scan_frames
from darklift.image.boxed import described_by_boxes
from darklift.image.boxes import HeifFacts, brands, heif_facts
from darklift.image.colour_numbers import profile_of_numbers
from darklift.image.deep import picture_of_samples, unit_of
from darklift.image.exif import tiff_block, without_orientation
from darklift.image.extras import DEEP
from darklift.image.formats.base import ANY_SIZE, ONLY_8_BITS, EncodeOptions, Format, OptionsOf, Several
from darklift.image.metadata import metadata_of
from darklift.image.opened import file_behind
from darklift.image.picture import Metadata, Picture
from darklift.image.pixels import check_clip, check_extent, check_mode, check_size, decode_with, image_of, picture_of
from darklift.image.reel import Reel
from darklift.image.xmp_claims import without_claims

__all__ = ["FORMAT"]

_NAME = "AVIF"
_MAX_SIDE = 32_768
_SPEED = 6  # of 0 to 10: what Pillow takes
_BESIDES = 4  # bytes a pixel that libavif takes while it decodes
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
    check_extent(image, besides=_BESIDES)
    if data is None or facts.bits <= 8:
        return _picture_in(image, facts, read=data is not None)
    check_mode(image)
    metadata, orientation = _described(image, facts, read=True)
    channels = len(image.getbands())
    check_size(*image.size, held=4 * channels, decoding=6 * channels)
    left, top, width, height = facts.crop or (0, 0, *image.size)
    samples = DEEP.load(f"reading an AVIF photo with {facts.bits} bits").avif_decode(data)
    part = samples[top : top + height, left : left + width].reshape(height, width, -1)
    picture = picture_of_samples(unit_of(part, 2**facts.bits - 1), metadata, orientation, _NAME, facts.bits)
    return _with_subsampling(picture, facts, orientation)


def _decode_frames(stream: BinaryIO, reel: Reel, numbers: Sequence[int]) -> Iterator[Picture]:
    _check_library()
    stream.seek(0)
    facts = heif_facts(stream.read())
    stream.seek(0)
    image = AvifImageFile(stream)
    check_clip(*image.size, reel.count)
    if facts.bits > 8:
        raise ImageError(f"{reel.count} frames with {ONLY_8_BITS}")
    for number in numbers:
        image.seek(number)
        yield _picture_in(image, facts, read=True)


def _picture_in(image: Image.Image, facts: HeifFacts, *, read: bool) -> Picture:
    """The picture of 8 bits, or the frame, that Pillow stands at. read: as of :func:`_described`."""
    check_mode(image)
    metadata, orientation = _described(image, facts, read=read)
    image.load()
    if facts.gray:  # with alpha, Pillow makes it RGBA
        image = image.convert("LA" if image.has_transparency_data else "L")
    if facts.crop is not None:
        left, top, width, height = facts.crop
        image = image.crop((left, top, left + width, top + height))
    return _with_subsampling(picture_of(image, metadata, orientation, _NAME), facts, orientation)


def _with_subsampling(picture: Picture, facts: HeifFacts, orientation: int) -> Picture:
    """On its side, half the columns of colour are half the rows, of which only 4:4:4 holds all that there is."""
    turned = facts.subsampling == "4:2:2" and orientation >= 5
    return replace(picture, source=replace(picture.source, subsampling="4:4:4" if turned else facts.subsampling))


def _described(image: Image.Image, facts: HeifFacts, *, read: bool) -> tuple[Metadata, int]:
    """The metadata, and what the pixels have to be turned by. read: the facts are the file's; else none are known."""
    metadata, orientation = metadata_of(image.info, image.size)
    if read:  # else there is only the EXIF that Pillow has written anew
        metadata = described_by_boxes(image.info, facts, orientation)
    profile = metadata.icc_profile
    if profile is None and facts.nclx is not None:
        profile = profile_of_numbers(*facts.nclx[:2], gray=facts.gray)
    return replace(metadata, xmp=metadata.xmp and without_claims(metadata.xmp), icc_profile=profile), orientation


def _check(picture: Picture) -> None:
    _check_library()
    height, width = picture.size
    if height * width > _MAX_PIXELS:
        raise ImageError(f"{width} x {height} pixels, and {_NAME} takes 268 megapixels: write PNG or TIFF")


def _encode(picture: Picture, stream: BinaryIO, options: EncodeOptions) -> None:
    around = _around(picture.metadata)
    if options.bits > 8:
        stream.write(with_blocks(_deeply_coded(picture, options), **around | {"exif": tiff_block(around["exif"])}))
        return
    image_of(picture).save(stream, "AVIF", **_coding(picture, options), **around)


def _encode_frames(pictures: Iterable[Picture], reel: Reel, stream: BinaryIO, options: OptionsOf) -> None:
    pictures = iter(pictures)
    first = next(pictures)
    coding = _coding(first, options(first)) | _around(first.metadata)
    save_frames(itertools.chain([first], pictures), reel, stream, coding)


def _coding(picture: Picture, options: EncodeOptions) -> dict[str, Any]:
    """Of pixels, as Pillow's writer calls it."""
    return {"quality": options.quality, "subsampling": "4:0:0" if picture.gray else options.subsampling}


def _around(metadata: Metadata) -> dict[str, bytes]:
    """The blocks that go along with the pixels."""
    return {
        # with an orientation in it, Pillow would write all of EXIF anew, and maker notes would break
        "exif": without_orientation(metadata.exif) if metadata.exif else b"",
        "icc_profile": metadata.icc_profile or b"",
        "xmp": metadata.xmp or b"",
    }


def _deeply_coded(picture: Picture, options: EncodeOptions) -> bytes:
    """The file by imagecodecs, with pixels alone."""
    samples = assemble_codes(picture, options.bits)
    coded = DEEP.load(f"writing an AVIF photo with {options.bits} bits").avif_encode(
        samples if samples.shape[2] > 1 else samples[:, :, 0],
        level=options.quality,
        speed=_SPEED,
        bitspersample=options.bits,
        pixelformat="400" if picture.gray else options.subsampling.replace(":", ""),
        primaries=1,
        transfer=13,
    )
    return bytes(coded)


FORMAT = Format(
    name=_NAME,
    extensions=(".avif", ".avifs"),
    sniff=_sniff,
    decode=_decode,
    encode=_encode,
    check=_check,
    keeps=dict.fromkeys(("exif", "thumbnail", "icc_profile", "xmp"), ANY_SIZE),
    max_side=_MAX_SIDE,
    takes_quality=True,
    can_be_lossless=False,
    bits=(8, 10, 12),
    deep=DEEP,
    several=Several(moving=True, scan=scan_frames, decode=_decode_frames, encode=_encode_frames, bits=(8,)),
    pil={"AVIF": _adopt},
)
