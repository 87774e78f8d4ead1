"""In which colour space a picture's numbers are: what its profile, its PNG chunks or its EXIF block say."""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms

from darklift.errors import ImageError, one_line
from darklift.image.colour import PRIMARIES, SRGB_PRIMARIES, ColourSpace, matrix_to_xyz, same_as_srgb, white_of
from darklift.image.colour_numbers import name_of_numbers
from darklift.image.curves import LINEAR, SRGB, Curve, Formula
from darklift.image.exif import says_adobe_rgb
from darklift.image.icc import read_profile
from darklift.image.metadata import profile_name
from darklift.image.picture import Metadata, Picture
from darklift.image.samples import Samples, row_strips

__all__ = ["Reading", "as_srgb", "colour_space_of", "with_colour_name"]

_ADOBE_RGB = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), SRGB_PRIMARIES[3])
# ITU-T H.273, table 3; 2 is "not stated". 1, 6, 14 and 15 are a camera's curve, whose pictures screens show by sRGB's.
_TRANSFERS: dict[int, Curve] = {
    1: SRGB,
    2: SRGB,
    4: Formula(2.2),
    5: Formula(2.8),
    6: SRGB,
    8: LINEAR,
    13: SRGB,
    14: SRGB,
    15: SRGB,
}
_HDR = {16: "PQ", 18: "HLG"}
_SRGB_GAMMA, _SAME_GAMMA = 45455, 100  # what the PNG specification tells writers of sRGB to state, and how nearly
_LUT_LEVELS = 3  # of 255 that a profile with a table of colours may differ from sRGB


class Reading(NamedTuple):
    """What a picture's numbers mean. space: None for sRGB. note: what of the file's own word could not be used."""

    space: ColourSpace | None
    note: str | None = None


def colour_space_of(picture: Picture) -> Reading:
    """The colour space of a picture's numbers; what cannot be understood counts as sRGB, with a note.

    A PNG file's ``cICP`` goes before a profile, a profile before other PNG chunks, and these before EXIF. Raises
    ImageError for high dynamic range, and for profiles whose colours only a table tells.
    """
    metadata = picture.metadata
    if picture.source.colour_space == "CMYK":  # has been converted
        return Reading(None)
    chunks = dict(metadata.png_chunks)
    try:
        if (code := chunks.get(b"cICP")) is not None and len(code) == 4:
            return Reading(_unless_srgb(_space_of_code(*code)))
        if metadata.icc_profile is not None:
            return _of_profile(metadata.icc_profile, picture.gray)
        if b"sRGB" in chunks:
            return Reading(None)
        if b"gAMA" in chunks or b"cHRM" in chunks:
            return Reading(_unless_srgb(_space_of_chunks(chunks.get(b"gAMA"), chunks.get(b"cHRM"))))
    except (ValueError, struct.error) as error:
        return Reading(None, f"colour-space chunks that cannot be used ({one_line(error)}): colours were read as sRGB")
    if metadata.exif is not None:
        return Reading(_of_exif(metadata.exif))
    return Reading(None)


def with_colour_name(picture: Picture) -> Picture:
    """The picture whose source has the name of its colour space, also where no profile tells it."""
    if picture.metadata.icc_profile is not None and b"cICP" not in dict(picture.metadata.png_chunks):
        return picture
    try:
        space = colour_space_of(picture).space
    except ImageError:
        return picture  # it is said once something is to be done with its colours
    if space is None:
        return picture
    return replace(picture, source=replace(picture.source, colour_space=space.name))


def as_srgb(picture: Picture) -> Picture:
    """The picture in sRGB, as models see it, without metadata; one whose numbers are sRGB's comes back as it is.

    Colours outside sRGB are brought in. Raises ImageError as :func:`colour_space_of`.
    """
    space = colour_space_of(picture).space
    if space is None:
        return picture
    pixels = np.empty((*picture.size, 3), np.float32)
    for rows in row_strips(picture.size):
        pixels[rows] = space.seen(picture.part(rows)).transpose(1, 2, 0)
    held = Samples(pixels, picture.alpha)
    source = replace(picture.source, colour_space="sRGB")
    return replace(picture, held=held, metadata=Metadata(), source=source)


