"""ICC profiles as bytes: the ones that are three curves and a matrix, or one curve for gray (ICC.1:2022, also v2).

Nothing is trusted: whatever is amiss ends as a ValueError that says what.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from darklift.image.curves import LINEAR, Curve, Formula, Light, Table

__all__ = ["Profile", "gray_curve", "read_profile"]

_MOST_TAGS, _LONGEST_TABLE = 200, 65536
# How many numbers a parametric curve of type 0 to 4 has.
_NUMBERS = (1, 3, 4, 5, 7)


@dataclass(frozen=True, eq=False)
class Profile:
    """What a profile says of its pixels.

    curves: three alike for gray. columns: what each channel's light is in CIE XYZ under D50, (3, 3) with a column per
    channel, None for gray. tabled: colours go through a table of colours instead; curves and columns then say nothing.
    transfer: the number of a transfer function that a ``cicp`` tag names (ITU-T H.273), None without.
    """

    gray: bool
    curves: tuple[Curve, Curve, Curve]
    columns: Light | None
    tabled: bool = False
    transfer: int | None = None


def read_profile(data: bytes) -> Profile:
    """Understand a profile of an RGB or gray picture. Raises ValueError for another, and for a damaged one."""
    if len(data) < 132 or data[36:40] != b"acsp":
        raise ValueError("it does not begin as a profile does")
    space, connection = data[16:20], data[20:24]
    if space not in (b"RGB ", b"GRAY"):
        raise ValueError(f"it is for {space.decode('ascii', 'replace').strip()} pixels")
    tags = _tags(data)
    transfer = _transfer(tags.get(b"cicp"))
    if space == b"GRAY":
        curve = _curve(_needed(tags, b"kTRC"))
        if connection == b"Lab ":
            curve = Table(_light_of_lightness(curve.decode(np.linspace(0, 1, 4097))))
        return Profile(True, (curve, curve, curve), None, transfer=transfer)
    if any(tag in tags for tag in (b"A2B0", b"A2B1", b"D2B0", b"D2B1")):
        return Profile(False, (LINEAR, LINEAR, LINEAR), None, tabled=True, transfer=transfer)
    red, green, blue = (_curve(_needed(tags, name)) for name in (b"rTRC", b"gTRC", b"bTRC"))
    columns = np.array([_xyz(_needed(tags, name)) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]).T
    if abs(np.linalg.det(columns)) < 1e-5:
        raise ValueError("its three colours lie on one line")
    return Profile(False, (red, green, blue), columns, transfer=transfer)


def gray_curve(data: bytes) -> bytes:
    """The tag with the curve of a gray picture's profile, from coded values to light. Raises ValueError for others."""
    if not read_profile(data).gray or data[20:24] != b"XYZ ":
        raise ValueError("it is no profile of gray light")
    return _needed(_tags(data), b"kTRC")


def _tags(data: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", data, 128)
    tags: dict[bytes, bytes] = {}
    try:
        for at in range(132, 132 + 12 * min(count, _MOST_TAGS), 12):
            name, start, size = struct.unpack_from(">4s2I", data, at)
            tags[name] = data[start : start + size]
    except struct.error as error:
        raise ValueError("it is cut short") from error
    return tags


def _needed(tags: dict[bytes, bytes], name: bytes) -> bytes:
    if not tags.get(name):
        raise ValueError(f"its {name.decode()} is missing")
    return tags[name]


def _transfer(tag: bytes | None) -> int | None:
    return tag[9] if tag is not None and len(tag) >= 12 and tag[:4] == b"cicp" else None


def _xyz(tag: bytes) -> tuple[float, ...]:
    if tag[:4] != b"XYZ " or len(tag) < 20:
        raise ValueError("one of its colours is cut short")
    return _fixed(tag, 8, 3)


def _fixed(tag: bytes, start: int, count: int) -> tuple[float, ...]:
    """s15Fixed16 numbers."""
    return tuple(number / 65536 for number in struct.unpack_from(f">{count}i", tag, start))


def _curve(tag: bytes) -> Curve:
    try:
        if tag[:4] == b"para":
            (kind,) = struct.unpack_from(">H", tag, 8)
            if kind >= len(_NUMBERS):
                raise ValueError(f"it has a curve of type {kind}")
            return _formula(kind, *_fixed(tag, 12, _NUMBERS[kind]))
        if tag[:4] != b"curv":
            raise ValueError("one of its curves is neither a formula nor a table")
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return LINEAR
        if count == 1:
            return Formula(struct.unpack_from(">H", tag, 12)[0] / 256)
        if not count <= _LONGEST_TABLE or len(tag) < 12 + 2 * count:
            raise ValueError("one of its curves is cut short")
        return Table(np.frombuffer(tag, ">u2", count, 12) / 65535)
    except struct.error as error:
        raise ValueError("one of its curves is cut short") from error


def _formula(kind: int, g: float, a: float = 1, b: float = 0, *rest: float) -> Formula:
    """The curve of a ``para`` tag, its numbers in the order of ICC.1:2022, table 68."""
    if kind == 0:
        return Formula(g)
    if a <= 0:
        raise ValueError("one of its curves does not rise")
    if kind == 1:
        return Formula(g, a, b, d=-b / a)
    if kind == 2:
        (level,) = rest
        return Formula(g, a, b, d=-b / a, e=level, f=level)
    c, d, e, f = (*rest, 0.0, 0.0)[:4]
    return Formula(g, a, b, c, d, e, f)


def _light_of_lightness(lightness: Light) -> Light:
    """CIE 1976: L*/100 in [0, 1] to luminance."""
    scaled = (lightness * 100 + 16) / 116
    return np.where(scaled > 6 / 29, scaled**3, (scaled - 4 / 29) * 3 * (6 / 29) ** 2)
