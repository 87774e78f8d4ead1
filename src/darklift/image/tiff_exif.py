"""EXIF out of a TIFF file, which is its own EXIF block: what describes the picture, in a block without the pixels."""

from collections.abc import Container
from typing import BinaryIO

from PIL import Image

__all__ = ["STRUCTURE_TAGS", "exif_at", "exif_block"]

_EXIF_DIRECTORY, _GPS_DIRECTORY, _INTEROP_DIRECTORY = 0x8769, 0x8825, 0xA005
_MAKER_NOTE = 0x927C

# Entries that say how and where the pixels are stored, or that Metadata holds by another name: they are no description
# of the picture, and wrong in any other file. From TIFF 6.0, its supplements, and EXIF 2.32.
STRUCTURE_TAGS = frozenset(
    {254, 255, 256, 257, 258, 259, *range(262, 267), 273, *range(277, 282), 284, *range(288, 294), 297, 301}
    | {*range(317, 326), 330, 332, 333, 334, *range(336, 348), 351, *range(512, 522), *range(529, 533), 559}
    | {700, 33723, 34377, 34675, 37724, 50784}
)


def exif_at(
    stream: BinaryIO,
    offset: int,
    order: str,
    *,
    big: bool = False,
    without: Container[int] = STRUCTURE_TAGS,
    maker_note: bool = True,
) -> bytes | None:
    """The block of what the directory at an offset describes.

    order: of bytes, "<" or ">". big: it is a BigTIFF file. without: tags of the first directory that are left out.
    """
    source = Image.Exif()
    source.bigtiff, source.endian = big, order
    source.load_from_fp(stream, offset)
    return exif_block(source, without, maker_note=maker_note)


def exif_block(
    source: Image.Exif, without: Container[int] = STRUCTURE_TAGS, *, maker_note: bool = True
) -> bytes | None:
    """The block of a file's directories, without some of the tags in the first; None where nothing is left."""
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
