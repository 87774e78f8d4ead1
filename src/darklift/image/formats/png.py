"""PNG: lossless, with 8 or 16 bits, with alpha, and with texts of its own; also animated (APNG).

Pillow cannot hold 16-bit colour: it decodes the high bytes alone. Asked by another of its raw modes, it gives the low
ones. It cannot write 16-bit colour at all: there the pixels are written here, and all chunks around them by Pillow.
"""

import io
import re
import struct
import zlib
from dataclasses import replace
from functools import partial
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

from darklift.errors import ImageError
from darklift.image.apng import SIGNATURE, chunks_of, decode_frames, encode_frames, scan_frames, write_chunk
from darklift.image.arrays import assemble
from darklift.image.deep import picture_of_samples
from darklift.image.formats.base import ANY_SIZE, EncodeOptions, Format, Several, matched
from darklift.image.left_behind import notes_on_blocks, notes_on_rest
from darklift.image.metadata import metadata_of
from darklift.image.opened import file_behind
from darklift.image.picture import Metadata, Picture
from darklift.image.pixels import (
    TOO_DEEP,
    check_extent,
    check_filled,
    check_mode,
    decode_with,
    image_of,
    noted_warnings,
    picture_of,
    with_notes,
)

__all__ = ["FORMAT"]

_NAME = "PNG"
_LEVEL = 4  # of deflate: less than half the time of Pillow's 6, for files 4 % larger

_KNOWN_CHUNKS = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"eXIf", b"iCCP", b"pHYs", b"acTL", b"fcTL", b"fdAT"}
    | {b"hIST", b"sPLT", b"iDOT"}  # about palettes, and about how the pixels are packed
)
_CREDENTIALS = b"caBX"
_KEPT_CHUNKS = frozenset({b"tEXt", b"zTXt", b"iTXt", b"gAMA", b"cHRM", b"sRGB", b"cICP"})
_GRAY, _RGB, _GRAY_ALPHA, _RGBA = 0, 2, 4, 6  # colour types
_CHANNELS = {_RGB: 3, _GRAY_ALPHA: 2, _RGBA: 4}
_PLAIN_BITS_PER_BYTE = 8 * 1032  # that deflate can make of one
# Pillow's names of how 16-bit samples are stored; "L", least significant byte first, makes it take the low bytes
_RAW_MODES = {_GRAY: ("I;16B",), _RGB: ("RGB;16B", "RGB;16L"), _GRAY_ALPHA: ("RGBA",), _RGBA: ("RGBA;16B", "RGBA;16L")}
_WHITE = 65535
_ROWS_AT_ONCE = 128
# texts that Metadata holds by another name, and that would show another orientation than the upright picture's
_NAME_OF_CHUNK = re.compile(rb"\w{4}")  # by Pillow, which reads nothing behind another
_TEXTS_HELD_ELSEWHERE = (
    b"XML:com.adobe.xmp\0",
    *(b"Raw profile type %s\0" % name for name in (b"exif", b"APP1", b"xmp")),
)


class _Facts(NamedTuple):
    """What Pillow does not tell about a PNG file. ``gray_bits``: bits per sample if it is gray, else 8; ``deep_type``:
    the colour type of a file with 16 bits a sample, else None; ``chunks``: those that are kept; ``notes``: on what is
    not, in words.
    """

    gray_bits: int = 8
    deep_type: int | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    notes: tuple[str, ...] = ()


def _decode(stream: BinaryIO) -> Picture:
    facts = _scan(stream)
    if facts.deep_type is not None:
        picture = _decode_deep(stream, facts.deep_type)
    else:
        picture = decode_with(PngImageFile, partial(_adopt, gray_bits=facts.gray_bits), stream)
    return _with_facts(picture, facts)


def _with_facts(picture: Picture, facts: _Facts) -> Picture:
    picture = replace(picture, metadata=replace(picture.metadata, png_chunks=facts.chunks))
    return with_notes(picture, facts.notes)


def _decode_deep(stream: BinaryIO, colour_type: int) -> Picture:
    first, *others = _RAW_MODES[colour_type]
    with noted_warnings() as notes:
        image, samples = _bytes_of(stream, first)
        if others:  # the high bytes, then the low ones
            samples = samples.astype(np.uint16) << 8
            samples |= _bytes_of(stream, *others)[1]
    if samples.ndim == 2:
        samples = samples[:, :, np.newaxis]
    key = image.info.get("transparency")
    if key is not None and samples.shape[2] in (1, 3):
        opaque = (samples != np.array(key, np.uint16)).any(axis=2, keepdims=True)
        samples = np.concatenate([samples, opaque * np.uint16(_WHITE)], axis=2, dtype=np.uint16)
    return with_notes(picture_of_samples(samples, *metadata_of(image.info, image.size), _NAME, 16), notes)


def _bytes_of(stream: BinaryIO, raw_mode: str) -> tuple[PngImageFile, npt.NDArray[Any]]:
    """The file, loaded in one of the raw modes, and what that gives as (H, W) or (H, W, C)."""
    stream.seek(0)
    image = PngImageFile(stream)
    check_extent(image)
    image.tile = [tile._replace(args=raw_mode) for tile in image.tile]
    image.load()
    values: npt.NDArray[Any] = np.asarray(image)
    # gray and alpha come as the four bytes that they are stored in
    return image, values.view(">u2").astype(np.uint16) if raw_mode == "RGBA" else values


