"""EXIF as bytes: which way is up, and a copy that suits the upright picture.

An EXIF block is a small TIFF structure (TIFF 6.0, EXIF 2.32): a header with the byte order, then directories of 12-byte
entries that point at their values by offset. It is edited in place and never rebuilt, because camera maker notes hold
offsets of their own that break when anything moves.
"""

import re
import struct
from collections.abc import Collection
from dataclasses import dataclass

from darklift.errors import ImageError

__all__ = [
    "EXIF_HEADER",
    "Directory",
    "Entry",
    "clean_exif",
    "integer_of",
    "read_directory",
    "read_orientation",
    "says_adobe_rgb",
    "small_integers",
    "tiff_block",
    "upright_xmp",
    "value_is_inside",
    "without_entries",
    "without_orientation",
]

EXIF_HEADER = b"Exif\0\0"
"""What the block begins with."""

_OUTSIDE = "damaged EXIF: a directory lies outside the block"

_HEADER = 8  # bytes, of the TIFF structure
_ORIENTATION = 0x0112
_EXIF_POINTER, _INTEROP_POINTER = 0x8769, 0xA005
_COLOUR_SPACE, _INTEROP_INDEX = 0xA001, 0x0001
_THUMBNAIL_OFFSET = 0x0201
_THUMBNAIL_LENGTH = 0x0202
_SIZE_OF_TYPE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_FORMAT_OF_TYPE = {1: "B", 3: "H", 4: "I"}  # the unsigned integers: BYTE, SHORT, LONG


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a directory: its 12 bytes start at ``position`` of the block."""

    tag: int
    type: int
    count: int
    position: int


@dataclass(frozen=True, slots=True)
class Directory:
    """One directory; ``next`` is where the block holds the offset of the following one, None where it is cut off."""

    order: str
    entries: tuple[Entry, ...]
    next: int | None


def tiff_block(exif: bytes) -> bytes:
    """The block without its (sometimes doubled, sometimes missing) ``Exif`` header."""
    while exif.startswith(EXIF_HEADER):
        exif = exif[len(EXIF_HEADER) :]
    return exif


def read_directory(block: bytes, offset: int | None = None) -> Directory:
    """The directory at ``offset`` of a TIFF block, the first one by default. Raises ``ImageError`` if it is damaged."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        raise ImageError("damaged EXIF: it does not begin with a TIFF header")
    try:
        if offset is None:
            (offset,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, offset)
        positions = range(offset + 2, offset + 2 + 12 * count, 12)
        heads = [struct.unpack_from(order + "HHI", block, at) for at in positions]
        entries = tuple(Entry(tag, kind, number, at) for at, (tag, kind, number) in zip(positions, heads, strict=True))
    except struct.error as error:
        raise ImageError(_OUTSIDE) from error
    end = offset + 2 + 12 * count
    if offset < _HEADER or end > len(block):
        raise ImageError(_OUTSIDE)
    return Directory(order, entries, end if end + 4 <= len(block) else None)


def read_orientation(exif: bytes) -> int:
    """The orientation, from 1 to 8; 1, which is upright, if none is stated. A damaged block is an ``ImageError``."""
    block = tiff_block(exif)
    directory = read_directory(block)
    for entry in directory.entries:
        if entry.tag == _ORIENTATION:
            value = _small_integer(block, directory.order, entry)
            return value if value is not None and 1 <= value <= 8 else 1
    return 1


def says_adobe_rgb(exif: bytes) -> bool:
    """Whether the block says that its pixels are Adobe RGB (1998), as cameras do that write no profile.

    That is a ColorSpace of 2, or one of "uncalibrated" beside the interoperability index R03 (DCF 2.0). A damaged block
    is an ``ImageError``.
    """
    block = tiff_block(exif)
    first = read_directory(block)
    if (place := integer_of(block, first, _EXIF_POINTER)) is None:
        return False
    details = read_directory(block, place)
    stated = integer_of(block, details, _COLOUR_SPACE)
    if stated != 0xFFFF or (place := integer_of(block, details, _INTEROP_POINTER)) is None:
        return stated == 2
    index = next((each for each in read_directory(block, place).entries if each.tag == _INTEROP_INDEX), None)
    return index is not None and block[index.position + 8 : index.position + 11] == b"R03"


def integer_of(block: bytes, directory: Directory, tag: int) -> int | None:
    """The value of the entry with this tag, None where there is none of one unsigned integer."""
    entry = next((each for each in directory.entries if each.tag == tag), None)
    return None if entry is None else _small_integer(block, directory.order, entry)


