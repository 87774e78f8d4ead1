"""TIFF: lossless here, with 8 or 16 bits, alpha and all metadata; files of up to 4 GiB (TIFF 6.0 and supplement 2).

A TIFF file is its own EXIF block: what describes the picture is copied out of it and into it. Pillow reads such files,
but cannot write EXIF directories into a compressed one. So the EXIF block, itself a TIFF structure, becomes the start
of the file as it is; pixels follow (deflate with horizontal differencing), and a new first directory takes over the
entries of the old. Nothing in the block moves, so even the offsets inside of maker notes stay right.
"""

import struct
import zlib
from dataclasses import replace
from functools import partial
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from darklift.errors import ImageError
from darklift.image.arrays import assemble
from darklift.image.deep import divide_by_alpha, picture_of_samples, unit_of
from darklift.image.exif import Directory, read_directory, tiff_block, value_is_inside
from darklift.image.formats.base import ANY_SIZE, EncodeOptions, Format, OptionsOf, Several, matched
from darklift.image.metadata import bytes_or_none, describe, understood_exif
from darklift.image.picture import Metadata, Picture
from darklift.image.pixels import (
    TOO_DEEP,
    check_extent,
    check_mode,
    check_size,
    noted_warnings,
    picture_of,
    with_notes,
)
from darklift.image.tiff_directory import BYTE, LONG, SHORT, UNDEFINED, DirectoryWriter, even_position
from darklift.image.tiff_pages import decode_pages, encode_pages, notes_on_others, scan_pages
from darklift.image.tiff_samples import layout_of, read_directory_of, read_samples

__all__ = ["FORMAT"]

_NAME = "TIFF"
_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_SUBFILE_TYPE = 254
_BITS = 258
_PHOTOMETRIC = 262
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_ORIENTATION = 274
_X_RESOLUTION = 282
_EXTRA_SAMPLES = 338
_SAMPLE_FORMAT = 339
_XMP = 700
_IPTC = 33723
_EXIF_DIRECTORY = 0x8769
_ICC_PROFILE = 34675
_GPS_DIRECTORY = 0x8825
_INTEROP_DIRECTORY = 0xA005
_DNG_VERSION = 50706

# Entries that say how and where the pixels are stored, or that Metadata holds by another name: they are no description
# of the picture, and wrong in any other file. From TIFF 6.0, its supplements, and EXIF 2.32.
_STRUCTURE_TAGS = frozenset(
    {254, 255, 256, 257, 258, 259, *range(262, 267), 273, *range(277, 282), 284, *range(288, 294), 297, 301}
    | {*range(317, 326), 330, 332, 333, 334, *range(336, 348), 351, *range(512, 522), *range(529, 533), 559}
    | {_XMP, _IPTC, 34377, _ICC_PROFILE, 37724, 50784}
)
_RESOLUTION_TAGS = frozenset({_X_RESOLUTION, 283, 296})

_LEVEL = 4  # of deflate: half the time of the usual 6, for files slightly larger
_STRIPBYTES = 1 << 18  # before compression
_INCH = 2


# ------------------------------------------------------------------------------------------------------------ reading


def _decode(stream: BinaryIO) -> Picture:
    with noted_warnings() as notes:  # tags are read until the end, and may be damaged
        tags, offset, big = read_directory_of(stream)
        if max(tags.get(_BITS, (1,))) > 8 or (big and tags.prefix == b"MM"):
            picture = _decode_deep(stream, tags, offset, big)
        else:
            stream.seek(0)
            picture = _adopt_page(TiffImageFile(stream))
    return with_notes(picture, [*notes, *notes_on_others(stream)])


def _decode_deep(stream: BinaryIO, tags: ImageFileDirectory_v2, offset: int, big: bool) -> Picture:
    """What Pillow would read as 8 bits, or not at all."""
    _check_tags(tags)
    layout = layout_of(tags)
    check_size(layout.width, layout.height)
    photometric, extra = tags.get(_PHOTOMETRIC, 1), tags.get(_EXTRA_SAMPLES, ())
    if photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB):
        raise ImageError(
            f"TIFF colours of kind {photometric} with {layout.bits} bits, expected gray or RGB: convert it first"
        )
    if layout.channels != (3 if photometric == _RGB else 1) + len(extra):
        raise ImageError(
            f"{layout.channels} TIFF channels without a meaning: save it as gray or RGB, with or without alpha"
        )
    notes: list[str] = []
    if big and tags.prefix == b"MM":  # Pillow reads no directories behind its first
        notes.append("EXIF of a big-endian BigTIFF file")
        exif = None
    else:
        exif, _ = understood_exif(lambda: _described_by(stream, tags, offset, big), notes)
    orientation = tags.get(_ORIENTATION, 1)
    info = {"icc_profile": tags.get(_ICC_PROFILE), "xmp": tags.get(_XMP), "dpi": _dpi(tags)}
    metadata = replace(describe(info, exif, orientation, notes), iptc=_iptc(tags))
    unit = unit_of(read_samples(stream, layout), 2**layout.bits - 1)
    if photometric == _WHITE_IS_ZERO:
        np.subtract(1, unit[:, :, :1], out=unit[:, :, :1])
    if 1 in extra:
        divide_by_alpha(unit)
    return picture_of_samples(unit, metadata, orientation, _NAME, layout.bits)


