"""Writing TIFF files: 8 bits, lossless deflate with horizontal differencing (TIFF 6.0 and its supplement 2).

Pillow cannot write EXIF directories into a compressed TIFF file. Here the EXIF block, itself a TIFF structure, becomes
the start of the file as it is; pixels follow, and a new first directory takes over the entries of the old. Nothing in
the block moves, so even the offsets inside of maker notes stay right.
"""

import struct
import zlib
from collections.abc import Sequence
from fractions import Fraction
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from darklift.errors import ImageError
from darklift.image._exif import Directory, read_directory, tiff_block, value_is_inside
from darklift.image._metadata import TIFF_STRUCTURE_TAGS
from darklift.image._picture import Metadata

__all__ = ["write_tiff"]

_BYTE, _SHORT, _LONG, _RATIONAL, _UNDEFINED = 1, 3, 4, 5, 7
_LEVEL = 4  # of deflate: half the time of the usual 6, for files slightly larger
_STRIP_BYTES = 1 << 18  # before compression
_RESOLUTION_TAGS = frozenset({282, 283, 296})
_INCH = 2


def write_tiff(stream: BinaryIO, values: npt.NDArray[np.uint8], metadata: Metadata) -> None:
    """Write (H, W, C) values, C = 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha, to an empty, seekable stream.

    Raises ``ImageError`` when the EXIF block is damaged or the file would exceed the 4 GiB of a TIFF file.
    """
    block = tiff_block(metadata.exif) if metadata.exif else b""
    directory = read_directory(block) if block else Directory("<", (), None)
    stream.write(block or b"II*\0\0\0\0\0")
    offsets, counts, rows = _write_strips(stream, values)
    height, width, channels = values.shape
    file = _DirectoryWriter(stream, directory.order)
    entries = {
        256: file.numbers(256, _LONG, [width]),
        257: file.numbers(257, _LONG, [height]),
        258: file.numbers(258, _SHORT, [8] * channels),
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
        entries[338] = file.numbers(338, _SHORT, [2])  # alpha that the colours are not multiplied with
    if metadata.dpi:
        entries[282] = file.rational(282, metadata.dpi[0])
        entries[283] = file.rational(283, metadata.dpi[1])
        entries[296] = file.numbers(296, _SHORT, [_INCH])
    for tag, kind, contents in (
        (700, _BYTE, metadata.xmp),
        (33723, _UNDEFINED, metadata.iptc),
        (34675, _UNDEFINED, metadata.icc_profile),
    ):
        if contents:
            entries[tag] = file.contents(tag, kind, len(contents), contents)
    for entry in directory.entries:
        replaced = entry.tag in TIFF_STRUCTURE_TAGS or (metadata.dpi is not None and entry.tag in _RESOLUTION_TAGS)
        if not replaced and value_is_inside(block, directory.order, entry):
            entries.setdefault(entry.tag, block[entry.position : entry.position + 12])
    file.finish(entries)


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
