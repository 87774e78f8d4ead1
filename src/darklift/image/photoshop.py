"""Photoshop's image resources, which JPEG and TIFF files hold alike: copyright flag, address, caption digest, guides, …

A block of them is a row of records: ``8BIM``, a number, a name, a length, contents (Adobe Photoshop File Formats
Specification, 2019, "Image Resources Section"). They are kept as they are, but for those that tell of the dark photo.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from darklift.image.xmp_add import XMP_RIGHTS, Properties

__all__ = ["IPTC", "PREFIX", "kept_resources", "resource", "rights_in"]

PREFIX = b"Photoshop 3.0\0"
"""What a JPEG segment begins with that holds a part of the block."""
IPTC = 0x0404

_SIGNATURE = b"8BIM"
_TOLD_ELSEWHERE = frozenset({IPTC, 0x03ED, 0x0406, 0x0422, 0x0423, 0x0424})  # resolution, JPEG's quality, EXIF (2), XMP
_COPYRIGHT, _ADDRESS, _DIGEST = 0x040A, 0x040B, 0x0425
_THUMBNAILS = frozenset({0x0409, 0x040C})
_PLACES = frozenset({0x0408, 0x041A, *range(0x07D0, 0x0BB8)})  # guides, slices, paths and which of them clips


@dataclass(frozen=True, slots=True)
class _Resource:
    number: int
    contents: bytes
    record: bytes
    """All of it, as it stands in the block."""


def resource(number: int, contents: bytes) -> bytes:
    """A record without a name."""
    return _SIGNATURE + struct.pack(">H2xI", number, len(contents)) + contents + bytes(len(contents) % 2)


def kept_resources(block: bytes, notes: list[str], *, turned: bool) -> tuple[bytes | None, bytes | None]:
    """The records that suit the result too, None where there are none, and the IPTC record, None where there is none.

    What is left out is noted, but for what is told elsewhere. turned: the picture was stored another way up, so that
    what has a place in it is not there any more.
    """
    kept, iptc, read = b"", None, 0
    little_pictures = places = False
    for found in _resources(block):
        read += len(found.record)
        if found.number == IPTC:
            iptc = iptc or found.contents or None
        elif found.number in _THUMBNAILS:
            little_pictures = True
        elif found.number in _PLACES and turned:
            places = True
        elif found.number not in _TOLD_ELSEWHERE:
            kept += found.record + bytes(len(found.record) % 2)
    if little_pictures:
        notes.append("the little picture of the dark photo in its Photoshop records")
    if places:
        notes.append("Photoshop's guides, slices or paths, which lie as the photo was stored")
    if block[read:].strip(b"\0"):
        notes.append("Photoshop records that cannot be understood")
    return kept or None, iptc


def rights_in(block: bytes) -> tuple[Properties, bool]:
    """The copyright mark and the address of who has the rights, as XMP says them; whether there are other records.

    The checksum of the IPTC record does not count as one.
    """
    found = {record.number: record.contents for record in _resources(block)}
    others = bool(found.keys() - {_COPYRIGHT, _ADDRESS, _DIGEST})
    properties: Properties = {}
    if found.get(_COPYRIGHT, b"\0")[:1] != b"\0":
        properties[XMP_RIGHTS, "Marked"] = ["True"]
    if address := found.get(_ADDRESS, b"").decode("utf-8", "replace").strip("\0 "):
        properties[XMP_RIGHTS, "WebStatement"] = [address]
    return properties, others


def _resources(block: bytes) -> Iterator[_Resource]:
    """Those before the first that is damaged."""
    at = 0
    while block.startswith(_SIGNATURE, at) and at + 7 <= len(block):
        named = at + 6 + (1 + block[at + 6] + 1) // 2 * 2  # the name has its length in front, and both are padded
        if named + 4 > len(block):
            return
        (length,) = struct.unpack_from(">I", block, named)
        contents = block[named + 4 : named + 4 + length]
        if len(contents) < length:
            return
        end = named + 4 + length + length % 2
        (number,) = struct.unpack_from(">H", block, at + 4)
        yield _Resource(number, contents, block[at:end])
        at = end
