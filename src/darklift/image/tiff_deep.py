"""TIFF pictures that Pillow would read as 8 bits, or not at all: gray, RGB and inks, and YCbCr of 8 bits."""

from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from darklift.errors import ImageError
from darklift.image.deep import divide_by_alpha, picture_of_samples, unit_of
from darklift.image.inks import deep_inks_as_srgb
from darklift.image.metadata import describe, understood_exif
from darklift.image.picture import Metadata, Picture
from darklift.image.pixels import check_size
from darklift.image.tiff_described import dpi_of, exif_at, iptc_of, orientation_of, photoshop_of
from darklift.image.tiff_samples import layout_of, read_samples
from darklift.image.tiff_ycbcr import YCBCR, as_rgb

__all__ = ["decode_deep"]

_NAME = "TIFF"
_PHOTOMETRIC, _INK_SET, _EXTRA_SAMPLES, _XMP, _ICC_PROFILE = 262, 332, 338, 700, 34675
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _SEPARATED = 0, 1, 2, 5
_DEEP_COLOURS = {
    _WHITE_IS_ZERO: 1,
    _BLACK_IS_ZERO: 1,
    _RGB: 3,
    _SEPARATED: 4,
    YCBCR: 3,
}  # and how many channels they take
_OTHER_COLOURS = {
    _SEPARATED: "of other inks",
    3: "of a palette",
    YCBCR: "in YCbCr",
    8: "in CIE Lab",
    9: "in ICC Lab",
    10: "in ITU Lab",
}
_MOST = 65535
_CMYK = 1  # of the ink sets
_ASSOCIATED = 1  # alpha that colours are multiplied with


def decode_deep(stream: BinaryIO, tags: ImageFileDirectory_v2, offset: int, big: bool) -> Picture:
    """The picture of a file's directory, which was found at this offset of a BigTIFF (big) or a usual file."""
    layout = layout_of(tags)
    check_size(layout.width, layout.height, held=layout.channels * (1 if layout.bits <= 8 else 2))
    photometric, extra = tags.get(_PHOTOMETRIC, 1), tags.get(_EXTRA_SAMPLES, ())
    colours = _DEEP_COLOURS.get(photometric)
    other_inks = photometric == _SEPARATED and tags.get(_INK_SET, _CMYK) != _CMYK
    if colours is None or other_inks or (photometric == YCBCR and layout.bits != 8):
        kind = _OTHER_COLOURS.get(photometric, f"of kind {photometric}")
        raise ImageError(
            f"TIFF colours {kind} with {layout.bits} bits, expected gray, RGB or CMYK: convert it to 16-bit RGB first"
        )
    if layout.channels != colours + len(extra) or (photometric == YCBCR and extra):
        raise ImageError(
            f"{layout.channels} TIFF channels without a meaning: save it as gray or RGB, with or without alpha"
        )
    if photometric == _SEPARATED and _ASSOCIATED in extra:
        raise ImageError("inks that are multiplied with alpha: save it as RGB, or without alpha")
    notes: list[str] = []
    if big and tags.prefix == b"MM":  # Pillow reads no directories behind its first
        notes.append("EXIF of a big-endian BigTIFF file")
        exif = None
    else:
        exif, _ = understood_exif(lambda: exif_at(stream, offset, "<" if tags.prefix == b"II" else ">", big=big), notes)
    orientation = orientation_of(tags)
    info = {"icc_profile": tags.get(_ICC_PROFILE), "xmp": tags.get(_XMP), "dpi": dpi_of(tags)} | photoshop_of(tags)
    metadata = describe(info, exif, orientation, notes, (layout.width, layout.height))
    metadata = replace(metadata, iptc=iptc_of(tags) or metadata.iptc)
    samples, white = read_samples(stream, layout), 2**layout.bits - 1
    if photometric == _SEPARATED:
        samples, metadata = _inks_as_srgb(samples, white, metadata)
        white = _MOST
    elif photometric == YCBCR:
        samples = as_rgb(samples, tags)
    elif photometric == _WHITE_IS_ZERO or _ASSOCIATED in extra or samples.dtype not in (np.uint8, np.uint16):
        samples, white = unit_of(samples, white), 0
        if photometric == _WHITE_IS_ZERO:
            np.subtract(1, samples[:, :, :1], out=samples[:, :, :1])
        if _ASSOCIATED in extra:
            divide_by_alpha(samples)
    picture = picture_of_samples(samples, metadata, orientation, _NAME, max(layout.bits, 8), white=white)
    if photometric == _SEPARATED:
        picture = replace(picture, source=replace(picture.source, colour_space="CMYK"))
    return picture


def _inks_as_srgb(samples: npt.NDArray[Any], white: int, metadata: Metadata) -> tuple[npt.NDArray[Any], Metadata]:
    """(H, W, C) of CMYK, and alpha perhaps, as 16 bits of sRGB and alpha."""
    if samples.dtype != np.uint16 or white != _MOST:
        samples = np.rint(unit_of(samples, white) * np.float32(_MOST)).astype(np.uint16)
    rgb, metadata = deep_inks_as_srgb(samples[:, :, :4], metadata)
    return np.concatenate([rgb, samples[:, :, 4:]], axis=2), metadata
