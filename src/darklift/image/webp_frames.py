"""Animated WebP: the container around frames that are coded as still pictures (RIFF; developers.google.com/speed/webp).

Frames are put together here as they are encoded, one by one: Pillow's writer takes all at once, and changes the colours
of hidden pixels also where nothing may be lost.
"""

import io
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

import numpy as np

from darklift.errors import ImageError
from darklift.image.arrays import assemble
from darklift.image.formats.base import EncodeOptions, OptionsOf
from darklift.image.picture import Picture
from darklift.image.reel import Box, Reel, changed_part, cut_out, whole_milliseconds

__all__ = ["canvas_of", "encode_frames", "kinds_of", "rest_of", "scan_frames"]

_PROFILE, _ALPHA, _EXIF, _XMP, _ANIMATION = 0x20, 0x10, 0x08, 0x04, 0x02
"""What there is in a file, in its header."""
_PIXELS = (b"ALPH", b"VP8 ", b"VP8L")
_IN_PLACE = 0x02  # of a frame: in the place of what was there, and left there
_LONGEST = 2**24 - 1  # milliseconds
_ALWAYS_FILLED = 1 << 24  # pixels: there is room for so many, however little of them the frames cover
_MOST_LOOPS = 2**16 - 1


def _chunks(stream: BinaryIO, end: int | None = None) -> Iterator[tuple[bytes, int]]:
    """Names and lengths; the stream stands at the contents, and may be moved. It ends at the first thing amiss."""
    while (end is None or stream.tell() < end) and len(start := stream.read(8)) == 8:
        length = int.from_bytes(start[4:], "little")
        after = stream.tell() + length + length % 2
        yield start[:4], length
        stream.seek(after)


def scan_frames(stream: BinaryIO) -> Reel | None:
    """None for a still picture, also where an animation has one frame."""
    stream.seek(12)
    alpha, loops, durations = False, 0, []
    canvas = covered = 0
    for name, length in _chunks(stream):
        if name == b"VP8X" and length >= 10:
            header = stream.read(10)
            alpha = bool(header[0] & _ALPHA)
            canvas = _area(header[4:])
        elif name == b"ANIM":
            loops = struct.unpack("<4xH", stream.read(6))[0]
        elif name == b"ANMF" and length >= 16:
            header = stream.read(16)
            durations.append(int.from_bytes(header[12:15], "little"))
            covered += _area(header[6:])
    if durations and canvas > max(_ALWAYS_FILLED, covered):
        raise ImageError(f"damaged WebP file: {canvas} pixels, of which its frames cover {covered}: copy it again")
    if len(durations) < 2:
        return None
    return Reel(len(durations), moving=True, durations=tuple(durations), loops=loops, alpha=alpha)


def _area(sides: bytes) -> int:
    """Of width and height, which are stored less one in three bytes each."""
    return (int.from_bytes(sides[:3], "little") + 1) * (int.from_bytes(sides[3:6], "little") + 1)


def canvas_of(stream: BinaryIO) -> tuple[int, int] | None:
    """Width and height, as the first chunk of the file says; None where it does not."""
    stream.seek(12)
    name, _ = next(_chunks(stream), (b"", 0))
    head = stream.read(10)
    if len(head) < 10:
        return None
    if name == b"VP8X":
        return 1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little")
    if name == b"VP8L":  # behind a byte, 14 bits each
        bits = int.from_bytes(head[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if name == b"VP8 ":  # behind the head of a key frame, 14 bits each, and 2 for how it is to be scaled
        return int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF
    return None


def rest_of(stream: BinaryIO) -> bytes:
    """What lies behind the end that the file's header tells."""
    stream.seek(_end(stream))
    return stream.read()


def _end(stream: BinaryIO) -> int:
    stream.seek(4)
    length = int.from_bytes(stream.read(4), "little")
    return 8 + length + length % 2


def kinds_of(stream: BinaryIO) -> set[bytes]:
    """The names of all chunks, also of those that frames consist of."""
    file_end = _end(stream)
    stream.seek(12)
    kinds = set()
    for name, length in _chunks(stream, file_end):
        if name == b"ANMF":
            end = stream.tell() + length
            stream.seek(16, io.SEEK_CUR)
            kinds |= {inner for inner, _ in _chunks(stream, end)}
        kinds.add(name)
    return kinds


def encode_frames(
    pictures: Iterable[Picture],
    reel: Reel,
    stream: BinaryIO,
    options: OptionsOf,
    encode: Callable[[Picture, BinaryIO, EncodeOptions], None],
) -> None:
    """Of each frame the part that differs from the one before. encode: of a still WebP."""
    before, after = None, []
    for picture, duration in zip(pictures, whole_milliseconds(reel.durations), strict=True):
        now = assemble(picture, np.uint8, gray=False, alpha=picture.has_alpha)
        box = _on_even_places(changed_part(before, now))
        still = io.BytesIO()
        encode(cut_out(picture, box), still, options(picture))
        still.seek(12)
        parts = [(name, still.read(length)) for name, length in _chunks(still)]
        if before is None:
            around = dict(part for part in parts if part[0] in (b"ICCP", b"EXIF", b"XMP "))
            _write_head(stream, picture.size, reel, around)
            after = [(name, around[name]) for name in (b"EXIF", b"XMP ") if name in around]
        before = now
        coded = b"".join(_chunk(*part) for part in parts if part[0] in _PIXELS)
        _write(stream, b"ANMF", _frame_head(box, duration) + coded)
    for name, contents in after:
        _write(stream, name, contents)
    size = stream.tell() - 8
    if size >= 2**32:
        raise ImageError("the animation exceeds the 4 GiB of a WebP file: write PNG instead")
    stream.seek(4)
    stream.write(struct.pack("<I", size))


def _on_even_places(box: Box) -> Box:
    top, left, height, width = box
    return (top - top % 2, left - left % 2, height + top % 2, width + left % 2)


def _write_head(stream: BinaryIO, size: tuple[int, int], reel: Reel, around: dict[bytes, bytes]) -> None:
    flags = _ANIMATION | (_ALPHA if reel.alpha else 0)
    flags |= sum(bit for name, bit in ((b"ICCP", _PROFILE), (b"EXIF", _EXIF), (b"XMP ", _XMP)) if name in around)
    stream.write(b"RIFF\0\0\0\0WEBP")
    height, width = size
    _write(stream, b"VP8X", bytes([flags, 0, 0, 0]) + _three_bytes(width - 1) + _three_bytes(height - 1))
    if b"ICCP" in around:
        _write(stream, b"ICCP", around[b"ICCP"])
    _write(stream, b"ANIM", struct.pack("<IH", 0, min(reel.loops, _MOST_LOOPS)))


def _frame_head(box: Box, duration: int) -> bytes:
    top, left, height, width = box
    numbers = (left // 2, top // 2, width - 1, height - 1, min(duration, _LONGEST))
    return b"".join(map(_three_bytes, numbers)) + bytes([_IN_PLACE])


def _three_bytes(number: int) -> bytes:
    return number.to_bytes(3, "little")


def _chunk(name: bytes, contents: bytes) -> bytes:
    return struct.pack("<4sI", name, len(contents)) + contents + bytes(len(contents) % 2)


def _write(stream: BinaryIO, name: bytes, contents: bytes) -> None:
    stream.write(_chunk(name, contents))
