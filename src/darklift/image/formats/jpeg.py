"""JPEG: always lossy, without alpha, metadata in blocks of at most 64 KiB.

The video of a motion photo goes from JPEG to JPEG. Previews and gain maps are left out: they show the dark photo. The
views of a stereo pair are pages, and read only: nothing that is kept well writes such files.
"""

import io
import struct
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import BinaryIO

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from darklift.errors import ImageError
from darklift.image.formats.base import ANY_SIZE, ONLY_8_BITS, EncodeOptions, Format, Several, matched
from darklift.image.jpeg_coding import quality_of, subsampling_of
from darklift.image.jpeg_end import with_an_end
from darklift.image.jpeg_layout import JPEG_LS, Layout, first_frame, layout_of
from darklift.image.jpeg_strips import save_in_strips
from darklift.image.jpeg_views import decode_views, scan_views
from darklift.image.left_behind import CREDENTIALS
from darklift.image.metadata import metadata_of
from darklift.image.opened import file_behind
from darklift.image.photoshop import IPTC, PREFIX, resource
from darklift.image.picture import Metadata, Picture
from darklift.image.pixels import check_extent, check_mode, decode_with, picture_of
from darklift.image.xmp_claims import without_claims

__all__ = ["FORMAT"]

_NAME = "JPEG"
_SEGMENT = 65_533  # bytes that one segment takes
_APP13, _COM = 0xED, 0xFE
_XMP_OVERHEAD = 29
_IPTC_OVERHEAD = 32


class _Photo(JpegImageFile):
    """As Pillow reads it, but for the resolution in EXIF: one that is no number would end its reading (Pillow 13)."""

    def _read_dpi_from_exif(self) -> None:
        pass  # it is read with the rest of the metadata


def _open(stream: BinaryIO) -> JpegImageFile:
    try:
        return _Photo(stream)
    except SyntaxError:
        stream.seek(0)
        if layout_of(stream.read()).bits > 8:
            raise ImageError(ONLY_8_BITS) from None
        raise


def _adopt_opened(image: Image.Image) -> Picture:
    """What somebody else has opened, and may want all of."""
    data = file_behind(image)
    reel = None if data is None else scan_views(io.BytesIO(data))
    if reel is not None:
        raise ImageError(f"{reel.count} pictures in one file, expected 1: read the file with read_image or read_frames")
    return _adopt(image)


def _adopt(image: Image.Image) -> Picture:
    assert isinstance(image, JpegImageFile)  # also what Pillow calls MPO: one with further pictures behind it
    check_extent(image, only_the_first=True)
    check_mode(image)
    data = file_behind(image)
    layout = Layout() if data is None else layout_of(data)
    comments = [contents for name, contents in image.applist if name == "COM"]  # of which ``info`` has the last
    stated = dict(image.info) | {"photoshop": _photoshop_block(image), "comment": comments}
    if stated.get("jfif_unit") not in (1, 2):
        stated.pop("dpi", None)  # Pillow makes up 72 where EXIF does not tell, either
        stated["aspect"] = stated.get("jfif_density")
    metadata, orientation = metadata_of(stated, image.size)
    notes = list(metadata.notes)
    loaded: Image.Image = image
    if data is not None and layout.ends_within_scan:
        loaded, damage = with_an_end(data, layout, image.size)
        notes.append(damage)
    loaded.load()
    notes.extend(_notes_on(layout))
    if "mp" in image.info and data is None:
        notes.append("further pictures behind the first (such as previews, another view, or a gain map)")
    if metadata.xmp is not None and b"HasExtendedXMP" in metadata.xmp:
        notes.append("the extended part of its XMP (often a depth map)")
    xmp = metadata.xmp and without_claims(metadata.xmp, video=layout.has_video)
    metadata = replace(metadata, xmp=xmp, trailer=layout.trailer, notes=tuple(notes))
    picture = picture_of(loaded, metadata, orientation, _NAME)
    quality, subsampling = quality_of(image), subsampling_of(image, turned=orientation >= 5)
    return replace(picture, source=replace(picture.source, quality=quality, subsampling=subsampling))


