"""Writing picture files: the whole file or none."""

import os
import secrets
import shutil
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from darklift.errors import ImageError, UsageError
from darklift.image._arrays import assemble
from darklift.image._files import FORMAT_OF_EXTENSION, one_line
from darklift.image._picture import Metadata, Picture
from darklift.image._pil import to_pil, to_srgb
from darklift.image._tiff import write_tiff

__all__ = ["write_image"]

_DEFAULT_QUALITY = 95
_LOSSLESS_EFFORT = 75  # what WebP calls quality when lossless: time spent against size, never the pixels
_SIDE_LIMITS = {"JPEG": 65_500, "WEBP": 16_383}
_JPEG_SEGMENT = 65_533  # bytes that one JPEG segment takes
_XMP_OVERHEAD = 29
_PNG_LEVEL = 4  # less than half the time of Pillow's 6, for files 4 % larger
_WITHOUT_ALPHA = frozenset({"JPEG", "BMP"})


def write_image(
    picture: Picture, path: str | Path, *, quality: int | None = None, lossless: bool = False, overwrite: bool = False
) -> Path:
    """Write a picture with 8 bits per channel; the extension tells the format. Returns the path.

    The file appears complete or not at all. Values are rounded to nearest. EXIF, ICC profile, resolution, XMP, IPTC and
    comment go along where the format has a place for them (BMP only has the resolution); text chunks from PNG to PNG.

    Args:
        picture: what to write.
        path: the target, in a folder that exists.
        quality: 1 to 100, for JPEG (always 4:4:4) and lossy WebP, 95 by default; the other formats are lossless anyway.
        lossless: write WebP without loss.
        overwrite: replace a file that is there already.

    Raises:
        UsageError: ``quality`` is out of range, or JPEG was to be ``lossless``.
        ImageError: unknown extension, missing folder, existing target without ``overwrite``, alpha in a format without,
            a side or a block of metadata too long for the format, pixels with NaN, or the disk's refusal.
    """
    path = Path(path)
    kind = FORMAT_OF_EXTENSION.get(path.suffix.lower())
    if kind is None:
        raise ImageError(
            f"cannot write {path}: extension {path.suffix!r}, expected one of {', '.join(FORMAT_OF_EXTENSION)}"
        )
    _check_options(kind, quality, lossless)
    try:
        _check_fit(picture, kind)
        # a link stays a link: the file that it names is replaced
        target = Path(os.path.realpath(path)) if overwrite else path
        _check_target(target, overwrite)
        with _new_file(target, overwrite) as stream:
            _encode(picture, kind, stream, _DEFAULT_QUALITY if quality is None else quality, lossless)
    except ImageError as error:
        raise ImageError(f"cannot write {path}: {error}") from error
    except OSError as error:
        raise ImageError(f"cannot write {path}: {error.strerror or one_line(error)}") from error
    except (ValueError, struct.error) as error:  # how Pillow's writers say that something does not fit the format
        raise ImageError(f"cannot write {path} as {kind}: {one_line(error)}") from error
    return path


def _check_options(kind: str, quality: int | None, lossless: bool) -> None:
    if quality is not None and (isinstance(quality, bool) or not isinstance(quality, int) or not 1 <= quality <= 100):
        raise UsageError(f"quality is {quality!r}, expected a whole number from 1 to 100")
    if lossless and kind == "JPEG":
        raise UsageError("lossless was asked for, and JPEG is always lossy: write PNG, WebP or TIFF")


def _check_fit(picture: Picture, kind: str) -> None:
    metadata = picture.metadata
    if picture.alpha is not None and kind in _WITHOUT_ALPHA:
        raise ImageError(f"the picture has alpha and {kind} has none: write PNG, WebP or TIFF")
    limit = _SIDE_LIMITS.get(kind)
    if limit is not None and max(picture.size) > limit:
        height, width = picture.size
        raise ImageError(f"{width} x {height} pixels, and {kind} allows {limit} a side: write PNG or TIFF")
    if kind == "JPEG":
        for name, block, overhead in (
            ("EXIF", metadata.exif, 0),
            ("XMP", metadata.xmp, _XMP_OVERHEAD),
            ("comment", metadata.comment, 0),
            ("IPTC", metadata.iptc, 32),
        ):
            if block is not None and len(block) + overhead > _JPEG_SEGMENT:
                raise ImageError(
                    f"its {name} has {len(block)} bytes, and JPEG takes {_JPEG_SEGMENT - overhead}: write PNG or TIFF"
                )


def _check_target(target: Path, overwrite: bool) -> None:
    if not target.parent.is_dir():
        raise ImageError(f"there is no folder {target.parent}: create it first")
    if target.is_dir():
        raise ImageError("there is a folder of that name: choose another name")
    if not overwrite and os.path.lexists(target):
        raise _already_there()


