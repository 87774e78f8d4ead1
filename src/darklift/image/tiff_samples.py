"""The samples of a TIFF file as they are stored, at any depth (TIFF 6.0, its supplements 1 to 3, BigTIFF).

Pillow reads more than 8 bits of one channel only, and turns colours into 8 bits. So its reader of directories and its
decompressors are used, and the strips and tiles are put together here. What is too rare for Pillow with 8 bits or
fewer, such as CMYK with alpha, is read here, too.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from darklift.errors import ImageError
from darklift.image.pixels import check_filled
from darklift.image.tiff_compression import NONE, OLD_JPEG, READ_HERE, WEBP, in_words, unpacked, webp_piece
from darklift.image.tiff_ycbcr import YCBCR, chroma_steps, unit_bytes, whole_pixels

__all__ = [
    "FLOAT",
    "UNSIGNED",
    "Layout",
    "check_pieces",
    "is_beyond_pillow",
    "layout_of",
    "read_directory_of",
    "read_samples",
]

UNSIGNED, FLOAT = 1, 3
"""Of the tag SampleFormat."""

_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_LARGEST_PIECE = 500_000_000  # pixels, as of a whole picture
_DEPTHS = {UNSIGNED: frozenset({*range(1, 17), 32}), FLOAT: frozenset({16, 32, 64})}


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file stores its samples.

    Attributes:
        height, width, channels: of the picture.
        bits: of a sample. form: ``UNSIGNED`` or ``FLOAT``.
        order: of bytes, "<" or ">".
        apart: each channel is stored for itself.
        compression, predictor: the tags' values.
        mirrored: the bits of each byte go from the lowest to the highest.
        steps: (rows, columns) of pixels that share a sample of colour, (1, 1) in all but YCbCr.
        tiled: in tiles, else in strips. piece: (rows, columns) of one.
        offsets, lengths: where the pieces are, row by row; first all of the first channel where they are apart.
    """

    height: int
    width: int
    channels: int
    bits: int
    form: int
    order: str
    apart: bool
    compression: int
    predictor: int
    mirrored: bool
    steps: tuple[int, int]
    tiled: bool
    piece: tuple[int, int]
    offsets: tuple[int, ...]
    lengths: tuple[int, ...]


def read_directory_of(stream: BinaryIO) -> tuple[ImageFileDirectory_v2, int, bool]:
    """The file's first directory, where it is, and whether the file is a BigTIFF."""
    stream.seek(0)
    header = stream.read(8)
    big = 43 in header[2:4]
    if big:
        header += stream.read(8)
    # With a little-endian header and the byte order beside it, Pillow sees BigTIFF in big-endian files, too.
    directory = ImageFileDirectory_v2(b"II+\0" + header[4:] if big else header, prefix=header[:2])
    offset = directory.next
    stream.seek(offset)
    directory.load(stream)
    return directory, offset, big


