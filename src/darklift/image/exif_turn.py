"""What an EXIF block says of places and sides, turned with the pixels (EXIF 2.32). Edited in place, as in ``exif``."""

import struct

from darklift.errors import ImageError
from darklift.image.exif import EXIF_HEADER, Directory, Entry, integer_of, read_directory, tiff_block, without_entries
from darklift.image.turning import turned_point

__all__ = ["DETAILS", "SIDES", "SUBJECTS", "below", "stated_size", "turned_exif"]

DETAILS, _INTEROP_POINTER = 0x8769, 0xA005
"""The first is the tag of the first directory that points to the one with a photo's details."""
SIDES = (0xA002, 0xA003)
"""The tags of width and height in the details."""
SUBJECTS = (0x9214, 0xA214)
"""The tags there that say where the subject is, the area and the point."""
# (of this directory, pairs that a quarter turn changes for one another)
_FIRST_PAIRS = ((0x0100, 0x0101), (0x011A, 0x011B))  # sides, resolution
_DETAIL_PAIRS = (SIDES, (0xA20E, 0xA20F))  # sides, resolution at the sensor
_INTEROP_PAIRS = ((0x1001, 0x1002),)  # sides of the related picture
_SHORT = 3
_HEADER = 8  # bytes


def stated_size(exif: bytes) -> tuple[int, int] | None:
    """Width and height of the picture that the block was written for, as its pixels were stored."""
    block = tiff_block(exif)
    try:
        details = below(block, read_directory(block), DETAILS)
    except ImageError:
        return None
    if details is None:
        return None
    width, height = (integer_of(block, details, tag) for tag in SIDES)
    return (width, height) if width and height else None


def turned_exif(exif: bytes, orientation: int, size: tuple[int, int] | None) -> tuple[bytes, list[str]]:
    """The block for the upright picture, and in words what had to be left out of it.

    orientation: 2 to 8, which the pixels are turned by. size: width and height of the picture as it is stored. A
    damaged block is an ``ImageError``.
    """
    block = bytearray(tiff_block(exif))
    first = read_directory(bytes(block))
    details = below(bytes(block), first, DETAILS)
    size = stated_size(exif) or size
    if orientation >= 5:
        _exchange(block, first, _FIRST_PAIRS)
        if details is not None:
            _exchange(block, details, _DETAIL_PAIRS)
            if (interop := below(bytes(block), details, _INTEROP_POINTER)) is not None:
                _exchange(block, interop, _INTEROP_PAIRS)
    if details is None:
        return EXIF_HEADER + bytes(block), []
    subjects = [entry for entry in details.entries if entry.tag in SUBJECTS]
    taken = [_extent(first), _extent(details)]
    wrong = [each.tag for each in subjects if not _turn_subject(block, details.order, each, orientation, size, taken)]
    turned = without_entries(bytes(block), details, wrong)
    return EXIF_HEADER + turned, ["the place of its subject in EXIF"] if wrong else []


def below(block: bytes, directory: Directory, pointer: int) -> Directory | None:
    """The directory that an entry points to; None where there is no such entry."""
    place = integer_of(block, directory, pointer)
    return None if place is None else read_directory(block, place)


def _exchange(block: bytearray, directory: Directory, pairs: tuple[tuple[int, int], ...]) -> None:
    """Change the values of two entries for one another; one that stands alone says nothing and is left."""
    for pair in pairs:
        places = [entry.position + 2 for entry in directory.entries if entry.tag in pair]
        if len(places) == 2:
            one, other = places
            block[one : one + 10], block[other : other + 10] = block[other : other + 10], block[one : one + 10]


def _extent(directory: Directory) -> range:
    """The bytes that a directory takes."""
    places = [entry.position for entry in directory.entries]
    return range(min(places) - 2, max(places) + 16) if places else range(0)


def _turn_subject(
    block: bytearray, order: str, entry: Entry, orientation: int, size: tuple[int, int] | None, taken: list[range]
) -> bool:
    """A point, a circle with its diameter, or a rectangle around its middle: False where it is none of these, or where
    it lies in the head or a directory, as it may in a damaged block.
    """
    if size is None or entry.type != _SHORT or not 2 <= entry.count <= 4:
        return False
    place = entry.position + 8
    if entry.count > 2:
        (place,) = struct.unpack_from(order + "I", block, place)
        bytes_of_it = range(place, place + 2 * entry.count)
        if place < _HEADER or any(each in own for own in taken for each in (bytes_of_it[0], bytes_of_it[-1])):
            return False
    form = f"{order}{entry.count}H"
    if place + 2 * entry.count > len(block):
        return False
    x, y, *sides = struct.unpack_from(form, block, place)
    if x >= size[0] or y >= size[1]:
        return False
    x, y = turned_point(orientation, x, y, size[0] - 1, size[1] - 1)
    if max(x, y) > 0xFFFF:  # a stated size, which nothing keeps from being wrong
        return False
    struct.pack_into(form, block, place, x, y, *(sides[::-1] if orientation >= 5 else sides))
    return True
