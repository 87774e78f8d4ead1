"""JPEG XL: lossy or lossless, with 8 or 16 bits, with alpha, EXIF, XMP and an ICC profile.

OpenImageIO, which comes with the extra ``jxl``, codes the pixels. The container around them is read and written here
(ISO/IEC 18181-2), since OpenImageIO takes EXIF apart and writes it anew. libjxl turns the picture by the codestream's
orientation; EXIF has no say in that.
"""

import io
import struct
from dataclasses import replace
from typing import BinaryIO

import numpy as np

from darklift.errors import ImageError, one_line
from darklift.image.arrays import assemble
from darklift.image.boxes import children
from darklift.image.colour_numbers import profile_of_numbers
from darklift.image.deep import divide_by_alpha, picture_of_samples, unit_of
from darklift.image.exif import tiff_block
from darklift.image.exif_add import has_thumbnail
from darklift.image.extras import Extra
from darklift.image.formats.base import ANY_SIZE, EncodeOptions, Format, matched
from darklift.image.icc import read_profile
from darklift.image.icc_writing import rgb_profile_of_gray
from darklift.image.jxl_facts import CODESTREAM, SIGNATURE, JxlFacts, jxl_facts
from darklift.image.left_behind import notes_on_blocks, notes_on_rest
from darklift.image.metadata import describe, understood_exif
from darklift.image.oiio import read_with, written_with
from darklift.image.picture import Metadata, Picture
from darklift.image.pixels import check_size
from darklift.image.xmp_claims import without_claims

__all__ = ["FORMAT"]

_NAME = "JPEGXL"
_EXTRA = Extra("OpenImageIO", "OpenImageIO", "jxl")
_BROTLI = Extra("brotli", "brotli", "jxl")
_MAX_SIDE = 2**18  # of level 5, which every reader takes
_LEAST = 128  # bytes: OpenImageIO 3.2.2 takes a shorter file for a damaged one
_MOST_METADATA = 1 << 26  # bytes, unpacked
_LOSSLESS_EFFORT, _LOSSY_EFFORT = 3, 5  # of 9; 7 takes ten times as long for files that are no smaller
_READ = (b"Exif", b"xml ")
_NOTES = {
    b"jbrd": "what lets the JPEG file be restored that it was made from",
    b"jhgm": "its gain map, which belongs to the dark photo",
}
_CREDENTIALS = b"jumb"


# ------------------------------------------------------------------------------------------------------------ reading


def _decode(stream: BinaryIO) -> Picture:
    stream.seek(0)
    data = stream.read()
    facts = jxl_facts(data)
    channels = (1 if facts.gray else 3) + facts.alpha
    check_size(facts.width, facts.height, held=4 * channels, decoding=6 * channels)
    if facts.animated:
        raise ImageError("an animation of several frames, expected 1: save each as a file of its own")
    if facts.others:
        raise ImageError(f"channels besides colour and alpha ({', '.join(facts.others)}): save it without them")
    if facts.transfer in (16, 18):
        profile_of_numbers(9, facts.transfer)  # which says what to do about it
    read = read_with(_EXTRA, "reading a JPEG XL photo", ".jxl", io.BytesIO(data.ljust(_LEAST, b"\0")))
    unit = unit_of(read.samples, np.iinfo(read.samples.dtype).max if read.samples.dtype.kind == "u" else 1)
    if facts.multiplied:
        divide_by_alpha(unit)
    profile = None if facts.srgb else read.facts.get("ICCProfile")
    metadata = _metadata(facts, None if profile is None else bytes(profile))
    picture = picture_of_samples(unit, metadata, 1, _NAME, max(8, facts.bits))
    return replace(picture, source=replace(picture.source, lossless=facts.lossless))


def _metadata(facts: JxlFacts, profile: bytes | None) -> Metadata:
    blocks = dict(_unpacked(facts))
    notes = [note for kind, note in _NOTES.items() if kind in blocks]
    notes += notes_on_blocks((kind for kind in blocks if kind not in _READ and kind not in _NOTES), _CREDENTIALS)
    notes += notes_on_rest(facts.rest)
    # before the TIFF header stands where it begins
    found = blocks.get(b"Exif", b"")
    block = found[4 + int.from_bytes(found[:4], "big") :] or None
    exif, stated = understood_exif(lambda: block, notes)
    # where EXIF agrees with the codestream, it counts from the corner of the picture as it is stored
    orientation = stated if stated == facts.orientation else 1
    size = (facts.height, facts.width) if facts.orientation >= 5 else (facts.width, facts.height)
    metadata = describe({"icc_profile": profile, "xmp": blocks.get(b"xml ")}, exif, orientation, notes, size)
    xmp = metadata.xmp and without_claims(metadata.xmp)
    return replace(metadata, xmp=xmp, thumbnail=exif is not None and has_thumbnail(block or b""))


