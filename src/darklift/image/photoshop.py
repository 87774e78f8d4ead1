"""Photoshop's image resources, as JPEG and TIFF files hold them (Adobe Photoshop File Formats Specification)."""

import struct
from collections.abc import Mapping

from darklift.image.xmp_add import XMP_RIGHTS, Properties

__all__ = ["IPTC", "notes_on", "resources_in", "rights_in"]

IPTC = 0x0404
"""The number of the resource with the IPTC-NAA record."""

_SIGNATURE = b"8BIM"
_COPYRIGHT, _ADDRESS = 0x040A, 0x040B
_PATHS = range(0x07D0, 0x0BB7)
_THUMBNAILS = (0x0409, 0x040C)
# those above, the resolution, the profile, EXIF twice, XMP, and the checksum of the IPTC record
_HELD_ELSEWHERE = (IPTC, _COPYRIGHT, _ADDRESS, 0x03ED, 0x040F, 0x0422, 0x0423, 0x0424, 0x0425)


def resources_in(data: bytes) -> dict[int, bytes]:
    """The resources in a row, by their numbers, up to the first that is damaged."""
    found: dict[int, bytes] = {}
    at = 0
    while data.startswith(_SIGNATURE, at) and at + 12 <= len(data):
        (number,) = struct.unpack_from(">H", data, at + 4)
        place = at + 6 + (data[at + 6] + 2) // 2 * 2  # behind a name, which fills whole pairs
        if place + 4 > len(data):
            break
        (length,) = struct.unpack_from(">I", data, place)
        found[number] = data[place + 4 : place + 4 + length]
        at = place + 4 + length + length % 2
    return found


def rights_in(resources: Mapping[int, bytes]) -> Properties:
    """The copyright mark and the address of who has the rights, as XMP says them."""
    found: Properties = {}
    if resources.get(_COPYRIGHT, b"\0")[:1] != b"\0":
        found[XMP_RIGHTS, "Marked"] = ["True"]
    if address := resources.get(_ADDRESS, b"").decode("utf-8", "replace").strip("\0 "):
        found[XMP_RIGHTS, "WebStatement"] = [address]
    return found


def notes_on(resources: Mapping[int, bytes]) -> list[str]:
    """One line on those that are not held by another name."""
    rest = [number for number in resources if number not in _HELD_ELSEWHERE]
    kinds = {
        "clipping paths": any(number in _PATHS for number in rest),
        "thumbnail": any(number in _THUMBNAILS for number in rest),
        "settings": any(number not in _PATHS and number not in _THUMBNAILS for number in rest),
    }
    found = [name for name, there in kinds.items() if there]
    return [f"Photoshop's {', '.join(found)}"] if found else []