def small_integers(block: bytes) -> dict[int, int]:
    """The tags of a TIFF block's first directory with their values, 0 for those that are not one unsigned integer.

    ``ImageError`` where it does not begin with a directory, or with one that lies outside.
    """
    directory = read_directory(block)
    return {entry.tag: _small_integer(block, directory.order, entry) or 0 for entry in directory.entries}


def clean_exif(exif: bytes) -> bytes:
    """The block with orientation 1 and without its thumbnail; everything else stays where it was.

    A damaged block is an ``ImageError``.
    """
    block = bytearray(tiff_block(exif))
    directory = read_directory(bytes(block))
    for entry in directory.entries:
        if entry.tag == _ORIENTATION:
            # one SHORT of value 1, whatever type the writer had chosen
            struct.pack_into(directory.order + "HIHH", block, entry.position + 2, 3, 1, 1, 0)
    if directory.next is not None:
        _remove_thumbnail(block, directory, directory.next)
    return EXIF_HEADER + bytes(block)


def without_orientation(exif: bytes) -> bytes:
    """The block with no entry for the orientation. A damaged block is an ``ImageError``."""
    block = tiff_block(exif)
    return EXIF_HEADER + without_entries(block, read_directory(block), [_ORIENTATION])


def without_entries(block: bytes, directory: Directory, tags: Collection[int]) -> bytes:
    """A TIFF block where a directory has no entries of these tags: those after them move up, and no value moves."""
    kept = [entry for entry in directory.entries if entry.tag not in tags]
    if len(kept) == len(directory.entries):
        return block
    start = directory.entries[0].position - 2
    end = start + 2 + 12 * len(directory.entries) + (4 if directory.next is not None else 0)
    moved = b"".join(block[entry.position : entry.position + 12] for entry in kept)
    moved = struct.pack(directory.order + "H", len(kept)) + moved
    if directory.next is not None:
        moved += block[directory.next : directory.next + 4]
    return block[:start] + moved.ljust(end - start, b"\0") + block[end:]


def _remove_thumbnail(block: bytearray, first: Directory, pointer: int) -> None:
    """Unlink the second directory, which describes the thumbnail; blank the thumbnail, or cut both off at the end."""
    (offset,) = struct.unpack_from(first.order + "I", block, pointer)
    struct.pack_into(first.order + "I", block, pointer, 0)
    if not offset:
        return
    try:
        second = read_directory(bytes(block), offset)
    except ImageError:
        return  # a damaged directory is unlinked all the same, and there is no thumbnail to find
    places = {entry.tag: _small_integer(bytes(block), first.order, entry) for entry in second.entries}
    start, length = places.get(_THUMBNAIL_OFFSET), places.get(_THUMBNAIL_LENGTH)
    if start is None or length is None or start < pointer + 4 or block[start : start + 2] != b"\xff\xd8":
        return
    end = start + length
    if end < len(block):
        block[start:end] = bytes(length)
    elif end == len(block):
        # in a damaged block, what lies before may overlap with the first directory
        del block[max(_beginning_of_end(block, second, offset, start), pointer + 4) :]


def _beginning_of_end(block: bytearray, directory: Directory, offset: int, start: int) -> int:
    """Where that begins which ends at ``start`` and is nothing but a directory at ``offset`` and its values."""
    parts = {offset + 2 + 12 * len(directory.entries) + 4: offset}
    for entry in directory.entries:
        size = _SIZE_OF_TYPE.get(entry.type, 1) * entry.count
        if size > 4:
            (place,) = struct.unpack_from(directory.order + "I", block, entry.position + 8)
            parts[place + size] = place
    while start in parts:
        start = parts.pop(start)
    return start


def value_is_inside(block: bytes, order: str, entry: Entry) -> bool:
    """Whether the value of an entry lies in the block, as it does unless the block is damaged."""
    size = _SIZE_OF_TYPE.get(entry.type, 1) * entry.count
    (offset,) = struct.unpack_from(order + "I", block, entry.position + 8)
    return bool(size <= 4 or offset + size <= len(block))


def _small_integer(block: bytes, order: str, entry: Entry) -> int | None:
    code = _FORMAT_OF_TYPE.get(entry.type)
    if code is None or entry.count != 1:
        return None
    return int(struct.unpack_from(order + code, block, entry.position + 8)[0])


def upright_xmp(xmp: bytes) -> bytes:
    """The XMP packet with its own copy of the orientation, if it has one, set to 1. Its length stays the same."""
    return re.sub(rb"(tiff:Orientation(?:\s*=\s*[\"']|>)\s*)[2-8](?=\s*[\"'<])", rb"\g<1>1", xmp)
