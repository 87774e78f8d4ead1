"""TIFF: lossless here, with 8 or 16 bits, alpha and all metadata; files of up to 4 GiB (TIFF 6.0 and supplement 2).

A TIFF file is its own EXIF block: what describes the picture is copied out of it and into it. Pillow reads such files,
but cannot write EXIF directories into a compressed one. So the EXIF block, itself a TIFF structure, becomes the start
of the file as it is; pixels follow (deflate with horizontal differencing), and a new first directory takes over the
entries of the old. Nothing in the block moves, so even the offsets inside of maker notes stay right.
"""

import io
import zlib
from dataclasses import replace
from functools import partial
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from darklift.errors import ImageError
from darklift.image.arrays import assemble
from darklift.image.exif import Directory, read_directory, tiff_block, value_is_inside
from darklift.image.formats.base import ANY_SIZE, EncodeOptions, Format, OptionsOf, ReadAs, Several, matched
from darklift.image.metadata import describe, understood_exif
from darklift.image.picture import Metadata, Picture
from darklift.image.pixels import (
    TOO_DEEP,
    check_extent,
    check_mode,
    check_size,
    noted_warnings,
    picture_of,
    with_notes,
)
from darklift.image.raw_kinds import is_raw_directory
from darklift.image.reel import Reel
from darklift.image.tiff_compression import check_compression
from darklift.image.tiff_deep import decode_deep
from darklift.image.tiff_described import (
    RESOLUTION_TAGS,
    STRUCTURE_TAGS,
    exif_of,
    iptc_of,
    left_behind,
    orientation_of,
    photoshop_of,
)
from darklift.image.tiff_directory import BYTE, LONG, SHORT, UNDEFINED, DirectoryWriter, even_position
from darklift.image.tiff_pages import decode_pages, encode_pages, notes_on_others, scan_pages
from darklift.image.tiff_samples import check_pieces, is_beyond_pillow, read_directory_of
from darklift.image.tiff_sizes import without_stale_sizes

__all__ = ["FORMAT"]

_NAME = "TIFF"
_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_SUBFILE_TYPE = 254
_WIDTH, _HEIGHT = 256, 257
_BITS = 258
_PHOTOMETRIC = 262
_ORIENTATION = 274
_X_RESOLUTION = 282
_EXTRA_SAMPLES = 338
_SAMPLE_FORMAT = 339
_DEPTH = 32997  # ImageDepth, of SGI: how many slices a volume has
_XMP = 700
_IPTC = 33723
_PHOTOSHOP = 34377
_ICC_PROFILE = 34675

_LEVEL = 4  # of deflate: half the time of the usual 6, for files slightly larger
_STRIPBYTES = 1 << 18  # before compression
_INCH = 2


# ------------------------------------------------------------------------------------------------------------ reading


def _scan(stream: BinaryIO) -> Reel | None:
    with noted_warnings():  # which come again where it is decoded
        tags, _, _ = read_directory_of(stream)
    if is_raw_directory(tags):
        raise ReadAs("RAW")
    return scan_pages(stream)


def _decode(stream: BinaryIO) -> Picture:
    with noted_warnings() as notes:  # tags are read until the end, and may be damaged
        tags, offset, big = read_directory_of(stream)
        _check_tags(tags)  # some of what is refused, Pillow takes for damage
        check_compression(tags)
        image = None if big and tags.prefix == b"MM" else _opened(stream, tags)
        picture = decode_deep(stream, tags, offset, big) if image is None else _adopt_page(image)
    return with_notes(without_stale_sizes(picture), [*notes, *left_behind(tags), *notes_on_others(stream)])


def _opened(stream: BinaryIO, tags: ImageFileDirectory_v2) -> TiffImageFile | None:
    """As Pillow opens the file; None where it does not, or not well."""
    if max(tags.get(_BITS, (1,))) > 8 or is_beyond_pillow(tags):
        return None
    check_pieces(tags, stream.seek(0, io.SEEK_END))
    stream.seek(0)
    try:
        return TiffImageFile(stream)
    except SyntaxError:  # a mode that Pillow does not have
        return None


