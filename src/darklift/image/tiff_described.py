"""What describes the picture in a TIFF file's directories, apart from how its pixels are stored."""

import io
import struct
from collections.abc import Container
from typing import Any, BinaryIO

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from darklift.image.exif import tiff_block
from darklift.image.metadata import bytes_or_none, understood_exif

__all__ = [
    "RESOLUTION_TAGS",
    "STRUCTURE_TAGS",
    "dpi_of",
    "exif_at",
    "exif_of",
    "iptc_of",
    "left_behind",
    "orientation_of",
    "photoshop_of",
    "without_maker_note",
]

_ORIENTATION = 274
_XMP, _IPTC, _PHOTOSHOP, _ICC_PROFILE = 700, 33723, 34377, 34675
_EXIF_DIRECTORY, _GPS_DIRECTORY, _INTEROP_DIRECTORY = 0x8769, 0x8825, 0xA005
_MAKER_NOTE = 0x927C
_ACROSS, _DOWN, _UNIT = 282, 283, 296  # of the resolution
_INCH, _CENTIMETRE = 2, 3

# Entries that say how and where the pixels are stored, or that Metadata holds by another name: they are no description
# of the picture, and wrong in any other file. From TIFF 6.0, its supplements, and EXIF 2.32.
STRUCTURE_TAGS = frozenset(
    {254, 255, 256, 257, 258, 259, *range(262, 267), 273, *range(277, 282), 284, *range(288, 294), 297, 301}
    | {*range(317, 326), 330, 332, 333, 334, *range(336, 348), 351, *range(512, 522), *range(529, 533), 559}
    | {_XMP, _IPTC, _PHOTOSHOP, _ICC_PROFILE, 37724, 50784}
    | {50706}  # by which a file says that it is a DNG
)
_NOT_KEPT = {
    330: "pictures below the first (previews of the dark photo)",
    37724: "Photoshop's layers",
    50784: "Alias' layers",
}
RESOLUTION_TAGS = frozenset({_ACROSS, _DOWN, _UNIT})


def exif_at(
    stream: BinaryIO,
    offset: int,
    order: str,
    *,
    big: bool = False,
    without: Container[int] = STRUCTURE_TAGS,
    maker_note: bool = True,
) -> bytes | None:
    """The same of a file that Pillow has not opened, whose first directory is at ``offset``.

    order: of bytes, "<" or ">". big: it is a BigTIFF file.
    """
    source = Image.Exif()
    source.bigtiff, source.endian = big, order
    source.load_from_fp(stream, offset)
    return exif_of(source, without, maker_note=maker_note)


def exif_of(source: Image.Exif, without: Container[int] = STRUCTURE_TAGS, *, maker_note: bool = True) -> bytes | None:
    """What describes the picture, copied out of the file's directories into a block of its own; None for nothing.

    without: tags of the first directory that are left out.
    """
    copy = Image.Exif()
    copy.endian = source.endian
    for tag, value in source.items():
        if tag not in without and tag not in (_EXIF_DIRECTORY, _GPS_DIRECTORY):
            copy[tag] = value
    details = dict(source.get_ifd(_EXIF_DIRECTORY))
    if not maker_note:
        details.pop(_MAKER_NOTE, None)
    if _INTEROP_DIRECTORY in details:
        details[_INTEROP_DIRECTORY] = source.get_ifd(_INTEROP_DIRECTORY)
    if details:
        copy[_EXIF_DIRECTORY] = details
    if gps := source.get_ifd(_GPS_DIRECTORY):
        copy[_GPS_DIRECTORY] = gps
    return copy.tobytes() if len(copy) else None


def without_maker_note(exif: bytes) -> bytes | None:
    """An EXIF block written anew, but for the camera's maker note; None where it cannot be read."""
    block = tiff_block(exif)
    order = "<" if block.startswith(b"II") else ">"

    def written() -> bytes | None:
        (start,) = struct.unpack_from(order + "I", block, 4)
        return exif_at(io.BytesIO(block), start, order, without=(), maker_note=False)

    made, _ = understood_exif(written, [])
    return made


def dpi_of(tags: ImageFileDirectory_v2) -> tuple[float, float] | None:
    """Pixels per inch, (horizontal, vertical); None where they are no numbers."""
    unit, across, down = tags.get(_UNIT, _INCH), tags.get(_ACROSS), tags.get(_DOWN)
    if not across or not down or unit not in (_INCH, _CENTIMETRE):
        return None
    scale = 2.54 if unit == _CENTIMETRE else 1
    try:
        return float(across) * scale, float(down) * scale
    except (TypeError, ValueError):
        return None


def orientation_of(tags: ImageFileDirectory_v2) -> int:
    """What the pixels have to be turned by, 1 to 8."""
    stated = tags.get(_ORIENTATION, 1)
    return stated if stated in range(1, 9) else 1


def iptc_of(tags: ImageFileDirectory_v2) -> bytes | None:
    """The IPTC-NAA record."""
    record = tags.get(_IPTC)
    if isinstance(record, tuple):  # some programs write these bytes as LONG numbers
        record = struct.pack(f"{'>' if tags.prefix == b'MM' else '<'}{len(record)}I", *record)
    return bytes_or_none(record)


def photoshop_of(tags: ImageFileDirectory_v2) -> dict[Any, Any]:
    """Photoshop's records, under the name that Pillow has for those in a JPEG file."""
    return {"photoshop": bytes_or_none(tags.get(_PHOTOSHOP))}


def left_behind(tags: ImageFileDirectory_v2) -> list[str]:
    """In words, what the file holds and the picture does not."""
    return [words for tag, words in _NOT_KEPT.items() if tag in tags]
