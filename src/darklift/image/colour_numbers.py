"""Colour spaces by number (ITU-T H.273), as AVIF and HEIF files may state them, as ICC profiles.

Most containers know ICC profiles and no such numbers, and the libraries that write AVIF files write numbers of their
own choice. A profile of the same colours goes everywhere, so that is what the numbers become.
"""

from darklift.errors import ImageError
from darklift.image.colour import PRIMARIES, matrix_to_xyz, white_of
from darklift.image.curves import SRGB, Formula
from darklift.image.icc_writing import profile_bytes

__all__ = ["name_of_numbers", "profile_of_numbers"]

_NAMES = {
    1: "BT.709",
    5: "BT.601 (625)",
    6: "BT.601 (525)",
    7: "SMPTE 240",
    9: "BT.2020",
    11: "DCI-P3",
    12: "Display P3",
}
_UNSTATED = 2
# All of these are shown by sRGB's curve: that of 1, 6, 14, 15 is the camera's, whose pictures screens show so.
_LIKE_SRGB = (1, 2, 6, 13, 14, 15)
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
_HDR = {16: "PQ", 18: "HLG"}


def profile_of_numbers(primaries: int, transfer: int, *, gray: bool = False) -> bytes | None:
    """An ICC profile (version 4) of these numbers; None where they are those of sRGB, or are not stated.

    gray: for a picture with one channel, to which only the curve means something.

    Raises ImageError for the curves of HDR pictures, and for numbers without a meaning here.
    """
    if transfer in _HDR:
        raise ImageError(
            f"an HDR picture ({_HDR[transfer]}), which would come out wrong: export it for standard screens (SDR) first"
        )
    primaries = 1 if primaries == _UNSTATED or gray else primaries
    if primaries not in PRIMARIES or transfer not in (*_LIKE_SRGB, *_GAMMAS):
        raise ImageError(
            f"colours by the numbers {primaries}/{transfer}, which have no known meaning: convert it to sRGB first"
        )
    if primaries == 1 and transfer in _LIKE_SRGB:
        return None
    curve = SRGB if transfer in _LIKE_SRGB else Formula(_GAMMAS[transfer])
    name = name_of_numbers(primaries, transfer)
    if gray:
        return profile_bytes(name, curve, None, None)
    return profile_bytes(name, curve, matrix_to_xyz(PRIMARIES[primaries]), white_of(PRIMARIES[primaries]))


def name_of_numbers(primaries: int, transfer: int) -> str:
    """What people call such a space, as in "Display P3"; the numbers have a meaning here."""
    gamma = "" if transfer in _LIKE_SRGB else f", gamma {_GAMMAS[transfer]:g}"
    return _NAMES.get(primaries, _NAMES[1]) + gamma
