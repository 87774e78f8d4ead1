"""What Pillow's ``image.info`` tells besides the pixels, gathered into one ``Metadata``.

``info`` goes along when a Pillow image is copied or converted, so all of this works for any image, whatever its file
was. What only the open file tells is read by the format's own module.
"""

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from darklift.errors import ImageError, one_line
from darklift.image.exif import clean_exif, read_orientation, upright_xmp
from darklift.image.exif_add import has_thumbnail, resolution_of
from darklift.image.exif_turn import stated_size, turned_exif
from darklift.image.photoshop import kept_resources, resource
from darklift.image.picture import Metadata
from darklift.image.xmp_claims import without_thumbnails
from darklift.image.xmp_turn import turned_xmp

__all__ = ["bytes_or_none", "describe", "metadata_of", "profile_name", "understood_exif"]

_PROFILE_HEADER = 128  # bytes
_LONGEST_NAME = 200  # bytes of a profile's description that are looked at


def metadata_of(info: Mapping[Any, Any], size: tuple[int, int] | None = None) -> tuple[Metadata, int]:
    """The metadata for the upright picture, and the orientation (1 to 8) that its pixels still have to be turned by.

    size: width and height as the pixels are stored, for what counts in pixels.
    """
    notes: list[str] = []
    exif, orientation = understood_exif(lambda: _exif_block(info), notes)
    metadata = describe(info, exif, orientation, notes, size)
    had_thumbnail = exif is not None and has_thumbnail(_exif_block(info) or b"")
    return replace(metadata, thumbnail=had_thumbnail), orientation


def understood_exif(read: Callable[[], bytes | None], notes: list[str]) -> tuple[bytes | None, int]:
    """The EXIF block that ``read`` finds, cleaned, and its orientation; damaged EXIF is left out with a note."""
    try:
        block = read()
        return (None, 1) if block is None else (clean_exif(block), read_orientation(block))
    except Exception as error:  # noqa: BLE001  # damaged blocks make Pillow raise nearly anything
        notes.append(f"EXIF that cannot be understood ({one_line(error)})")
        return None, 1


def describe(
    info: Mapping[Any, Any],
    exif: bytes | None,
    orientation: int,
    notes: list[str],
    size: tuple[int, int] | None = None,
) -> Metadata:
    """All of it, with this EXIF block, for a picture that is turned from this orientation and was stored so large."""
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or _packed_xmp(info, notes)
    xmp = xmp.encode() if isinstance(xmp, str) else bytes_or_none(xmp)
    dpi = _dpi(info) or _dpi_in_exif(exif)
    if xmp is not None and (smaller := without_thumbnails(xmp)) != xmp:
        xmp = smaller
        notes.append("the little picture of the dark photo in its XMP")
    if orientation != 1:
        exif, xmp = _turned(exif, xmp, orientation, notes, size)
    elif xmp is not None:
        xmp = upright_xmp(xmp)  # a leftover, by which other programs would turn what is upright
    aspect = info.get("aspect")  # of pixels without a size, as PNG and JFIF tell it
    if aspect and all(aspect) and aspect[0] != aspect[1]:
        notes.append(f"the shape of its pixels ({aspect[1]}:{aspect[0]}), which are not square")
    if orientation >= 5 and dpi is not None:
        dpi = (dpi[1], dpi[0])
    icc_profile = bytes_or_none(info.get("icc_profile"))
    if icc_profile is not None and len(icc_profile) < _PROFILE_HEADER:
        icc_profile = None
        notes.append("a colour profile that is cut short")
    photoshop, iptc = kept_resources(_photoshop_block(info), notes, turned=orientation != 1)
    return Metadata(
        exif=exif,
        icc_profile=icc_profile,
        dpi=dpi,
        xmp=xmp,
        iptc=iptc,
        comments=_comments(info.get("comment")),
        photoshop=photoshop,
        notes=tuple(notes),
    )


def _comments(found: object) -> tuple[bytes, ...]:
    """One, as Pillow has it, or a list of them; empty ones say nothing."""
    several = found if isinstance(found, list) else [found]
    return tuple(comment for comment in map(bytes_or_none, several) if comment is not None)