def _already_there() -> ImageError:
    return ImageError("the file exists already: choose another name or allow overwriting")


@contextmanager
def _new_file(target: Path, overwrite: bool) -> Iterator[BinaryIO]:
    """A stream whose contents become ``target`` if all goes well, and vanish otherwise."""
    temporary = target.parent / f".darklift-{secrets.token_hex(8)}.tmp"
    try:
        with temporary.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())  # or a power cut could leave the name with nothing behind it
        if not overwrite:
            _publish_new(temporary, target)
        else:
            if target.exists():
                shutil.copymode(target, temporary)
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _publish_new(temporary: Path, target: Path) -> None:
    """Give the finished file its name unless another one has taken it meanwhile."""
    try:
        os.link(temporary, target)  # unlike a renaming, this never replaces a file
    except FileExistsError:
        raise _already_there() from None
    except OSError:
        _publish_without_links(temporary, target)


def _publish_without_links(temporary: Path, target: Path) -> None:
    """For file systems without hard links: take the name with an empty file of our own, then replace that."""
    try:
        target.open("xb").close()
    except FileExistsError:
        raise _already_there() from None
    try:
        temporary.replace(target)
    except BaseException:
        target.unlink()
        raise


def _encode(picture: Picture, kind: str, stream: BinaryIO, quality: int, lossless: bool) -> None:
    if kind == "TIFF":
        values = assemble(picture, np.uint8, gray=picture.gray, alpha=picture.alpha is not None)
        write_tiff(stream, values, picture.metadata)
        return
    image, metadata = to_pil(picture), picture.metadata
    image.info.clear()  # the writers take some things from here unasked
    if kind == "JPEG":
        _save_jpeg(image, metadata, stream, quality)
    elif kind == "PNG":
        _save_png(image, metadata, stream)
    elif kind == "WEBP":
        _save_webp(image, metadata, stream, _LOSSLESS_EFFORT if lossless else quality, lossless)
    else:
        image.save(stream, "BMP", dpi=metadata.dpi or (0, 0))


def _save_jpeg(image: Image.Image, metadata: Metadata, stream: BinaryIO, quality: int) -> None:
    image.save(
        stream,
        "JPEG",
        quality=quality,
        subsampling=0,
        dpi=metadata.dpi or (0, 0),
        exif=metadata.exif or b"",
        icc_profile=metadata.icc_profile,
        xmp=metadata.xmp,
        comment=metadata.comment,
        extra=_iptc_segment(metadata.iptc) if metadata.iptc else b"",
    )


def _iptc_segment(iptc: bytes) -> bytes:
    """An APP13 segment with one Photoshop image resource, 0x0404, where JPEG files keep their IPTC record."""
    resource = b"8BIM" + struct.pack(">H2xI", 0x0404, len(iptc)) + iptc + bytes(len(iptc) % 2)
    contents = b"Photoshop 3.0\0" + resource
    return b"\xff\xed" + struct.pack(">H", len(contents) + 2) + contents


def _save_png(image: Image.Image, metadata: Metadata, stream: BinaryIO) -> None:
    chunks = PngInfo()
    for name, contents in metadata.png_chunks:
        chunks.add(name, contents)
    if metadata.xmp:
        chunks.add(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp)
    if metadata.comment:
        chunks.add_text("Comment", metadata.comment.decode("utf-8", "replace"))
    image.save(
        stream,
        "PNG",
        compress_level=_PNG_LEVEL,
        pnginfo=chunks,
        dpi=metadata.dpi,
        exif=metadata.exif or b"",
        icc_profile=metadata.icc_profile,
    )


def _save_webp(image: Image.Image, metadata: Metadata, stream: BinaryIO, quality: int, lossless: bool) -> None:
    icc_profile = metadata.icc_profile
    if icc_profile and icc_profile[16:20] == b"GRAY":
        image, icc_profile = _gray_as_srgb(image, icc_profile)
    image.save(
        stream,
        "WEBP",
        quality=quality,
        lossless=lossless,
        exact=True,  # keep the colours of transparent pixels
        exif=metadata.exif or b"",
        icc_profile=icc_profile or b"",
        xmp=metadata.xmp or b"",
    )


def _gray_as_srgb(image: Image.Image, icc_profile: bytes) -> tuple[Image.Image, bytes | None]:
    """WebP is always RGB, which a profile for one channel does not fit."""
    if image.mode not in ("L", "LA"):
        return image, None
    try:
        converted, srgb = to_srgb(image.getchannel("L"), icc_profile)
    except (ImageCms.PyCMSError, OSError) as error:
        raise ImageError(f"its gray profile cannot be used ({one_line(error)}): write PNG or TIFF") from error
    if image.mode == "LA":
        converted.putalpha(image.getchannel("A"))
    return converted, srgb
