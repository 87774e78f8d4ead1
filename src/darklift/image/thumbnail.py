"""A new thumbnail for an EXIF block, made of the picture that goes with it."""

import io
from itertools import pairwise

import numpy as np

from darklift.image.exif import read_directory, tiff_block
from darklift.image.exif_add import with_thumbnail
from darklift.image.picture import FloatArray, Picture
from darklift.image.pixels import image_of

__all__ = ["THUMBNAIL_ROOM", "renewed_thumbnail"]

THUMBNAIL_ROOM = 16_384
"""Bytes that a thumbnail may need: noise of this size has half as many at the lowest quality that is tried."""

_SIDE = 160  # of the longer side, as EXIF 2.32 wants it
_QUALITIES = (80, 60, 40, 20)


def renewed_thumbnail(exif: bytes, picture: Picture, limit: int) -> bytes:
    """The block with a thumbnail of the picture, of at most so many bytes; as it is where there is no room for one."""
    if read_directory(tiff_block(exif)).next is None:
        return exif
    small = image_of(Picture(_small(picture.pixels), gray=picture.gray))
    for quality in _QUALITIES:
        stream = io.BytesIO()
        small.save(stream, "JPEG", quality=quality)
        block = with_thumbnail(exif, stream.getvalue())
        if len(block) <= limit:
            return block
    return exif


def _small(pixels: FloatArray) -> FloatArray:
    """The mean of each cell of a grid, whose cells are whole pixels; (H, W, 3) to at most (160, 160, 3)."""
    height, width = pixels.shape[:2]
    scale = max(1.0, max(height, width) / _SIDE)
    rows, columns = (max(1, min(_SIDE, round(side / scale))) for side in (height, width))
    tops, lefts = np.arange(rows + 1) * height // rows, np.arange(columns + 1) * width // columns
    small = np.empty((rows, columns, 3), np.float32)
    for row, (top, bottom) in enumerate(pairwise(tops)):
        band = pixels[top:bottom].mean(axis=0)
        small[row] = np.add.reduceat(band, lefts[:-1], axis=0) / np.diff(lefts)[:, None]
    return small
