"""The file behind a Pillow image, for what Pillow does not tell of it."""

from PIL import Image
from PIL.ImageFile import ImageFile

__all__ = ["file_behind"]


def file_behind(image: Image.Image) -> bytes | None:
    """All of the file that an opened image has not been loaded from yet; None where it is not at hand any more."""
    stream = getattr(image, "fp", None)
    if not isinstance(image, ImageFile) or stream is None or not image.tile:
        return None
    place = stream.tell()
    stream.seek(0)
    data: bytes = stream.read()
    stream.seek(place)
    return data
