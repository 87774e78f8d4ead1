"""Reading picture files."""

import io
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from darklift.errors import ImageError
from darklift.image._files import TOO_DEEP, one_line
from darklift.image._picture import Picture
from darklift.image._pil import check_image, picture_from_loaded

__all__ = ["read_image"]

# The readers are called by name instead of through Image.open. So only these formats are ever tried, and Pillow's own
# limit of 89 megapixels, which is a setting of the whole process and not ours to change, gives way to MAX_PIXELS.
_READERS: dict[str, Callable[[BinaryIO], ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "BMP": BmpImageFile,
    "TIFF": TiffImageFile,
}
_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}

_KEPT_PNG_CHUNKS = frozenset({b"tEXt", b"zTXt", b"iTXt", b"gAMA", b"cHRM", b"sRGB", b"cICP"})
# texts that Metadata holds by another name, and that would show another orientation than the upright picture's
_PNG_TEXTS_HELD_ELSEWHERE = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0", b"Raw profile type APP1\0")

_warnings_lock = threading.Lock()


def read_image(path: str | Path) -> Picture:
    """Read a JPEG, PNG, WebP, BMP or 8-bit TIFF file; its contents tell the format, not its name.

    Returns unit RGB, upright. CMYK becomes sRGB. Raises ``ImageError``, on one line with the path, when the file is
    missing, empty, damaged or of another kind, and for what could not be kept: more than 8 bits per channel, several
    frames or pages, more than 500 megapixels.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise ImageError("it is a folder or a device, expected a picture file")
        with path.open("rb") as stream:
            return _decode(stream)
    except FileNotFoundError:
        raise ImageError(f"cannot read {path}: no such file") from None
    except ImageError as error:
        raise ImageError(f"cannot read {path}: {error}") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise ImageError(f"cannot read {path}: {getattr(error, 'strerror', None) or one_line(error)}") from error


def _decode(stream: BinaryIO) -> Picture:
    kind = _format_of(stream.read(16))
    facts = _scan_png(stream) if kind == "PNG" else _PngFacts()
    stream.seek(0)
    try:
        with _noted_warnings() as notes:
            image = _READERS[kind](stream)
            check_image(image)
            # TIFF tags are read until the end, and may be damaged; the others decode side by side in threads
            picture = _finish(image, facts) if isinstance(image, TiffImageFile) else None
        if picture is None:
            picture = _finish(image, facts)
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError("not enough memory to decode it: cut it into parts") from error
    except Exception as error:  # damaged files make Pillow raise nearly anything
        raise ImageError(f"damaged or incomplete {kind} file ({one_line(error)})") from error
    return replace(picture, metadata=replace(picture.metadata, notes=(*picture.metadata.notes, *notes)))


def _finish(image: ImageFile, facts: "_PngFacts") -> Picture:
    image.load()
    if image.mode in ("1", "L") and image.info.get("transparency", 256) < 2**facts.gray_bits:
        # the transparent gray is stated in the file's bits, and Pillow has spread the pixels to 8
        image.info["transparency"] *= 255 // (2**facts.gray_bits - 1)
    return picture_from_loaded(image, facts.chunks)


def _format_of(head: bytes) -> str:
    if not head:
        raise ImageError("the file is empty")
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature):
            return kind
    raise ImageError("it is no JPEG, PNG, WebP, BMP or TIFF file: convert it to one of these first")


@contextmanager
def _noted_warnings() -> Iterator[list[str]]:
    """Pillow's warnings about a damaged file end up in the list that this yields, filled in at the end."""
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


class _PngFacts(NamedTuple):
    """What Pillow does not tell about a PNG file. ``gray_bits``: bits per sample if it is gray, else 8."""

    gray_bits: int = 8
    chunks: tuple[tuple[bytes, bytes], ...] = ()


def _scan_png(stream: BinaryIO) -> _PngFacts:
    """Walk over the chunks of a PNG file; raise an ``ImageError`` for 16 bits per channel.

    The walk ends at the first thing amiss: it is Pillow's part to say what is wrong.
    """
    stream.seek(8)
    gray_bits = 8
    chunks: list[tuple[bytes, bytes]] = []
    while len(start := stream.read(8)) == 8:
        length, name = struct.unpack(">I4s", start)
        if name == b"IHDR":
            header = stream.read(length + 4)
            if len(header) < 13:
                break
            bits, colour_type = header[8], header[9]
            if bits == 16:
                raise ImageError(TOO_DEEP)
            gray_bits = bits if colour_type == 0 and bits in (1, 2, 4) else 8
        elif name in _KEPT_PNG_CHUNKS:
            contents = stream.read(length)
            stream.seek(4, io.SEEK_CUR)
            if not contents.startswith(_PNG_TEXTS_HELD_ELSEWHERE):
                chunks.append((name, contents))
        else:
            stream.seek(length + 4, io.SEEK_CUR)
    return _PngFacts(gray_bits, tuple(chunks))