def _unless_srgb(space: ColourSpace) -> ColourSpace | None:
    return None if same_as_srgb(space) else space


@lru_cache(maxsize=16)  # photos of one camera carry one profile, and each is asked about more than once
def _of_profile(data: bytes, gray_picture: bool) -> Reading:
    try:
        profile = read_profile(data)
        if profile.gray and not gray_picture:
            raise ValueError("it is for gray pixels")
    except ValueError as error:
        note = f"a colour profile that cannot be used ({one_line(error)}): colours were read as sRGB"
        return Reading(None, note)
    name = profile_name(data)
    if profile.transfer in _HDR:
        raise _refused_hdr(profile.transfer)
    if not profile.tabled:
        return Reading(_unless_srgb(ColourSpace(name, profile.curves, profile.columns)))
    if _table_is_srgb(data):
        return Reading(None)
    raise ImageError(
        f"its colour profile ({name}) tells colours by a table, which cannot be gone back exactly: convert the photo to"
        " sRGB, Display P3 or Adobe RGB first"
    )


def _table_is_srgb(data: bytes) -> bool:
    """Whether colours come out of a profile with a table as they went in: 9³ of them, in Pillow's 8 bits."""
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(9, 81, 3)
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        made = ImageCms.profileToProfile(
            Image.fromarray(grid),
            profile,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return False
    return int(np.abs(np.asarray(made, int) - grid).max()) <= _LUT_LEVELS


def _space_of_code(primaries: int, transfer: int, matrix: int, full_range: int) -> ColourSpace:
    """The space of four numbers of ITU-T H.273 (a ``cICP`` chunk). Raises ImageError for high dynamic range."""
    if transfer in _HDR:
        raise _refused_hdr(transfer)
    if transfer not in _TRANSFERS or primaries not in {*PRIMARIES, 2} or matrix or not full_range:
        raise ValueError(f"cICP {primaries}/{transfer}/{matrix}/{full_range}")
    corners = PRIMARIES.get(primaries, SRGB_PRIMARIES)
    curves = (_TRANSFERS[transfer],) * 3
    return ColourSpace(name_of_numbers(primaries, transfer), curves, matrix_to_xyz(corners), white_of(corners))


def _refused_hdr(transfer: int) -> ImageError:
    return ImageError(
        f"high dynamic range ({_HDR[transfer]}), expected a picture for plain screens: convert it to SDR first"
    )


def _space_of_chunks(gamma: bytes | None, chromaticities: bytes | None) -> ColourSpace:
    """The space of a PNG file's ``gAMA`` and ``cHRM``, each sRGB's where it is missing."""
    primaries: tuple[tuple[float, float], ...] = SRGB_PRIMARIES
    if chromaticities is not None:
        numbers = [number / 100_000 for number in struct.unpack(">8I", chromaticities)]
        white, red, green, blue = zip(numbers[::2], numbers[1::2], strict=True)
        primaries = (red, green, blue, white)
    space = ColourSpace("PNG gAMA and cHRM", (SRGB,) * 3, matrix_to_xyz(primaries), white_of(primaries))
    if gamma is None:
        return space
    (stated,) = struct.unpack(">I", gamma)
    if not 5_000 <= stated <= 500_000:
        raise ValueError(f"gAMA of {stated}")
    if abs(stated - _SRGB_GAMMA) < _SAME_GAMMA and same_as_srgb(space):  # with other primaries the number is meant
        return space
    return replace(space, curves=(Formula(100_000 / stated),) * 3)


def _of_exif(exif: bytes) -> ColourSpace | None:
    try:
        adobe = says_adobe_rgb(exif)
    except (ImageError, struct.error):
        return None  # a block that ends amid its directories says nothing of colours
    return _adobe_rgb() if adobe else None


@lru_cache(maxsize=1)
def _adobe_rgb() -> ColourSpace:
    curve = Formula(563 / 256)
    return ColourSpace("Adobe RGB (1998)", (curve,) * 3, matrix_to_xyz(_ADOBE_RGB), white_of(_ADOBE_RGB))
