"""JPEG 2000: lossless, 8 bits here, with alpha, EXIF, XMP, an ICC profile and the resolution.

Pillow codes the pixels. The boxes around them, which hold the rest (ISO/IEC 15444-1, annex I), are read and written
here, since Pillow passes on nothing of EXIF, XMP and profiles. Deep files are refused: it wraps their highlights.
"""

import io
import struct
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any, BinaryIO

from PIL import Image
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

from darklift.errors import ImageError
from darklift.image.boxes import children
from darklift.image.exif import tiff_block
from darklift.image.formats.base import ANY_SIZE, ONLY_8_BITS, EncodeOptions, Format, matched
from darklift.image.left_behind import notes_on_blocks
from darklift.image.metadata import metadata_of
from darklift.image.opened import file_behind
from darklift.image.picture import Metadata, Picture
from darklift.image.pixels import check_extent, check_mode, decode_with, image_of, picture_of, with_notes

__all__ = ["FORMAT"]

_NAME = "JPEG2000"
_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_CODESTREAM = b"\xff\x4f\xff\x51"
_PROGRAM = b"Created by OpenJPEG"  # as a comment, where there is no other
_LONGEST_COMMENT = 65_531
_EXIF_ID = b"JpgTiffExif->JP2"
_XMP_ID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_KNOWN_BOXES = (b"jP  ", b"ftyp", b"jp2h", b"jp2c", b"free", b"skip", b"rreq")
_CREDENTIALS = b"jumb"
_NOTES = "notes"
_METRE = Fraction(254, 10_000)  # of an inch


# ------------------------------------------------------------------------------------------------------------ reading


def _adopt(image: Image.Image) -> Picture:
    check_extent(image)
    check_mode(image)
    data = file_behind(image)
    more = {} if data is None else _read(data)
    metadata, orientation = metadata_of({**image.info, **more}, image.size)
    if metadata.comment and metadata.comment.startswith(_PROGRAM):
        metadata = replace(metadata, comment=None)
    image.load()
    return with_notes(picture_of(image, metadata, orientation, _NAME), more.get(_NOTES, []))


def _read(data: bytes) -> dict[str, Any]:
    """What Pillow does not tell, by the names that it has for other formats. Raises ``ImageError`` for deep samples."""
    found: dict[str, Any] = {}
    unknown: list[bytes] = []
    if data.startswith(_CODESTREAM):
        _check_samples(data)
        return found
    for kind, start, end in children(data):
        if kind == b"jp2c":
            _check_samples(data[start : start + 60_000])
        elif kind == b"uuid" and data.startswith(_EXIF_ID, start):
            found["exif"] = data[start + 16 : end]
        elif kind == b"uuid" and data.startswith(_XMP_ID, start):
            found["xmp"] = data[start + 16 : end]
        elif kind == b"jp2h":
            for inner, first, last in children(data, start, end):
                if inner == b"colr" and data[first] == 2:
                    found["icc_profile"] = data[first + 3 : last]
        elif kind not in _KNOWN_BOXES:
            unknown.append(kind)
    found[_NOTES] = notes_on_blocks(unknown, _CREDENTIALS)
    return found


def _check_samples(codestream: bytes) -> None:
    """Look at the bits of each channel in the header (annex A.5.1)."""
    (count,) = struct.unpack_from(">H", codestream, 40)
    kinds = codestream[42 : 42 + 3 * count : 3]
    if any((kind & 0x7F) + 1 > 8 for kind in kinds):
        raise ImageError(ONLY_8_BITS)
    if any(kind & 0x80 for kind in kinds):
        raise ImageError("JPEG 2000 samples with a sign: convert it to plain RGB first")


# ------------------------------------------------------------------------------------------------------------ writing


def _encode(picture: Picture, stream: BinaryIO, options: EncodeOptions) -> None:
    image, metadata = image_of(picture), picture.metadata
    codestream = io.BytesIO()
    # at most as many halvings as the shorter side bears
    levels = max(1, min(6, min(image.size).bit_length()))
    image.save(
        codestream, "JPEG2000", no_jp2=True, irreversible=False, num_resolutions=levels, comment=metadata.comment
    )
    stream.write(_SIGNATURE + _box(b"ftyp", b"jp2 ", bytes(4), b"jp2 "))
    stream.write(_box(b"jp2h", *_header(image, metadata)))
    if metadata.exif:
        stream.write(_box(b"uuid", _EXIF_ID, tiff_block(metadata.exif)))
    if metadata.xmp:
        stream.write(_box(b"uuid", _XMP_ID, metadata.xmp))
    stream.write(_box(b"jp2c", codestream.getvalue()))


def _header(image: Image.Image, metadata: Metadata) -> list[bytes]:
    width, height = image.size
    channels = len(image.getbands())
    colours = 1 if channels < 3 else 3
    boxes = [_box(b"ihdr", struct.pack(">2IH4B", height, width, channels, 7, 7, 0, 0))]
    if metadata.icc_profile:
        boxes.append(_box(b"colr", b"\2\0\0", metadata.icc_profile))
    else:
        boxes.append(_box(b"colr", b"\1\0\0", struct.pack(">I", 17 if colours == 1 else 16)))  # gray, or sRGB
    if channels > colours:
        meanings = [(number, 0, number + 1) for number in range(colours)] + [(colours, 1, 0)]
        boxes.append(_box(b"cdef", struct.pack(">H", channels), *(struct.pack(">3H", *each) for each in meanings)))
    if metadata.dpi:
        boxes.append(_box(b"res ", _box(b"resc", _resolution(metadata.dpi))))
    return boxes


def _resolution(dpi: tuple[float, float]) -> bytes:
    """Points per metre as fractions of 16 bits with an exponent of ten: vertical, horizontal."""
    down, across = (Fraction(value).limit_denominator(100) / _METRE / 100 for value in dpi[::-1])
    ratios = [value.limit_denominator(min(65535, int(65535 / max(float(value), 1.0)))) for value in (down, across)]
    return struct.pack(">4H2b", *(part for ratio in ratios for part in (ratio.numerator, ratio.denominator)), 2, 2)


def _box(kind: bytes, *contents: bytes) -> bytes:
    data = b"".join(contents)
    if len(data) + 8 < 2**32:
        return struct.pack(">I4s", len(data) + 8, kind) + data
    return struct.pack(">I4sQ", 1, kind, len(data) + 16) + data


FORMAT = Format(
    name=_NAME,
    extensions=(".jp2",),
    sniff=lambda head: matched(head, _SIGNATURE, _CODESTREAM),
    decode=partial(decode_with, Jpeg2KImageFile, _adopt),
    encode=_encode,
    keeps={**dict.fromkeys(("exif", "thumbnail", "icc_profile", "dpi", "xmp"), ANY_SIZE), "comment": _LONGEST_COMMENT},
    pil={"JPEG2000": _adopt},
)
