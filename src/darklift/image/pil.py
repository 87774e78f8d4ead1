"""Pictures from and to Pillow images."""

from typing import Any

from PIL import Image
from PIL.ImageFile import ImageFile

from darklift.errors import DarkliftError, ImageError, UsageError, one_line
from darklift.image.carried import fitted
from darklift.image.exif import EXIF_HEADER, read_directory, tiff_block, without_entries
from darklift.image.formats import FORMATS
from darklift.image.formats.base import ANY_SIZE
from darklift.image.photoshop import IPTC
from darklift.image.picture import Picture
from darklift.image.pixels import adopt, image_of
from darklift.image.spaces import with_colour_name
from darklift.image.tiff_described import STRUCTURE_TAGS

__all__ = ["from_pil", "to_pil"]

_LONGEST_EXIF = 65_533  # that Pillow writes to a JPEG file; what is longer stays, but for a thumbnail
_KEEPS = {
    **dict.fromkeys(("thumbnail", "icc_profile", "dpi", "xmp", "comment", "iptc"), ANY_SIZE),
    "exif": _LONGEST_EXIF,
}
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

    ``info`` carries what is there of ``exif``, ``icc_profile``, ``dpi``, ``xmp``, ``comment`` and ``photoshop`` (which
    is how Pillow tells of IPTC), ready to be passed to ``Image.save``: colours that other signs told of have a profile,
    texts of a PNG are in XMP, and EXIF has a new thumbnail if it had one, and no sizes, by which Pillow would garble
    TIFF files. :func:`from_pil` takes all of it back. Asking for L or RGB leaves the alpha out.

    Raises ``UsageError`` for another mode, ``ImageError`` when the pixels hold NaN or infinity.
    """
    if mode is not None and mode not in _MODES_OUT:
        raise UsageError(f"mode is {mode!r}, expected one of {', '.join(_MODES_OUT)}: convert the result to others")
    image, metadata = image_of(picture, mode), fitted(picture, "Pillow", _KEEPS).metadata
    info: dict[str | tuple[int, int], Any] = {
        "exif": metadata.exif and _without_structure(metadata.exif),
        "icc_profile": metadata.icc_profile,
        "dpi": metadata.dpi,
        "xmp": metadata.xmp,
        "comment": metadata.comment,
        "photoshop": {IPTC: metadata.iptc} if metadata.iptc else None,
    }
    image.info.update({name: value for name, value in info.items() if value is not None})
    return image


def _without_structure(exif: bytes) -> bytes:
    block = tiff_block(exif)
    return EXIF_HEADER + without_entries(block, read_directory(block), STRUCTURE_TAGS)
