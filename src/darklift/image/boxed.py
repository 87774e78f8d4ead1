"""The metadata of a HEIF or AVIF file, whose boxes tell how its picture is cut and turned, whatever EXIF says."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from darklift.image.boxes import HeifFacts
from darklift.image.cropping import described_part
from darklift.image.exif_add import has_thumbnail
from darklift.image.metadata import bytes_or_none, describe, understood_exif
from darklift.image.picture import Metadata

__all__ = ["described_by_boxes"]


def described_by_boxes(info: Mapping[Any, Any], facts: HeifFacts, turned: int) -> Metadata:
    """All of it for the picture as it is seen.

    info: of Pillow's kind, for what else a library tells. turned: the orientation that the pixels are turned by.
    """
    notes = list(facts.notes)
    exif, stated = understood_exif(lambda: facts.exif, notes)
    # where EXIF agrees with the boxes, it counts from the corner of the picture as it is stored
    agrees = stated == turned
    size = facts.size
    if facts.crop is not None and size is not None:
        exif, xmp = described_part(
            exif, bytes_or_none(info.get("xmp")), size, facts.crop, notes, turned=1 if agrees else turned
        )
        info, size = {**info, "xmp": xmp}, facts.crop[2:]
    metadata = describe(info, exif, stated if agrees else 1, notes, size)
    return replace(metadata, thumbnail=exif is not None and has_thumbnail(facts.exif or b""))
