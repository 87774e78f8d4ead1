"""Rare but valid TIFF files, against libtiff, tifffile and arithmetic; what is not read is not called damaged."""

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from darklift.errors import ImageError
from darklift.image import Picture, decode_image, from_pil

tifffile = pytest.importorskip("tifffile", reason="tifffile makes the files here")

HEIGHT, WIDTH = 37, 53
RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def written(samples: npt.NDArray[Any], **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, samples, metadata=None, **options)
    return stream.getvalue()


def by_hand(tags: dict[int, tuple[str, Sequence[int]]], pieces: list[bytes], where: tuple[int, int]) -> bytes:
    """A little-endian file. tags: types ("H", "I", or "R" for fractions of 10,000) and values."""
    places, body = [], b""
    for piece in pieces:
        places.append(8 + len(body))
        body += piece + bytes(len(piece) % 2)
    tags = {**tags, where[0]: ("I", places), where[1]: ("I", [len(piece) for piece in pieces])}
    entries = b""
    for tag in sorted(tags):
        code, values = tags[tag]
        if code == "R":
            data = b"".join(struct.pack("<2I", value, 10_000) for value in values)
        else:
            data = struct.pack(f"<{len(values)}{code}", *values)
        if len(data) > 4:
            place, body = 8 + len(body), body + data + bytes(len(data) % 2)
            data = struct.pack("<I", place)
        entries += struct.pack("<HHI", tag, {"H": 3, "I": 4, "R": 5}[code], len(values)) + data.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + struct.pack("<H", len(tags)) + entries + bytes(4)


def eight_bits(picture: Picture) -> npt.NDArray[np.int64]:
    return np.rint(picture.pixels * 255).astype(np.int64)


# -------------------------------------------------------------------------------------------------------------- YCbCr


