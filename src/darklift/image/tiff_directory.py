"""Writing a TIFF directory (TIFF 6.0) and the values that it points at."""

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
        self._stream = stream
        self._order = order

    def numbers(self, tag: int, kind: int, values: Sequence[int]) -> bytes:
        code = {SHORT: "H", LONG: "I"}[kind]
        return self.contents(tag, kind, len(values), struct.pack(f"{self._order}{len(values)}{code}", *values))

    def rational(self, tag: int, value: float) -> bytes:
        ratio = Fraction(value).limit_denominator(10_000)
        return self.contents(tag, RATIONAL, 1, struct.pack(self._order + "2I", ratio.numerator, ratio.denominator))

    def contents(self, tag: int, kind: int, count: int, contents: bytes) -> bytes:
        if len(contents) > 4:
            position = even_position(self._stream)
            self._stream.write(contents)
            contents = struct.pack(self._order + "I", position)
        return struct.pack(self._order + "HHI4s", tag, kind, count, contents)

    def finish(self, entries: dict[int, bytes]) -> None:
        """Write the directory and point the file's header at it."""
        position = even_position(self._stream)
        self._stream.write(struct.pack(self._order + "H", len(entries)))
        self._stream.write(b"".join(entries[tag] for tag in sorted(entries)))
        self._stream.write(bytes(4))  # no further directory
        self._stream.seek(4)
        self._stream.write(struct.pack(self._order + "I", position))
