"""ICC profiles made of their numbers, as tests need them: three curves and a matrix, or one curve for gray."""

import struct

from darklift.image.colour import SRGB_PRIMARIES, matrix_to_xyz

D65 = SRGB_PRIMARIES[3]
SRGB = SRGB_PRIMARIES
P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65)
ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), D65)
ROMM = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), (0.3457, 0.3585))


def fixed(*numbers: float) -> bytes:
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


def gamma(power: float) -> bytes:
    """A curve of one number, in 256ths."""
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(power * 256))


def table(values: list[float]) -> bytes:
    codes = [round(value * 65535) for value in values]
    return b"curv\0\0\0\0" + struct.pack(f">I{len(codes)}H", len(codes), *codes)


def formula(kind: int, *numbers: float) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">H2x", kind) + fixed(*numbers)


LINEAR = b"curv\0\0\0\0\0\0\0\0"
SRGB_CURVE = formula(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
ROMM_CURVE = formula(3, 1.8, 1, 0, 1 / 16, 0.03125)


def srgb_light(coded: float) -> float:
    return coded / 12.92 if coded <= 0.04045 else ((coded + 0.055) / 1.055) ** 2.4


def make_profile(
    primaries: tuple[tuple[float, float], ...] | None,
    curve: bytes,
    *,
    version: int = 2,
    name: str = "made",
    connection: bytes = b"XYZ ",
    more: dict[bytes, bytes] | None = None,
) -> bytes:
    """A display profile; gray without primaries (x and y of red, green, blue, white)."""
    tags = {b"desc": _text(name, version), b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1, 0.8249)}
    tags[b"cprt"] = b"text\0\0\0\0none\0" if version < 4 else _text("none", 4)
    if primaries is None:
        tags[b"kTRC"] = curve
    else:
        columns = matrix_to_xyz(primaries)
        for number, letter in enumerate((b"r", b"g", b"b")):
            tags[letter + b"XYZ"] = b"XYZ \0\0\0\0" + fixed(*columns[:, number])
            tags[letter + b"TRC"] = curve
    tags |= more or {}
    at, entries, contents = 132 + 12 * len(tags), b"", b""
    for tag, data in tags.items():
        entries += struct.pack(">4s2I", tag, at + len(contents), len(data))
        contents += data + bytes(-len(data) % 4)
    body = struct.pack(">I", len(tags)) + entries + contents
    space = b"GRAY" if primaries is None else b"RGB "
    head = struct.pack(">I4sI4s4s4s", 128 + len(body), b"none", version << 24, b"mntr", space, connection)
    head += struct.pack(">6H4s", 2020, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + fixed(0.9642, 1, 0.8249)
    return head.ljust(128, b"\0") + body


def _text(words: str, version: int) -> bytes:
    if version < 4:
        ascii_words = words.encode() + b"\0"
        return b"desc\0\0\0\0" + struct.pack(">I", len(ascii_words)) + ascii_words + bytes(78)
    encoded = words.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">2I2s2s2I", 1, 12, b"en", b"US", len(encoded), 28) + encoded