def _unpacked(facts: JxlFacts) -> list[tuple[bytes, bytes]]:
    """Each box of metadata, those within Brotli (``brob``) unpacked."""
    unpacked = []
    for kind, contents in facts.blocks:
        if kind == b"brob":
            brotli = _BROTLI.load("reading the metadata of a JPEG XL photo")
            kind, packed = contents[:4], contents[4:]
            try:
                contents = brotli.Decompressor().process(packed, output_buffer_limit=_MOST_METADATA)
            except brotli.error as error:
                raise ImageError("damaged file: its metadata cannot be unpacked: copy or download it again") from error
        unpacked.append((kind, contents))
    return unpacked


# ------------------------------------------------------------------------------------------------------------ writing


def _check(picture: Picture) -> None:
    """The codestream holds a profile by what it means, so only one that is understood."""
    profile = picture.metadata.icc_profile
    try:
        if profile is not None and read_profile(profile).gray and not picture.gray:
            raise ValueError("it is for gray pixels")
    except ValueError as error:
        raise ImageError(
            f"its colour profile cannot be used ({one_line(error)}), which {_NAME} does not take: write PNG or TIFF"
        ) from error


def _encode(picture: Picture, stream: BinaryIO, options: EncodeOptions) -> None:
    profile, alpha = picture.metadata.icc_profile, picture.alpha is not None
    of_gray = profile is not None and read_profile(profile).gray
    # the library writes no gray with alpha, nor gray with a profile of colours
    gray = picture.gray and not alpha and (profile is None or of_gray)
    samples = assemble(picture, np.uint16 if options.bits == 16 else np.uint8, gray=gray, alpha=alpha)
    quality = 100 if options.lossless else options.quality  # at 100 it is lossless
    effort = _LOSSLESS_EFFORT if quality == 100 else _LOSSY_EFFORT
    facts: dict[str, object] = {"compression": f"jpegxl:{quality}", "jpegxl:effort": effort}
    if profile is not None:
        facts["ICCProfile"] = rgb_profile_of_gray(profile) if of_gray and not gray else profile
    _write_container(stream, written_with(_EXTRA, "writing JPEG XL", ".jxl", samples, facts), picture.metadata)


def _write_container(stream: BinaryIO, file: bytes, metadata: Metadata) -> None:
    """The codestream of a file of OpenImageIO's, with what it says of its level, and with our metadata."""
    boxes = [(b"ftyp", b"jxl \0\0\0\0jxl ")]
    parts = [file] if file.startswith(CODESTREAM) else []
    for kind, start, end in children(file):
        if kind == b"jxll":
            boxes.append((kind, file[start:end]))
        elif kind in (b"jxlc", b"jxlp"):
            parts.append(file[start + (4 if kind == b"jxlp" else 0) : end])
    if metadata.exif:
        boxes.append((b"Exif", bytes(4) + tiff_block(metadata.exif)))
    if metadata.xmp:
        boxes.append((b"xml ", metadata.xmp))
    stream.write(SIGNATURE)
    for kind, contents in [*boxes, (b"jxlc", b"".join(parts))]:
        long = len(contents) + 8 >= 2**32
        stream.write(struct.pack(">I4s", 1 if long else len(contents) + 8, kind))
        stream.write(struct.pack(">Q", len(contents) + 16) if long else b"")
        stream.write(contents)


FORMAT = Format(
    name=_NAME,
    extensions=(".jxl",),
    sniff=lambda head: matched(head, SIGNATURE, CODESTREAM),
    decode=_decode,
    encode=_encode,
    check=_check,
    keeps=dict.fromkeys(("exif", "thumbnail", "icc_profile", "xmp"), ANY_SIZE),
    max_side=_MAX_SIDE,
    takes_quality=True,
    bits=(8, 16),
    needs=_EXTRA,
)