def layout_of(tags: ImageFileDirectory_v2) -> Layout:
    """How the samples are stored. Raises ``ImageError`` for what :func:`read_samples` cannot read."""
    bits, forms = set(tags.get(258, (1,))), set(tags.get(339, (UNSIGNED,)))
    form = UNSIGNED if forms == {4} else min(forms)  # 4: not stated
    depth = max(bits)
    if len(bits) > 1 or len(forms) > 1 or depth not in _DEPTHS.get(form, ()):
        kind = {UNSIGNED: "unsigned integers", 2: "signed integers", FLOAT: "floats"}.get(form, "complex numbers")
        sizes = " and ".join(map(str, sorted(bits)[:4]))
        raise ImageError(
            f"TIFF samples that are {kind} of {sizes} bits, expected one kind in all channels, unsigned integers of up "
            "to 16 or of 32 bits, or floats of 16, 32 or 64: convert it to 16 bits first"
        )
    compression, predictor = tags.get(259, NONE), tags.get(317, 1)
    if compression not in READ_HERE:
        raise ImageError(
            f"TIFF samples of {depth} bits with {in_words(compression)}, expected none, LZW, Deflate, PackBits, LZMA, "
            "Zstandard or WebP: save it with one of these"
        )
    apart, steps = tags.get(284, 1) == 2, chroma_steps(tags)
    if steps != (1, 1) and (apart or predictor != 1 or depth != 8):
        raise ImageError(
            f"TIFF colours in YCbCr of {depth} bits, fewer of them than pixels, with planes apart or predictor "
            f"{predictor}, which is not read: convert it to RGB first"
        )
    if predictor not in (1, 2, 3) or (predictor == 3) > (form == FLOAT) or (predictor == 2 and depth % 8):
        raise ImageError(f"TIFF predictor {predictor} with samples of {depth} bits: save it without")
    height, width = int(tags[257]), int(tags[256])
    tiled = 322 in tags
    piece = (int(tags[323]), int(tags[322])) if tiled else (min(int(tags.get(278, height)), height), width)
    where = (324, 325) if tiled else (273, 279)
    return Layout(
        height=height,
        width=width,
        channels=int(tags.get(277, 1)),
        bits=depth,
        form=form,
        order="<" if tags.prefix == b"II" else ">",
        apart=apart,
        compression=compression,
        predictor=predictor,
        mirrored=tags.get(266, 1) == 2,
        steps=steps,
        tiled=tiled,
        piece=piece,
        offsets=tuple(tags[where[0]]),
        lengths=tuple(tags[where[1]]),
    )


def is_beyond_pillow(tags: ImageFileDirectory_v2) -> bool:
    """Whether Pillow would take a picture of up to 8 bits for a damaged one, or read it wrongly: with WebP inside, which
    its libtiff has not, or with fewer samples of colour than pixels in another coding than JPEG. Of these it reads no
    uncompressed ones, and gives the ends of some rows of others another colour (13.0.0, libtiff 4.7.2;
    findings/pillow-ycbcr-strip-end.sh).
    """
    compression = tags.get(259, NONE)
    return compression == WEBP or (compression in READ_HERE and chroma_steps(tags) != (1, 1))


