"""Animated AVIF (ISO/IEC 14496-12, tracks of pictures): times and repetitions in the boxes, frames for the encoder.

Pillow codes the frames. It neither tells nor writes how often an animation is played, rounds each frame's time for
itself, and stamps files with the time of day.
"""

import io
import struct
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from PIL import Image

from darklift.errors import ImageError
from darklift.image.boxes import brands, children, heif_facts
from darklift.image.picture import Picture
from darklift.image.pixels import image_of
from darklift.image.reel import Reel, whole_milliseconds

__all__ = ["save_frames", "scan_frames"]

_FOR_EVER = 2**64 - 1
_MOST_FRAMES = 1_000_000


def scan_frames(stream: BinaryIO) -> Reel | None:
    """None for a still picture, also where an animation has one frame."""
    stream.seek(0)
    if b"avis" not in brands(stream.read(256)):
        return None
    stream.seek(0)
    data = stream.read()
    tracks = list(_tracks(data))
    track = next((found for found in tracks if found.get(b"hdlr", b"")[8:12] == b"pict"), None)
    if track is None:
        return None
    try:
        scale, durations = _times(track)
        loops = _loops(track)
    except (struct.error, KeyError, ZeroDivisionError) as error:
        raise ImageError("damaged AVIF file: its track says no times: copy or download it again") from error
    if len(durations) < 2:
        return None
    alpha = any(found.get(b"hdlr", b"")[8:12] == b"auxv" for found in tracks)
    return Reel(
        len(durations), True, tuple(1000 * length / scale for length in durations), loops, alpha, heif_facts(data).gray
    )


def _tracks(data: bytes) -> Iterator[dict[bytes, bytes]]:
    """The boxes that tell of a track, by their kinds."""
    for kind, start, end in children(data):
        if kind == b"moov":
            for inner, first, last in children(data, start, end):
                if inner == b"trak":
                    yield {name: data[at:to] for name, at, to in _leaves(data, first, last)}


def _leaves(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    for kind, first, last in children(data, start, end):
        if kind in (b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl"):
            yield from _leaves(data, first, last)
        else:
            yield kind, first, last


def _times(track: dict[bytes, bytes]) -> tuple[int, list[int]]:
    """Units in a second, and how many of them each frame has."""
    header, table = track[b"mdhd"], track[b"stts"]
    (scale,) = struct.unpack_from(">I", header, 20 if header[0] == 1 else 12)
    (entries,) = struct.unpack_from(">I", table, 4)
    durations: list[int] = []
    for number in range(entries):
        count, length = struct.unpack_from(">2I", table, 8 + 8 * number)
        if len(durations) + count > _MOST_FRAMES:
            raise ImageError(f"more than {_MOST_FRAMES} frames: cut it into parts")
        durations += [length] * count
    return scale or 1000, durations


def _loops(track: dict[bytes, bytes]) -> int:
    """By the edit list: a part of the track that is repeated until the track's end."""
    edits, header = track.get(b"elst"), track[b"tkhd"]
    if edits is None:
        return 1
    long = edits[0] == 1
    if not edits[3] & 1:
        return 1
    (once,) = struct.unpack_from(">Q" if long else ">I", edits, 8)
    whole, for_ever = _track_duration(header)
    return 0 if for_ever else max(1, -(-whole // once))


def _track_duration(header: bytes) -> tuple[int, bool]:
    code, at, most = (">Q", 28, _FOR_EVER) if header[0] == 1 else (">I", 20, 2**32 - 1)
    (duration,) = struct.unpack_from(code, header, at)
    return duration, duration == most


# ------------------------------------------------------------------------------------------------------------ writing


class _OneByOne(Image.Image):
    """An animation to Pillow's writer, which asks for each frame in turn: each is made when it is asked for."""

    is_animated = True
    format = None

    def __init__(self, pictures: Iterable[Picture], first: Picture, count: int) -> None:
        super().__init__()
        image = image_of(first)
        self._mode, self._size, self.im = image.mode, image.size, image.im
        self.n_frames = count
        self._frames, self._at, self._data = iter(pictures), 0, (0, image.tobytes())

    def seek(self, frame: int) -> None:
        if not 0 <= frame < self.n_frames:
            raise EOFError("no more frames")
        self._at = frame

    def tell(self) -> int:
        return self._at

    def tobytes(self, encoder_name: str = "raw", *args: Any) -> bytes:
        number, data = self._data
        if number != self._at:
            self._data = (self._at, data := image_of(next(self._frames)).tobytes())
        return data


def save_frames(pictures: Iterable[Picture], reel: Reel, stream: BinaryIO, options: dict[str, Any]) -> None:
    """options: of Pillow's writer of AVIF."""
    pictures = iter(pictures)
    shown = _OneByOne(pictures, next(pictures), reel.count)
    times = [max(1, length) for length in whole_milliseconds(reel.durations)]  # the format knows none of 0
    coded = io.BytesIO()
    shown.save(coded, "AVIF", save_all=True, duration=times, **options)
    data = bytearray(coded.getvalue())
    total = _FOR_EVER if reel.loops == 0 else sum(times) * reel.loops
    for kind, start, _ in list(_leaves(bytes(data), 0, len(data))):
        if kind in (b"mvhd", b"tkhd", b"mdhd") and data[start] == 1:
            struct.pack_into(">2Q", data, start + 4, 0, 0)  # no time of day: equal pictures are equal files
            if kind != b"mdhd":
                struct.pack_into(">Q", data, start + (24 if kind == b"mvhd" else 28), total)
    stream.write(data)