def _photoshop_block(image: JpegImageFile) -> bytes:
    return b"".join(
        contents.removeprefix(PREFIX)
        for name, contents in image.applist
        if name == "APP13" and contents.startswith(PREFIX)
    )


def _notes_on(layout: Layout) -> Iterator[str]:
    """What the file holds and the picture does not."""
    if any(layout.pictures):
        yield "its gain map, which belongs to the dark photo: the result is for standard screens (SDR)"
    previews = len(layout.pictures) - sum(layout.pictures)
    if previews:
        pictures = "1 further picture" if previews == 1 else f"{previews} further pictures"
        yield f"{pictures} behind the first (such as previews of the dark photo)"
    if layout.thumbnail:
        yield "the little picture of the dark photo in its JFIF segments"
    if layout.credentials:
        yield CREDENTIALS
    if layout.segments:
        yield f"blocks that are not known here ({', '.join(layout.segments)})"
    if layout.unknown:
        yield f"{layout.unknown} bytes behind the picture that are not known here"


def _encode(picture: Picture, stream: BinaryIO, options: EncodeOptions) -> None:
    metadata = picture.metadata

    def save(image: Image.Image, to: BinaryIO) -> None:
        image.save(
            to,
            "JPEG",
            quality=options.quality,
            subsampling=options.subsampling,
            dpi=metadata.dpi or (0, 0),
            exif=metadata.exif or b"",
            icc_profile=metadata.icc_profile,
            xmp=metadata.xmp,
            extra=b"".join([*_photoshop_segments(metadata), *_comment_segments(metadata)]),
        )

    save_in_strips(picture, stream, save)
    if metadata.trailer:
        stream.write(metadata.trailer)


def _photoshop_segments(metadata: Metadata) -> Iterator[bytes]:
    """The APP13 segments with Photoshop's records, the first of which is IPTC's; what is longer than one goes on."""
    block = (resource(IPTC, metadata.iptc) if metadata.iptc else b"") + (metadata.photoshop or b"")
    room = _SEGMENT - len(PREFIX)
    for start in range(0, len(block), room):
        yield _segment(_APP13, PREFIX + block[start : start + room])


def _comment_segments(metadata: Metadata) -> Iterator[bytes]:
    """One for each comment; what is longer goes on in the next."""
    for comment in metadata.comments:
        for start in range(0, len(comment), _SEGMENT):
            yield _segment(_COM, comment[start : start + _SEGMENT])


def _segment(marker: int, contents: bytes) -> bytes:
    return struct.pack(">2BH", 0xFF, marker, len(contents) + 2) + contents


_decode = partial(decode_with, _open, _adopt)


FORMAT = Format(
    name=_NAME,
    extensions=(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    sniff=lambda head: 0 if first_frame(head) == JPEG_LS else matched(head, b"\xff\xd8\xff"),
    decode=_decode,
    encode=_encode,
    keeps={
        "exif": _SEGMENT,
        "thumbnail": ANY_SIZE,  # within EXIF
        "icc_profile": ANY_SIZE,  # in as many segments as it takes
        "dpi": ANY_SIZE,
        "xmp": _SEGMENT - _XMP_OVERHEAD,
        "iptc": _SEGMENT - _IPTC_OVERHEAD,
        "comment": ANY_SIZE,
        "photoshop": ANY_SIZE,
        "trailer": ANY_SIZE,
    },
    max_side=65_500,
    alpha=False,
    takes_quality=True,
    can_be_lossless=False,
    several=Several(moving=False, scan=scan_views, decode=partial(decode_views, decode=_decode)),
    pil={"JPEG": _adopt_opened, "MPO": _adopt_opened},
)
