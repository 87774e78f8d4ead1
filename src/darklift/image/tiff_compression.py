"""How the strips and tiles of a TIFF file are compressed: what is read here, what by Pillow, and what is not."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from darklift.errors import ImageError

__all__ = ["NONE", "OLD_JPEG", "READ_HERE", "WEBP", "check_compression", "in_words", "unpacked", "webp_piece"]

NONE, OLD_JPEG, WEBP = 1, 6, 50001
_LZW, _DEFLATE, _PACKBITS, _OLD_DEFLATE, _LZMA, _ZSTD = 5, 8, 32773, 32946, 34925, 50000
READ_HERE = frozenset({NONE, _LZW, _DEFLATE, _PACKBITS, _OLD_DEFLATE, _LZMA, _ZSTD, WEBP})
"""Values of the tag Compression."""

_BY_PILLOW = frozenset({2, 3, 4, OLD_JPEG, 7, 32771, 32809})  # besides: fax, JPEG, ThunderScan
_COMPRESSION_NAMES = {
    **dict.fromkeys((2, 3, 4), "fax"),
    **dict.fromkeys((OLD_JPEG, 7, 34892), "JPEG"),
    **dict.fromkeys((33003, 33005, 34712), "JPEG 2000"),
    **dict.fromkeys((34676, 34677), "LogLuv"),
    34887: "LERC",
    **dict.fromkeys((22610, 34934), "JPEG XR"),
    **dict.fromkeys((50002, 52546), "JPEG XL"),
}


def check_compression(tags: ImageFileDirectory_v2) -> None:
    """Refuse with an ``ImageError`` a picture that is stored in a way which nothing here reads."""
    compression = tags.get(259, NONE)
    if compression not in READ_HERE | _BY_PILLOW:
        raise ImageError(f"TIFF with {in_words(compression)}, which is not read: save it with LZW or Deflate")


def in_words(compression: int) -> str:
    """A value of the tag Compression, for messages."""
    name = _COMPRESSION_NAMES.get(compression)
    return f"compression {compression}" if name is None else f"{name} compression"


def unpacked(data: bytes, compression: int, rows: int, row_bytes: int) -> bytes:
    """The bytes of so many rows. Raises ``ImageError`` where there are fewer."""
    plain = _decompressed(data, compression, rows, row_bytes)
    if len(plain) < rows * row_bytes:
        raise ImageError(
            f"incomplete TIFF file: a strip or tile of {len(plain)} bytes, expected {rows * row_bytes}: copy or "
            "download it again"
        )
    return plain


def _decompressed(data: bytes, compression: int, rows: int, row_bytes: int) -> bytes:
    """So many bytes, or fewer where the data end before."""
    if compression == NONE:
        return data
    if compression in (_DEFLATE, _OLD_DEFLATE):
        return zlib.decompressobj().decompress(data, rows * row_bytes)
    # As the one strip of an 8-bit gray file, which Pillow's libtiff decompresses byte by byte.
    tags = {256: row_bytes, 257: rows, 258: 8, 259: compression, 262: 1, 273: 8, 277: 1, 278: rows, 279: len(data)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    filled = data + bytes(len(data) % 2)
    start = 8 + len(filled)
    file = b"II*\0" + struct.pack("<I", start) + filled + struct.pack("<H", len(tags)) + entries + bytes(4)
    image = TiffImageFile(io.BytesIO(file))
    image.load()
    return image.tobytes()


def webp_piece(data: bytes, shape: tuple[int, int, int]) -> npt.NDArray[Any]:
    """The samples of a strip or tile that is a WebP file."""
    image = WebPImageFile(io.BytesIO(data))
    if image.size != (shape[1], shape[0]) or shape[2] not in (3, 4):
        raise ImageError(
            f"damaged TIFF file: a WebP strip or tile of {image.size[0]} x {image.size[1]} pixels, expected {shape[1]} "
            f"x {shape[0]}, in RGB: copy or download it again"
        )
    return np.asarray(image.convert("RGB" if shape[2] == 3 else "RGBA"))
