"""Pictures that darklift cannot read, recognised so that they can be named."""

from pathlib import Path

from darklift.image.formats import HEAD_BYTES, Format, format_called, format_of
from darklift.image.io import is_image_path

__all__ = ["foreign_kind"]

_WORDS = {
    "EXR": "OpenEXR",
    "HDR": "Radiance HDR",
    "HEIF": "HEIC",
    "JPEG2000": "JPEG 2000",
    "JPEGXL": "JPEG XL",
    "RAW": "camera RAW",
}
"""What people call the formats whose names are other words."""
_ENDINGS = {
    "AVIF": ".avifs",
    "JPEG 2000": ".j2k .jpx .jpf",
    "camera RAW": ".raw .gpr",
    "Photoshop": ".psd .psb",
    "PBM": ".pbm",
    "TGA": ".tga",
    "ICO": ".ico",
}
_KINDS = {ending: kind for kind, endings in _ENDINGS.items() for ending in endings.split()}
_PHOTOSHOP = b"8BPS"


def foreign_kind(path: Path) -> str | None:
    """What kind of picture a file is that does not count as one here; None where it is none, or can be read.

    By its ending, else by how its contents begin; a photo whose name has another ending counts, too.
    """
    ending = path.suffix.lower()
    if is_image_path(path):
        return None
    if (known := format_called(ending)) is not None:  # its library is not installed
        return _in_words(known)
    if ending in _KINDS:
        return _KINDS[ending]
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError:  # whatever it is, nobody asked for it
        return None
    known = format_of(head) if len(head) >= 16 else None
    if known is not None and known.name != "BMP":  # whose two letters begin many a text
        return f"{_in_words(known)} without its ending"
    return "Photoshop" if head.startswith(_PHOTOSHOP) else None


def _in_words(kind: Format) -> str:
    return _WORDS.get(kind.name, kind.name)