def _described_by(stream: BinaryIO, tags: ImageFileDirectory_v2, offset: int, big: bool) -> bytes | None:
    source = Image.Exif()
    source.bigtiff, source.endian = big, "<" if tags.prefix == b"II" else ">"
    source.load_from_fp(stream, offset)
    return _exif_block(source)


def _dpi(tags: ImageFileDirectory_v2) -> tuple[float, float] | None:
    unit, across, down = tags.get(296, _INCH), tags.get(_X_RESOLUTION), tags.get(283)
    if not across or not down or unit not in (_INCH, 3):
        return None
    scale = 2.54 if unit == 3 else 1
    return float(across) * scale, float(down) * scale


def _adopt(image: Image.Image) -> Picture:
    check_extent(image)
    return _adopt_page(image)


def _adopt_page(image: Image.Image) -> Picture:
    """The page that Pillow stands at."""
    assert isinstance(image, TiffImageFile)  # only these say that they are TIFF
    check_size(*image.size)
    _check_tags(image.tag_v2)
    if max(image.tag_v2.get(_BITS, (1,))) > 8:
        raise ImageError(TOO_DEEP)
    check_mode(image)
    image.load()
    notes: list[str] = []
    exif, _ = understood_exif(lambda: _exif_block(image.getexif()), notes)
    metadata = describe(image.info, exif, 1, notes)  # Pillow itself turns TIFF pixels as they are loaded
    if _X_RESOLUTION not in image.tag_v2:
        metadata = replace(metadata, dpi=None)  # Pillow reports 1 x 1 here
    return picture_of(image, replace(metadata, iptc=_iptc(image.tag_v2)), 1, _NAME)


def _check_tags(tags: ImageFileDirectory_v2) -> None:
    if _DNG_VERSION in tags or tags.get(_SUBFILE_TYPE, 0) & 1:
        raise ImageError("a camera raw file, of which only the preview could be read: develop it to JPEG or TIFF first")
    if max(tags.get(_BITS, (1,))) <= 8 and set(tags.get(_SAMPLE_FORMAT, (1,))) - {1, 4}:  # 1: unsigned, 4: not stated
        raise ImageError("TIFF samples that are not unsigned integers: convert it to 8 bits first")
    extra = tags.get(_EXTRA_SAMPLES, ())
    if len(extra) > 1 or 0 in extra:
        raise ImageError("TIFF channels besides colour and alpha, which would be lost: save it without them")


def _exif_block(source: Image.Exif) -> bytes | None:
    """What describes the picture, copied out of the file's directories into a block of its own."""
    copy = Image.Exif()
    copy.endian = source.endian
    for tag, value in source.items():
        if tag not in _STRUCTURE_TAGS and tag not in (_EXIF_DIRECTORY, _GPS_DIRECTORY):
            copy[tag] = value
    details = dict(source.get_ifd(_EXIF_DIRECTORY))
    if _INTEROP_DIRECTORY in details:
        details[_INTEROP_DIRECTORY] = source.get_ifd(_INTEROP_DIRECTORY)
    if details:
        copy[_EXIF_DIRECTORY] = details
    if gps := source.get_ifd(_GPS_DIRECTORY):
        copy[_GPS_DIRECTORY] = gps
    return copy.tobytes() if len(copy) else None


def _iptc(tags: ImageFileDirectory_v2) -> bytes | None:
    record = tags.get(_IPTC)
    if isinstance(record, tuple):  # some programs write these bytes as LONG numbers
        record = struct.pack(f"{'>' if tags.prefix == b'MM' else '<'}{len(record)}I", *record)
    return bytes_or_none(record)


# ------------------------------------------------------------------------------------------------------------ writing


def _encode(picture: Picture, stream: BinaryIO, options: EncodeOptions) -> None:
    order, described = _start(stream, picture.metadata)
    file = DirectoryWriter(stream, order)
    file.finish(_write_picture(file, picture, lambda _: options, described))


