"""Between Pillow's images and pictures, for every format that Pillow opens: modes, which way is up, inks, damage."""

import io
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO, TypeVar

import numpy as np
from PIL import Image, ImageCms

from darklift.errors import ImageError, MissingExtraError, one_line
from darklift.image.arrays import assemble, held_of, turned
from darklift.image.metadata import metadata_of, profile_name
from darklift.image.picture import Metadata, Picture, Source
from darklift.image.reel import Reel
from darklift.image.room import Room, ask_for_room
from darklift.image.samples import Samples, row_strips

__all__ = [
    "TOO_DEEP",
    "adopt",
    "check_clip",
    "check_extent",
    "check_filled",
    "check_mode",
    "check_size",
    "decode_with",
    "gray_as_srgb",
    "image_of",
    "noted_warnings",
    "of_inks",
    "picture_of",
    "pictures_in",
    "srgb_profile",
    "to_srgb",
    "with_notes",
]

# Larger than any camera's picture, and small enough that a malicious header cannot ask for all of the memory.
_MAX_PIXELS = 500_000_000
# Of all frames of an animation, each as large as all of the picture, whatever little of it the file holds.
_MAX_CLIP_PIXELS = 20 * _MAX_PIXELS
_ALWAYS_FILLED = 1 << 24  # pixels: so many do no harm

TOO_DEEP = (
    "more than 8 bits per channel, of which Pillow keeps 8: read the file with read_image or decode_image, pass a "
    "uint16 or float array, or convert it to 8 bits"
)

_T = TypeVar("_T")
_LYING = frozenset({5, 6, 7, 8})  # orientations with rows for columns
_GRAY_MODES = frozenset({"1", "L", "LA", "La"})
_COLOUR_MODES = frozenset({"P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr"})
_DEEP_MODES = frozenset({"I", "F", "I;16", "I;16L", "I;16B", "I;16N"})

_warnings_lock = threading.Lock()


# ----------------------------------------------------------------------------------------------------- into a picture


def decode_with(
    opener: Callable[[BinaryIO], Image.Image], adopt: Callable[[Image.Image], Picture], stream: BinaryIO
) -> Picture:
    """Open a stream from its beginning with one of Pillow's readers, and make a picture of it with ``adopt``.

    The readers are called by name instead of through ``Image.open``. So no other formats are ever tried, and Pillow's
    own limit of 89 megapixels, which is a setting of the whole process and not ours to change, gives way to ours.
    """
    stream.seek(0)
    with noted_warnings() as notes:
        image = opener(stream)
    return with_notes(adopt(image), notes)  # side by side with other threads, as it raises no warnings


def adopt(image: Image.Image, container: str | None) -> Picture:
    """The picture in an image that Pillow has opened and may not have loaded yet, where nothing is special."""
    check_extent(image)
    check_mode(image)
    image.load()
    return picture_of(image, *metadata_of(image.info, image.size), container)


def pictures_in(
    opener: Callable[[BinaryIO], Image.Image], container: str, stream: BinaryIO, reel: Reel, numbers: Sequence[int]
) -> Iterator[Picture]:
    """Frames of an animation as one of Pillow's readers puts them together, all with alpha or none."""
    stream.seek(0)
    with noted_warnings() as notes:
        image = opener(stream)
    check_clip(*image.size, reel.count)
    for number in numbers:
        image.seek(number)
        image.load()
        frame = image.convert("RGBA" if reel.alpha else "RGB")
        yield with_notes(picture_of(frame, *metadata_of(image.info, image.size), container), notes)


def with_notes(picture: Picture, notes: Iterable[str]) -> Picture:
    """The same picture with more notes."""
    return replace(picture, metadata=replace(picture.metadata, notes=(*picture.metadata.notes, *notes)))


