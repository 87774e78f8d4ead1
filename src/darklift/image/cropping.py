"""What EXIF and XMP say of places in a picture of which a part is cut out (``clap`` in HEIC and AVIF files).

Face regions say of which size the picture was that they count from: that before the cut, or after it. Those before it
are moved. Other places say no such thing of themselves. They stay where the metadata state the sides that are left, and
are taken out otherwise, since a face at a wrong place is worse than none. Sources as of ``xmp_turn``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from decimal import Decimal

from darklift.errors import ImageError
from darklift.image.exif import EXIF_HEADER, read_directory, tiff_block, without_entries
from darklift.image.exif_turn import DETAILS, SIDES, SUBJECTS, below, stated_size
from darklift.image.turning import turned_point
from darklift.image.xmp_packet import Name, Node, Packet
from darklift.image.xmp_turn import AREAS, PLACES, POSITIONS, REGIONS, WIDTHS_AND_HEIGHTS, number_of, text_of

__all__ = ["Crop", "described_part"]

Crop = tuple[int, int, int, int]
"""Left, top, width and height, in pixels of the picture as it is stored."""

_LONG = 4


def described_part(
    exif: bytes | None, xmp: bytes | None, size: tuple[int, int], crop: Crop, notes: list[str], *, turned: int = 1
) -> tuple[bytes | None, bytes | None]:
    """EXIF and XMP for the part; what had to be left out is noted. size: width and height of the picture as it is
    stored. turned: the orientation, 1 to 8, that it is turned by, where they count from the upright picture's corner.
    """
    size, crop = _upright(size, crop, turned)
    if exif is not None:
        try:
            exif, left_out = _cropped_exif(exif, size, crop)
            notes += left_out
        except (ImageError, struct.error):
            pass  # a directory behind the first is damaged, and there is nothing in it to be moved
    if xmp is not None:
        xmp, left_out = _cropped_xmp(xmp, size, crop)
        notes += left_out
    return exif, xmp


def _upright(size: tuple[int, int], crop: Crop, orientation: int) -> tuple[tuple[int, int], Crop]:
    left, top, width, height = crop
    one = turned_point(orientation, left, top, *size)
    other = turned_point(orientation, left + width, top + height, *size)
    across, down = (min(one[0], other[0]), min(one[1], other[1]))
    if orientation >= 5:
        size, width, height = size[::-1], height, width
    return size, (across, down, width, height)


def _cropped_exif(exif: bytes, size: tuple[int, int], crop: Crop) -> tuple[bytes, list[str]]:
    """The block for the part, and in words what had to be left out of it. A damaged one is an ``ImageError``."""
    stated = stated_size(exif)
    if stated == crop[2:]:
        return exif, []
    block = bytearray(tiff_block(exif))
    details = below(bytes(block), read_directory(bytes(block)), DETAILS)
    if details is None:
        return exif, []
    if stated == size:
        for entry in details.entries:
            if entry.tag in SIDES:
                form = details.order + ("I" if entry.type == _LONG else "H2x")
                struct.pack_into(form, block, entry.position + 8, crop[2 + SIDES.index(entry.tag)])
    found = [entry.tag for entry in details.entries if entry.tag in SUBJECTS]
    kept = EXIF_HEADER + without_entries(bytes(block), details, found)
    return kept, ["the place of its subject in EXIF"] if found else []


def _cropped_xmp(xmp: bytes, size: tuple[int, int], crop: Crop) -> tuple[bytes | None, list[str]]:
    """The packet for the part, and in words what had to be left out of it.

    No packet is left of one that is damaged and mentions places.
    """
    try:
        packet = Packet(xmp)
    except ValueError:
        if any(space.encode() in xmp for space in POSITIONS):
            return None, ["its XMP, which is damaged and mentions places in the picture"]
        return xmp, []
    nodes: dict[Name, list[Node]] = {}
    for node in packet.root.walk():
        nodes.setdefault(node.name, []).append(node)
    left_out = []
    stays = crop[2:] in _stated(nodes)
    for name, words in PLACES.items():
        for node in nodes.get(name, []):
            if not (_moved(packet, node, size, crop) if name in REGIONS else stays):
                packet.remove(node)
                left_out.append(words)
    for pair in WIDTHS_AND_HEIGHTS:
        sides = [nodes.get(name, []) for name in pair]
        if len(sides[0]) == len(sides[1]) == 1 and (sides[0][0].text, sides[1][0].text) == tuple(map(str, size)):
            for (node,), value in zip(sides, crop[2:], strict=True):
                packet.replace(node, str(value))
    return packet.edited(), list(dict.fromkeys(left_out))


def _stated(nodes: dict[Name, list[Node]]) -> Iterator[tuple[int, int]]:
    """The sizes that the packet says the picture has."""
    for pair in WIDTHS_AND_HEIGHTS:
        texts = [nodes[name][0].text for name in pair if name in nodes]
        if len(texts) == 2 and all(text.isdecimal() and len(text) < 10 for text in texts):
            yield int(texts[0]), int(texts[1])


def _moved(packet: Packet, regions: Node, size: tuple[int, int], crop: Crop) -> bool:
    """Move regions into the part, without those whose middle is cut off; False where it is not known how."""
    stated = next((node for node in regions.parts() if node.name[1] == "AppliedToDimensions"), None)
    sides = {} if stated is None else {name[1]: node for name, node in stated.fields().items()}
    try:
        counted = (int(sides["w"].text), int(sides["h"].text))
        if counted == crop[2:]:
            return True
        if counted != size:
            return False
        moves = [
            (item, move) for item in _items(regions) for node in item.walk() for move in _move_of(node, size, crop)
        ]
    except (KeyError, ValueError):
        return False
    for name, value in zip("wh", crop[2:], strict=True):
        packet.replace(sides[name], str(value))
    for item, values in moves:
        if values is None:
            packet.remove(item)
        else:
            for node, text in values:
                packet.replace(node, text)
    return True


def _items(regions: Node) -> Iterator[Node]:
    for node in regions.parts():
        if node.name[1] == "RegionList":
            yield from node.items()


def _move_of(node: Node, size: tuple[int, int], crop: Crop) -> Iterator[list[tuple[Node, str]] | None]:
    """Of an area, its new numbers; None where its middle is cut off. Raises ValueError and KeyError where it does not
    say what it means.
    """
    fields = {name[1]: field for name, field in node.fields().items() if name[0] in AREAS}
    if not fields or node.name[0] in AREAS or node.name[1] not in ("Area", "DLYArea", "ALGArea"):
        return
    unit = fields["unit"].text if "unit" in fields else "normalized"
    if unit not in ("normalized", "pixel"):
        raise ValueError(unit)
    values = []
    for axis, (place, length) in enumerate((("x", "w"), ("y", "h"))):
        before, after = (size[axis], crop[2 + axis]) if unit == "normalized" else (1, 1)
        middle = (number_of(fields[place]) * before - crop[axis]) / Decimal(after)
        if not 0 <= middle <= (1 if unit == "normalized" else crop[2 + axis]):
            yield None
            return
        values.append((fields[place], text_of(round(middle, 8))))
        if length in fields:
            values.append((fields[length], text_of(round(number_of(fields[length]) * before / Decimal(after), 8))))
    yield values