def _start(stream: BinaryIO, metadata: Metadata) -> tuple[str, dict[int, bytes]]:
    """Begin the file with the EXIF block; returns its byte order, and the entries that describe the picture."""
    block = tiff_block(metadata.exif) if metadata.exif else b""
    directory = read_directory(block) if block else Directory("<", (), None)
    stream.write(block or b"II*\0\0\0\0\0")
    return directory.order, {
        entry.tag: block[entry.position : entry.position + 12]
        for entry in directory.entries
        if value_is_inside(block, directory.order, entry)
    }


def _write_picture(
    file: DirectoryWriter, picture: Picture, options: OptionsOf, described: dict[int, bytes]
) -> dict[int, bytes]:
    """Write its pixels; returns its directory's entries, also those that describe it."""
    dtype = np.uint16 if options(picture).bits == 16 else np.uint8
    values = assemble(picture, dtype, gray=picture.gray, alpha=picture.alpha is not None)
    offsets, counts, rows = _write_strips(file.stream, values, file.order)
    entries = _pixel_entries(file, values, offsets, counts, rows) | _metadata_entries(file, picture.metadata)
    replaced = _STRUCTURE_TAGS | (_RESOLUTION_TAGS if picture.metadata.dpi is not None else frozenset())
    return {tag: entry for tag, entry in described.items() if tag not in replaced} | entries


def _pixel_entries(
    file: DirectoryWriter, values: npt.NDArray[Any], offsets: list[int], counts: list[int], rows: int
) -> dict[int, bytes]:
    """How the pixels are stored: the channels are 1 gray, 2 gray and alpha, 3 RGB, or 4 RGB and alpha."""
    height, width, channels = values.shape
    entries = {
        256: file.numbers(256, LONG, [width]),
        257: file.numbers(257, LONG, [height]),
        _BITS: file.numbers(_BITS, SHORT, [8 * values.dtype.itemsize] * channels),
        259: file.numbers(259, SHORT, [8]),  # Adobe deflate
        _PHOTOMETRIC: file.numbers(_PHOTOMETRIC, SHORT, [2 if channels >= 3 else 1]),  # RGB, or gray with black as 0
        273: file.numbers(273, LONG, offsets),
        277: file.numbers(277, SHORT, [channels]),
        278: file.numbers(278, LONG, [rows]),
        279: file.numbers(279, LONG, counts),
        284: file.numbers(284, SHORT, [1]),  # channels of a pixel side by side
        317: file.numbers(317, SHORT, [2]),  # differences to the pixel on the left
    }
    if channels in (2, 4):
        entries[_EXTRA_SAMPLES] = file.numbers(
            _EXTRA_SAMPLES, SHORT, [2]
        )  # alpha that the colours are not multiplied with
    return entries


def _metadata_entries(file: DirectoryWriter, metadata: Metadata) -> dict[int, bytes]:
    entries = {}
    if metadata.dpi:
        entries[_X_RESOLUTION] = file.rational(_X_RESOLUTION, metadata.dpi[0])
        entries[283] = file.rational(283, metadata.dpi[1])
        entries[296] = file.numbers(296, SHORT, [_INCH])
    for tag, kind, contents in (
        (_XMP, BYTE, metadata.xmp),
        (_IPTC, UNDEFINED, metadata.iptc),
        (_ICC_PROFILE, UNDEFINED, metadata.icc_profile),
    ):
        if contents:
            entries[tag] = file.contents(tag, kind, len(contents), contents)
    return entries


def _write_strips(stream: BinaryIO, values: npt.NDArray[Any], order: str) -> tuple[list[int], list[int], int]:
    """Write the pixels; returns offset and length of each strip, and the rows in one."""
    height, width, channels = values.shape
    rows = max(1, min(height, _STRIPBYTES // (width * channels * values.dtype.itemsize)))
    offsets, counts = [], []
    for top in range(0, height, rows):
        strip = values[top : top + rows].copy()
        strip[:, 1:] -= values[top : top + rows, :-1]  # modulo 256 or 65536, as the format wants it
        data = zlib.compress(strip.astype(f"{order}u{strip.itemsize}").tobytes(), _LEVEL)
        offsets.append(even_position(stream))
        counts.append(len(data))
        stream.write(data)
    return offsets, counts, rows


FORMAT = Format(
    name=_NAME,
    extensions=(".tif", ".tiff"),
    sniff=lambda head: matched(head, *_SIGNATURES),
    decode=_decode,
    encode=_encode,
    keeps=dict.fromkeys(("exif", "icc_profile", "dpi", "xmp", "iptc"), ANY_SIZE),
    bits=(8, 16),
    several=Several(
        moving=False,
        scan=scan_pages,
        decode=partial(decode_pages, decode=_decode),
        encode=partial(encode_pages, start=_start, write=_write_picture),
    ),
    pil={"TIFF": _adopt},
)