def _adopt(image: Image.Image) -> Picture:
    check_extent(image)
    return without_stale_sizes(_adopt_page(image))


def _adopt_page(image: Image.Image) -> Picture:
    """The page that Pillow stands at."""
    assert isinstance(image, TiffImageFile)  # only these say that they are TIFF
    check_extent(image, only_the_first=True)
    _check_tags(image.tag_v2)
    if max(image.tag_v2.get(_BITS, (1,))) > 8:
        raise ImageError(TOO_DEEP)
    if is_beyond_pillow(image.tag_v2):
        raise ImageError("a kind of TIFF that Pillow cannot read: read the file with read_image or decode_image")
    check_mode(image)
    orientation, stored = orientation_of(image.tag_v2), (image.tag_v2[256], image.tag_v2[257])
    if _ORIENTATION not in image.tag_v2:
        image.getexif().pop(_ORIENTATION, None)  # that of XMP, by which Pillow would turn
    image.load()  # Pillow itself turns TIFF pixels, and forgets what they were turned from
    notes: list[str] = []
    exif, _ = understood_exif(lambda: exif_of(image.getexif()), notes)
    metadata = describe(image.info | photoshop_of(image.tag_v2), exif, orientation, notes, stored)
    if _X_RESOLUTION not in image.tag_v2:
        metadata = replace(metadata, dpi=None)  # Pillow reports 1 x 1 here
    return picture_of(image, replace(metadata, iptc=iptc_of(image.tag_v2) or metadata.iptc), 1, _NAME)


def _check_tags(tags: ImageFileDirectory_v2) -> None:
    if is_raw_directory(tags) or tags.get(_SUBFILE_TYPE, 0) & 1:
        raise ImageError(
            "a small copy of another picture, as in raw files: read the file with read_image, or develop it"
        )
    if _WIDTH in tags and _HEIGHT in tags:
        check_size(tags[_WIDTH], tags[_HEIGHT])
    if (slices := tags.get(_DEPTH, 1)) != 1:
        raise ImageError(f"a volume of {slices} slices (ImageDepth), expected a picture: save the slices as pages")
    if max(tags.get(_BITS, (1,))) <= 8 and set(tags.get(_SAMPLE_FORMAT, (1,))) - {1, 4}:  # 1: unsigned, 4: not stated
        raise ImageError(
            "TIFF samples of up to 8 bits that are not unsigned integers: save it with unsigned ones first"
        )
    extra = tags.get(_EXTRA_SAMPLES, ())
    if len(extra) > 1 or 0 in extra:
        raise ImageError("TIFF channels besides colour and alpha, which would be lost: save it without them")


# ------------------------------------------------------------------------------------------------------------ writing


def _encode(picture: Picture, stream: BinaryIO, options: EncodeOptions) -> None:
    order, described = _start(stream, picture.metadata)
    file = DirectoryWriter(stream, order)
    file.finish(_write_picture(file, picture, lambda _: options, described))


def _start(stream: BinaryIO, metadata: Metadata) -> tuple[str, dict[int, bytes]]:
    """Begin the file with the EXIF block; returns its byte order, and the entries that describe the picture."""
    block = tiff_block(metadata.exif) if metadata.exif else b""
    directory = read_directory(block) if block else Directory("<", (), None)
    stream.write(block or b"II*\0\0\0\0\0")
    return directory.order, {
        entry.tag: block[entry.position : entry.position + 12]
        for entry in directory.entries
        if value_is_inside(block, directory.order, entry)
    }


def _write_picture(
    file: DirectoryWriter, picture: Picture, options: OptionsOf, described: dict[int, bytes]
) -> dict[int, bytes]:
    """Write its pixels; returns its directory's entries, also those that describe it."""
    stored = _Stored(*picture.size, (1 if picture.gray else 3) + picture.has_alpha, options(picture).bits)
    offsets, counts = _write_strips(file.stream, picture, stored, file.order)
    entries = _pixel_entries(file, stored, offsets, counts) | _metadata_entries(file, picture.metadata)
    replaced = STRUCTURE_TAGS | (RESOLUTION_TAGS if picture.metadata.dpi is not None else frozenset())
    return {tag: entry for tag, entry in described.items() if tag not in replaced} | entries


