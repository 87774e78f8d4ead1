"""What a HEIF or AVIF file says of its picture, read from its boxes (ISO/IEC 14496-12 and 23008-12).

The libraries that decode such files keep some of it to themselves: the true number of bits, the colour numbers, a crop,
EXIF as it was written, and what other pictures lie beside the main one. Nothing here decodes pixels.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from darklift.errors import ImageError
from darklift.image.left_behind import CREDENTIALS, notes_on_rest
from darklift.image.turning import one_after_another

__all__ = ["HeifFacts", "brands", "children", "heif_facts"]

_AUXILIARY = {
    "hdrgainmap": "its gain map, which belongs to the dark photo",
    "depth": "its depth map",
    "auxid:2": "its depth map",
    "disparity": "its depth map",
    "matte": "a matte of what is in the photo",
    "tmap": "its gain map, which belongs to the dark photo",
}
_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_KNOWN_BOXES = (b"ftyp", b"meta", b"mdat", b"free", b"skip", b"idat", b"moov", b"mpvd", b"etyp", b"mini")
_ALPHA = ("auxid:1", "alpha")
_LARGEST_ITEMS = 10_000
_SUBSAMPLINGS = {0: "4:4:4", 2: "4:2:2", 3: "4:2:0"}  # by av1C's two bits


@dataclass(slots=True)
class HeifFacts:
    """What the boxes tell of the main picture.

    Attributes:
        bits: of a channel, the most that any has.
        nclx: colour primaries, transfer and matrix by number (ITU-T H.273), None where there are none.
        size: width and height of the pixels as they are stored; None where it is not said.
        crop: left, top, width and height that are meant to be seen of the pixels as they are stored; None for all.
        turned: the orientation, 1 to 8, that ``irot`` and ``imir`` turn the pixels by.
        gray: there is one channel of colour.
        subsampling: how much of the colour AV1 holds, "4:4:4" (all), "4:2:2" or "4:2:0"; None in HEVC.
        exif: the block as it is in the file, from its TIFF header on.
        notes: in words, what else the file holds.
    """

    bits: int = 8
    nclx: tuple[int, int, int] | None = None
    size: tuple[int, int] | None = None
    crop: tuple[int, int, int, int] | None = None
    turned: int = 1
    gray: bool = False
    subsampling: str | None = None
    exif: bytes | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Property:
    kind: bytes
    data: bytes


def brands(head: bytes) -> list[bytes]:
    """The brands of a file that begins with a ``ftyp`` box, the major one first; empty where it does not."""
    if len(head) < 12 or head[4:8] != b"ftyp":
        return []
    (length,) = struct.unpack_from(">I", head)
    listed = head[16 : min(length, len(head))]
    return [head[8:12], *(listed[at : at + 4] for at in range(0, len(listed) - 3, 4))]


def children(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start, end of the contents) of each box in a stretch of bytes; it ends at the first one that is cut."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, start)
        inside = start + 8
        if length == 1 and start + 16 <= end:
            (length,) = struct.unpack_from(">Q", data, inside)
            inside += 8
        stop = end if length == 0 else start + length
        if stop < inside or stop > end:
            return
        yield kind, inside, stop
        start = stop


def heif_facts(data: bytes) -> HeifFacts:
    """What the boxes of a whole file tell. Damaged boxes are an ``ImageError``."""
    facts, last = HeifFacts(), 0
    for kind, start, end in children(data):
        last = end
        if kind == b"mpvd":
            facts.notes.append("its motion video")
        elif kind == b"uuid" and data.startswith(_C2PA, start):
            facts.notes.append(CREDENTIALS)
        elif kind not in _KNOWN_BOXES:
            facts.notes.append(f"a box that is not known here ({kind.decode('latin-1')!r})")
        if kind == b"meta":
            try:
                _read_meta(data, start + 4, end, facts)
            except (struct.error, IndexError, ZeroDivisionError) as error:
                raise ImageError("damaged file: its boxes point outside: copy or download it again") from error
    facts.notes += notes_on_rest(data[last:])
    return facts


def _read_meta(data: bytes, start: int, end: int, facts: HeifFacts) -> None:
    boxes = {kind: (first, last) for kind, first, last in children(data, start, end)}
    if b"pitm" not in boxes:
        return
    at = boxes[b"pitm"][0]
    primary = _uint(data, at + 4, 2 if data[at] == 0 else 4)
    properties = _properties(data, *boxes[b"iprp"]) if b"iprp" in boxes else {}
    references = list(_references(data, *boxes[b"iref"])) if b"iref" in boxes else []
    kinds = _item_kinds(data, *boxes[b"iinf"]) if b"iinf" in boxes else {}
    tiles = {item for kind, source, targets in references if kind == b"dimg" and source == primary for item in targets}
    _describe_primary(properties.get(primary, []), facts)
    for tile in tiles:  # of a grid; each says how it is coded
        for found in properties.get(tile, []):
            _describe_coding(found, facts)
    facts.notes.extend(_notes_on_others(primary, properties, references, kinds))
    exif = next((item for item, kind in kinds.items() if kind == b"Exif"), None)
    if exif is not None and b"iloc" in boxes:
        facts.exif = _exif(_item(data, boxes[b"iloc"], boxes.get(b"idat"), exif))


def _describe_primary(properties: list[_Property], facts: HeifFacts) -> None:
    for found in properties:
        _describe_coding(found, facts)
        if found.kind == b"ispe":
            facts.size = struct.unpack_from(">2I", found.data, 4)
        elif found.kind == b"colr" and found.data[:4] == b"nclx":
            facts.nclx = struct.unpack_from(">3H", found.data, 4)
        elif found.kind == b"clap" and facts.size is not None:
            facts.crop = _crop(found.data, facts.size)
        elif found.kind == b"irot":
            facts.turned = one_after_another(facts.turned, (1, 8, 3, 6)[found.data[0] & 3])
        elif found.kind == b"imir":
            facts.turned = one_after_another(facts.turned, 4 if found.data[0] & 1 else 2)
        elif found.kind == b"pixi":
            facts.gray = found.data[4] == 1


def _describe_coding(found: _Property, facts: HeifFacts) -> None:
    facts.bits = max(facts.bits, _bits(found))
    if found.kind == b"av1C":
        facts.subsampling = _SUBSAMPLINGS.get(found.data[2] >> 2 & 3)


def _bits(found: _Property) -> int:
    """How many bits this property tells of; 8 where it tells nothing."""
    data = found.data
    if found.kind == b"pixi":
        return max(data[5 : 5 + data[4]], default=8)
    if found.kind == b"av1C":
        return 12 if data[2] & 0x20 else 10 if data[2] & 0x40 else 8
    if found.kind == b"hvcC":
        return 8 + max(data[17] & 7, data[18] & 7)
    return 8


def _crop(data: bytes, size: tuple[int, int]) -> tuple[int, int, int, int]:
    numbers = struct.unpack_from(">4IiIiI", data)
    width, height, right, down = (Fraction(numbers[at], numbers[at + 1]) for at in range(0, 8, 2))
    left, top = (size[0] - width) / 2 + right, (size[1] - height) / 2 + down
    inside = left >= 0 and top >= 0 and width > 0 and height > 0 and left + width <= size[0] and top + height <= size[1]
    if not inside or any(side.denominator != 1 for side in (left, top, width, height)):
        raise ImageError("it is cropped to a part that is no whole number of its pixels: save the crop as a new file")
    return (int(left), int(top), int(width), int(height))


def _notes_on_others(
    primary: int,
    properties: dict[int, list[_Property]],
    references: list[tuple[bytes, int, list[int]]],
    kinds: dict[int, bytes],
) -> Iterator[str]:
    found = []
    names = {
        item: each.data[4:].split(b"\0")[0].decode("ascii", "replace")
        for item, own in properties.items()
        for each in own[::-1]  # the first counts
        if each.kind == b"auxC"
    }
    for kind, source, targets in references:
        if kind == b"auxl" and primary in targets:
            name = names.get(source, "")
            if not name.endswith(_ALPHA):
                known = (words for part, words in _AUXILIARY.items() if part in name.lower())
                found.append(next(known, f"an auxiliary picture ({name or 'unnamed'})"))
        elif kind == b"thmb" and primary in targets:
            found.append("its thumbnail, which shows the dark photo")
    if b"tmap" in kinds.values():
        found.append(_AUXILIARY["tmap"])
    yield from dict.fromkeys(found)


def _properties(data: bytes, start: int, end: int) -> dict[int, list[_Property]]:
    """The properties of each item, in the order they apply in."""
    boxes = list(children(data, start, end))
    container = next(((first, last) for kind, first, last in boxes if kind == b"ipco"), (end, end))
    table = [_Property(kind, data[first:last]) for kind, first, last in children(data, *container)]
    for found_property in table:
        if found_property.kind == b"auxC":
            _check_text(found_property.data[4:].split(b"\0")[0])
    found: dict[int, list[_Property]] = {}
    for kind, first, last in boxes:
        if kind != b"ipma":
            continue
        uses = data[first:last]  # what it counts has to lie in it: many boxes that claim much would take hours
        version, wide = uses[0], uses[3] & 1
        count = _uint(uses, 4, 4)
        at = 8
        for _ in range(min(count, _LARGEST_ITEMS)):
            item = _uint(uses, at, 2 if version < 1 else 4)
            at += 2 if version < 1 else 4
            at += 1
            for _ in range(uses[at - 1]):
                number = _uint(uses, at, 1 + wide) & (0x7FFF if wide else 0x7F)
                at += 1 + wide
                if 1 <= number <= len(table):
                    found.setdefault(item, []).append(table[number - 1])
    return found


def _references(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, list[int]]]:
    """(kind, from, to) of each reference between items."""
    size = 2 if data[start] == 0 else 4
    for kind, first, last in children(data, start + 4, end):
        reference = data[first:last]
        count = _uint(reference, size, 2)
        targets = [_uint(reference, size + 2 + size * number, size) for number in range(count)]
        yield kind, _uint(reference, 0, size), targets


def _item_kinds(data: bytes, start: int, end: int) -> dict[int, bytes]:
    found = {}
    for kind, at, stop in children(data, start + (6 if data[start] == 0 else 8), end):
        if kind == b"infe" and data[at] >= 2:
            size = 2 if data[at] == 2 else 4
            _check_text(data[at + 6 + size : stop])
            found[_uint(data, at + 4, size)] = data[at + 6 + size : at + 10 + size]
    return found


def _item(data: bytes, iloc: tuple[int, int], idat: tuple[int, int] | None, wanted: int) -> bytes:
    """The contents of an item that lies in the file itself, else nothing."""
    table = data[slice(*iloc)]
    version = table[0]
    sizes = _uint(table, 4, 2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version in (1, 2) else 0
    id_size = 4 if version == 2 else 2
    count = _uint(table, 6, id_size)
    at = 6 + id_size
    for _ in range(min(count, _LARGEST_ITEMS)):
        item = _uint(table, at, id_size)
        at += id_size
        method = _uint(table, at, 2) & 15 if version in (1, 2) else 0
        at += (2 if version in (1, 2) else 0) + 2
        base = _uint(table, at, base_size)
        extents = _uint(table, at + base_size, 2)
        at += base_size + 2
        step = index_size + offset_size + length_size
        places = range(at + index_size, at + index_size + step * extents, step or 1)
        at += step * extents
        if item == wanted and (method == 0 or (method == 1 and idat)):
            base += idat[0] if method == 1 and idat else 0
            parts, room = [], len(data)
            for place in places:
                first = base + _uint(table, place, offset_size)
                parts.append(data[first : first + min(_uint(table, place + offset_size, length_size), room)])
                room -= len(parts[-1])  # parts that lie on each other would claim any amount of memory
            return b"".join(parts)
    return b""


def _check_text(text: bytes) -> None:
    """Refuse names that are no text: pi-heif 1.4.0 ends the whole process where it meets such a one."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ImageError("damaged file: a name in its boxes is no text: copy or download it again") from error


def _exif(item: bytes) -> bytes | None:
    """The block in an EXIF item, which begins with where its TIFF header is."""
    if len(item) < 8:
        return None
    return item[4 + _uint(item, 0, 4) :] or None


def _uint(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise IndexError(at)
    return int.from_bytes(data[at : at + size], "big")
