"""Several pictures in one JPEG file that are pictures in their own right (CIPA DC-007, multi-picture format).

Behind a JPEG's first picture, others may follow, and a directory in its head tells of each where it is and what it is
for. Previews and gain maps belong to the first, and are left out with its thumbnail. The two views of a stereo pair and
the parts of a panorama are pages here, each a photo.
"""

import io
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, NamedTuple

from darklift.errors import ImageError
from darklift.image.exif import read_directory
from darklift.image.jpeg_layout import Layout, is_gain_map, layout_of
from darklift.image.picture import Picture
from darklift.image.reel import Reel

__all__ = ["decode_views", "scan_views"]

_MPF = b"MPF\0"
_APP2, _SCAN, _FILL = 0xE2, 0xDA, 0xFF
_ENTRIES_TAG = 0xB002
_ENTRY = "3I2H"  # what it is for, its length, where it is, and two pictures that belong to it
_PREVIEW, _VIEW, _NOT_TOLD = 1, 2, 0  # the second byte of what it is for
_START = b"\xff\xd8\xff"


class _Part(NamedTuple):
    """A picture of the file, and what it is for."""

    start: int
    length: int
    kind: int


def scan_views(stream: BinaryIO) -> Reel | None:
    """None where there is one picture, with whatever belongs to it."""
    count = len(_views(stream))
    return Reel(count, moving=False) if count > 1 else None


def decode_views(
    stream: BinaryIO, reel: Reel, numbers: Sequence[int], decode: Callable[[BinaryIO], Picture]
) -> Iterator[Picture]:
    """decode: of a file with one picture."""
    views = _views(stream)
    for number in numbers:
        yield decode(io.BytesIO(_read(stream, views[number])))


def _views(stream: BinaryIO) -> list[_Part]:
    """The file's pictures in their own right, the first among them."""
    found = _directory(stream)
    if found is None:
        return []
    base, block = found
    parts = _parts(base, block)
    if sum(part.length for part in parts) > stream.seek(0, io.SEEK_END):
        return []  # damaged: some would be read again and again
    first, *others = parts or [_Part(0, 0, 0)]
    if all(part.kind == _PREVIEW for part in others):
        return []
    like = layout_of(_read(stream, first))
    return [first, *(part for part in others if part.kind != _PREVIEW and _is_view(part, _read(stream, part), like))]


def _is_view(part: _Part, data: bytes, first: Layout) -> bool:
    """Where nothing tells what it is for, it is one if it is as large as the first, and no gain map."""
    if not data.startswith(_START):
        return False  # the directory is damaged, or counts from another place
    if part.kind == _VIEW:
        return True
    layout = layout_of(data)
    alike = (layout.size, len(layout.components)) == (first.size, len(first.components))
    return part.kind == _NOT_TOLD and alike and not is_gain_map(data)


def _directory(stream: BinaryIO) -> tuple[int, bytes] | None:
    """Where the block that tells of the pictures is, which they are counted from, and the block."""
    stream.seek(2)
    while len(head := stream.read(4)) == 4 and head[0] == 0xFF and head[1] != _SCAN:
        if head[1] == _FILL:
            stream.seek(-3, io.SEEK_CUR)
            continue
        (length,) = struct.unpack(">H", head[2:])
        start = stream.tell()
        if head[1] == _APP2 and stream.read(len(_MPF)) == _MPF:
            return start + len(_MPF), stream.read(max(length - 2 - len(_MPF), 0))
        stream.seek(start + max(length, 2) - 2)
    return None


def _parts(base: int, block: bytes) -> list[_Part]:
    try:
        directory = read_directory(block)
    except ImageError:
        return []  # damaged; what lies behind the first picture is found by looking for it
    parts: list[_Part] = []
    for entry in directory.entries:
        if entry.tag == _ENTRIES_TAG and entry.count <= len(block):
            (start,) = struct.unpack_from(directory.order + "I", block, entry.position + 8)
            table, size = block[start : start + entry.count], struct.calcsize("=" + _ENTRY)
            for kind, length, place, *_ in struct.iter_unpack(
                directory.order + _ENTRY, table[: len(table) // size * size]
            ):
                parts.append(_Part(base + place if parts else 0, length, kind >> 16 & 0xFF))
    return parts


def _read(stream: BinaryIO, part: _Part) -> bytes:
    stream.seek(part.start)
    return stream.read(part.length)
