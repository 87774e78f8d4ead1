"""TIFF: 8 bits and lossless here, with alpha and all metadata; files of up to 4 GiB (TIFF 6.0 and supplement 2).

A TIFF file is its own EXIF block: what describes the picture is copied out of it and into it. Pillow reads such files,
but cannot write EXIF directories into a compressed one. So the EXIF block, itself a TIFF structure, becomes the start
of the file as it is; pixels follow (deflate with horizontal differencing), and a new first directory takes over the
entries of the old. Nothing in the block moves, so even the offsets inside of maker notes stay right.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from darklift.errors import ImageError
from darklift.image.arrays import assemble
from darklift.image.exif import Directory, read_directory, tiff_block, value_is_inside
from darklift.image.formats.base import ANY_SIZE, EncodeOptions, Format, matched
from darklift.image.metadata import bytes_or_none, describe, understood_exif
from darklift.image.picture import Metadata, Picture
from darklift.image.pixels import TOO_DEEP, check_extent, check_mode, noted_warnings, picture_of, with_notes

__all__ = ["FORMAT"]

_NAME = "TIFF"
_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_SUBFILE_TYPE = 254
_BITS = 258
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

_BYTE, _SHORT, _LONG, _RATIONAL, _UNDEFINED = 1, 3, 4, 5, 7
_LEVEL = 4  # of deflate: half the time of the usual 6, for files slightly larger
_STRIP_BYTES = 1 << 18  # before compression
_INCH = 2


# ------------------------------------------------------------------------------------------------------------ reading


def _decode(stream: BinaryIO) -> Picture:
    stream.seek(0)
    with noted_warnings() as notes:  # tags are read until the end, and may be damaged
        picture = _adopt(TiffImageFile(stream))
    return with_notes(picture, notes)


def _adopt(image: Image.Image) -> Picture:
    assert isinstance(image, TiffImageFile)  # only these say that they are TIFF
    check_extent(image)
    _check_tags(image)
    check_mode(image)
    image.load()
    notes: list[str] = []
    exif, _ = understood_exif(lambda: _exif_block(image), notes)
    metadata = describe(image.info, exif, 1, notes)  # Pillow itself turns TIFF pixels as they are loaded
    if _X_RESOLUTION not in image.tag_v2:
        metadata = replace(metadata, dpi=None)  # Pillow reports 1 x 1 here
    return picture_of(image, replace(metadata, iptc=_iptc(image)), 1, _NAME)


def _check_tags(image: TiffImageFile) -> None:
    tags = image.tag_v2
    if _DNG_VERSION in tags or tags.get(_SUBFILE_TYPE, 0) & 1:
        raise ImageError("a camera raw file, of which only the preview could be read: develop it to JPEG or TIFF first")
    if max(tags.get(_BITS, (1,))) > 8:
        raise ImageError(TOO_DEEP)
    if set(tags.get(_SAMPLE_FORMAT, (1,))) - {1, 4}:  # 1: unsigned integers, 4: not stated
        raise ImageError("TIFF samples that are not unsigned integers: convert it to 8 bits first")
    extra = tags.get(_EXTRA_SAMPLES, ())
    if len(extra) > 1 or 0 in extra:
        raise ImageError("TIFF channels besides colour and alpha, which would be lost: save it without them")


def _exif_block(image: TiffImageFile) -> bytes | None:
    """What describes the picture, copied out of the file's directories into a block of its own."""
    source = image.getexif()
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


def _iptc(image: TiffImageFile) -> bytes | None:
    record = image.tag_v2.get(_IPTC)
    if isinstance(record, tuple):  # some programs write these bytes as LONG numbers
        record = struct.pack(f"{'>' if image.tag_v2.prefix == b'MM' else '<'}{len(record)}I", *record)
    return bytes_or_none(record)


# ------------------------------------------------------------------------------------------------------------ writing


def _encode(picture: Picture, stream: BinaryIO, options: EncodeOptions) -> None:
    values = assemble(picture, np.uint8, gray=picture.gray, alpha=picture.alpha is not None)
    metadata = picture.metadata
    block = tiff_block(metadata.exif) if metadata.exif else b""
    directory = read_directory(block) if block else Directory("<", (), None)
    stream.write(block or b"II*\0\0\0\0\0")
    offsets, counts, rows = _write_strips(stream, values)
    file = _DirectoryWriter(stream, directory.order)
    entries = _pixel_entries(file, values.shape, offsets, counts, rows) | _metadata_entries(file, metadata)
    for entry in directory.entries:
        replaced = entry.tag in _STRUCTURE_TAGS or (metadata.dpi is not None and entry.tag in _RESOLUTION_TAGS)
        if not replaced and value_is_inside(block, directory.order, entry):
            entries.setdefault(entry.tag, block[entry.position : entry.position + 12])
    file.finish(entries)


