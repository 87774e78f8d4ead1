"""Netpbm's files: a header of text, then plain samples. What its formats share, for those that Pillow cannot read.

The headers are those of Netpbm's pages ppm(5), pgm(5) and pam(5), and of PFM.
"""

import io
import re
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from darklift.errors import ImageError
from darklift.image.left_behind import notes_on_rest
from darklift.image.pixels import check_size

__all__ = ["Header", "notes_behind", "pam_header", "read_samples", "text_header"]

_MOST_HEADER = 65536
_COMMENT = re.compile(rb"#[^\r\n]*")
_WORD = re.compile(rb"(?:#[^\r\n]*[\r\n]|\s)*([^\s#]+)")
_PAM_DEPTHS = range(1, 5)
_NEXT = re.compile(rb"\s*P[1-7Ff]\s")


class Header(NamedTuple):
    """width and height in pixels; channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha; white: its value, as it
    is written; start: where the samples begin; plain: they are decimal numbers.
    """

    width: int
    height: int
    channels: int
    white: float
    start: int
    plain: bool = False


def text_header(stream: BinaryIO, held: int = 4) -> Header:
    """The header of a PGM, PPM or PFM file: its kind, width, height and white (of PFM, the scale), in words. held: the
    bytes that each sample will be kept in.
    """
    stream.seek(0)
    data = stream.read(_MOST_HEADER)
    words, at = [], 0
    for _ in range(4):
        found = _WORD.match(data, at)
        if found is None:
            raise ImageError("damaged or incomplete file: its header ends too early: copy or download it again")
        words.append(found[1])
        at = found.end()
    kind = words[0]
    channels = 3 if kind in (b"P3", b"P6", b"PF") else 1
    plain = kind in (b"P2", b"P3")
    return _checked(words[1], words[2], channels, words[3], at + 1, held=held, plain=plain)


def pam_header(stream: BinaryIO) -> Header:
    """The header of a PAM file: a line for each fact, of which those about what tuples mean follow from their depth."""
    stream.seek(0)
    head, end, _ = stream.read(_MOST_HEADER).partition(b"\nENDHDR\n")
    facts = dict(line.split(None, 1) for line in _COMMENT.sub(b"", head).splitlines() if len(line.split()) > 1)
    try:
        width, height, depth, white = (facts[name] for name in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL"))
    except KeyError as error:
        raise ImageError("damaged or incomplete file: its header lacks a fact: copy or download it again") from error
    if not end or int(depth) not in _PAM_DEPTHS:
        raise ImageError(
            f"{int(depth)} channels, expected gray or RGB, with or without alpha: save it without the others"
        )
    return _checked(width, height, int(depth), white, len(head) + len(end))


def _checked(
    width: bytes, height: bytes, channels: int, white: bytes, start: int, *, held: int = 4, plain: bool = False
) -> Header:
    """Sizes and white as numbers; ``ValueError`` where they are none, ``ImageError`` where they are too large."""
    check_size(int(width), int(height), held=held * channels)
    return Header(int(width), int(height), channels, float(white), start, plain)


def read_samples(stream: BinaryIO, header: Header, dtype: str) -> npt.NDArray[Any]:
    """(H, W, C) of the dtype, which plain numbers become as well. ``ImageError`` for files that end too early."""
    count = header.width * header.height * header.channels
    have = stream.seek(0, io.SEEK_END) - header.start
    least = 2 * count - 1 if header.plain else count * np.dtype(dtype).itemsize
    if have < least:  # before anything is allocated for what a header only claims
        raise ImageError(f"incomplete file: {have} bytes of pixels, expected {least}: copy or download it again")
    stream.seek(header.start)
    if header.plain:
        samples = np.array(_COMMENT.sub(b"", stream.read()).split()[:count], np.int64)
        if len(samples) < count:
            raise ImageError(f"incomplete file: {len(samples)} samples, expected {count}: copy or download it again")
    else:
        samples = np.frombuffer(stream.read(least), dtype)
    if samples.dtype.kind != "f" and not 0 <= int(samples.min()) <= int(samples.max()) <= header.white:
        raise ImageError(f"damaged file: samples beyond its white of {header.white:g}: copy or download it again")
    return samples.reshape(header.height, header.width, header.channels)


def notes_behind(stream: BinaryIO, header: Header, bytes_per_sample: int) -> list[str]:
    """One line on what follows the picture: Netpbm's files may hold several, one behind the other."""
    if header.plain:
        return []
    stream.seek(header.start + header.width * header.height * header.channels * bytes_per_sample)
    rest = stream.read()
    if _NEXT.match(rest):
        return ["further pictures behind the first"]
    return notes_on_rest(rest.strip())
