"""JPEG 2000: lossless, with 8 to 16 bits, with alpha, EXIF, XMP, an ICC profile, the resolution and a comment.

Pillow codes pixels of 8 bits; deep ones, whose highlights it wraps, imagecodecs, which comes with the extra ``deep``.
The boxes around them, which hold the rest (ISO/IEC 15444-1, annex I), are read and written here, since neither passes
on EXIF, XMP and profiles.
"""

import io
import struct
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from typing import Any, BinaryIO

from PIL import Image
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

from darklift.errors import ImageError
from darklift.image.arrays import assemble_codes
from darklift.image.boxes import children
from darklift.image.deep import divide_by_alpha, picture_of_samples, unit_of
from darklift.image.exif import tiff_block
from darklift.image.extras import DEEP
from darklift.image.formats.base import ANY_SIZE, EncodeOptions, Format, matched
from darklift.image.left_behind import notes_on_blocks, notes_on_rest
from darklift.image.metadata import metadata_of
from darklift.image.opened import file_behind
from darklift.image.picture import Metadata, Picture
from darklift.image.pixels import check_extent, check_mode, check_size, decode_with, image_of, picture_of

__all__ = ["FORMAT"]

_NAME = "JPEG2000"
_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_CODESTREAM = b"\xff\x4f\xff\x51"
_COMMENT, _FIRST_TILE = 0xFF64, 0xFF90  # what a part of the header begins with
_TEXT = 1  # a kind of comment
_PROGRAM = b"Created by OpenJPEG"  # as a comment, where there is no other
_LONGEST_COMMENT = 65_531
_EXIF_ID = b"JpgTiffExif->JP2"
_XMP_ID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_KNOWN_BOXES = (b"jP  ", b"ftyp", b"jp2h", b"jp2c", b"free", b"skip", b"rreq")
_CREDENTIALS = b"jumb"
_METRE = Fraction(254, 10_000)  # of an inch
_SRGB, _GRAY, _BY_PROFILE = 16, 17, 0  # kinds of colour
_STRAIGHT, _MULTIPLIED = 1, 2  # kinds of alpha


# ------------------------------------------------------------------------------------------------------------ reading


@dataclass(slots=True)
class _Facts:
    """What Pillow does not tell. info: by the names that it has for other formats. codestream: the coded pixels, whose
    channels have these bits. colours, alpha: their kinds, None where none is stated. unknown: the names of boxes that
    nothing here can read. rest: what is behind the last box.
    """

    info: dict[str, Any] = field(default_factory=dict)
    codestream: bytes = b""
    bits: int = 8
    colours: int | None = None
    alpha: int | None = None
    unknown: list[bytes] = field(default_factory=list)
    rest: bytes = b""


def _adopt(image: Image.Image) -> Picture:
    check_extent(image)
    data = file_behind(image)
    facts = _Facts() if data is None else _read(data)
    if facts.codestream:
        _check_room(facts)
    info: dict[Any, Any] = {**image.info, **facts.info}
    if data is None and (info.get("comment") or b"").startswith(_PROGRAM):
        del info["comment"]
    metadata, orientation = metadata_of(info, image.size)
    notes = (*metadata.notes, *notes_on_blocks(facts.unknown, _CREDENTIALS), *notes_on_rest(facts.rest))
    metadata = replace(metadata, notes=notes)
    if facts.bits > 8:
        return _deep(facts, metadata, orientation)
    check_mode(image)
    image.load()
    return picture_of(image, metadata, orientation, _NAME)


def _deep(facts: _Facts, metadata: Metadata, orientation: int) -> Picture:
    """The picture by the codestream alone: its channels as they are coded."""
    if facts.colours not in (None, _SRGB, _GRAY, _BY_PROFILE):
        raise ImageError(f"JPEG 2000 colours of kind {facts.colours}, expected gray or RGB: convert it first")
    codecs = DEEP.load(f"reading a JPEG 2000 file with {facts.bits} bits")
    samples = codecs.jpeg2k_decode(facts.codestream, planar=False)
    samples = samples.reshape(*samples.shape[:2], -1)
    if samples.shape[2] > 4:
        raise ImageError(f"{samples.shape[2]} channels, expected gray or RGB, with or without alpha: save it as RGB")
    unit = unit_of(samples, 2**facts.bits - 1)
    if facts.alpha == _MULTIPLIED and unit.shape[2] in (2, 4):
        divide_by_alpha(unit)
    return picture_of_samples(unit, metadata, orientation, _NAME, facts.bits)


def _read(data: bytes) -> _Facts:
    """Raises ``ImageError`` for samples that no picture here can have."""
    facts = _Facts()
    if data.startswith(_CODESTREAM):
        facts.codestream, facts.bits = data, _bits_of(data)
        facts.info["comment"] = _comments(data)
        return facts
    last = 0
    for kind, start, end in children(data):
        if kind == b"jp2c" and not facts.codestream:
            facts.codestream = data[start:end]
            facts.bits = _bits_of(facts.codestream)
        elif kind == b"uuid" and data.startswith(_EXIF_ID, start):
            facts.info["exif"] = data[start + 16 : end]
        elif kind == b"uuid" and data.startswith(_XMP_ID, start):
            facts.info["xmp"] = data[start + 16 : end]
        elif kind == b"jp2h":
            _read_header(data, start, end, facts)
        elif kind not in _KNOWN_BOXES:
            facts.unknown.append(kind)
        last = end
    facts.rest = data[last:]
    facts.info["comment"] = _comments(facts.codestream)
    return facts


