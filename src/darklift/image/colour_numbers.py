"""Colour spaces by number (ITU-T H.273), as AVIF and HEIF files may state them, as ICC profiles.

Most containers know ICC profiles and no such numbers, and the libraries that write AVIF files write numbers of their
own choice. A profile of the same colours goes everywhere, so that is what the numbers become.
"""

import struct
from collections.abc import Iterable, Sequence

import numpy as np

from darklift.errors import ImageError
from darklift.image.colour import PRIMARIES, SRGB_PRIMARIES, adaptation, matrix_to_xyz
from darklift.image.icc import gray_curve
from darklift.image.metadata import profile_name

__all__ = ["linear_profile", "profile_of_numbers", "rgb_profile_of_gray"]

_NAMES = {
    1: "BT.709",
    5: "BT.601 (625)",
    6: "BT.601 (525)",
    7: "SMPTE 240",
    9: "BT.2020",
    11: "DCI-P3",
    12: "Display P3",
}
_UNSTATED, _LINEAR = 2, 8
# All of these are shown by sRGB's curve: that of 1, 6, 14, 15 is the camera's, whose pictures screens show so.
_LIKE_SRGB = (1, 2, 6, 13, 14, 15)
_GAMMAS = {4: 2.2, 5: 2.8, _LINEAR: 1.0}
_HDR = {16: "PQ", 18: "HLG"}
_D50 = (0.9642, 1.0, 0.8249)


def profile_of_numbers(primaries: int, transfer: int, *, gray: bool = False) -> bytes | None:
    """An ICC profile (version 4) of these numbers; None where they are those of sRGB, or are not stated.

    gray: for a picture with one channel, to which only the curve means something.

    Raises ImageError for the curves of HDR pictures, and for numbers without a meaning here.
    """
    if transfer in _HDR:
        raise ImageError(
            f"an HDR picture ({_HDR[transfer]}), which would come out wrong: export it for standard screens (SDR) first"
        )
    primaries = 1 if primaries == _UNSTATED or gray else primaries
    if primaries not in PRIMARIES or transfer not in (*_LIKE_SRGB, *_GAMMAS):
        raise ImageError(
            f"colours by the numbers {primaries}/{transfer}, which have no known meaning: convert it to sRGB first"
        )
    if primaries == 1 and transfer in _LIKE_SRGB:
        return None
    curve = _curve(transfer)
    name = _NAMES[primaries] + ("" if transfer in _LIKE_SRGB else f", gamma {_GAMMAS[transfer]:g}")
    return _with_curve(name, PRIMARIES[primaries], curve, gray=gray)


def linear_profile(chromaticities: Sequence[float] | None = None, *, gray: bool = False) -> bytes:
    """An ICC profile (version 4) of linear light.

    chromaticities: x and y of red, green, blue and white, by default sRGB's. gray: for a picture with one channel.
    Raises ``ValueError`` for such as make no colour space.
    """
    primaries: tuple[tuple[float, float], ...] = SRGB_PRIMARIES
    if chromaticities is not None:
        numbers = [float(number) for number in chromaticities]
        primaries = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    return _with_curve("linear light", primaries, _curve(_LINEAR), gray=gray)


def _with_curve(name: str, primaries: tuple[tuple[float, float], ...], curve: bytes, *, gray: bool) -> bytes:
    tags = {b"desc": _text(name), b"cprt": _text("No copyright, use freely"), b"wtpt": _xyz(_D50)}
    if gray:
        return _profile(b"GRAY", tags | {b"kTRC": curve})
    x, y = primaries[3]
    tags[b"chad"] = b"sf32" + bytes(4) + _fixed(adaptation(np.array([x / y, 1.0, (1 - x - y) / y])).ravel())
    colours = matrix_to_xyz(primaries)
    tags |= {name: _xyz(colours[:, channel]) for channel, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    return _profile(b"RGB ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def rgb_profile_of_gray(profile: bytes) -> bytes:
    """A profile (version 4) that gives gray pixels with three channels the colours that this one gives them with one.

    Raises ``ValueError`` for another kind of profile.
    """
    return _with_curve(profile_name(profile), SRGB_PRIMARIES, gray_curve(profile), gray=False)


def _curve(transfer: int) -> bytes:
    if transfer in _LIKE_SRGB:
        numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
        return b"para" + struct.pack(">4x2H5i", 3, 0, *(round(number * 65536) for number in numbers))
    return b"para" + struct.pack(">4x2Hi", 0, 0, round(_GAMMAS[transfer] * 65536))


def _fixed(values: Iterable[float]) -> bytes:
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)


def _text(text: str) -> bytes:
    data = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">4x2I2s2s2I", 1, 12, b"en", b"US", len(data), 28) + data


def _xyz(values: Iterable[float]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(values)


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """The file: header, table, contents (ICC.1:2022, 7)."""
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, contents in tags.items():
        table += struct.pack(">4s2I", name, start + len(body), len(contents))
        body += contents + bytes(-len(contents) % 4)
    header = struct.pack(
        ">I4xI4s4s4s6H4s28x3i48x",
        start + len(body), 0x04300000, b"mntr", space, b"XYZ ", 2000, 1, 1, 0, 0, 0, b"acsp",
        *(round(value * 65536) for value in _D50),
    )  # fmt: skip
    return header + table + body
