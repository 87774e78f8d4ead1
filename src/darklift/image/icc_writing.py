"""ICC profiles (version 4) of colours that a file tells of otherwise: three curves and a matrix, or one for gray."""

import struct
from collections.abc import Iterable, Sequence

from darklift.image.colour import SRGB_PRIMARIES, ColourSpace, adaptation, matrix_to_xyz, white_of
from darklift.image.curves import LINEAR, Formula, Light
from darklift.image.icc import gray_curve
from darklift.image.metadata import profile_name

__all__ = ["linear_profile", "profile_bytes", "profile_of", "rgb_profile_of_gray"]

_D50 = (0.9642, 1.0, 0.8249)


def profile_of(space: ColourSpace, *, gray: bool = False) -> bytes | None:
    """The profile of a space whose three curves are one formula, None for another.

    gray: for a picture with one channel, to which only the curve means something.
    """
    curve = space.curves[0]
    if not isinstance(curve, Formula) or any(other != curve for other in space.curves):
        return None
    return profile_bytes(space.name, curve, None if gray else space.columns, space.white)


def linear_profile(chromaticities: Sequence[float] | None = None, *, gray: bool = False) -> bytes:
    """The profile of linear light.

    chromaticities: x and y of red, green, blue and white, by default sRGB's. gray: for a picture with one channel.
    Raises ``ValueError`` for such as make no colour space.
    """
    primaries: tuple[tuple[float, float], ...] = SRGB_PRIMARIES
    if chromaticities is not None:
        numbers = [float(number) for number in chromaticities]
        primaries = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    columns = None if gray else matrix_to_xyz(primaries)
    return profile_bytes("linear light", LINEAR, columns, white_of(primaries))


def rgb_profile_of_gray(profile: bytes) -> bytes:
    """A profile that gives gray pixels with three channels the colours that this one gives them with one.

    Raises ``ValueError`` for another kind of profile.
    """
    columns, white = matrix_to_xyz(SRGB_PRIMARIES), white_of(SRGB_PRIMARIES)
    return profile_bytes(profile_name(profile), gray_curve(profile), columns, white)


def profile_bytes(name: str, curve: Formula | bytes, columns: Light | None, white: Light | None) -> bytes:
    """A profile by its contents.

    curve: of every channel; bytes are a tag as another profile has it. columns: XYZ under D50 of red, green, blue,
    (3, 3) with a column per channel; None for gray. white: XYZ of the white that they were adapted from; None where it
    was D50.
    """
    coded = curve if isinstance(curve, bytes) else _curve(curve)
    tags = {b"desc": _text(name), b"cprt": _text("No copyright, use freely"), b"wtpt": _xyz(_D50)}
    if columns is None:
        return _profile(b"GRAY", tags | {b"kTRC": coded})
    if white is not None:
        tags[b"chad"] = b"sf32" + bytes(4) + _fixed(adaptation(white).ravel())
    tags |= {name: _xyz(columns[:, channel]) for channel, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    return _profile(b"RGB ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), coded))


def _curve(curve: Formula) -> bytes:
    """A parametric curve: of type 0 where it is a power, else of type 4 or, where nothing is added, 3."""
    if curve == Formula(curve.g):
        kind, numbers = 0, [curve.g]
    else:
        kind, numbers = 3, [curve.g, curve.a, curve.b, curve.c, curve.d]
        if curve.e or curve.f:
            kind, numbers = 4, [*numbers, curve.e, curve.f]
    return b"para" + struct.pack(">4x2H", kind, 0) + _fixed(numbers)


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
