"""A profile, EXIF and XMP put into an AVIF file that holds pixels alone (ISO/IEC 23008-12, and AVIF 1.1).

imagecodecs encodes deep pixels, and no more. libavif's files, which it gives, hold a ``meta`` box with all facts, then
the coded data; here both are written anew with more items, and no coded byte changes.
"""

import struct

from darklift.image.boxes import children

__all__ = ["with_blocks"]

_PICTURE = 1  # the number that libavif gives to the item of the colours
_XMP_TYPE = b"application/rdf+xml\0"


def with_blocks(file: bytes, *, icc_profile: bytes | None, exif: bytes | None, xmp: bytes | None) -> bytes:
    """The file with these blocks. exif: from its TIFF header on.

    Raises ``ValueError`` for one that is laid out otherwise than libavif does.
    """
    top = {kind: (start, end) for kind, start, end in children(file)}
    facts = {kind: file[start:end] for kind, start, end in children(file, top[b"meta"][0] + 4, top[b"meta"][1])}
    items = _items(file, facts[b"iloc"])
    entries, references = [facts[b"iinf"][6:]], [facts.get(b"iref", bytes(4))[4:]]
    for kind, name, data in ((b"Exif", b"", exif and bytes(4) + exif), (b"mime", _XMP_TYPE, xmp)):
        if data:
            number = max(items) + 1
            items[number] = data
            entries.append(_box(b"infe", b"\2\0\0\1", struct.pack(">2H4s", number, 0, kind), b"\0", name))
            references.append(_box(b"cdsc", struct.pack(">3H", number, 1, _PICTURE)))
    before = [
        _box(b"hdlr", facts[b"hdlr"]),
        _box(b"pitm", facts[b"pitm"]),
        _box(b"iinf", bytes(4), struct.pack(">H", len(items)), *entries),
        _box(b"iref", bytes(4), *references),
        _with_profile(facts[b"iprp"], icc_profile) if icc_profile else _box(b"iprp", facts[b"iprp"]),
    ]
    head = file[: top[b"ftyp"][1]]
    length = len(head) + len(_meta(before, items, 0)) + 8
    return head + _meta(before, items, length) + _box(b"mdat", *items.values())


def _items(file: bytes, iloc: bytes) -> dict[int, bytes]:
    """The contents of each item by its number."""
    if iloc[:6] != b"\0\0\0\0\x44\0":
        raise ValueError("its items are told otherwise than expected")
    items = {}
    for at in range(8, len(iloc), 14):
        number, _, extents, offset, length = struct.unpack_from(">3H2I", iloc, at)
        if extents != 1 or offset + length > len(file):
            raise ValueError("its items are in parts")
        items[number] = file[offset : offset + length]
    return items


def _meta(boxes: list[bytes], items: dict[int, bytes], start: int) -> bytes:
    """The box of all facts, for items whose contents follow each other from ``start`` on."""
    places = b""
    for number, data in items.items():
        places += struct.pack(">3H2I", number, 0, 1, start, len(data))
        start += len(data)
    iloc = _box(b"iloc", b"\0\0\0\0\x44\0", struct.pack(">H", len(items)), places)
    return _box(b"meta", bytes(4), *boxes, iloc)


def _with_profile(iprp: bytes, profile: bytes) -> bytes:
    """The box of properties, where the picture has one more."""
    parts = {kind: iprp[start:end] for kind, start, end in children(iprp)}
    table, uses = parts[b"ipco"], parts[b"ipma"]
    (first,) = struct.unpack_from(">H", uses, 8)
    if uses[:4] != bytes(4) or first != _PICTURE:
        raise ValueError("its properties are told otherwise than expected")
    number = sum(1 for _ in children(table)) + 1
    used = uses[10]
    uses = uses[:10] + bytes([used + 1]) + uses[11 : 11 + used] + bytes([number]) + uses[11 + used :]
    return _box(b"iprp", _box(b"ipco", table, _box(b"colr", b"prof", profile)), _box(b"ipma", uses))


def _box(kind: bytes, *contents: bytes) -> bytes:
    data = b"".join(contents)
    return struct.pack(">I4s", len(data) + 8, kind) + data
