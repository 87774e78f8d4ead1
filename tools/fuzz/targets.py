"""What is fuzzed: darklift's readers of parts of files, one by one, and whole decoders and encoders.

Each target takes bytes. What it raises of the errors named beside it is its contract; anything else is a find.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from checks import Find, check_words, use_colours
from seeds import EXIF, PROFILES, RECORDS, XMP, seed_files
from whole import run_file

from darklift.errors import DarkliftError, ImageError
from darklift.image import Metadata, Picture, not_written
from darklift.image import exif as exif_module
from darklift.image.boxes import brands, heif_facts
from darklift.image.exif_add import has_thumbnail, resolution_of, with_resolution, with_thumbnail
from darklift.image.exif_turn import stated_size, turned_exif
from darklift.image.formats import FORMATS
from darklift.image.icc import gray_curve, read_profile
from darklift.image.icc_writing import rgb_profile_of_gray
from darklift.image.iptc import iptc_as_xmp
from darklift.image.jpeg_layout import layout_of
from darklift.image.jxl_facts import CODESTREAM, jxl_facts
from darklift.image.metadata import metadata_of, profile_name
from darklift.image.photoshop import kept_resources, rights_in
from darklift.image.png_texts import texts_as_xmp
from darklift.image.raw_exif import described_by_raw
from darklift.image.xmp_add import DC, with_properties
from darklift.image.xmp_claims import without_claims, without_development, without_thumbnails
from darklift.image.xmp_turn import turned_xmp

__all__ = ["TARGETS", "Target"]

_SIDES = (17, 12)


@dataclass(frozen=True)
class Target:
    """run: what is done with an input; True where it was understood, None where that means nothing. seeds: where the
    inputs come from. whole: it decodes files.
    """

    run: Callable[[bytes], bool | None]
    seeds: Callable[[], Iterator[bytes]]
    whole: bool = False


# ------------------------------------------------------------------------------------------------------- single readers


def _run_exif(data: bytes) -> None:
    orientation = data[-1] % 7 + 2 if data else 2
    for use in (
        exif_module.read_orientation,
        exif_module.says_adobe_rgb,
        exif_module.without_orientation,
        resolution_of,
        stated_size,
        has_thumbnail,
        lambda block: exif_module.small_integers(exif_module.tiff_block(block)),
        lambda block: with_resolution(block, (300.0, 72.5)),
        lambda block: with_thumbnail(block, b"\xff\xd8\xff\xd9"),
        lambda block: turned_exif(block, orientation, _SIDES),
    ):
        try:
            use(data)
        except ImageError as error:
            check_words(error)
    try:
        clean = exif_module.clean_exif(data)
    except ImageError:
        return
    if exif_module.read_orientation(clean) != 1:
        raise Find("cleaned EXIF is not upright")
    if exif_module.clean_exif(clean) != clean:
        raise Find("cleaning EXIF twice is not cleaning it once")


def _run_profile(data: bytes) -> None:
    profile_name(data)
    for use in (read_profile, gray_curve, rgb_profile_of_gray):
        with contextlib.suppress(ValueError):
            use(data)
    for gray in (False, True):
        pixels = np.linspace(0, 1, 12, dtype=np.float32).reshape(2, 2, 3)
        pixels = np.repeat(pixels[:, :, :1], 3, axis=2) if gray else pixels
        use_colours(Picture(pixels, gray=gray, metadata=Metadata(icc_profile=data)))


def _run_xmp(data: bytes) -> None:
    orientation = data[-1] % 7 + 2 if data else 2
    without_claims(data, video=orientation % 2 == 0)
    without_thumbnails(data)
    without_development(data)
    exif_module.upright_xmp(data)
    turned_xmp(data, orientation, _SIDES if orientation % 3 else None)
    with contextlib.suppress(ValueError):
        with_properties(data, {(DC, "title"): ["a < b"], (DC, "subject"): ["one", "two"]})


def _run_boxes(data: bytes) -> None:
    brands(data)
    try:
        heif_facts(data)
    except ImageError as error:
        check_words(error)


def _run_jxl_facts(data: bytes) -> None:
    for each in (data, CODESTREAM + data):
        try:
            jxl_facts(each)
        except ImageError as error:
            check_words(error)


def _run_layout(data: bytes) -> None:
    layout_of(data).is_told()


def _run_records(data: bytes) -> None:
    iptc_as_xmp(data)
    rights_in(data)
    kept, _ = kept_resources(data, [], turned=len(data) % 2 == 0)
    if kept is not None and kept_resources(kept, [], turned=len(data) % 2 == 0)[0] != kept:
        raise Find("Photoshop's records that are kept are not kept again")


def _run_texts(data: bytes) -> None:
    chunks = [(b"tEXt", data), (b"zTXt", data), (b"iTXt", data)]
    chunks += [
        (name, bytes(each))
        for name, each in zip((b"gAMA", b"cHRM", b"cICP"), (data[:4], data[:32], data[4:8]), strict=True)
    ]
    texts_as_xmp(tuple(chunks))
    for kept in (chunks[:3], chunks[3:4], chunks[4:5], chunks[5:]):
        use_colours(Picture(np.full((2, 2, 3), 0.3, np.float32), metadata=Metadata(png_chunks=tuple(kept))))


def _run_metadata(data: bytes) -> None:
    """As from a file whose every block holds these bytes."""
    info = dict.fromkeys(("exif", "icc_profile", "xmp", "comment", "photoshop"), data) | {"dpi": (72, 72)}
    metadata, orientation = metadata_of(info, _SIDES)
    if not 1 <= orientation <= 8:
        raise Find("an orientation that is none")
    metadata_of({"Raw profile type exif": data.decode("latin-1"), "XML:com.adobe.xmp": "x", "dpi": (0, "a")}, _SIDES)
    picture = Picture(np.full((*_SIDES[::-1], 3), 0.5, np.float32), metadata=metadata)
    for kind in ("PNG", "BMP", "WebP", "JPEG"):
        try:
            not_written(picture, kind)
        except DarkliftError as error:
            check_words(error)


def _run_raw_exif(data: bytes) -> None:
    try:
        described_by_raw(data, data[1:], _SIDES, 6)
    except ImageError as error:
        check_words(error)


# ------------------------------------------------------------------------------------------------------------- the list


def _seeds_of(*kinds: str) -> Callable[[], Iterator[bytes]]:
    def found() -> Iterator[bytes]:
        for kind in kinds:
            yield from seed_files()[kind].values()

    return found


def _texts() -> Iterator[bytes]:
    yield b"Title\0night"
    yield b"Creation Time\0Sat, 31 Jan 2026 12:00:00 +0100"
    yield b"Author\0\0" + zlib.compress(b"somebody")
    yield b"Comment\0\1\0en\0Kommentar\0" + zlib.compress(b"good")
    yield struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    yield b"\0\0\xb1\x8f\x0c\x0d\0\1"


TARGETS: dict[str, Target] = {
    "exif": Target(_run_exif, lambda: iter(EXIF.values())),
    "profile": Target(_run_profile, lambda: iter(PROFILES.values())),
    "xmp": Target(_run_xmp, lambda: iter(XMP.values())),
    "boxes": Target(_run_boxes, _seeds_of("HEIF", "AVIF")),
    "jxl facts": Target(_run_jxl_facts, _seeds_of("JPEGXL")),
    "jpeg layout": Target(_run_layout, _seeds_of("JPEG")),
    "records": Target(_run_records, lambda: iter(RECORDS.values())),
    "texts": Target(_run_texts, _texts),
    "metadata": Target(
        _run_metadata, lambda: iter((*EXIF.values(), *PROFILES.values(), *XMP.values(), *RECORDS.values()))
    ),
    "raw exif": Target(_run_raw_exif, _seeds_of("RAW")),
    **{kind.name: Target(run_file, _seeds_of(kind.name), whole=True) for kind in FORMATS},
}
"""By name: readers of parts, and for each format the files of it."""