def in_ycbcr(compression: int, across: int, down: int, tiled: bool, more: dict[int, Any]) -> bytes:
    """Units of brightness and colour at random: what counts is that two readers agree."""
    random = np.random.default_rng(across + 10 * down)
    rows, columns = (32, 32) if tiled else (16, WIDTH)
    pieces = []
    for top in range(0, HEIGHT, rows):
        for _ in range(0, WIDTH, columns):
            high = rows if tiled else min(rows, HEIGHT - top)
            units = -(-high // down), -(-columns // across), across * down + 2
            data = random.integers(60, 190, units, dtype=np.uint8).tobytes()
            pieces.append(zlib.compress(data) if compression == 8 else data)
    tags: dict[int, Any] = {
        256: ("I", [WIDTH]), 257: ("I", [HEIGHT]), 258: ("H", [8, 8, 8]), 259: ("H", [compression]), 262: ("H", [6]),
        277: ("H", [3]), 530: ("H", [across, down]), **more,
    }  # fmt: skip
    tags |= {322: ("I", [columns]), 323: ("I", [rows])} if tiled else {278: ("I", [rows])}
    return by_hand(tags, pieces, (324, 325) if tiled else (273, 279))


RANGE = {532: ("R", [160_000, 2_350_000, 1_280_000, 2_400_000, 1_280_000, 2_400_000])}
WEIGHTS = {529: ("R", [2126, 7152, 722])}


@pytest.mark.parametrize("more", [{}, RANGE, WEIGHTS], ids=["plain", "range", "weights"])
@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize(("across", "down"), [(2, 2), (2, 1), (1, 2), (4, 1), (4, 4)])
def test_colours_told_for_several_pixels_at_once(across: int, down: int, tiled: bool, more: dict[int, Any]) -> None:
    """Pillow reads them where they are compressed, by libtiff, which cuts fractions off, up to three times: of the
    brightness, and twice of the colour. (Of a strip whose bytes do not divide by the rows of a unit, it loses the end:
    so no width here makes one.)
    """
    picture = decode_image(in_ycbcr(1, across, down, tiled, more))
    with Image.open(io.BytesIO(in_ycbcr(8, across, down, tiled, more))) as image:
        expected = np.asarray(image.convert("RGB"), int)
    assert picture.size == (HEIGHT, WIDTH)
    assert (picture.source.container, picture.source.bits) == ("TIFF", 8)
    assert np.abs(eight_bits(picture) - expected).max() <= 3


def test_ends_of_rows_that_pillow_gives_another_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 51 pixels in units of 4×4 (findings/pillow-ycbcr-strip-end.sh): 13 units, as for 52."""
    monkeypatch.setattr(__name__ + ".WIDTH", 51)
    compressed, plain = (decode_image(in_ycbcr(compression, 4, 4, False, {})) for compression in (8, 1))
    np.testing.assert_array_equal(compressed.pixels, plain.pixels)
    with Image.open(io.BytesIO(in_ycbcr(8, 4, 4, False, {}))) as image:
        by_pillow = np.asarray(image.convert("RGB"), int)
    assert np.abs(eight_bits(plain) - by_pillow).max() > 50, "Pillow has mended it: read by it again"


def test_one_that_is_cut_is_refused_and_never_filled_up() -> None:
    data = bytearray(in_ycbcr(1, 2, 2, False, {}))
    at = data.rindex(struct.pack("<HHI", 279, 4, 3)) + 8
    (place,) = struct.unpack_from("<I", data, at)
    struct.pack_into("<I", data, place, 100)  # of its first strip
    with pytest.raises(ImageError, match="100 bytes"):
        decode_image(bytes(data))


def test_an_opened_image_is_not_called_damaged() -> None:
    with pytest.raises(ImageError, match="read_image"):
        from_pil(Image.open(io.BytesIO(in_ycbcr(1, 2, 2, False, {}))))


# ---------------------------------------------------------------------------------------------- compression and alpha


@pytest.mark.parametrize("options", [{}, {"rowsperstrip": 10}, {"tile": (32, 32)}], ids=str)
@pytest.mark.parametrize("channels", [3, 4])
def test_webp_within(channels: int, options: dict[str, object], capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("imagecodecs", reason="imagecodecs compresses it")
    samples = np.concatenate([RGB, np.maximum(RGB[:, :, :1], 1)], axis=2)[:, :, :channels]
    more = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    args = {"level": -1, "lossless": True}
    data = written(samples, compression="webp", compressionargs=args, photometric="rgb", **more, **options)
    picture = decode_image(data)
    np.testing.assert_array_equal(eight_bits(picture), samples[:, :, :3])
    if channels == 4:
        assert picture.alpha is not None
        np.testing.assert_array_equal(np.rint(picture.alpha * 255), samples[:, :, 3])
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("compression", ["zlib", "lzw", "packbits", "zstd", "lzma", "jpeg"])
def test_a_cut_one_is_refused_without_libtiffs_own_words(compression: str, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("imagecodecs", reason="imagecodecs compresses it")
    data = written(RGB, compression=compression, photometric="rgb")
    decode_image(data)
    with pytest.raises(ImageError, match="incomplete"):
        decode_image(data[: len(data) // 2])
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("compression", "name"), [("jpegxl", "JPEG XL"), ("jpeg2000", "JPEG 2000"), ("lerc", "LERC")])
@pytest.mark.parametrize("bits", [8, 16])
def test_what_is_not_read_is_named(compression: str, name: str, bits: int, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("imagecodecs", reason="imagecodecs compresses it")
    data = written(RGB.astype(f"u{bits // 8}"), compression=compression, photometric="rgb")
    with pytest.raises(ImageError, match=name) as error:
        decode_image(data)
    assert "damaged" not in str(error.value)
    assert capfd.readouterr().err == ""


def test_inks_with_alpha() -> None:
    inks = RNG.integers(0, 256, (HEIGHT, WIDTH, 5), dtype=np.uint8)
    picture = decode_image(written(inks, photometric="separated", extrasamples=["unassalpha"]))
    assert (picture.source.colour_space, picture.source.bits) == ("CMYK", 8)
    light = 255 - inks.astype(float)
    np.testing.assert_allclose(picture.pixels, light[:, :, :3] * light[:, :, 3:4] / 255**2, atol=1e-4)
    assert picture.alpha is not None
    np.testing.assert_allclose(picture.alpha, inks[:, :, 4] / 255, atol=1e-4)


# --------------------------------------------------------------------------------------------------------------- bits


def of_bits(bits: int, values: npt.NDArray[Any], fill_order: int) -> bytes:
    """RGB, packed, as one strip."""
    ones = (values.reshape(HEIGHT, -1, 1) >> np.arange(bits)[::-1] & 1).astype(np.uint8).reshape(HEIGHT, -1)
    data = np.packbits(ones, axis=1)
    if fill_order == 2:
        data = np.packbits(np.unpackbits(data).reshape(-1, 8), axis=1, bitorder="little")
    tags: dict[int, Any] = {
        256: ("I", [WIDTH]), 257: ("I", [HEIGHT]), 258: ("H", [bits] * 3), 259: ("H", [1]), 262: ("H", [2]),
        266: ("H", [fill_order]), 277: ("H", [3]), 278: ("I", [HEIGHT]),
    }  # fmt: skip
    return by_hand(tags, [data.tobytes()], (273, 279))


@pytest.mark.parametrize("fill_order", [1, 2])
@pytest.mark.parametrize("bits", [2, 4, 10, 12])
def test_packed_in_either_order(bits: int, fill_order: int) -> None:
    values = RNG.integers(0, 2**bits, (HEIGHT, WIDTH, 3))
    picture = decode_image(of_bits(bits, values, fill_order))
    np.testing.assert_allclose(picture.pixels, values / (2**bits - 1), atol=1e-6)
    assert picture.source.bits == max(bits, 8)