def _scan(stream: BinaryIO) -> _Facts:
    """Walk over the chunks.

    The walk ends at the first thing amiss: it is Pillow's part to say what is wrong. But a size that the file cannot
    fill is an ``ImageError``: Pillow would make room for it.
    """
    end = stream.seek(0, io.SEEK_END)
    stream.seek(len(SIGNATURE))
    gray_bits, deep_type = 8, None
    chunks: list[tuple[bytes, bytes]] = []
    unknown: list[bytes] = []
    rest = b""
    while len(start := stream.read(8)) == 8:
        length, name = struct.unpack(">I4s", start)
        if not _NAME_OF_CHUNK.fullmatch(name):
            break
        if name == b"IHDR":
            header = stream.read(length + 4)
            if len(header) < 13:
                break
            width, height, bits, colour_type = struct.unpack_from(">2I2B", header)
            most = _PLAIN_BITS_PER_BYTE // (bits * _CHANNELS.get(colour_type, 1) or 1)
            channels = _CHANNELS.get(colour_type, 1)
            held, decoding = (2, 6) if bits == 16 else (1, 2)
            check_filled(_NAME, (width, height), end, most, held=held * channels, decoding=decoding * channels)
            deep_type = colour_type if bits == 16 and colour_type in _RAW_MODES else None
            gray_bits = bits if colour_type == 0 and bits in (1, 2, 4) else 8
        elif name in _KEPT_CHUNKS:
            contents = stream.read(length)
            stream.seek(4, io.SEEK_CUR)
            if not contents.startswith(_TEXTS_HELD_ELSEWHERE):
                chunks.append((name, contents))
        else:
            if name not in _KNOWN_CHUNKS:
                unknown.append(name)
            stream.seek(length + 4, io.SEEK_CUR)
            if name == b"IEND":
                rest = stream.read()
                break
    notes = (*notes_on_blocks(unknown, _CREDENTIALS), *notes_on_rest(rest))
    return _Facts(gray_bits, deep_type, tuple(chunks), notes)


def _adopt_opened(image: Image.Image) -> Picture:
    data = file_behind(image)
    facts = _Facts() if data is None else _scan(io.BytesIO(data))
    return _with_facts(_adopt(image, facts.gray_bits), facts)


def _adopt(image: Image.Image, gray_bits: int = 8) -> Picture:
    check_extent(image)
    # Pillow reads 16-bit colour as 8-bit without a word; until it is loaded, the decoder's arguments tell
    if any(";16" in str(tile) for tile in getattr(image, "tile", ())):
        raise ImageError(TOO_DEEP)
    check_mode(image)
    image.load()
    if image.mode in ("1", "L") and image.info.get("transparency", 256) < 2**gray_bits:
        # the transparent gray is stated in the file's bits, and Pillow has spread the pixels to 8
        image.info["transparency"] *= 255 // (2**gray_bits - 1)
    return picture_of(image, *metadata_of(image.info, image.size), _NAME)


def _encode(picture: Picture, stream: BinaryIO, options: EncodeOptions) -> None:
    if options.bits == 8:
        _save(image_of(picture), picture.metadata, stream)
        return
    around = io.BytesIO()
    _save(Image.new("L" if picture.gray else "RGB", (1, 1)), picture.metadata, around)
    stream.write(SIGNATURE)
    for name, contents in chunks_of(around):
        if name == b"IHDR":
            colour_type = (_GRAY if picture.gray else _RGB) + (_GRAY_ALPHA if picture.has_alpha else 0)
            write_chunk(stream, name, struct.pack(">2I5B", *picture.size[::-1], 16, colour_type, 0, 0, 0))
        elif name == b"IDAT":
            _write_pixels(stream, picture)
        else:
            write_chunk(stream, name, contents)


def _save(image: Image.Image, metadata: Metadata, stream: BinaryIO) -> None:
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
        compress_level=_LEVEL,
        pnginfo=chunks,
        dpi=metadata.dpi,
        exif=metadata.exif or b"",
        icc_profile=metadata.icc_profile,
    )


def _write_pixels(stream: BinaryIO, picture: Picture) -> None:
    """16 bits as IDAT chunks, each row as its differences to the row above (filter type 2, "Up"). Of what stands in a
    photo's lower bits nothing comes twice: without looking for that, it takes a quarter of the time and as many bytes.
    """
    packer = zlib.compressobj(_LEVEL, strategy=zlib.Z_RLE)
    above: npt.NDArray[np.uint8] | int = 0
    for top in range(0, picture.size[0], _ROWS_AT_ONCE):
        some = slice(top, min(top + _ROWS_AT_ONCE, picture.size[0]))
        values = assemble(picture, np.uint16, gray=picture.gray, alpha=picture.has_alpha, rows=some)
        rows = values.astype(">u2").reshape(len(values), -1).view(np.uint8)
        filtered = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
        filtered[:, 0] = 2
        filtered[0, 1:] = rows[0] - above
        np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
        above = rows[-1]
        if data := packer.compress(filtered.tobytes()):
            write_chunk(stream, b"IDAT", data)
    write_chunk(stream, b"IDAT", packer.flush())


FORMAT = Format(
    name=_NAME,
    extensions=(".png", ".apng"),
    sniff=lambda head: matched(head, SIGNATURE),
    decode=_decode,
    encode=_encode,
    keeps=dict.fromkeys(("exif", "thumbnail", "icc_profile", "dpi", "xmp", "comment", "png_chunks"), ANY_SIZE),
    bits=(8, 16),
    several=Several(
        moving=True,
        scan=scan_frames,
        decode=partial(decode_frames, decode=_decode),
        encode=partial(encode_frames, encode=_encode),
    ),
    pil={"PNG": _adopt_opened},
)
