"""TIFF files of several pages: a chain of directories, each read and written like the only one of its file."""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, BinaryIO, TypeAlias, cast

from PIL import Image

from darklift.errors import ImageError
from darklift.image.exif import tiff_block
from darklift.image.formats.base import OptionsOf
from darklift.image.picture import Metadata, Picture
from darklift.image.reel import Reel
from darklift.image.tiff_directory import LONG, SHORT, DirectoryWriter, even_position

__all__ = ["decode_pages", "encode_pages", "notes_on_others", "scan_pages"]

_SUBFILE_TYPE, _OLD_SUBFILE_TYPE, _PAGE_NUMBER = 254, 255, 297
_REDUCED, _PAGE, _MASK = 1, 2, 4  # bits of the first
_OLD_REDUCED = 2
_LAST_NUMBER = 65_535
_MOST_PAGES = 100_000

Entries: TypeAlias = dict[int, bytes]
"""A directory's, 12 bytes each, by their tags."""


def scan_pages(stream: BinaryIO) -> Reel | None:
    """None where there is one page. Smaller copies of a page, and masks, are none."""
    count = len(_directories(stream)[0])
    return Reel(count, moving=False) if count > 1 else None


def notes_on_others(stream: BinaryIO) -> list[str]:
    """In words, what lies behind a page and is none."""
    return ["a smaller copy or a mask of the picture"] if _directories(stream)[1] else []


def _directories(stream: BinaryIO) -> tuple[list[int], int]:
    """Where those of pages are, and how many there are of others."""
    stream.seek(0)
    head = stream.read(16)
    order, big = "<" if head[:2] == b"II" else ">", 43 in head[2:4]
    # the numbers of a directory: its entries, an entry's size, an offset; and where the header holds the first offset
    count_code, size, code, at = ("Q", 20, "Q", 8) if big else ("H", 12, "I", 4)
    pages: list[int] = []
    seen: set[int] = set()
    others = 0
    try:
        (offset,) = struct.unpack_from(order + code, head, at)
        while offset and offset not in seen:
            seen.add(offset)
            if len(seen) > _MOST_PAGES:
                raise ImageError(f"more than {_MOST_PAGES} TIFF pages: split the file")
            stream.seek(offset)
            (count,) = struct.unpack(order + count_code, stream.read(struct.calcsize(order + count_code)))
            if count > _LAST_NUMBER:
                break
            entries = stream.read(size * count)
            if _is_no_page(entries, size, order):
                others += 1
            else:
                pages.append(offset)
            (offset,) = struct.unpack(order + code, stream.read(struct.calcsize(order + code)))
    except struct.error as error:
        if pages:
            raise ImageError(
                f"incomplete TIFF file: it breaks off behind {len(pages)} pages: copy or download it again"
            ) from error
    return pages, others


def _is_no_page(entries: bytes, size: int, order: str) -> bool:
    for at in range(0, len(entries) - size + 1, size):
        tag, kind = struct.unpack_from(order + "2H", entries, at)
        (value,) = struct.unpack_from(order + ("H" if kind == SHORT else "I"), entries, at + size - (size - 4) // 2)
        if tag == _SUBFILE_TYPE and value & (_REDUCED | _MASK):
            return True
        if tag == _OLD_SUBFILE_TYPE and value == _OLD_REDUCED:
            return True
    return False


class _FromPage:
    """A TIFF file whose header names a later directory as its first."""

    def __init__(self, stream: BinaryIO, offset: int) -> None:
        stream.seek(0)
        head = stream.read(16)
        order, big = "<" if head[:2] == b"II" else ">", 43 in head[2:4]
        size = 16 if big else 8
        self._head = head[: size // 2] + struct.pack(order + ("Q" if big else "I"), offset)
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """As of any file."""
        at = self._stream.tell()
        data = self._stream.read(size)
        return self._head[at : at + len(data)] + data[max(len(self._head) - at, 0) :]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def decode_pages(
    stream: BinaryIO, reel: Reel, numbers: Sequence[int], decode: Callable[[BinaryIO], Picture]
) -> Iterator[Picture]:
    """decode: of the first page of a file."""
    pages, _ = _directories(stream)
    for number in numbers:
        yield decode(cast(BinaryIO, _FromPage(stream, pages[number])))


def encode_pages(
    pictures: Iterable[Picture],
    reel: Reel,
    stream: BinaryIO,
    options: OptionsOf,
    start: Callable[[BinaryIO, Metadata], tuple[str, Entries]],
    write: Callable[[DirectoryWriter, Picture, OptionsOf, Entries], Entries],
) -> None:
    """start: begin a file; returns its byte order, and the entries that describe a picture. write: a picture's pixels;
    returns all entries of its directory.
    """
    link, order = 4, ""
    for number, picture in enumerate(pictures):
        if number:
            described = _moved(stream, picture.metadata, order)
        else:
            order, described = start(stream, picture.metadata)
        file = DirectoryWriter(stream, order)
        entries = write(file, picture, options, described)
        entries[_SUBFILE_TYPE] = file.numbers(_SUBFILE_TYPE, LONG, [_PAGE])
        if reel.count <= _LAST_NUMBER:
            entries[_PAGE_NUMBER] = file.numbers(_PAGE_NUMBER, SHORT, [number, reel.count])
        link = file.finish(entries, link)


def _moved(stream: BinaryIO, metadata: Metadata, order: str) -> Entries:
    """Write a later page's EXIF block where the file has come to; returns its entries."""
    if not metadata.exif:
        return {}
    exif = Image.Exif()
    exif.load(metadata.exif)
    exif.endian = order
    data = tiff_block(exif.tobytes(even_position(stream)))[8:]  # behind its header
    stream.write(data)
    (count,) = struct.unpack_from(order + "H", data)
    entries = [data[at : at + 12] for at in range(2, 2 + 12 * count, 12)]
    return {struct.unpack_from(order + "H", entry)[0]: entry for entry in entries}
