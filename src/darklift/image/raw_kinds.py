"""How to tell a camera's raw file from a plain TIFF file, by the directory that either begins with."""

from collections.abc import Mapping
from typing import Any

__all__ = ["is_raw_directory"]

_SUBFILE_TYPE, _PHOTOMETRIC, _MAKE, _DNG_VERSION = 254, 262, 271, 50706
_COLOUR_FILTERS, _LINEAR_RAW = 32803, 34892


def is_raw_directory(tags: Mapping[int, Any]) -> bool:
    """Whether the first directory is a raw file's: it says that it is a DNG, holds a sensor's values, or is of a camera
    and calls its picture a small copy of another (TIFF 6.0, TIFF/EP, DNG 1.7).

    A TIFF file that was developed from a raw file names the camera, too, but its first picture is the full one.
    """
    if _DNG_VERSION in tags or tags.get(_PHOTOMETRIC) in (_COLOUR_FILTERS, _LINEAR_RAW):
        return True
    return _MAKE in tags and bool(tags.get(_SUBFILE_TYPE, 0) & 1)
