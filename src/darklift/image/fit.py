"""Whether a picture fits a format: its size, its alpha, each block of its metadata."""

from dataclasses import replace

from darklift.errors import ImageError
from darklift.image.carried import carried
from darklift.image.formats import FORMATS, Format
from darklift.image.picture import Picture
from darklift.image.words import one_of

__all__ = ["check_fit"]

_BLOCK_NAMES = {"exif": "EXIF", "icc_profile": "ICC profile", "xmp": "XMP", "iptc": "IPTC", "comment": "comment"}


def check_fit(picture: Picture, kind: Format) -> None:
    """Refuse with an ``ImageError`` what the format has no room for, and name the formats that have it."""
    if not _has_alpha_room(picture, kind):
        raise ImageError(f"the picture has alpha and {kind.name} has none: write {_fitting(picture)}")
    if not _has_side_room(picture, kind):
        height, width = picture.size
        raise ImageError(
            f"{width} x {height} pixels, and {kind.name} takes {kind.max_side} a side: write {_fitting(picture)}"
        )
    metadata, _ = carried(picture, kind.name, kind.keeps)
    for field, name in _BLOCK_NAMES.items():
        size, limit = len(getattr(metadata, field) or b""), kind.keeps.get(field)
        if limit is not None and size > limit:
            others = _fitting(picture, field, size)
            raise ImageError(f"its {name} has {size} bytes, and {kind.name} takes {limit}: write {others}")
    if kind.check is not None:
        kind.check(replace(picture, metadata=metadata))


def _fitting(picture: Picture, field: str = "", size: int = 0) -> str:
    """The formats that take such a picture, and so many bytes of a field of its metadata."""
    return one_of(
        known.name
        for known in FORMATS
        if known.encode
        and _has_alpha_room(picture, known)
        and _has_side_room(picture, known)
        and known.keeps.get(field, 0) >= size
    )


def _has_alpha_room(picture: Picture, kind: Format) -> bool:
    return kind.alpha or picture.is_opaque


def _has_side_room(picture: Picture, kind: Format) -> bool:
    return kind.max_side is None or max(picture.size) <= kind.max_side