def check_extent(image: Image.Image, *, only_the_first: bool = False, besides: int = 0) -> None:
    """Refuse a picture that is too large, or several in one, with an ``ImageError``.

    only_the_first: further frames are no reason to refuse, as only the first is the picture. besides: bytes a pixel
    that the decoder takes beside Pillow's image.
    """
    held = len(image.getbands()) if image.mode in _GRAY_MODES else 3 + image.has_transparency_data
    in_pillow = 1 if image.mode in ("1", "L") else 4
    check_size(*image.size, held=held, decoding=held + in_pillow + besides)
    frames = 1 if only_the_first else getattr(image, "n_frames", 1)
    if frames > 1:
        raise ImageError(
            f"{frames} frames or pages, expected 1: pass a copy() of one, or read the file with read_frames"
        )


def check_size(width: int, height: int, *, held: int = 1, decoding: int = 0) -> None:
    """Refuse a picture that is too large, or that has no pixels, with an ``ImageError``: before there is room made for
    it, which it asks for.

    held, decoding: bytes a pixel at the least, as of :class:`Room`.
    """
    _check_limits(width, height)
    ask_for_room(Room((height, width), held * width * height, max(held, decoding) * width * height))


def _check_limits(width: int, height: int) -> None:
    if min(width, height) < 1:
        raise ImageError(f"{width} x {height} pixels, which is no picture: copy or download it again")
    if width * height > _MAX_PIXELS:
        raise ImageError(
            f"{width} x {height} pixels, expected at most {_MAX_PIXELS // 10**6} megapixels: cut it into parts"
        )


def check_clip(width: int, height: int, count: int) -> None:
    """Refuse an animation of so many frames of a size that is too large, one or all, with an ``ImageError``."""
    check_size(width, height, held=3, decoding=7)
    if width * height * count > _MAX_CLIP_PIXELS:
        raise ImageError(
            f"{count} frames of {width} x {height} pixels, expected at most {_MAX_CLIP_PIXELS // 10**6} megapixels in "
            "all: cut it into parts"
        )


def check_filled(
    name: str, size: tuple[int, int], length: int, most: float, *, held: int = 1, decoding: int = 0
) -> None:
    """As :func:`check_size`, and refuse what a file of this length cannot fill, before there is room made for it.

    name: of the format. size: width and height. most: pixels that a byte of such a file can stand for.
    """
    width, height = size
    _check_limits(width, height)
    if width * height > max(_ALWAYS_FILLED, length * most):
        raise ImageError(
            f"damaged or incomplete {name} file ({width} x {height} pixels in {length} bytes): copy or download it"
            " again"
        )
    check_size(width, height, held=held, decoding=decoding)


def check_mode(image: Image.Image) -> None:
    """Refuse with an ``ImageError`` what a picture cannot keep: more than 8 bits, colours of another kind."""
    if image.mode in _DEEP_MODES:
        raise ImageError(TOO_DEEP)
    if image.mode not in _GRAY_MODES | _COLOUR_MODES:
        raise ImageError(f"colour mode {image.mode}, expected gray, RGB, palette or CMYK: convert it to RGB first")


@contextmanager
def noted_warnings() -> Iterator[list[str]]:
    """Pillow's warnings about a damaged file end up as notes in the list that this yields; it is filled at the end."""
    notes: list[str] = []
    # the warning filters belong to the whole process: two threads that set and restore them at once would mix them up
    with _warnings_lock, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield notes
    notes.extend(
        dict.fromkeys(
            f"damaged parts ({one_line(warning.message)})"
            for warning in caught
            if isinstance(warning.message, UserWarning)
        )
    )


def picture_of(image: Image.Image, metadata: Metadata, orientation: int, container: str | None) -> Picture:
    """A picture from an image that was checked and loaded, turned upright from ``orientation``."""
    gray = image.mode in _GRAY_MODES
    space = "sRGB" if metadata.icc_profile is None else profile_name(metadata.icc_profile)
    if image.mode == "CMYK":
        space = "CMYK"
        plain, metadata = _cmyk_to_rgb(image, metadata)
    else:
        mode = ("L" if gray else "RGB") + ("A" if image.has_transparency_data else "")
        plain = image if image.mode == mode else image.convert(mode)  # Pillow would copy it
    held = _held(plain, orientation)
    return Picture(gray=gray, metadata=metadata, source=Source(container, 8, space), held=held)


