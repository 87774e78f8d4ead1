"""Programs' own words on a TIFF file's pixels in its description: wrong once they are turned, or stored otherwise."""

import json
import re
from dataclasses import replace

from darklift.errors import ImageError
from darklift.image.exif import EXIF_HEADER, read_directory, tiff_block, without_entries
from darklift.image.picture import Picture

__all__ = ["without_stale_sizes"]

_DESCRIPTION = 270
_NOTE = "its description of how the pixels were stored ({}), which is not true of the result"
_OME = re.compile(rb'\bSize([XY])="(\d{1,9})"')


def without_stale_sizes(picture: Picture) -> Picture:
    """The picture, without an ImageDescription by which tifffile or OME would read another picture out of its pixels.

    That is tifffile's shape, unless it is this picture's, and OME's XML of another width and height. It is noted.
    """
    exif = picture.metadata.exif
    program = None if exif is None else _stale(_description(tiff_block(exif)), picture)
    if exif is None or program is None:
        return picture
    block = tiff_block(exif)
    kept = EXIF_HEADER + without_entries(block, read_directory(block), [_DESCRIPTION])
    metadata = replace(picture.metadata, exif=kept, notes=(*picture.metadata.notes, _NOTE.format(program)))
    return replace(picture, metadata=metadata)


def _description(block: bytes) -> bytes:
    try:
        directory = read_directory(block)
    except ImageError:
        return b""
    for entry in directory.entries:
        if entry.tag == _DESCRIPTION and entry.count > 4:
            at = int.from_bytes(
                block[entry.position + 8 : entry.position + 12], "little" if directory.order == "<" else "big"
            )
            return block[at : at + entry.count].rstrip(b"\0")
    return b""


def _stale(text: bytes, picture: Picture) -> str | None:
    """The program whose words on the pixels are wrong; None where there are none, or right ones."""
    height, width = picture.size
    if text.startswith(b'{"shape":'):
        channels = (1 if picture.gray else 3) + picture.has_alpha
        return None if _shape(text) == [height, width, channels][: 3 if channels > 1 else 2] else "tifffile"
    sides = dict(_OME.findall(text)) if b"<OME" in text else {}
    if sides and (int(sides.get(b"Y", height)), int(sides.get(b"X", width))) != (height, width):
        return "OME"
    return None


def _shape(text: bytes) -> object:
    try:
        return json.loads(text)["shape"]
    except (ValueError, RecursionError):
        return None
