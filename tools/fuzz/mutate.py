"""Changes to a file that leave its frame whole, so that they reach what lies deep in it.

A file is taken apart into the parts of its container: chunks, segments, boxes or directory entries. One of them is
changed, in turn by its own kind (a profile within a chunk, EXIF within a segment), doubled, moved, dropped, or taken
over from another file. Then lengths and checksums are put right.
"""

from __future__ import annotations

import random
import re
import struct
import zlib
from collections.abc import Callable, Sequence

__all__ = ["mutated"]

_INTERESTING = (
    0,
    1,
    2,
    3,
    4,
    8,
    15,
    16,
    127,
    128,
    255,
    256,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x10000,
    2**31 - 1,
    2**31,
    2**32 - 1,
)
_NESTED = {b"meta", b"iprp", b"ipco", b"iinf", b"iref", b"jp2h", b"moov", b"trak", b"mdia", b"minf", b"stbl", b"res "}
_SKIPPED = {b"meta": 4, b"iinf": 6, b"iref": 4}  # bytes before the boxes in such a box
_SIZE_OF_TYPE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_STRUCTURE_TAGS = (254, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 338, 339)
_OTHER_TAGS = (274, 282, 296, 330, 513, 514, 530, 700, 33421, 33723, 34377, 34675, 34665, 34853, 40965, 37396, 50706)
_TAGS = (*_STRUCTURE_TAGS, *_OTHER_TAGS)

Part = tuple[bytes, bytes]
"""The name of a part, and its contents."""


