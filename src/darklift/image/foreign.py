"""Pictures that darklift cannot read, recognised so that they can be named."""

from pathlib import Path

from darklift.image.formats import HEAD_BYTES, format_of
from darklift.image.io import is_image_path

__all__ = ["foreign_kind"]

_ENDINGS = {
    "HEIC": ".heic .heif .hif",
    "AVIF": ".avif .avifs",
    "GIF": ".gif",
    "JPEG 2000": ".jp2 .j2k .jpx .jpf",
    "camera RAW": ".dng .cr2 .cr3 .crw .nef .nrw .arw .srf .sr2 .orf .rw2 .raf .pef .srw .x3f .rwl .iiq .3fr .fff .erf "
    ".mef .mos .mrw .kdc .dcr .raw .gpr",
    "Photoshop": ".psd .psb",
    "PBM": ".pbm",
    "TGA": ".tga",
    "ICO": ".ico",
}
_KINDS = {ending: kind for kind, endings in _ENDINGS.items() for ending in endings.split()}
_SIGNATURES = {
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG 2000",
    b"8BPS": "Photoshop",
    b"FUJIFILMCCD-RAW": "camera RAW",
}
_BRANDS = {
    b"heic": "HEIC",
    b"heix": "HEIC",
    b"heim": "HEIC",
    b"heis": "HEIC",
    b"hevc": "HEIC",
    b"mif1": "HEIC",
    b"msf1": "HEIC",
    b"avif": "AVIF",
    b"avis": "AVIF",
    b"crx ": "camera RAW",
}
"""Of ISO base media files, which films are, too."""


def foreign_kind(path: Path) -> str | None:
    """What kind of picture a file is that does not count as one here; None where it is none, or can be read.

    By its ending, else by how its contents begin; a photo whose name has another ending counts, too.
    """
    ending = path.suffix.lower()
    if is_image_path(path):
        return None
    if ending in _KINDS:
        return _KINDS[ending]
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError:  # whatever it is, nobody asked for it
        return None
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    known = format_of(head) if len(head) >= 16 else None
    if known is not None and known.name != "BMP":  # whose two letters begin many a text
        return f"{known.name} without its ending"
    return next((kind for signature, kind in _SIGNATURES.items() if head.startswith(signature)), None)
