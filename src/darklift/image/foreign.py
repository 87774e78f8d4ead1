"""Pictures that darklift cannot read, recognised so that they can be named."""

import mimetypes
from pathlib import Path

from PIL import Image

from darklift.image.formats import HEAD_BYTES, format_called, format_of
from darklift.image.io import is_image_path
from darklift.image.jpeg_layout import JPEG_LS, first_frame
from darklift.image.pixels import noted_warnings

__all__ = ["foreign_kind"]

_WORDS = {
    "EXR": "OpenEXR",
    "HDR": "Radiance HDR",
    "HEIF": "HEIC",
    "JPEG2000": "JPEG 2000",
    "JPEGXL": "JPEG XL",
    "PSD": "Photoshop",
    "RAW": "camera RAW",
}
"""What people call the formats whose names are other words, ours and Pillow's."""
_NO_PICTURES = frozenset({"BUFR", "GRIB", "HDF5", "IPTC", "MPEG", "PDF"})
"""Of Pillow's formats: data, films and documents."""
_POSTSCRIPT = ".ps"  # a document; Pillow has it with the pictures that end in .eps
_LIKE_TEXT = frozenset({"BMP", "PFM", "PPM"})  # begin with two letters, as many a text does: their headers tell
_SAYS_NOTHING = (None, "application/octet-stream")
_RAW_ENDINGS = frozenset({".raw", ".gpr"})  # of cameras, which only LibRaw's contents tell
_SIGNATURES = {  # of formats that Pillow does not know, or of which it reads a part
    b"8BPS": "Photoshop",
    b"gimp xcf": "GIMP",
    b"II\xbc\x01": "JPEG XR",
    b"AT&TFORM": "DjVu",
    b"BPG\xfb": "BPG",
    b"FLIF": "FLIF",
}


def foreign_kind(path: Path) -> str | None:
    """What kind of picture a file is that does not count as one here; None where it is none, or can be read.

    By how its contents begin, else by its ending, where darklift, Pillow or the system's table of types know that. A
    photo whose name has another ending counts, too.
    """
    ending = path.suffix.lower()
    if is_image_path(path):
        return None
    if (known := format_called(ending)) is not None:  # its library is not installed
        return _in_words(known.name)
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError:  # whatever it is, nobody asked for it
        return None
    return _by_contents(head, ending) or _by_ending(ending) or _by_header(path, ending)


def _by_contents(head: bytes, ending: str) -> str | None:
    if first_frame(head) == JPEG_LS:
        return "JPEG-LS"
    known = format_of(head) if len(head) >= 16 else None
    if known is not None and known.name not in _LIKE_TEXT:
        name = _in_words(known.name)  # it could be read, under another name
        return f"{name} not named {known.extensions[0]}" if ending else f"{name} without its ending"
    return next((kind for signature, kind in _SIGNATURES.items() if head.startswith(signature)), None)


def _by_ending(ending: str) -> str | None:
    if ending in _RAW_ENDINGS:
        return _in_words("RAW")
    Image.init()
    name = Image.registered_extensions().get(ending)
    if name is not None:
        if name in _NO_PICTURES or ending == _POSTSCRIPT:
            return None
        known = format_called(name)
        return _in_words(name if known is None else known.name)
    type_, _ = mimetypes.guess_type(f"picture{ending}", strict=False)
    return ending[1:].upper() if type_ is not None and type_.startswith("image/") else None


def _by_header(path: Path, ending: str) -> str | None:
    """Of a file whose ending means nothing to anybody. Only its header is read."""
    if mimetypes.guess_type(f"picture{ending}", strict=False)[0] not in _SAYS_NOTHING or ending == _POSTSCRIPT:
        return None
    # those that recognise their files by how they begin; the others would try to make sense of anything
    names = [name for name in Image.ID if Image.OPEN[name][1] is not None and name not in _NO_PICTURES]
    try:
        with noted_warnings(), Image.open(path, formats=names) as image:
            return None if image.format is None else _in_words(image.format)
    except Exception:  # noqa: BLE001  # Pillow's readers raise nearly anything for what is none of theirs
        return None


def _in_words(name: str) -> str:
    return _WORDS.get(name, name)
