"""What a camera's raw file says of its photo: EXIF and XMP, made to suit the picture that is developed from it.

Most raw files are TIFF files whose directories hold it; others carry it in the preview. Many maker notes point into
themselves by offsets from the beginning of their file, so they keep their place where that can be.
"""

import io
import struct
from dataclasses import replace

from darklift.errors import ImageError
from darklift.image.exif import Directory, Entry, read_directory, tiff_block
from darklift.image.metadata import bytes_or_none, describe, understood_exif
from darklift.image.picture import Metadata
from darklift.image.tiff_described import STRUCTURE_TAGS, exif_at
from darklift.image.xmp_claims import without_claims, without_development

__all__ = ["described_by_raw"]

_ORDERS = {b"II*\0": "<", b"MM\0*": ">", b"IIRO": "<", b"IIRS": "<", b"MMOR": ">"}  # TIFF, and Olympus' own headers
_EXIF_DIRECTORY, _INTEROP_DIRECTORY, _MAKER_NOTE = 0x8769, 0xA005, 0x927C
_COLOUR_SPACE, _WIDTH, _HEIGHT, _INTEROP_INDEX = 0xA001, 0xA002, 0xA003, 1
_XMP, _IPTC, _PRIVATE = 700, 33723, 50740
_SHORT, _LONG = 3, 4
# Of the first directory: besides what says how pixels are stored, the patterns of colour filters, what makers put below
# and above the tags of TIFF, and all of DNG's own, which speak of sensor values (a file with them counts as a DNG).
_OF_THE_SENSOR = STRUCTURE_TAGS | {*range(254), 33421, 33422, *range(50000, 2**16)}
_MOST = 65_000  # bytes, of which a JPEG file takes 65,533 with their header


def described_by_raw(data: bytes, preview: bytes | None, size: tuple[int, int], turned: int) -> Metadata:
    """What a raw file says of its developed picture, which is upright and in sRGB; XMP without the orders by which
    another program would develop it.

    preview: the EXIF block of its preview, if any. size: width and height of the picture. turned: the orientation, 1 to
    8, that it was stored in.
    """
    notes: list[str] = []
    stored = size[::-1] if turned >= 5 else size
    exif, stated = understood_exif(lambda: _with_facts(_of_directories(data, notes) or preview, stored), notes)
    if exif is None and not notes:
        notes.append("EXIF, which is not read from raw files of this kind")
    packet = _contents(data, _XMP)
    info = {"xmp": packet and without_development(without_claims(packet))}
    metadata = describe(info, exif, turned if exif is None or stated == turned else 1, notes, stored)
    return replace(metadata, iptc=_contents(data, _IPTC))


def _contents(data: bytes, tag: int) -> bytes | None:
    """What stands under a tag of bytes in the first directory, without the zeros at its end; None for nothing."""
    if (block := _as_tiff(data)) is None:
        return None
    try:
        first = read_directory(block)
    except ImageError:  # of which the notes tell already
        return None
    entry = _entry(first, tag)
    length = 0 if entry is None else entry.count * (4 if entry.type == _LONG else 1)
    if entry is None or length <= 4:
        return None
    start = _number(block, first, entry)
    return bytes_or_none(block[start : start + length].rstrip(b"\0"))


def _as_tiff(data: bytes) -> bytes | None:
    order = _ORDERS.get(data[:4])
    if order is None or data[:4] in (b"II*\0", b"MM\0*"):
        return None if order is None else data
    return (b"II*\0" if order == "<" else b"MM\0*") + data[4:]


def _of_directories(data: bytes, notes: list[str]) -> bytes | None:
    block = _as_tiff(data)
    if block is None:
        return None
    order = "<" if block.startswith(b"II") else ">"
    (start,) = struct.unpack_from(order + "I", block, 4)

    def copied(*, maker_note: bool = True) -> bytes | None:
        made = exif_at(io.BytesIO(block), start, order, without=_OF_THE_SENSOR, maker_note=maker_note)
        return made and tiff_block(made)

    made, before = copied(), _place_of_note(block)
    if _entry(read_directory(block), _PRIVATE) is not None:
        notes.append("what the camera's maker keeps to itself in a DNG (DNGPrivateData)")
    if made is not None and before is not None and sum(before[1:]) <= _MOST:
        made = _with_note_at(made, before[1], notes)
    if made is None or len(made) <= _MOST:
        return made
    notes.append("the maker notes, which are too long for the EXIF of a JPEG file")
    return copied(maker_note=False)


def _place_of_note(block: bytes) -> tuple[Entry, int, int] | None:
    """Its entry, where it is, and its length; None where there is none of more than four bytes."""
    first = read_directory(block)
    pointer = _entry(first, _EXIF_DIRECTORY)
    if pointer is None:
        return None
    details = read_directory(block, _number(block, first, pointer))
    entry = _entry(details, _MAKER_NOTE)
    return None if entry is None or entry.count <= 4 else (entry, _number(block, details, entry), entry.count)


def _with_note_at(block: bytes, place: int, notes: list[str]) -> bytes:
    """The block with its maker note at this place, where it was in the raw file, if there is nothing else."""
    found = _place_of_note(block)
    if found is None or found[1] == place:
        return block
    entry, now, length = found
    note = block[now : now + length]
    rest = block[:now] if now + length >= len(block) - 1 else block
    if len(rest) > place:
        notes.append("the place of the maker notes, in which some cameras' programs look them up")
        return block
    moved = bytearray(rest.ljust(place, b"\0") + note)
    struct.pack_into(("<" if block.startswith(b"II") else ">") + "I", moved, entry.position + 8, place)
    return bytes(moved)


def _with_facts(exif: bytes | None, size: tuple[int, int]) -> bytes | None:
    """The block with the picture's own colour space (a camera names that of its JPEG files), width and height, if it
    has any.
    """
    if exif is None:
        return None
    block = bytearray(tiff_block(exif))
    first = read_directory(bytes(block))
    pointer = _entry(first, _EXIF_DIRECTORY)
    if pointer is None:
        return bytes(block)
    details = read_directory(bytes(block), _number(bytes(block), first, pointer))
    order = details.order
    for tag, kind, value in ((_COLOUR_SPACE, _SHORT, 1), (_WIDTH, _LONG, size[0]), (_HEIGHT, _LONG, size[1])):
        if (entry := _entry(details, tag)) is not None:
            code = order + ("HIHH" if kind == _SHORT else "HII")
            struct.pack_into(code, block, entry.position + 2, kind, 1, value, *([0] if kind == _SHORT else []))
    if (pointer := _entry(details, _INTEROP_DIRECTORY)) is not None:
        inner = read_directory(bytes(block), _number(bytes(block), details, pointer))
        if (entry := _entry(inner, _INTEROP_INDEX)) is not None and entry.count == 4:
            block[entry.position + 8 : entry.position + 12] = b"R98\0"
    return bytes(block)


def _entry(directory: Directory, tag: int) -> Entry | None:
    return next((entry for entry in directory.entries if entry.tag == tag), None)


def _number(block: bytes, directory: Directory, entry: Entry) -> int:
    return int(struct.unpack_from(directory.order + "I", block, entry.position + 8)[0])
