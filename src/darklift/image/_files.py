"""File formats: their names, extensions and limits. Shared by reading and writing."""

from pathlib import Path

__all__ = ["FORMAT_OF_EXTENSION", "MAX_PIXELS", "SUPPORTED_EXTENSIONS", "TOO_DEEP", "is_image_path", "one_line"]

# Larger than any camera's picture, and small enough that a malicious header cannot ask for all of the memory.
MAX_PIXELS = 500_000_000

TOO_DEEP = "more than 8 bits per channel, expected 8: convert it to 8 bits first, or pass a uint16 or float array"

FORMAT_OF_EXTENSION = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}

SUPPORTED_EXTENSIONS = frozenset(FORMAT_OF_EXTENSION)
"""Lower-case file name suffixes, dot included, that ``read_image`` and ``write_image`` both take."""


def is_image_path(path: str | Path) -> bool:
    """Whether the name ends like a picture's, in any case of letters. The file itself is not looked at."""
    return Path(path).suffix.lower() in SUPPORTED_EXTENSIONS


def one_line(error: BaseException) -> str:
    """The words of an error from elsewhere, fit for the end of a one-line message."""
    return " ".join(str(error).split()) or type(error).__name__