def mutated(data: bytes, rng: random.Random, others: Sequence[bytes], depth: int = 0) -> bytes:
    """The file with one to three changes; ``others`` are files that parts are taken over from."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        take_apart = _reader_of(data) if depth < 4 and rng.random() < 0.8 else None
        data = _plainly(data, rng, others) if take_apart is None else take_apart(data, rng, others, depth)
    return data


def _reader_of(data: bytes) -> Callable[[bytes, random.Random, Sequence[bytes], int], bytes] | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg
    if data.startswith(b"RIFF"):
        return _riff
    if data[4:8] in (b"ftyp", b"jP  ", b"JXL "):
        return _boxes
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+") or data.startswith(b"Exif\0\0"):
        return _tiff
    if data[36:40] == b"acsp":
        return _profile
    return _markup if data[:200].lstrip()[:1] == b"<" else None


# ------------------------------------------------------------------------------------------------------ plain bytes


def _plainly(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    block = bytearray(data or b"\0")
    at = rng.randrange(min(len(block), rng.choice((64, 512, 1 << 20))))
    what = rng.randrange(8)
    if what == 0:
        block[at] = rng.randrange(256)
    elif what == 1:
        block[at] ^= 1 << rng.randrange(8)
    elif what == 2:
        del block[at : at + rng.choice((1, 2, 4, 8, 64))]
    elif what == 3:
        block[at:at] = rng.randbytes(rng.choice((1, 2, 4, 8)))
    elif what == 4:
        size = rng.choice((2, 4, 8))
        value = (rng.choice(_INTERESTING) + rng.choice((0, 0, -1, 1, len(block)))) % 256**size
        block[at : at + size] = value.to_bytes(size, rng.choice(("big", "little")))
    elif what == 5:
        piece = block[at : at + rng.randrange(1, 65)]
        to = rng.randrange(len(block) + 1)
        block[to : to + rng.choice((0, len(piece)))] = piece
    elif what == 6 and others:
        other = rng.choice(others)
        start = rng.randrange(len(other) + 1)
        block[at : at + rng.choice((0, 16, 1 << 20))] = other[start : start + rng.choice((16, 256))]
    elif what == 7:
        del block[at + rng.randrange(64) :]
    return bytes(block)


def _shuffled(
    parts: list[Part], rng: random.Random, others: Sequence[bytes], depth: int, theirs: Callable[[], list[Part]]
) -> None:
    """One change to the parts of a container, in place. theirs: the parts of another such file."""
    if not parts:
        parts += theirs()
        return
    at, what = rng.randrange(len(parts)), rng.randrange(12)
    name, contents = parts[at]
    if what < 7:
        parts[at] = (name, mutated(contents, rng, others, depth + 1))
    elif what == 7:
        parts.insert(rng.randrange(len(parts) + 1), parts[at])
    elif what == 8:
        del parts[at]
    elif what == 9:
        to = rng.randrange(len(parts))
        parts[at], parts[to] = parts[to], parts[at]
    elif what == 10 and (more := theirs()):
        parts.insert(rng.randrange(len(parts) + 1), rng.choice(more))
    else:
        parts[at] = (rng.choice(parts)[0], contents)


def _other(rng: random.Random, others: Sequence[bytes], begins: bytes, at: int = 0) -> bytes:
    fitting = [other for other in others if other.startswith(begins, at)]
    return rng.choice(fitting) if fitting else b""


# ------------------------------------------------------------------------------------------------------- containers


def _png_parts(data: bytes) -> list[Part]:
    parts, at = [], 8
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        parts.append((name, data[at + 8 : at + 8 + length]))
        at += 12 + length
    return parts


def _png(data: bytes, rng: random.Random, others: Sequence[bytes], depth: int) -> bytes:
    parts = _png_parts(data)
    place = rng.randrange(len(parts)) if parts else 0
    if parts and parts[place][0] in (b"IDAT", b"zTXt", b"iCCP") and rng.random() < 0.5:
        parts[place] = (parts[place][0], _repacked(parts[place], rng, others, depth))
    else:
        _shuffled(parts, rng, others, depth, lambda: _png_parts(_other(rng, others, data[:8])))
    chunks = (
        struct.pack(">I", len(each)) + name + each + struct.pack(">I", zlib.crc32(name + each)) for name, each in parts
    )
    return data[:8] + b"".join(chunks)


def _repacked(part: Part, rng: random.Random, others: Sequence[bytes], depth: int) -> bytes:
    """A change to what is compressed in a chunk."""
    name, contents = part
    start = 0 if name == b"IDAT" else contents.find(b"\0") + 2
    try:
        plain = zlib.decompressobj().decompress(contents[start:], 1 << 20)
    except zlib.error:
        return _plainly(contents, rng, others)
    return contents[:start] + zlib.compress(mutated(plain, rng, others, depth + 1), 1)


def _jpeg_parts(data: bytes) -> tuple[list[Part], bytes]:
    """The segments before the first scan, and the rest."""
    parts, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", data, at + 2)
        parts.append((data[at : at + 2], data[at + 4 : at + 2 + length]))
        at += 2 + max(length, 2)
    return parts, data[at:]


def _jpeg(data: bytes, rng: random.Random, others: Sequence[bytes], depth: int) -> bytes:
    parts, rest = _jpeg_parts(data)
    if rng.random() < 0.15:
        rest = _plainly(rest, rng, others)
    else:
        named = rng.random() < 0.6
        if named and parts:  # a segment's own word in front stays, and what follows is changed by its kind
            place = rng.randrange(len(parts))
            marker, contents = parts[place]
            ends = [
                found
                for word in (b"\0\0", b"/\0", b"3.0\0", b"ILE\0\1\1")
                if (found := contents.find(word) + len(word)) > 3
            ]
            start = min([end for end in ends if end <= 35], default=0)
            parts[place] = (marker, contents[:start] + mutated(contents[start:], rng, others, depth + 1))
        else:
            _shuffled(parts, rng, others, depth, lambda: _jpeg_parts(_other(rng, others, data[:3]))[0])
    segments = (name + struct.pack(">H", min(len(each), 65533) + 2) + each[:65533] for name, each in parts)
    return data[:2] + b"".join(segments) + rest


def _riff_parts(data: bytes) -> list[Part]:
    parts, at = [], 12
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        parts.append((name, data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return parts


def _riff(data: bytes, rng: random.Random, others: Sequence[bytes], depth: int) -> bytes:
    parts = _riff_parts(data)
    _shuffled(parts, rng, others, depth, lambda: _riff_parts(_other(rng, others, data[8:12], 8)))
    body = b"".join(name + struct.pack("<I", len(each)) + each + bytes(len(each) % 2) for name, each in parts)
    return data[:4] + struct.pack("<I", len(body) + 4) + data[8:12] + body


def _box_parts(data: bytes) -> list[Part]:
    parts, at = [], 0
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        length = len(data) - at if length < 8 else length
        parts.append((name, data[at + 8 : at + length]))
        at += length
    return parts


def _boxes(data: bytes, rng: random.Random, others: Sequence[bytes], depth: int) -> bytes:
    """Offsets into the file stay as they were: what lies behind a change of length is not found any more."""
    parts = _box_parts(data)
    nested = [number for number, (name, _) in enumerate(parts) if name in _NESTED]
    if nested and rng.random() < 0.8:
        number = rng.choice(nested)
        name, contents = parts[number]
        skipped = _SKIPPED.get(name, 0)
        changed = _boxes(contents[skipped:], rng, others, depth)
        if rng.random() < 0.5:  # most of the rest works only where the length stays
            changed = changed[: len(contents) - skipped].ljust(len(contents) - skipped, b"\0")
        parts[number] = (name, contents[:skipped] + changed)
    else:
        _shuffled(parts, rng, others, depth, lambda: _box_parts(_other(rng, others, data[4:8], 4)))
    return b"".join(struct.pack(">I4s", len(each) + 8, name) + each for name, each in parts)


def _tiff(data: bytes, rng: random.Random, others: Sequence[bytes], depth: int) -> bytes:
    """One entry of one directory: its tag, type, number or value; or what it points at."""
    head = 6 if data.startswith(b"Exif\0\0") else 0
    block = bytearray(data[head:])
    order = "<" if block[:2] == b"II" else ">"
    big = block[2:4] in (b"+\0", b"\0+")
    width, count_at, word = (20, 8, "Q") if big else (12, 4, "I")
    places = []
    todo = [int(struct.unpack_from(order + word, block.ljust(16, b"\0"), count_at)[0])]
    while todo and len(places) < 400:
        start = todo.pop()
        if not 0 < start + (8 if big else 2) <= len(block):
            continue
        (count,) = struct.unpack_from(order + ("Q" if big else "H"), block, start)
        first = start + (8 if big else 2)
        for at in range(first, first + width * min(count, 60), width):
            if at + width > len(block):
                break
            places.append(at)
            (tag,) = struct.unpack_from(order + "H", block, at)
            if tag in (330, 0x8769, 0x8825, 0xA005):
                todo.append(int(struct.unpack_from(order + word, block, at + (12 if big else 8))[0]))
    if not places:
        return data[:head] + _plainly(bytes(block), rng, others)
    at, what = rng.choice(places), rng.randrange(7)
    value_at = at + (12 if big else 8)
    if what == 0:
        struct.pack_into(order + "H", block, at, rng.choice(_TAGS))
    elif what == 1:
        struct.pack_into(order + "H", block, at + 2, rng.choice((*range(1, 14), 16, 17, 18, 129)))
    elif what == 2:
        struct.pack_into(order + word, block, at + 4, rng.choice((*_INTERESTING, len(block))) % 2**32)
    elif what in (3, 4):
        kind = rng.choice(("H", "I"))
        value = rng.choice((*_INTERESTING, *range(16), len(block), rng.randrange(len(block)))) % 256 ** struct.calcsize(
            kind
        )
        struct.pack_into(order + kind, block, value_at, value)
    elif what == 5:
        to = rng.choice(places)
        block[at : at + width], block[to : to + width] = block[to : to + width], block[at : at + width]
    else:
        kind, number = struct.unpack_from(order + "H" + word, block, at + 2)
        start = int(struct.unpack_from(order + word, block, value_at)[0])
        length = _SIZE_OF_TYPE.get(kind, 1) * number
        if length > 4 and start + length <= len(block):
            value = mutated(bytes(block[start : start + length]), rng, others, depth + 1)
            block[start : start + length] = value[:length].ljust(length, b"\0")
    return data[:head] + bytes(block)


def _profile(data: bytes, rng: random.Random, others: Sequence[bytes], depth: int) -> bytes:
    """One word of the header, the table of tags, or the tags."""
    block = bytearray(data)
    at = rng.choice((16, 20, 128, 132 + 4 * rng.randrange(30), 4 * rng.randrange(len(block) // 4 + 1)))
    word = rng.choice((b"RGB ", b"GRAY", b"CMYK", b"Lab ", b"para", b"curv", b"mluc", b"A2B0", b"cicp", b"kTRC", b""))
    value = word or struct.pack(">I", rng.choice(_INTERESTING) % 2**32)
    block[at : at + 4] = value
    return bytes(block)


def _markup(data: bytes, rng: random.Random, others: Sequence[bytes], depth: int) -> bytes:
    """Tags, attributes and texts moved, doubled, dropped or exchanged."""
    parts = re.findall(rb"<[^>]*>|[^<]+|<", data)
    at, to, what = rng.randrange(len(parts)), rng.randrange(len(parts)), rng.randrange(6)
    if what == 0:
        parts[at], parts[to] = parts[to], parts[at]
    elif what == 1:
        del parts[at : at + rng.choice((1, 1, 1, 3))]
    elif what == 2:
        parts[to:to] = parts[at : at + rng.choice((1, 3, 9))]
    elif what == 3:
        words = re.findall(rb"[\w.:/]+", parts[at])
        wanted = rng.choice(
            (b"-1", b"1e9", b"nan", b"", b"0", b"&lt;", b"\xc3\xa4", b"999999999.99999", b"rdf:Bag", b".")
        )
        if words:
            parts[at] = parts[at].replace(rng.choice(words), wanted, 1)
    elif what == 4:
        parts[at] = _plainly(parts[at], rng, others)
    else:
        parts[at : at + 1] = [parts[at]] * rng.choice((2, 50))
    return b"".join(parts)
