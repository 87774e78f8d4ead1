"""Who has the rights, as Photoshop's image resources in JPEG and TIFF files tell it, in the words of XMP.

Source: Adobe Photoshop File Formats Specification, 2019, "Image Resources Section".
"""

import struct
from collections.abc import Mapping

from darklift.image.xmp_add import XMP_RIGHTS, Properties

__all__ = ["IPTC", "resources_in", "rights_in"]

IPTC = 0x0404
"""The number of the resource with the IPTC-NAA record."""

_SIGNATURE = b"8BIM"
_COPYRIGHT, _ADDRESS = 0x040A, 0x040B


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