def _read_header(data: bytes, start: int, end: int, facts: _Facts) -> None:
    for kind, first, last in children(data, start, end):
        if kind == b"colr" and data[first] == 2:
            facts.info["icc_profile"] = data[first + 3 : last]
            facts.colours = _BY_PROFILE
        elif kind == b"colr" and data[first] == 1 and facts.colours is None:
            (facts.colours,) = struct.unpack_from(">I", data, first + 3)
        elif kind == b"cdef":
            (count,) = struct.unpack_from(">H", data, first)
            meanings = [struct.unpack_from(">3H", data, first + 2 + 6 * number) for number in range(count)]
            facts.alpha = next((kind for _, kind, _ in meanings if kind in (_STRAIGHT, _MULTIPLIED)), None)


def _bits_of(codestream: bytes) -> int:
    """The bits of each channel, by the header (annex A.5.1)."""
    (count,) = struct.unpack_from(">H", codestream, 40)
    kinds = codestream[42 : 42 + 3 * count : 3]
    if any(kind & 0x80 for kind in kinds):
        raise ImageError("JPEG 2000 samples with a sign: convert it to plain RGB first")
    bits = max(kinds) + 1
    if bits > 16 or (bits > 8 and len(set(kinds)) > 1):
        raise ImageError(
            f"JPEG 2000 channels of {min(kinds) + 1} to {bits} bits, expected up to 16, each alike: convert it first"
        )
    if bits > 8 and codestream[43 : 43 + 3 * count : 3].strip(b"\1") + codestream[44 : 44 + 3 * count : 3].strip(b"\1"):
        raise ImageError("JPEG 2000 channels of several sizes: convert it to plain RGB first")
    return bits


def _check_room(facts: _Facts) -> None:
    """By the header of the codestream (annex A.5.1), whose size decoders make room for, whatever the boxes say."""
    right, bottom, left, top = struct.unpack_from(">4I", facts.codestream, 8)
    (channels,) = struct.unpack_from(">H", facts.codestream, 40)
    held, decoding = (1, 6) if facts.bits <= 8 else (4, 6)  # OpenJPEG takes 4 for each, whatever their bits
    check_size(right - left, bottom - top, held=held * channels, decoding=decoding * channels)


def _comments(codestream: bytes) -> list[bytes]:
    """Those that are no program's own (annex A.9.2); Pillow finds one, and in some files only."""
    found: list[bytes] = []
    at = len(_CODESTREAM) - 2
    while at + 6 <= len(codestream):
        marker, length, kind = struct.unpack_from(">3H", codestream, at)
        if marker == _FIRST_TILE:
            break
        text = codestream[at + 6 : at + 2 + length]
        if marker == _COMMENT and kind == _TEXT and not text.startswith(_PROGRAM):
            found.append(text)
        at += 2 + length
    return found


# ------------------------------------------------------------------------------------------------------------ writing


def _encode(picture: Picture, stream: BinaryIO, options: EncodeOptions) -> None:
    metadata = picture.metadata
    channels = (1 if picture.gray else 3) + (picture.alpha is not None)
    coded = _coded(picture) if options.bits == 8 else _deeply_coded(picture, options.bits)
    stream.write(_SIGNATURE + _box(b"ftyp", b"jp2 ", bytes(4), b"jp2 "))
    stream.write(_box(b"jp2h", *_header(picture.size, channels, options.bits, metadata)))
    if metadata.exif:
        stream.write(_box(b"uuid", _EXIF_ID, tiff_block(metadata.exif)))
    if metadata.xmp:
        stream.write(_box(b"uuid", _XMP_ID, metadata.xmp))
    stream.write(_box(b"jp2c", coded))


def _halvings(size: tuple[int, int]) -> int:
    """At most as many as the shorter side bears."""
    return max(1, min(6, min(size).bit_length()))


def _coded(picture: Picture) -> bytes:
    codestream = io.BytesIO()
    image_of(picture).save(
        codestream,
        "JPEG2000",
        no_jp2=True,
        irreversible=False,
        num_resolutions=_halvings(picture.size),
        comment=picture.metadata.comment,
    )
    return codestream.getvalue()


def _deeply_coded(picture: Picture, bits: int) -> bytes:
    codecs = DEEP.load(f"writing a JPEG 2000 file with {bits} bits")
    samples = assemble_codes(picture, bits)
    coded = bytes(
        codecs.jpeg2k_encode(
            samples if samples.shape[2] > 1 else samples[:, :, 0],
            codecformat="j2k",
            bitspersample=bits,
            reversible=True,
            resolutions=_halvings(picture.size),
        )
    )
    comment = picture.metadata.comment
    if not comment:
        return coded
    end = 4 + struct.unpack_from(">H", coded, 4)[0]  # of the first header, which others may follow in any order
    return coded[:end] + struct.pack(">3H", _COMMENT, len(comment) + 4, _TEXT) + comment + coded[end:]


def _header(size: tuple[int, int], channels: int, bits: int, metadata: Metadata) -> list[bytes]:
    colours = 1 if channels < 3 else 3
    boxes = [_box(b"ihdr", struct.pack(">2IH4B", *size, channels, bits - 1, 7, 0, 0))]
    if metadata.icc_profile:
        boxes.append(_box(b"colr", b"\2\0\0", metadata.icc_profile))
    else:
        boxes.append(_box(b"colr", b"\1\0\0", struct.pack(">I", _GRAY if colours == 1 else _SRGB)))
    if channels > colours:
        meanings = [(number, 0, number + 1) for number in range(colours)] + [(colours, _STRAIGHT, 0)]
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
    bits=(8, 10, 12, 16),
    deep=DEEP,
    pil={"JPEG2000": _adopt},
)
