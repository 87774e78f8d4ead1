"""Pictures from and to Pillow images."""

from typing import Any

from PIL import Image
from PIL.ImageFile import ImageFile

from darklift.errors import DarkliftError, ImageError, UsageError, one_line
from darklift.image.formats import FORMATS
from darklift.image.picture import Picture
from darklift.image.pixels import adopt, image_of
from darklift.image.spaces import with_colour_name
from darklift.image.xmp_claims import without_claims

__all__ = ["from_pil", "to_pil"]

_MODES_OUT = ("L", "LA", "RGB", "RGBA")


def from_pil(image: Image.Image) -> Picture:
    """A picture from a Pillow image, with its EXIF, ICC profile, resolution and XMP; the image is not changed.

    Modes 1, L, LA, P, PA, RGB, RGBA, CMYK and YCbCr; an EXIF orientation in ``image.info`` is applied. CMYK becomes
    sRGB. Raises ``UsageError`` for another type of object; ``ImageError`` for more than 8 bits per channel, several
    frames, more than 500 megapixels, or pixels that cannot be decoded.
    """
    if not isinstance(image, Image.Image):
        raise UsageError(f"got a {type(image).__name__}, expected a PIL.Image.Image: use from_array for arrays")
    kind = next((known for known in FORMATS if image.format in known.pil), None)
    try:
        if kind and isinstance(image, ImageFile):  # still tied to its file, which the format's module knows more about
            return with_colour_name(kind.pil[image.format or ""](image))
        return with_colour_name(adopt(image, kind.name if kind else image.format))
    except DarkliftError:
        raise
    except Exception as error:  # damaged files make Pillow raise nearly anything
        raise ImageError(f"the image cannot be decoded ({one_line(error)}): open it from an undamaged file") from error


def to_pil(picture: Picture, mode: str | None = None) -> Image.Image:
    """The picture as an 8-bit Pillow image of ``mode`` L, LA, RGB or RGBA; by default the one that fits it.

    ``info`` carries what is there of ``exif``, ``icc_profile``, ``dpi``, ``xmp`` and ``comment``, ready to be passed to
    ``Image.save``. Asking for L or RGB leaves the alpha out. Raises ``UsageError`` for another mode, ``ImageError``
    when the pixels hold NaN or infinity.
    """
    if mode is not None and mode not in _MODES_OUT:
        raise UsageError(f"mode is {mode!r}, expected one of {', '.join(_MODES_OUT)}: convert the result to others")
    image, metadata = image_of(picture, mode), picture.metadata
    info: dict[str | tuple[int, int], Any] = {
        "exif": metadata.exif,
        "icc_profile": metadata.icc_profile,
        "dpi": metadata.dpi,
        "xmp": metadata.xmp if metadata.trailer is None else without_claims(metadata.xmp or b"") or None,
        "comment": metadata.comment,
    }
    image.info.update({name: value for name, value in info.items() if value is not None})
    return image
