"""What a picture carries that a format has no place for, in words."""

from dataclasses import replace

from darklift.image.formats import format_called
from darklift.image.picture import Metadata, Picture
from darklift.image.xmp_claims import without_claims

__all__ = ["left_out", "without_trailer"]

_NAMES = {
    "exif": "EXIF",
    "icc_profile": "colour profile",
    "xmp": "XMP",
    "iptc": "IPTC",
    "comment": "comment",
    "photoshop": "Photoshop records",
    "dpi": "resolution",
    "trailer": "video or records behind the picture",
}
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_COLOURS = (b"gAMA", b"cHRM", b"cICP")


def left_out(picture: Picture, format: str) -> tuple[str, ...]:
    """One line on the metadata that a file of this format, by name or extension, does not get; none where it gets all.

    What the picture's own file held, and the picture does not, stands in ``Metadata.notes``.
    """
    kind = format_called(format)
    if kind is None:
        return ()
    metadata = picture.metadata
    names = [name for field, name in _NAMES.items() if getattr(metadata, field) and field not in kind.keeps]
    if "png_chunks" not in kind.keeps:
        names.extend(_names_of_chunks(metadata))
    if not names:
        return ()
    *others, last = names
    listed = f"{', '.join(others)} and {last}" if others else last
    return (f"its {listed}: {kind.name} has no place for {'them' if others else 'it'}",)


def _names_of_chunks(metadata: Metadata) -> list[str]:
    """Of those chunks that only PNG can keep; the colours are told by a profile, too, where there is one."""
    kinds = {name for name, _ in metadata.png_chunks}
    names = ["texts"] if kinds.intersection(_TEXTS) else []
    if metadata.icc_profile is None and kinds.intersection(_COLOURS):
        names.append("colour space chunks")
    return names


def without_trailer(picture: Picture) -> Picture:
    """The picture for a file that ends with it, so that its XMP claims no video behind."""
    metadata = picture.metadata
    if metadata.trailer is None:
        return picture
    xmp = metadata.xmp and without_claims(metadata.xmp)
    return replace(picture, metadata=replace(metadata, xmp=xmp, trailer=None))