def _pixel_entries(
    file: "_DirectoryWriter", shape: tuple[int, ...], offsets: list[int], counts: list[int], rows: int
) -> dict[int, bytes]:
    """How the pixels are stored: the channels are 1 gray, 2 gray and alpha, 3 RGB, or 4 RGB and alpha."""
    height, width, channels = shape
    entries = {
        256: file.numbers(256, _LONG, [width]),
        257: file.numbers(257, _LONG, [height]),
        _BITS: file.numbers(_BITS, _SHORT, [8] * channels),
        259: file.numbers(259, _SHORT, [8]),  # Adobe deflate
        262: file.numbers(262, _SHORT, [2 if channels >= 3 else 1]),  # RGB, or gray with black as 0
        273: file.numbers(273, _LONG, offsets),
        277: file.numbers(277, _SHORT, [channels]),
        278: file.numbers(278, _LONG, [rows]),
        279: file.numbers(279, _LONG, counts),
        284: file.numbers(284, _SHORT, [1]),  # channels of a pixel side by side
        317: file.numbers(317, _SHORT, [2]),  # differences to the pixel on the left
    }
    if channels in (2, 4):
        entries[_EXTRA_SAMPLES] = file.numbers(
            _EXTRA_SAMPLES, _SHORT, [2]
        )  # alpha that the colours are not multiplied with
    return entries


def _metadata_entries(file: "_DirectoryWriter", metadata: Metadata) -> dict[int, bytes]:
    entries = {}
    if metadata.dpi:
        entries[_X_RESOLUTION] = file.rational(_X_RESOLUTION, metadata.dpi[0])
        entries[283] = file.rational(283, metadata.dpi[1])
        entries[296] = file.numbers(296, _SHORT, [_INCH])
    for tag, kind, contents in (
        (_XMP, _BYTE, metadata.xmp),
        (_IPTC, _UNDEFINED, metadata.iptc),
        (_ICC_PROFILE, _UNDEFINED, metadata.icc_profile),
    ):
        if contents:
            entries[tag] = file.contents(tag, kind, len(contents), contents)
    return entries


def _write_strips(stream: BinaryIO, values: npt.NDArray[np.uint8]) -> tuple[list[int], list[int], int]:
    """Write the pixels; returns offset and length of each strip, and the rows in one."""
    height, width, channels = values.shape
    rows = max(1, min(height, _STRIP_BYTES // (width * channels)))
    offsets, counts = [], []
    for top in range(0, height, rows):
        strip = values[top : top + rows].copy()
        strip[:, 1:] -= values[top : top + rows, :-1]  # modulo 256, as the format wants it
        data = zlib.compress(strip.tobytes(), _LEVEL)
        offsets.append(_even_position(stream))
        counts.append(len(data))
        stream.write(data)
    return offsets, counts, rows


def _even_position(stream: BinaryIO) -> int:
    """Where the next value starts: TIFF wants even offsets, and they have 32 bits."""
    if stream.tell() % 2:
        stream.write(b"\0")
    position = stream.tell()
    if position >= 2**32 - _STRIP_BYTES:
        raise ImageError("the picture exceeds the 4 GiB of a TIFF file: write PNG instead")
    return position


class _DirectoryWriter:
    """Makes 12-byte entries, writing those values to the stream that do not fit in one, and then the directory."""

    def __init__(self, stream: BinaryIO, order: str) -> None:
        self._stream = stream
        self._order = order

    def numbers(self, tag: int, kind: int, values: Sequence[int]) -> bytes:
        code = {_SHORT: "H", _LONG: "I"}[kind]
        return self.contents(tag, kind, len(values), struct.pack(f"{self._order}{len(values)}{code}", *values))

    def rational(self, tag: int, value: float) -> bytes:
        ratio = Fraction(value).limit_denominator(10_000)
        return self.contents(tag, _RATIONAL, 1, struct.pack(self._order + "2I", ratio.numerator, ratio.denominator))

    def contents(self, tag: int, kind: int, count: int, contents: bytes) -> bytes:
        if len(contents) > 4:
            position = _even_position(self._stream)
            self._stream.write(contents)
            contents = struct.pack(self._order + "I", position)
        return struct.pack(self._order + "HHI4s", tag, kind, count, contents)

    def finish(self, entries: dict[int, bytes]) -> None:
        """Write the directory and point the file's header at it."""
        position = _even_position(self._stream)
        self._stream.write(struct.pack(self._order + "H", len(entries)))
        self._stream.write(b"".join(entries[tag] for tag in sorted(entries)))
        self._stream.write(bytes(4))  # no further directory
        self._stream.seek(4)
        self._stream.write(struct.pack(self._order + "I", position))


FORMAT = Format(
    name=_NAME,
    extensions=(".tif", ".tiff"),
    sniff=lambda head: matched(head, *_SIGNATURES),
    decode=_decode,
    encode=_encode,
    keeps=dict.fromkeys(("exif", "icc_profile", "dpi", "xmp", "iptc"), ANY_SIZE),
    pil={"TIFF": _adopt},
)
