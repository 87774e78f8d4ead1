"""Pictures from and to Pillow images: modes, colour conversion, and what is refused."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from darklift.errors import ImageError, UsageError
from darklift.image._arrays import assemble, unit_from_integers
from darklift.image._files import MAX_PIXELS, TOO_DEEP, one_line
from darklift.image._metadata import metadata_of
from darklift.image._picture import Metadata, Picture

__all__ = ["check_image", "from_pil", "picture_from_loaded", "to_pil", "to_srgb"]

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_GRAY_MODES = frozenset({"1", "L", "LA", "La"})
_COLOUR_MODES = frozenset({"P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr"})
_DEEP_MODES = frozenset({"I", "F", "I;16", "I;16L", "I;16B", "I;16N"})
_MODES_OUT = ("L", "LA", "RGB", "RGBA")

_TIFF_SUBFILE_TYPE = 254
_TIFF_BITS = 258
_TIFF_EXTRA_SAMPLES = 338
_TIFF_SAMPLE_FORMAT = 339
_TIFF_DNG_VERSION = 50706


def from_pil(image: Image.Image) -> Picture:
    """A picture from a Pillow image, with its EXIF, ICC profile, resolution and XMP; the image is not changed.

    Modes 1, L, LA, P, PA, RGB, RGBA, CMYK and YCbCr; an EXIF orientation in ``image.info`` is applied. CMYK becomes
    sRGB. Raises ``UsageError`` for another type of object; ``ImageError`` for more than 8 bits per channel, several
    frames, more than 500 megapixels, or pixels that cannot be decoded.
    """
    if not isinstance(image, Image.Image):
        raise UsageError(f"got a {type(image).__name__}, expected a PIL.Image.Image")
    try:
        check_image(image)
        image.load()
        return picture_from_loaded(image)
    except ImageError:
        raise
    except Exception as error:  # damaged files make Pillow raise nearly anything
        raise ImageError(f"the image cannot be decoded: {one_line(error)}") from error


def check_image(image: Image.Image) -> None:
    """Raise an ``ImageError`` for what a picture cannot keep: size, frames, depth, extra channels."""
    width, height = image.size
    if not 0 < width * height <= MAX_PIXELS:
        raise ImageError(
            f"{width} x {height} pixels, expected between 1 and {MAX_PIXELS // 10**6} megapixels: cut it into parts"
        )
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # MPO: a JPEG with previews or a gain map behind it, told apart later
        raise ImageError(f"{frames} frames or pages, expected 1: save those you want as files of their own")
    if image.mode in _DEEP_MODES or _is_deep_png(image):
        raise ImageError(TOO_DEEP)
    if isinstance(image, TiffImageFile):
        _check_tiff(image)
    if image.mode not in _GRAY_MODES | _COLOUR_MODES:
        raise ImageError(f"colour mode {image.mode}, expected gray, RGB, palette or CMYK: convert it to RGB first")


def _is_deep_png(image: Image.Image) -> bool:
    """Pillow reads 16-bit colour PNG as 8-bit without a word; until it is loaded, the decoder's arguments tell."""
    return isinstance(image, PngImageFile) and any(";16" in str(tile) for tile in image.tile)


def _check_tiff(image: TiffImageFile) -> None:
    tags = image.tag_v2
    if _TIFF_DNG_VERSION in tags or tags.get(_TIFF_SUBFILE_TYPE, 0) & 1:
        raise ImageError(
            "a camera raw file, of which only the preview can be read here: develop it to JPEG or TIFF first"
        )
    if max(tags.get(_TIFF_BITS, (1,))) > 8:
        raise ImageError(TOO_DEEP)
    if set(tags.get(_TIFF_SAMPLE_FORMAT, (1,))) - {1, 4}:  # 1: unsigned integers, 4: not stated
        raise ImageError("TIFF samples that are no unsigned integers: convert it to 8 bits first")
    extra = tags.get(_TIFF_EXTRA_SAMPLES, ())
    if len(extra) > 1 or 0 in extra:
        raise ImageError("TIFF channels besides colour and alpha, which would be lost: save it without them")