def check_pieces(tags: ImageFileDirectory_v2, length: int) -> None:
    """Refuse with an ``ImageError`` a picture of which strips or tiles are missing, in part or all: Pillow leaves them
    black, or libtiff writes of them to the terminal.

    length: of the file, in bytes.
    """
    compression, tiled = tags.get(259, NONE), 322 in tags
    offsets = tags.get(324 if tiled else 273)
    if offsets is None or compression == OLD_JPEG:  # which may be told of by other tags
        return
    height, width, channels = int(tags[257]), int(tags[256]), int(tags.get(277, 1))
    rows, columns = (int(tags[323]), int(tags[322])) if tiled else (min(int(tags.get(278, height)), height), width)
    wanted = -(-height // max(rows, 1)) * -(-width // max(columns, 1)) * (channels if tags.get(284, 1) == 2 else 1)
    if len(offsets) < wanted:
        raise _missing(len(offsets), wanted)
    lengths = tags.get(325 if tiled else 279, ())
    if compression != NONE and any(sum(place) > length for place in zip(offsets, lengths, strict=False)):
        raise ImageError("incomplete TIFF file: it ends within a strip or tile: copy or download it again")
    if compression == NONE and tags.get(262) != YCBCR:  # whose colour has fewer samples
        check_filled("TIFF", (width, height), length, 8 / (channels * max(tags.get(258, (1,)))))


def _missing(count: int, wanted: int) -> ImageError:
    return ImageError(f"damaged TIFF file: {count} strips or tiles, expected {wanted}: copy or download it again")


def read_samples(stream: BinaryIO, layout: Layout) -> npt.NDArray[Any]:
    """(H, W, C) in the machine's byte order: uint8, uint16 or uint32 (values as stored), or floats.

    Raises ``ImageError`` where a piece is missing or cut short; decompressors raise nearly anything else.
    """
    rows, columns = (max(side, 1) for side in layout.piece)
    wanted = -(-layout.height // rows) * -(-layout.width // columns) * (layout.channels if layout.apart else 1)
    if not 0 < layout.piece[0] * layout.piece[1] <= _LARGEST_PIECE or not wanted == len(layout.offsets) == len(
        layout.lengths
    ):
        raise _missing(len(layout.offsets), wanted)
    size = stream.seek(0, io.SEEK_END)
    samples = np.empty((layout.height, layout.width, layout.channels), _stored(layout).newbyteorder("="))
    for (top, left, channels), offset, length in zip(_places(layout), layout.offsets, layout.lengths, strict=True):
        target = samples[top : top + layout.piece[0], left : left + layout.piece[1], channels]
        rows = layout.piece[0] if layout.tiled else len(target)  # a last strip is cut, a last tile is filled up
        stream.seek(offset)
        data = stream.read(min(length, size))  # a damaged length would claim memory for it
        piece = _piece(data, layout, (rows, layout.piece[1], target.shape[2]))
        target[:] = piece[: target.shape[0], : target.shape[1]]
    return samples


def _places(layout: Layout) -> Iterator[tuple[int, int, slice]]:
    """Where each piece begins, and which channels it holds."""
    rows, columns = layout.piece
    parts = [slice(n, n + 1) for n in range(layout.channels)] if layout.apart else [slice(0, layout.channels)]
    for channels in parts:
        for top in range(0, layout.height, rows):
            for left in range(0, layout.width, columns):
                yield top, left, channels


def _stored(layout: Layout) -> np.dtype[Any]:
    """The type of a sample in the file; that of packed ones once they are unpacked."""
    size = 16 if layout.bits % 8 else layout.bits
    return np.dtype(f"{layout.order}{'f' if layout.form == FLOAT else 'u'}{size // 8}")


def _piece(data: bytes, layout: Layout, shape: tuple[int, int, int]) -> npt.NDArray[Any]:
    """The samples of one strip or tile of this shape."""
    rows, columns, channels = shape
    if layout.mirrored:
        data = data.translate(_MIRRORED)
    if layout.compression == WEBP:
        return webp_piece(data, shape)
    if layout.steps != (1, 1):
        rows, row_bytes = unit_bytes(rows, columns, layout.steps)
        return whole_pixels(unpacked(data, layout.compression, rows, row_bytes), shape, layout.steps)
    row_bytes = -(-columns * channels * layout.bits // 8)
    plain = unpacked(data, layout.compression, rows, row_bytes)
    stored = _stored(layout)
    if layout.bits % 8:
        ones = np.frombuffer(plain, np.uint8, rows * row_bytes).reshape(rows, row_bytes)
        ones = np.unpackbits(ones, axis=1, count=columns * channels * layout.bits)
        values = ones.reshape(-1, layout.bits) @ (1 << np.arange(layout.bits, dtype=np.uint16)[::-1])
        return values.astype(np.uint16).reshape(shape)
    if layout.predictor == 3:
        return _from_byte_planes(plain, shape, stored)
    values = np.frombuffer(plain, stored, rows * columns * channels).reshape(shape).astype(stored.newbyteorder("="))
    if layout.predictor == 2:  # differences to the pixel on the left, modulo what a sample can hold
        whole = values.view(f"u{stored.itemsize}")
        np.cumsum(whole, axis=1, dtype=whole.dtype, out=whole)
    return values


def _from_byte_planes(plain: bytes, shape: tuple[int, int, int], stored: np.dtype[Any]) -> npt.NDArray[Any]:
    """Undo the floating-point predictor (supplement 3): in each row the highest bytes first, and differences."""
    rows, columns, channels = shape
    size = stored.itemsize
    parts = np.frombuffer(plain, np.uint8, rows * columns * channels * size).reshape(rows, -1, channels)
    parts = np.cumsum(parts, axis=1, dtype=np.uint8).reshape(rows, size, columns * channels)
    values: npt.NDArray[Any] = np.ascontiguousarray(parts.swapaxes(1, 2)).view(f">f{size}").astype(f"f{size}")
    return values.reshape(shape)