class _Stored(NamedTuple):
    """How the pixels are stored: the channels are 1 gray, 2 gray and alpha, 3 RGB, or 4 RGB and alpha."""

    height: int
    width: int
    channels: int
    bits: int

    @property
    def rows(self) -> int:
        """Of a strip."""
        return max(1, min(self.height, _STRIPBYTES // (self.width * self.channels * self.bits // 8)))


def _pixel_entries(file: DirectoryWriter, stored: _Stored, offsets: list[int], counts: list[int]) -> dict[int, bytes]:
    height, width, channels, bits = stored
    entries = {
        256: file.numbers(256, LONG, [width]),
        257: file.numbers(257, LONG, [height]),
        _BITS: file.numbers(_BITS, SHORT, [bits] * channels),
        259: file.numbers(259, SHORT, [8]),  # Adobe deflate
        _PHOTOMETRIC: file.numbers(_PHOTOMETRIC, SHORT, [2 if channels >= 3 else 1]),  # RGB, or gray with black as 0
        273: file.numbers(273, LONG, offsets),
        277: file.numbers(277, SHORT, [channels]),
        278: file.numbers(278, LONG, [stored.rows]),
        279: file.numbers(279, LONG, counts),
        284: file.numbers(284, SHORT, [1]),  # channels of a pixel side by side
        317: file.numbers(317, SHORT, [2]),  # differences to the pixel on the left
    }
    if channels in (2, 4):
        entries[_EXTRA_SAMPLES] = file.numbers(
            _EXTRA_SAMPLES, SHORT, [2]
        )  # alpha that the colours are not multiplied with
    return entries


def _metadata_entries(file: DirectoryWriter, metadata: Metadata) -> dict[int, bytes]:
    entries = {}
    if metadata.dpi:
        entries[_X_RESOLUTION] = file.rational(_X_RESOLUTION, metadata.dpi[0])
        entries[283] = file.rational(283, metadata.dpi[1])
        entries[296] = file.numbers(296, SHORT, [_INCH])
    for tag, kind, contents in (
        (_XMP, BYTE, metadata.xmp),
        (_IPTC, UNDEFINED, metadata.iptc),
        (_PHOTOSHOP, BYTE, metadata.photoshop),
        (_ICC_PROFILE, UNDEFINED, metadata.icc_profile),
    ):
        if contents:
            entries[tag] = file.contents(tag, kind, len(contents), contents)
    return entries


def _write_strips(stream: BinaryIO, picture: Picture, stored: _Stored, order: str) -> tuple[list[int], list[int]]:
    """Write the pixels; returns offset and length of each strip."""
    dtype, alpha = np.uint16 if stored.bits == 16 else np.uint8, picture.has_alpha
    offsets, counts = [], []
    for top in range(0, stored.height, stored.rows):
        rows = slice(top, min(top + stored.rows, stored.height))
        values = assemble(picture, dtype, gray=picture.gray, alpha=alpha, rows=rows)
        strip = values.copy()
        strip[:, 1:] -= values[:, :-1]  # modulo 256 or 65536, as the format wants it
        data = zlib.compress(strip.astype(f"{order}u{strip.itemsize}").tobytes(), _LEVEL)
        offsets.append(even_position(stream))
        counts.append(len(data))
        stream.write(data)
    return offsets, counts


FORMAT = Format(
    name=_NAME,
    extensions=(".tif", ".tiff"),
    sniff=lambda head: matched(head, *_SIGNATURES),
    decode=_decode,
    encode=_encode,
    keeps=dict.fromkeys(("exif", "icc_profile", "dpi", "xmp", "iptc", "photoshop"), ANY_SIZE),
    bits=(8, 16),
    several=Several(
        moving=False,
        scan=_scan,
        decode=partial(decode_pages, decode=_decode),
        encode=partial(encode_pages, start=_start, write=_write_picture),
    ),
    pil={"TIFF": _adopt},
)
