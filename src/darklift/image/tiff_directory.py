"""Writing a TIFF directory (TIFF 6.0) and the values that it points at."""

import io
import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import BinaryIO

from darklift.errors import ImageError

__all__ = ["BYTE", "LONG", "SHORT", "UNDEFINED", "DirectoryWriter", "even_position"]

BYTE, SHORT, LONG, RATIONAL, UNDEFINED = 1, 3, 4, 5, 7
"""Types of values."""

_ROOM = 1 << 18  # bytes that may follow the last position


def even_position(stream: BinaryIO) -> int:
    """Where the next value starts: TIFF wants even offsets, and they have 32 bits."""
    if stream.tell() % 2:
        stream.write(b"\0")
    position = stream.tell()
    if position >= 2**32 - _ROOM:
        raise ImageError("the picture exceeds the 4 GiB of a TIFF file: write PNG instead")
    return position


class DirectoryWriter:
    """Makes 12-byte entries, writing those values to the stream that do not fit in one, and then the directory."""

    def __init__(self, stream: BinaryIO, order: str) -> None:
        self.stream = stream
        self.order = order

    def numbers(self, tag: int, kind: int, values: Sequence[int]) -> bytes:
        code = {SHORT: "H", LONG: "I"}[kind]
        return self.contents(tag, kind, len(values), struct.pack(f"{self.order}{len(values)}{code}", *values))

    def rational(self, tag: int, value: float) -> bytes:
        ratio = Fraction(value).limit_denominator(10_000)
        return self.contents(tag, RATIONAL, 1, struct.pack(self.order + "2I", ratio.numerator, ratio.denominator))

    def contents(self, tag: int, kind: int, count: int, contents: bytes) -> bytes:
        if len(contents) > 4:
            position = even_position(self.stream)
            self.stream.write(contents)
            contents = struct.pack(self.order + "I", position)
        return struct.pack(self.order + "HHI4s", tag, kind, count, contents)

    def finish(self, entries: dict[int, bytes], link: int = 4) -> int:
        """Write the directory, and its position at ``link``, which is in the file's header or the end of another
        directory. Returns the link for one that follows; until then, this is the last.
        """
        position = even_position(self.stream)
        self.stream.write(struct.pack(self.order + "H", len(entries)))
        self.stream.write(b"".join(entries[tag] for tag in sorted(entries)))
        following = self.stream.tell()
        self.stream.write(bytes(4))  # no further directory
        self.stream.seek(link)
        self.stream.write(struct.pack(self.order + "I", position))
        self.stream.seek(0, io.SEEK_END)
        return following
