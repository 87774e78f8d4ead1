"""What came with the pixels of a Pillow image, gathered into one ``Metadata``."""

import math
import struct
from collections.abc import Mapping
from typing import Any

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from darklift.errors import ImageError
from darklift.image._exif import clean_exif, read_directory, read_orientation, upright_xmp
from darklift.image._files import FORMAT_OF_EXTENSION, one_line
from darklift.image._picture import Metadata

__all__ = ["TIFF_STRUCTURE_TAGS", "metadata_of"]

_EXIF_DIRECTORY = 0x8769
_GPS_DIRECTORY = 0x8825
_INTEROP_DIRECTORY = 0xA005
_IPTC_RESOURCE = 0x0404
_IPTC_TAG = 33723
_X_RESOLUTION_TAG = 282
_MPF_ENTRIES_TAG = 0xB002

# Entries of a TIFF file that say how and where its pixels are stored, or that Metadata holds by another name: they are
# no description of the picture, and wrong in any other file. From TIFF 6.0, its supplements, and EXIF 2.32.
TIFF_STRUCTURE_TAGS = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 277, 278, 279, 280, 281, 284, 288, 289, 290, 291, 292}
    | {
        293,
        297,
        301,
        317,
        318,
        319,
        320,
        321,
        322,
        323,
        324,
        325,
        330,
        332,
        333,
        334,
        336,
        337,
        338,
        339,
        340,
        341,
        342,
    }
    | {343, 344, 345, 346, 347, 351, *range(512, 522), 529, 530, 531, 532, 559, 700, 33723, 34377, 34675, 37724, 50784}
)


def metadata_of(image: Image.Image, png_chunks: tuple[tuple[bytes, bytes], ...] = ()) -> tuple[Metadata, int]:
    """The metadata fit for the upright picture, and the orientation (1 to 8) still to be applied to the pixels."""
    notes: list[str] = []
    exif, orientation = _exif_of(image, notes)
    xmp = _xmp_of(image.info)
    dpi = _dpi_of(image)
    if orientation != 1 and xmp is not None:
        xmp = upright_xmp(xmp)
    if orientation >= 5 and dpi is not None:
        dpi = (dpi[1], dpi[0])
    if "mp" in image.info:
        notes.append(_note_on_pictures_behind(image.info["mp"]))
    if xmp is not None and b"HasExtendedXMP" in xmp:
        notes.append("the extended part of its XMP (often a depth map)")
    metadata = Metadata(
        format="JPEG"
        if image.format == "MPO"
        else image.format
        if image.format in FORMAT_OF_EXTENSION.values()
        else None,
        exif=exif,
        icc_profile=_bytes_or_none(image.info.get("icc_profile")),
        dpi=dpi,
        xmp=xmp,
        iptc=_iptc_of(image),
        comment=_bytes_or_none(image.info.get("comment")),
        png_chunks=png_chunks,
        notes=tuple(notes),
    )
    return metadata, orientation


def _exif_of(image: Image.Image, notes: list[str]) -> tuple[bytes | None, int]:
    try:
        if isinstance(image, TiffImageFile):
            return _exif_of_tiff(image), 1  # Pillow itself turns TIFF pixels as they are loaded
        block = _exif_block(image.info)
        return (None, 1) if block is None else (clean_exif(block), read_orientation(block))
    except (ImageError, ValueError, TypeError, KeyError, struct.error) as error:
        notes.append(f"EXIF that cannot be understood ({one_line(error)})")
        return None, 1


def _exif_block(info: Mapping[Any, Any]) -> bytes | None:
    if exif := info.get("exif"):
        return bytes(exif)
    for key in ("Raw profile type exif", "Raw profile type APP1"):  # how ImageMagick stored EXIF in PNG before eXIf
        if key in info:
            return bytes.fromhex("".join(str(info[key]).split("\n")[3:]))
    return None


def _exif_of_tiff(image: TiffImageFile) -> bytes | None:
    """A TIFF file is its own EXIF block; what describes the picture is copied out of it."""
    source = image.getexif()
    copy = Image.Exif()
    copy.endian = source.endian
    for tag, value in source.items():
        if tag not in TIFF_STRUCTURE_TAGS and tag not in (_EXIF_DIRECTORY, _GPS_DIRECTORY):
            copy[tag] = value
    details = dict(source.get_ifd(_EXIF_DIRECTORY))
    if _INTEROP_DIRECTORY in details:
        details[_INTEROP_DIRECTORY] = source.get_ifd(_INTEROP_DIRECTORY)
    if details:
        copy[_EXIF_DIRECTORY] = details
    if gps := source.get_ifd(_GPS_DIRECTORY):
        copy[_GPS_DIRECTORY] = gps
    return clean_exif(copy.tobytes()) if len(copy) else None


def _xmp_of(info: Mapping[Any, Any]) -> bytes | None:
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp")
    return xmp.encode() if isinstance(xmp, str) else _bytes_or_none(xmp)


def _iptc_of(image: Image.Image) -> bytes | None:
    if isinstance(image, TiffImageFile):
        record = image.tag_v2.get(_IPTC_TAG)
        if isinstance(record, tuple):  # some programs write these bytes as LONG numbers
            record = struct.pack(f"{'>' if image.tag_v2.prefix == b'MM' else '<'}{len(record)}I", *record)
        return _bytes_or_none(record)
    resources = image.info.get("photoshop")
    return _bytes_or_none(resources.get(_IPTC_RESOURCE)) if isinstance(resources, dict) else None


def _dpi_of(image: Image.Image) -> tuple[float, float] | None:
    if isinstance(image, TiffImageFile) and _X_RESOLUTION_TAG not in image.tag_v2:
        return None  # Pillow reports 1 x 1 here
    try:
        horizontal, vertical = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None  # not stated, or stated as nonsense: there is no resolution to keep
    if not all(math.isfinite(value) and 0.5 <= value < 65535.5 for value in (horizontal, vertical)):
        return None
    return (horizontal, vertical)


def _note_on_pictures_behind(mpf: bytes) -> str:
    """Look at the list of pictures behind a JPEG's first (CIPA DC-007, multi-picture format).

    Previews and gain maps belong to the dark picture and are left out like its thumbnail. Raises ``ImageError`` where
    the others are pictures in their own right: the second view of a stereo pair, the parts of a panorama.
    """
    note = "further pictures behind the first (previews, or a gain map)"
    try:
        directory = read_directory(mpf)
    except ImageError:
        return note
    for entry in directory.entries:
        if entry.tag == _MPF_ENTRIES_TAG and entry.count <= len(mpf):
            (start,) = struct.unpack_from(directory.order + "I", mpf, entry.position + 8)
            table = mpf[start : start + entry.count]
            kinds = [
                kind & 0xFFFFFF
                for kind, *_ in struct.iter_unpack(directory.order + "I12x", table[: len(table) // 16 * 16])
            ]
            if any(kind >> 16 == 2 for kind in kinds[1:]):
                raise ImageError(
                    f"{len(kinds)} pictures in one file, expected 1: save those you want as files of their own"
                )
    return note


def _bytes_or_none(value: object) -> bytes | None:
    return value if isinstance(value, bytes) and value else None