def _photoshop_block(info: Mapping[Any, Any]) -> bytes:
    """Photoshop's records as the file has them; Pillow gives their contents by number, without their names."""
    found = info.get("photoshop")
    if not isinstance(found, dict):
        return bytes_or_none(found) or b""
    return b"".join(resource(number, contents) for number, contents in found.items() if isinstance(contents, bytes))


def _turned(
    exif: bytes | None, xmp: bytes | None, orientation: int, notes: list[str], size: tuple[int, int] | None
) -> tuple[bytes | None, bytes | None]:
    """EXIF and XMP whose places in the picture are turned as the pixels are; what cannot be, is noted."""
    if exif is not None:
        size = stated_size(exif) or size
        try:
            exif, left_out = turned_exif(exif, orientation, size)
            notes += left_out
        except ImageError:
            pass  # a directory behind the first is damaged, and there is nothing in it to be turned
    if xmp is not None:
        xmp, left_out = turned_xmp(xmp, orientation, size)
        notes += left_out
    return exif, xmp


def _exif_block(info: Mapping[Any, Any]) -> bytes | None:
    if exif := info.get("exif"):
        return bytes(exif)
    for key in ("Raw profile type exif", "Raw profile type APP1"):  # how ImageMagick stored EXIF in PNG before eXIf
        if key in info:
            return _unpacked(info[key])
    return None


def _packed_xmp(info: Mapping[Any, Any], notes: list[str]) -> bytes | None:
    """How ImageMagick 6 and others store XMP in PNG."""
    try:
        return _unpacked(info.get("Raw profile type xmp", ""))
    except ValueError:
        notes.append("XMP that cannot be understood")
        return None


def _unpacked(text: object) -> bytes:
    """Behind an empty line, a name and a length: hexadecimal digits."""
    return bytes.fromhex("".join(str(text).split("\n")[3:]))


def _dpi_in_exif(exif: bytes | None) -> tuple[float, float] | None:
    """For containers that state no resolution of their own."""
    try:
        return None if exif is None else _dpi({"dpi": resolution_of(exif)})
    except ImageError:
        return None  # there is no resolution to keep


def _dpi(info: Mapping[Any, Any]) -> tuple[float, float] | None:
    try:
        horizontal, vertical = (float(value) for value in info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None  # not stated, or stated as nonsense: there is no resolution to keep
    if not all(math.isfinite(value) and 0.5 <= value < 65535.5 for value in (horizontal, vertical)):
        return None
    return (horizontal, vertical)


def bytes_or_none(value: object) -> bytes | None:
    """Bytes that are there and not empty."""
    return value if isinstance(value, bytes) and value else None


def profile_name(profile: bytes) -> str:
    """The description in an ICC profile (ICC.1:2022, 7.3 and 9.2.41), "unnamed profile" where none can be read."""
    name = ""
    try:
        (count,) = struct.unpack_from(">I", profile, 128)
        for at in range(132, 132 + 12 * min(count, 100), 12):
            tag, start, size = struct.unpack_from(">4s2I", profile, at)
            if tag == b"desc":
                name = _profile_text(profile[start : start + size])
                break
    except struct.error:
        pass  # cut short, so there is no name in it
    return " ".join(name.replace("\0", " ").split()) or "unnamed profile"


def _profile_text(tag: bytes) -> str:
    """The text of a ``desc`` tag: one ASCII line in version 2, in version 4 several languages, of which English."""
    if tag.startswith(b"desc"):
        (length,) = struct.unpack_from(">I", tag, 8)
        return tag[12 : 12 + min(length, _LONGEST_NAME)].decode("ascii", "replace")
    if not tag.startswith(b"mluc"):
        return ""
    (count,) = struct.unpack_from(">I", tag, 8)
    records = [struct.unpack_from(">2s2x2I", tag, 16 + 12 * number) for number in range(min(count, 100))]
    length, start = next(
        (rest for language, *rest in records if language == b"en"), records[0][1:] if records else (0, 0)
    )
    return tag[start : start + min(length, _LONGEST_NAME)].decode("utf-16-be", "replace")
