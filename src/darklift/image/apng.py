"""Animated PNG (PNG, third edition, 4.9 and 11.3.6): frames put together as they are seen, and taken apart again.

Each frame is a still PNG whose chunks go by other names. So the stills are decoded and encoded as any PNG is, with 8 or
16 bits, and what lies between them is done here. Pillow knows 8 bits alone, and lays half-clear frames over others by
another rule than the standard's.
"""

import io
import itertools
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import BinaryIO, NamedTuple

import numpy as np

from darklift.errors import ImageError
from darklift.image.arrays import assemble, turned
from darklift.image.exif import read_orientation
from darklift.image.formats.base import EncodeOptions, OptionsOf
from darklift.image.left_behind import notes_on_rest
from darklift.image.picture import Picture
from darklift.image.pixels import check_clip, with_notes
from darklift.image.reel import Reel, changed_part, cut_out
from darklift.image.samples import FloatArray

__all__ = ["SIGNATURE", "chunks_of", "decode_frames", "encode_frames", "scan_frames", "write_chunk"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEEP, _CLEAR, _RESTORE = 0, 1, 2  # what becomes of a frame's place after it was shown
_OVER = 1  # how it is laid there; 0 is in the place of what was there
_LONGEST = 2**16 - 1
_STILL_PIXELS = (b"IHDR", b"PLTE", b"tRNS")  # what the pixels of a frame go by


class _Control(NamedTuple):
    """A frame's place, its time as a fraction of a second, and how it is laid there and removed."""

    width: int
    height: int
    left: int
    top: int
    numerator: int
    denominator: int
    dispose: int
    blend: int

    @property
    def window(self) -> tuple[slice, slice]:
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    @property
    def milliseconds(self) -> float:
        return 1000 * self.numerator / (self.denominator or 100)


@dataclass
class _Animation:
    """What a file holds: chunks around the frames, for each frame its control and where its data are, and what lies
    behind the end.
    """

    plays: int | None = None
    around: list[tuple[bytes, bytes]] = field(default_factory=list)
    frames: list[tuple[_Control, list[tuple[int, int]]]] = field(default_factory=list)
    still_apart: bool = False
    rest: bytes = b""

    @property
    def size(self) -> tuple[int, int]:
        width, height = struct.unpack_from(">2I", self.around[0][1])
        return height, width


def chunks_of(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Names and contents, from the first on."""
    file.seek(len(SIGNATURE))
    while len(start := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", start)
        yield name, file.read(length)
        file.seek(4, io.SEEK_CUR)


def write_chunk(stream: BinaryIO, name: bytes, contents: bytes) -> None:
    """With its length before and its checksum behind."""
    stream.write(struct.pack(">I", len(contents)) + name + contents)
    stream.write(struct.pack(">I", zlib.crc32(contents, zlib.crc32(name))))


# ------------------------------------------------------------------------------------------------------------ reading


def scan_frames(stream: BinaryIO) -> Reel | None:
    """None for a still picture, also where an animation has one frame."""
    animation = _scan(stream)
    if animation.plays is None or len(animation.frames) < 2:
        return None
    header = animation.around[0][1]
    controls = [control for control, _ in animation.frames]
    rows, columns = animation.size
    check_clip(columns, rows, len(controls))
    for control in controls:
        if control.left + control.width > columns or control.top + control.height > rows or 0 in control[:2]:
            raise ImageError("damaged PNG file: a frame lies outside of the picture: copy or download it again")
    if controls[0][:2] != (columns, rows):
        raise ImageError("damaged PNG file: its first frame is not all of the picture: copy or download it again")
    clear = header[9] in (4, 6) or any(name == b"tRNS" for name, _ in animation.around)
    return Reel(
        count=len(controls),
        moving=True,
        durations=tuple(control.milliseconds for control in controls),
        loops=animation.plays,
        alpha=clear or any(control.dispose == _CLEAR for control in controls) or controls[0].dispose == _RESTORE,
        gray=header[9] in (0, 4),
    )


def _scan(stream: BinaryIO) -> _Animation:
    """Walk over the chunks, without reading pixels. The walk ends at the first thing amiss."""
    found = _Animation()
    seen_pixels = False
    stream.seek(len(SIGNATURE))
    while len(start := stream.read(8)) == 8:
        length, name = struct.unpack(">I4s", start)
        at = stream.tell()
        if name == b"acTL":
            found.plays = struct.unpack(">2I", stream.read(8))[1]
        elif name == b"fcTL":
            found.frames.append((_Control(*struct.unpack(">4x4I2H2B", stream.read(26))), []))
        elif name in (b"IDAT", b"fdAT"):
            skipped = 4 if name == b"fdAT" else 0  # its number
            if found.frames:
                found.frames[-1][1].append((at + skipped, length - skipped))
            elif not seen_pixels:
                found.still_apart = True
            seen_pixels = True
        elif name == b"IEND":
            stream.seek(at + length + 4)
            found.rest = stream.read()
            break
        else:
            found.around.append((name, stream.read(length)))
        stream.seek(at + length + 4)
    return found


def decode_frames(
    stream: BinaryIO, reel: Reel, numbers: Sequence[int], decode: Callable[[BinaryIO], Picture]
) -> Iterator[Picture]:
    """decode: of a still PNG."""
    animation = _scan(stream)
    exif = next((contents for name, contents in animation.around if name == b"eXIf"), None)
    orientation = 1 if exif is None else read_orientation(exif)
    described = decode(_still(stream, animation, 0, animation.around))
    described = with_notes(described, notes_on_rest(animation.rest))
    if animation.still_apart:
        described = with_notes(described, ["a still picture for programs that show no animations"])
    canvas = np.zeros((*animation.size, 4), np.float32)
    for number in range(numbers[-1] + 1 if numbers else 0):
        control, _ = animation.frames[number]
        around = [(name, contents) for name, contents in animation.around if name in _STILL_PIXELS]
        part = decode(_still(stream, animation, number, around))
        place = canvas[control.window]
        before = place.copy() if control.dispose == _RESTORE else None
        _lay(place, part, over=control.blend == _OVER)
        if number in numbers:
            seen = turned(canvas, orientation)
            pixels = np.ascontiguousarray(seen[:, :, :3])
            alpha = np.ascontiguousarray(seen[:, :, 3]) if reel.alpha else None
            yield Picture(pixels, alpha, reel.gray, described.metadata, described.source)
        if control.dispose == _CLEAR or (before is not None and number == 0):
            place[:] = 0
        elif before is not None:
            place[:] = before


def _still(stream: BinaryIO, animation: _Animation, number: int, around: Sequence[tuple[bytes, bytes]]) -> io.BytesIO:
    """One frame's part as a PNG of its own. around: the chunks besides its pixels, the header first."""
    control, places = animation.frames[number]
    file = io.BytesIO()
    file.write(SIGNATURE)
    (_, header), *others = around
    write_chunk(file, b"IHDR", struct.pack(">2I", control.width, control.height) + header[8:])
    for name, contents in others:
        write_chunk(file, name, contents)
    for at, length in places:
        stream.seek(at)
        write_chunk(file, b"IDAT", stream.read(length))
    write_chunk(file, b"IEND", b"")
    return file


def _lay(place: FloatArray, part: Picture, *, over: bool) -> None:
    """Put a frame's part (h, w) into its place on the canvas (h, w, 4), straight colours."""
    pixels, alpha_above = part.pixels, part.alpha
    if alpha_above is None or not over:
        place[:, :, :3] = pixels
        place[:, :, 3] = 1 if alpha_above is None else alpha_above
        return
    above = alpha_above[:, :, None]
    below = place[:, :, 3:] * (1 - above)
    alpha = above + below
    sums = pixels * above + place[:, :, :3] * below
    mixed = np.divide(sums, alpha, where=alpha > 0, out=sums)
    place[:, :, :3] = np.where(above == 1, pixels, np.where(above == 0, place[:, :, :3], mixed))
    place[:, :, 3:] = alpha


# ------------------------------------------------------------------------------------------------------------ writing


def encode_frames(
    pictures: Iterable[Picture],
    reel: Reel,
    stream: BinaryIO,
    options: OptionsOf,
    encode: Callable[[Picture, BinaryIO, EncodeOptions], None],
) -> None:
    """Of each frame the part that differs from the one before. encode: of a still PNG."""
    before, numbers = None, itertools.count()
    for picture, duration in zip(pictures, reel.durations, strict=True):
        dtype = np.uint16 if options(picture).bits == 16 else np.uint8
        now = assemble(picture, dtype, gray=picture.gray, alpha=picture.has_alpha)
        top, left, height, width = box = changed_part(before, now)
        file = io.BytesIO()
        encode(cut_out(picture, box), file, options(picture))
        place = struct.pack(">4I2H2B", width, height, left, top, *_fraction(duration), _KEEP, 0)
        if before is None:
            _write_first(stream, file, struct.pack(">2I", reel.count, reel.loops), place, next(numbers))
        else:
            write_chunk(stream, b"fcTL", struct.pack(">I", next(numbers)) + place)
            for name, contents in chunks_of(file):
                if name == b"IDAT":
                    write_chunk(stream, b"fdAT", struct.pack(">I", next(numbers)) + contents)
        before = now
    write_chunk(stream, b"IEND", b"")


def _write_first(stream: BinaryIO, still: BinaryIO, counts: bytes, place: bytes, number: int) -> None:
    """The first frame is the still picture, too, with all that is known of the pictures around it."""
    stream.write(SIGNATURE)
    placed = False
    for name, contents in chunks_of(still):
        if name == b"IDAT" and not placed:
            write_chunk(stream, b"fcTL", struct.pack(">I", number) + place)
            placed = True
        if name != b"IEND":
            write_chunk(stream, name, contents)
        if name == b"IHDR":
            write_chunk(stream, b"acTL", counts)


def _fraction(milliseconds: float) -> tuple[int, int]:
    """Of a second, as two numbers of 16 bits."""
    seconds = Fraction(min(milliseconds / 1000, float(_LONGEST)))
    most = _LONGEST if seconds <= 1 else max(1, int(_LONGEST / seconds))
    near = seconds.limit_denominator(most)
    return near.numerator, near.denominator
