"""What an EXIF block gets besides what it has: a resolution, a thumbnail. It is put behind, so that nothing moves."""

import io
import struct

from darklift.errors import ImageError
from darklift.image.exif import EXIF_HEADER, read_directory, tiff_block
from darklift.image.tiff_directory import SHORT, DirectoryWriter

__all__ = ["has_thumbnail", "resolution_of", "with_resolution", "with_thumbnail"]

_EMPTY = b"II*\0\x08\0\0\0\0\0\0\0\0\0"
_ACROSS, _DOWN, _UNIT = 0x011A, 0x011B, 0x0128
_INCH, _CENTIMETRE = 2, 3
_COMPRESSION, _JPEG = 0x0103, 6
_THUMBNAIL_OFFSET, _THUMBNAIL_LENGTH = 0x0201, 0x0202
_SHORT, _LONG, _RATIONAL = 3, 4, 5


def has_thumbnail(exif: bytes) -> bool:
    """Whether the block's second directory tells of a JPEG thumbnail."""
    block = tiff_block(exif)
    try:
        first = read_directory(block)
        if first.next is None:
            return False
        (second,) = struct.unpack_from(first.order + "I", block, first.next)
        return bool(second) and any(each.tag == _THUMBNAIL_OFFSET for each in read_directory(block, second).entries)
    except ImageError:
        return False


def resolution_of(exif: bytes) -> tuple[float, float] | None:
    """Pixels per inch that the block states, (horizontal, vertical). A damaged block is an ``ImageError``."""
    block = tiff_block(exif)
    directory = read_directory(block)
    found, unit = {}, _INCH
    for entry in directory.entries:
        if entry.tag in (_ACROSS, _DOWN) and (entry.type, entry.count) == (_RATIONAL, 1):
            (place,) = struct.unpack_from(directory.order + "I", block, entry.position + 8)
            if place + 8 <= len(block):
                above, below = struct.unpack_from(directory.order + "2I", block, place)
                found[entry.tag] = above / below if below else 0.0
        elif entry.tag == _UNIT and entry.type == _SHORT:
            (unit,) = struct.unpack_from(directory.order + "H", block, entry.position + 8)
    if len(found) < 2 or unit not in (_INCH, _CENTIMETRE) or not all(found.values()):
        return None
    scale = 2.54 if unit == _CENTIMETRE else 1.0
    return found[_ACROSS] * scale, found[_DOWN] * scale


def with_resolution(exif: bytes | None, dpi: tuple[float, float]) -> bytes:
    """The block, or a new one, that states this resolution. A damaged block is an ``ImageError``."""
    block = tiff_block(exif) if exif else _EMPTY
    directory = read_directory(block)
    stream = io.BytesIO()
    stream.write(block)
    file = DirectoryWriter(stream, directory.order)
    entries = {entry.tag: block[entry.position : entry.position + 12] for entry in directory.entries}
    entries[_ACROSS], entries[_DOWN] = (
        file.rational(tag, side) for tag, side in zip((_ACROSS, _DOWN), dpi, strict=True)
    )
    entries[_UNIT] = file.numbers(_UNIT, SHORT, [_INCH])
    file.finish(entries)
    return EXIF_HEADER + stream.getvalue()


def with_thumbnail(exif: bytes, thumbnail: bytes) -> bytes:
    """The block with this JPEG as its thumbnail; it has none yet. A damaged block is an ``ImageError``."""
    block = bytearray(tiff_block(exif))
    first = read_directory(bytes(block))
    if first.next is None:
        raise ImageError("damaged EXIF: its first directory is cut short")
    block += bytes(len(block) % 2)
    start = len(block)
    values = start + 2 + 6 * 12 + 4
    order = first.order
    struct.pack_into(order + "I", block, first.next, start)
    block += struct.pack(order + "H", 6)
    block += struct.pack(order + "HHIHH", _COMPRESSION, _SHORT, 1, _JPEG, 0)
    block += struct.pack(order + "HHII", _ACROSS, _RATIONAL, 1, values)
    block += struct.pack(order + "HHII", _DOWN, _RATIONAL, 1, values)
    block += struct.pack(order + "HHIHH", _UNIT, _SHORT, 1, _INCH, 0)
    block += struct.pack(order + "HHII", _THUMBNAIL_OFFSET, _LONG, 1, values + 8)
    block += struct.pack(order + "HHII", _THUMBNAIL_LENGTH, _LONG, 1, len(thumbnail))
    block += struct.pack(order + "I2I", 0, 72, 1)
    return EXIF_HEADER + bytes(block) + thumbnail
