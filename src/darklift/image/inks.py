"""CMYK of more than 8 bits, which Pillow does not hold: through its profile to sRGB by lcms2, at full depth."""

from typing import Any

import numpy as np
import numpy.typing as npt

from darklift.image.extras import DEEP
from darklift.image.picture import Metadata
from darklift.image.pixels import of_inks, srgb_profile
from darklift.image.samples import row_strips

__all__ = ["deep_inks_as_srgb"]

_WHITE = 65535
_RELATIVE = 1  # colorimetric
# Black point compensation, as for 8 bits. Without optimisation: by it, lcms2 goes through a table of few colours, which
# moved those of ghostscript's CMYK by up to 11 of 255; without, they agree with floats to half of one of 65535.
_FLAGS = 0x2000 | 0x0100


def deep_inks_as_srgb(inks: npt.NDArray[np.uint16], metadata: Metadata) -> tuple[npt.NDArray[np.uint16], Metadata]:
    """(H, W, 4) of ink, from 0 to 65535, as (H, W, 3) of sRGB, and the metadata to go with that.

    Raises ``MissingExtraError`` where there is a profile and no library for it.
    """
    return of_inks(metadata, lambda: _plainly(inks), lambda profile: _through(inks, profile))


def _plainly(inks: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    rgb = np.empty((*inks.shape[:2], 3), np.uint16)
    for rows in row_strips((inks.shape[0], inks.shape[1])):
        light = _WHITE - inks[rows].astype(np.float64)
        rgb[rows] = np.rint(light[:, :, :3] * light[:, :, 3:] / _WHITE)
    return rgb


def _through(inks: npt.NDArray[np.uint16], profile: bytes) -> npt.NDArray[np.uint16]:
    codecs: Any = DEEP.load("reading CMYK of more than 8 bits through its profile")
    srgb = srgb_profile()
    rgb = np.empty((*inks.shape[:2], 3), np.uint16)
    for rows in row_strips((inks.shape[0], inks.shape[1])):
        rgb[rows] = codecs.cms_transform(
            np.ascontiguousarray(inks[rows]),
            profile,
            srgb,
            colorspace="cmyk",
            outcolorspace="rgb",
            outdtype="uint16",
            intent=_RELATIVE,
            flags=_FLAGS,
        )
    return rgb