def _held(image: Image.Image, orientation: int) -> Samples:
    """Its bytes, upright, out of Pillow's memory: strip by strip, as all at once it makes two copies more."""
    bands, size = len(image.getbands()), (image.height, image.width)
    values = np.empty((*(size[::-1] if orientation in _LYING else size), bands), np.uint8)
    as_stored = turned(values, orientation, back=True)
    for rows in row_strips(size):
        strip = image.crop((0, rows.start, image.width, rows.stop))
        as_stored[rows] = np.asarray(strip).reshape(-1, image.width, bands)
    return held_of(values)


def _cmyk_to_rgb(image: Image.Image, metadata: Metadata) -> tuple[Image.Image, Metadata]:
    return of_inks(metadata, lambda: image.convert("RGB"), lambda profile: to_srgb(image, profile))


def of_inks(metadata: Metadata, plainly: Callable[[], _T], through: Callable[[bytes], _T]) -> tuple[_T, Metadata]:
    """CMYK as sRGB: ``through`` the file's own profile where it has one; ``plainly``, as Pillow does, where it has none
    or one that cannot be used, by which ``through`` raises. And the metadata to go with that.
    """
    without_profile = replace(metadata, icc_profile=None)
    if metadata.icc_profile is None:
        return plainly(), replace(without_profile, notes=(*metadata.notes, "CMYK inks: colours were converted to sRGB"))
    try:
        converted = through(metadata.icc_profile)
    except MissingExtraError:
        raise
    except (ImageCms.PyCMSError, OSError, ValueError, RuntimeError) as error:
        note = f"a CMYK profile that cannot be used ({one_line(error)}): colours were converted without it"
        return plainly(), replace(without_profile, notes=(*metadata.notes, note))
    note = "CMYK inks and their profile: colours were converted to sRGB"
    return converted, replace(metadata, icc_profile=srgb_profile(), notes=(*metadata.notes, note))


def to_srgb(image: Image.Image, icc_profile: bytes) -> Image.Image:
    """An L or CMYK image as sRGB, of :func:`srgb_profile`; a bad profile is a ``PyCMSError`` or ``OSError``."""
    converted = ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(io.BytesIO(icc_profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert converted is not None  # only a conversion in place returns nothing
    return converted


def srgb_profile() -> bytes:
    """The profile of sRGB, to go with what was converted to it."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes.fromhex("07d000010001000000000000")  # 2000-01-01, so that equal pictures are equal files
    return bytes(profile)


def gray_as_srgb(image: Image.Image, icc_profile: bytes) -> tuple[Image.Image, bytes | None]:
    """An image, and the profile to go with it, for a format that is always RGB, which one for gray does not fit.

    A profile that cannot be used is an ``ImageError``.
    """
    if image.mode not in ("L", "LA"):
        return image, None
    try:
        converted = to_srgb(image.getchannel("L"), icc_profile)
    except (ImageCms.PyCMSError, OSError) as error:
        raise ImageError(f"its gray profile cannot be used ({one_line(error)}): write PNG or TIFF") from error
    if image.mode == "LA":
        converted.putalpha(image.getchannel("A"))
    return converted, srgb_profile()


# --------------------------------------------------------------------------------------------------- out of a picture


def image_of(picture: Picture, mode: str | None = None, rows: slice = slice(None)) -> Image.Image:
    """The 8-bit image of ``mode`` L, LA, RGB or RGBA, by default the one that fits, with nothing in its ``info``.

    rows: only these. Raises ``ImageError`` when the pixels hold NaN or infinity.
    """
    if mode is None:
        mode = ("L" if picture.gray else "RGB") + ("A" if picture.has_alpha else "")
    values = assemble(picture, np.uint8, gray=mode.startswith("L"), alpha=mode.endswith("A"), rows=rows)
    return Image.fromarray(values[:, :, 0] if mode == "L" else values)