def picture_from_loaded(image: Image.Image, png_chunks: tuple[tuple[bytes, bytes], ...] = ()) -> Picture:
    """A picture from an image that was checked and loaded."""
    metadata, orientation = metadata_of(image, png_chunks)
    gray = image.mode in _GRAY_MODES
    if image.mode == "CMYK":
        upright, metadata = _cmyk_to_rgb(image, metadata)
    elif image.has_transparency_data:
        upright = image.convert("LA" if gray else "RGBA")
    else:
        upright = image.convert("L" if gray else "RGB")
    if orientation in _UPRIGHT:
        upright = upright.transpose(_UPRIGHT[orientation])
    values = np.asarray(upright)
    unit = unit_from_integers(values.reshape(*values.shape[:2], -1))
    colours = 1 if gray else 3
    pixels = np.repeat(unit[:, :, :1], 3, axis=2) if gray else np.ascontiguousarray(unit[:, :, :3])
    alpha = np.ascontiguousarray(unit[:, :, colours]) if unit.shape[2] > colours else None
    return Picture(pixels, alpha=alpha, gray=gray, metadata=metadata)


def _cmyk_to_rgb(image: Image.Image, metadata: Metadata) -> tuple[Image.Image, Metadata]:
    """Through the image's own profile to sRGB where it has one; plainly, as Pillow does, where it has none."""
    without_profile = replace(metadata, icc_profile=None)
    if metadata.icc_profile is None:
        return image.convert("RGB"), without_profile
    try:
        converted, srgb = to_srgb(image, metadata.icc_profile)
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        note = f"a CMYK profile that cannot be used ({one_line(error)}): colours were converted without it"
        return image.convert("RGB"), replace(without_profile, notes=(*metadata.notes, note))
    note = "CMYK inks and their profile: colours were converted to sRGB"
    return converted, replace(metadata, icc_profile=srgb, notes=(*metadata.notes, note))


def to_srgb(image: Image.Image, icc_profile: bytes) -> tuple[Image.Image, bytes]:
    """An L or CMYK image as sRGB, and the profile to go with it; a bad profile is a ``PyCMSError`` or ``OSError``."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    converted = ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(io.BytesIO(icc_profile)),
        srgb,
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert converted is not None  # only a conversion in place returns nothing
    profile = bytearray(srgb.tobytes())
    profile[24:36] = bytes.fromhex(
        "07d000010001000000000000"
    )  # made 2000-01-01, so that equal pictures are equal files
    return converted, bytes(profile)


def to_pil(picture: Picture, mode: str | None = None) -> Image.Image:
    """The picture as an 8-bit Pillow image of ``mode`` L, LA, RGB or RGBA; by default the one that fits it.

    ``info`` carries what is there of ``exif``, ``icc_profile``, ``dpi``, ``xmp`` and ``comment``, ready to be passed to
    ``Image.save``. Asking for L or RGB leaves the alpha out. Raises ``UsageError`` for another mode, ``ImageError``
    when the pixels hold NaN or infinity.
    """
    if mode is None:
        mode = ("L" if picture.gray else "RGB") + ("A" if picture.alpha is not None else "")
    if mode not in _MODES_OUT:
        raise UsageError(f"mode is {mode!r}, expected one of {', '.join(_MODES_OUT)}")
    values = assemble(picture, np.uint8, gray=mode.startswith("L"), alpha=mode.endswith("A"))
    image = Image.fromarray(values[:, :, 0] if mode == "L" else values)
    info: dict[str | tuple[int, int], Any] = {
        "exif": picture.metadata.exif,
        "icc_profile": picture.metadata.icc_profile,
        "dpi": picture.metadata.dpi,
        "xmp": picture.metadata.xmp,
        "comment": picture.metadata.comment,
    }
    image.info.update({name: value for name, value in info.items() if value is not None})
    return image
