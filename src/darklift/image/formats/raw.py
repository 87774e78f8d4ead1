"""Camera raw files and DNG: developed to 16 bits, in the camera's own brightness. Only read.

LibRaw decodes, through rawpy, which comes with the extra ``raw``. It is asked for linear light in sRGB's colours with
the camera's white balance, and for nothing that depends on the picture: no brightening, and no guess of what is white.
What it takes for white follows from the brightest sample, so that a dark picture has all of the 16 bits; what that
stands for is counted in afterwards. Where channels have overflowed, LibRaw blends them towards gray. Left alone they
turn magenta, and rebuilt from the others they turn warm lamps green.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from darklift.errors import ImageError, one_line
from darklift.image.boxes import brands
from darklift.image.exif import small_integers
from darklift.image.extras import Extra
from darklift.image.formats.base import Format, matched
from darklift.image.picture import Picture, Source
from darklift.image.pixels import check_filled, check_size, noted_warnings, with_notes
from darklift.image.raw_exif import described_by_raw
from darklift.image.raw_kinds import is_raw_directory
from darklift.image.tone import camera_curve, develop, plain_curve

__all__ = ["FORMAT"]

_NAME = "RAW"
_EXTRA = Extra("rawpy", "rawpy", "raw")
_SIGNATURES = (
    b"FUJIFILMCCD-RAW",
    b"II\x1a\0\0\0HEAPCCDR",  # Canon's CRW
    b"IIU\0",  # Panasonic, Leica
    b"IIRO",  # Olympus
    b"IIRS",
    b"MMOR",
    b"FOVb",  # Sigma
    b"\0MRM",  # Minolta
)
_INSIDE_TIFF = ((8, b"CR\2"), (8, b"IIII"), (8, b"MMMM"))  # Canon's CR2, Phase One
_PIXELS_PER_BYTE = 1000  # that no compression of raw files reaches: there is nothing behind such a header
_OVERFLOWING = 0.9  # of the white level: where sensors may give all that they can
_HEADROOM = 2  # in sRGB, a colour has more of one channel than the sensor had
_LEAST_TOP = 1 / 64
_ORIENTATIONS = {0: 1, 1: 2, 2: 4, 3: 3, 4: 5, 5: 8, 6: 6, 7: 7}  # by LibRaw's number for how it turns pixels
_PREVIEW_SIDE = 512
_LEAST_PREVIEW = 32  # pixels a side


class _Light(NamedTuple):
    """Linear light, (H, W, 3), and what its highest step stands for; and what light is white."""

    samples: npt.NDArray[np.uint16]
    top: float
    white: float
    gray: bool
    bits: int


def _sniff(head: bytes) -> int:
    if b"crx " in brands(head):  # Canon's CR3
        return 12
    if not matched(head, b"II*\0", b"MM\0*"):
        return matched(head, *_SIGNATURES)
    if any(head.startswith(mark, place) for place, mark in _INSIDE_TIFF):
        return 12
    try:
        return 12 if is_raw_directory(small_integers(head)) else 0
    except ImageError:
        return 0  # its directory lies further in, where the TIFF format will find it


def _decode(stream: BinaryIO) -> Picture:
    return _developed(stream, like_camera=True)


def _decode_plain(stream: BinaryIO) -> Picture:
    return _developed(stream, like_camera=False)


def _developed(stream: BinaryIO, *, like_camera: bool) -> Picture:
    rawpy = _EXTRA.load("reading a camera raw file")
    stream.seek(0)
    data = stream.read()
    notes: list[str] = []
    with _in_words(rawpy), rawpy.RawPy() as raw:
        raw.open_buffer(io.BytesIO(data))
        _check(raw.sizes, len(data))
        preview = _preview(rawpy, raw, data)
        light = _light(rawpy, raw, notes)
        turned = _ORIENTATIONS.get(raw.sizes.flip, 1)
    seen, exif = (None, None) if preview is None else preview
    curve = camera_curve(light.samples, light.top, seen) if like_camera and seen is not None else None
    if like_camera and curve is None:
        notes.append("the camera's own brightness, as there is no preview that shows it")
    pixels = develop(light.samples, light.top, plain_curve(light.white) if curve is None else curve)
    height, width, _ = pixels.shape
    with noted_warnings() as damage:
        metadata = described_by_raw(data, exif, (width, height), turned)
    picture = Picture(pixels, gray=light.gray, metadata=metadata, source=Source(_NAME, light.bits))
    return with_notes(picture, [*notes, *damage])


@contextmanager
def _in_words(rawpy: Any) -> Iterator[None]:
    """Says what LibRaw says in our words; it passes its own on as bytes."""
    try:
        yield
    except rawpy.LibRawFileUnsupportedError as error:
        version = ".".join(map(str, rawpy.libraw_version))
        raise ImageError(
            f"a raw file that LibRaw {version} cannot read (a camera or compression too new for it): convert it to an "
            "uncompressed or lossless DNG first"
        ) from error
    except rawpy.LibRawError as error:
        (said,) = error.args or ("",)
        words = said.decode("ascii", "replace") if isinstance(said, bytes) else one_line(error)
        raise ImageError(
            f"a {_NAME} file that is damaged, cut off or of a kind that LibRaw cannot read ({words}): copy it again, or"
            " convert it to an uncompressed DNG"
        ) from error


def _check(sizes: Any, length: int) -> None:
    """Before LibRaw makes room for the pixels."""
    for width, height in ((sizes.raw_width, sizes.raw_height), (sizes.width, sizes.height)):
        check_filled(_NAME, (width, height), length, _PIXELS_PER_BYTE, held=12, decoding=18)


def _light(rawpy: Any, raw: Any, notes: list[str]) -> _Light:
    raw.unpack()
    black = min(raw.black_level_per_channel)
    span = max(1, int(raw.white_level) - black)
    brightest = int(raw.raw_image_visible.max()) - black
    overflown = brightest >= _OVERFLOWING * span
    highest = min(brightest, span) if overflown else max(_HEADROOM * brightest, round(span * _LEAST_TOP), 1)
    balance = [factor for factor in raw.camera_whitebalance[:3] if factor > 0]
    as_shot = len(balance) >= min(3, raw.num_colors)
    if not as_shot:
        balance = [factor for factor in raw.daylight_whitebalance[:3] if factor > 0] or [1.0]
        notes.append("the camera's white balance, which is not there: colours are those of daylight")
    samples = raw.postprocess(
        use_camera_wb=as_shot,  # where there is none, LibRaw would guess one from the picture
        output_color=rawpy.ColorSpace.sRGB,
        output_bps=16,
        gamma=(1, 1),
        no_auto_bright=True,
        adjust_maximum_thr=0,
        user_sat=highest,
        highlight_mode=rawpy.HighlightMode.Blend if overflown else rawpy.HighlightMode.Ignore,
    )
    gray = samples.shape[2] == 1
    return _Light(
        np.repeat(samples, 3, axis=2) if gray else samples,
        top=highest / span,
        white=min(balance) / max(balance),
        gray=gray,
        bits=min(max(int(raw.white_level).bit_length(), 8), 16),
    )


def _preview(rawpy: Any, raw: Any, data: bytes) -> tuple[npt.NDArray[np.uint8], bytes | None] | None:
    """The camera's own picture, small, and its EXIF block; None where there is none that can be seen."""
    try:
        thumbnail = raw.extract_thumb()
    except rawpy.LibRawNonFatalError:  # there is none, or one of another kind
        return None
    try:
        with noted_warnings():  # a damaged one is as good as none: the light is there all the same
            if thumbnail.format == rawpy.ThumbFormat.JPEG:
                image: Image.Image = JpegImageFile(io.BytesIO(thumbnail.data))
                check_size(*image.size)
                image.draft("RGB", (_PREVIEW_SIDE, _PREVIEW_SIDE))
            else:
                image = _bitmap(data, thumbnail.data.shape)
            values = np.asarray(image.convert("RGB"))
    except (ImageError, OSError, SyntaxError, ValueError, KeyError, TypeError):
        return None
    return (values, image.info.get("exif")) if min(values.shape[:2]) >= _LEAST_PREVIEW else None


def _bitmap(data: bytes, shape: tuple[int, ...]) -> Image.Image:
    """The uncompressed preview in the first directory, of this shape.

    Pillow reads it: rawpy's own array is as large as the file says, and reaches beyond its memory where that is wrong.
    """
    image = TiffImageFile(io.BytesIO(data))
    check_size(*image.size)
    if image.mode != "RGB" or sorted(image.size) != sorted(shape[:2]):  # it may be turned already
        raise ImageError("it is not the preview")
    return image


FORMAT = Format(
    name=_NAME,
    extensions=(
        *(".dng", ".nef", ".nrw", ".cr2", ".cr3", ".crw", ".arw", ".srf", ".sr2", ".raf", ".rw2", ".rwl", ".orf"),
        *(".pef", ".srw", ".x3f", ".3fr", ".fff", ".iiq", ".mos", ".mef", ".erf", ".mrw", ".dcr", ".kdc"),
    ),
    sniff=_sniff,
    decode=_decode,
    decode_plain=_decode_plain,
    written_as=".jpg",
    needs=_EXTRA,
)
