"""darklift.image with more than 8 bits a channel: read, written, and read back by other libraries than ours."""

import io
import itertools
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from darklift.errors import ImageError, UsageError
from darklift.image import (
    Metadata,
    Picture,
    check_writable,
    decode_image,
    encode_image,
    from_array,
    from_pil,
    not_written,
    read_image,
    write_image,
)

tifffile = pytest.importorskip("tifffile", reason="tifffile makes and checks the files here")

WHITE = 65535
Samples = npt.NDArray[Any]
without_imagecodecs = "imagecodecs is not installed, which makes or checks files here"


def deep(height: int, width: int, channels: int, dtype: str = "u2", seed: int = 0) -> Samples:
    unit = np.random.default_rng(seed).random((height, width, channels))
    return unit.astype(dtype) if dtype[0] == "f" else np.rint(unit * np.iinfo(dtype).max).astype(dtype)


def samples_of(picture: Picture) -> Samples:
    """(H, W, C) in 16 bits, as they came."""
    unit = picture.pixels[:, :, :1] if picture.gray else picture.pixels
    if picture.alpha is not None:
        unit = np.concatenate([unit, picture.alpha[:, :, None]], axis=2)
    return np.rint(unit * WHITE).astype(np.uint16)


def tiff(samples: Samples, **options: Any) -> bytes:
    """A TIFF file of (H, W, C) samples, made by tifffile."""
    channels = samples.shape[2]
    if channels == 1:
        samples = samples[:, :, 0]
    elif options.get("planarconfig") == "separate":
        samples = np.ascontiguousarray(np.moveaxis(samples, 2, 0))
    if channels in (2, 4):
        options.setdefault("extrasamples", ["unassalpha"])
    options.setdefault("photometric", "rgb" if channels > 2 else "minisblack")
    if channels > 1:
        options.setdefault("planarconfig", "contig")
    file = io.BytesIO()
    tifffile.imwrite(file, samples, metadata=None, **options)
    return file.getvalue()


def chunk(name: bytes, contents: bytes) -> bytes:
    return struct.pack(">I", len(contents)) + name + contents + struct.pack(">I", zlib.crc32(name + contents))


ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]


def png(samples: Samples, *, interlaced: bool = False, before: bytes = b"") -> bytes:
    """A PNG file of (H, W, C) 16-bit samples, after the standard; unfiltered."""
    height, width, channels = samples.shape
    rows = b""
    for top, left, down, across in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        part = samples[top::down, left::across].astype(">u2")
        rows += b"".join(b"\0" + row.tobytes() for row in part if row.size)
    kind = (0, 4, 2, 6)[channels - 1]
    header = chunk(b"IHDR", struct.pack(">2I5B", width, height, 16, kind, 0, 0, interlaced))
    end = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + before + end


# ---------------------------------------------------------------------------------------------------------------- PNG


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 4), st.booleans(), st.integers(0, 99))
def test_a_png_of_any_kind_is_read_to_the_last_bit(
    height: int, width: int, channels: int, interlaced: bool, seed: int
) -> None:
    samples = deep(height, width, channels, seed=seed)
    picture = decode_image(png(samples, interlaced=interlaced))
    np.testing.assert_array_equal(samples_of(picture), samples)
    assert (picture.gray, picture.source.bits, picture.source.container) == (channels < 3, 16, "PNG")


@pytest.mark.parametrize("filters", range(6))
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_png_of_libpngs_is_read_to_the_last_bit(channels: int, filters: int) -> None:
    imagecodecs = pytest.importorskip("imagecodecs", reason=without_imagecodecs)
    kinds = [getattr(imagecodecs.PNG.FILTER, name) for name in ("NO", "NONE", "SUB", "UP", "AVG", "PAETH")]
    samples = deep(33, 29, channels)
    data = imagecodecs.png_encode(samples if channels > 1 else samples[:, :, 0], filter=kinds[filters])
    np.testing.assert_array_equal(samples_of(decode_image(data)), samples)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_colour_is_compared_in_16_bits(channels: int, interlaced: bool) -> None:
    colours = [[4660, 22136, 39612], [4660, 22136, 39613], [4661, 22136, 39612]]
    samples = np.array([colours], np.uint16)[:, :, :channels]
    key = chunk(b"tRNS", struct.pack(f">{channels}H", *samples[0, 0]))
    picture = decode_image(png(samples, interlaced=interlaced, before=key))
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[0, 0 if channels == 1 else 1, 1]]
    np.testing.assert_array_equal(samples_of(picture)[:, :, :channels], samples)


def test_a_cut_16_bit_png_is_refused() -> None:
    data = png(deep(20, 20, 3))
    for length in range(40, len(data) - 60, 97):
        with pytest.raises(ImageError, match="damaged"):
            decode_image(data[:length])


# --------------------------------------------------------------------------------------------------------------- TIFF

WAYS = [  # compression, predictor
    *itertools.product([None], [1]),
    *itertools.product(["deflate", "lzw", "zstd", "lzma"], [1, 2]),
    ("packbits", 1),
]


@pytest.mark.parametrize(("compression", "predictor"), WAYS)
@pytest.mark.parametrize("tile", [None, (32, 16)], ids=["strips", "tiles"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_a_tiff_of_any_kind_is_read_to_the_last_bit(
    compression: str | None, predictor: int, tile: tuple[int, int] | None, planar: str
) -> None:
    if compression not in (None, "deflate"):
        pytest.importorskip("imagecodecs", reason=without_imagecodecs)
    size: dict[str, Any] = {"rowsperstrip": 7} if tile is None else {"tile": tile}
    for order, big, channels in itertools.product("<>", (False, True), (1, 2, 3, 4)):
        if planar == "separate" and channels == 2:
            continue
        samples = deep(45, 37, channels)
        data = tiff(
            samples,
            compression=compression,
            predictor=predictor > 1,
            byteorder=order,
            bigtiff=big,
            **({"planarconfig": planar} if channels > 1 else {}),
            **size,
        )
        picture = decode_image(data)
        np.testing.assert_array_equal(samples_of(picture), samples)
        assert (picture.gray, picture.source.bits, picture.source.container) == (channels < 3, 16, "TIFF")


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("order", "<>")
def test_a_float_tiff_within_0_and_1_is_read(dtype: str, order: str) -> None:
    samples = deep(20, 30, 3, dtype)
    picture = decode_image(tiff(samples, byteorder=order))
    np.testing.assert_array_equal(picture.pixels, samples.astype(np.float32))
    assert picture.source.bits == min(8 * samples.itemsize, 32 if dtype != "f8" else 64)


@pytest.mark.parametrize("order", "<>")
def test_the_floating_point_predictor_is_undone(order: str) -> None:
    pytest.importorskip("imagecodecs", reason=without_imagecodecs)
    for dtype, channels in itertools.product(("f2", "f4"), (1, 3)):
        samples = deep(20, 30, channels, dtype)
        picture = decode_image(tiff(samples, byteorder=order, predictor=3, compression="deflate"))
        np.testing.assert_array_equal(picture.pixels[:, :, :channels], samples.astype(np.float32))


@pytest.mark.parametrize("bad", [1.001, -0.001, 300.0])
def test_a_float_tiff_beyond_0_and_1_is_refused_as_hdr(bad: float) -> None:
    samples = deep(4, 4, 3, "f4")
    samples[1, 2, 0] = bad
    with pytest.raises(ImageError, match=r"float samples.*\[0, 1\].*HDR"):
        decode_image(tiff(samples))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_floats_that_are_no_numbers_are_refused_as_such(bad: float, dtype: str) -> None:
    samples = deep(4, 4, 3, dtype)
    samples[1, 2, 0] = samples[3, 3] = bad
    with pytest.raises(ImageError, match="4 of its 48 samples") as refused:
        decode_image(tiff(samples))
    assert "HDR" not in str(refused.value)


def test_integers_of_32_bits_and_packed_ones_of_10_12_and_14() -> None:
    samples = deep(5, 6, 3, "u4")
    picture = decode_image(tiff(samples))
    np.testing.assert_allclose(picture.pixels, samples / (2**32 - 1), atol=1e-7)
    assert picture.source.bits == 32
    imagecodecs = pytest.importorskip("imagecodecs", reason=without_imagecodecs)
    for bits in (10, 12, 14):
        codes = deep(6, 7, 1)[:, :, 0] >> (16 - bits)
        codes[0, 0] = 2**bits - 1
        packed = imagecodecs.packints_encode(codes, bits, runlen=7)
        data = tiff(np.frombuffer(packed, np.uint8).reshape(6, -1, 1))
        file = bytearray(data)
        for tag, value in ((256, 7), (258, bits)):
            _set_short(file, tag, value)
        picture = decode_image(bytes(file))
        np.testing.assert_array_equal(np.rint(picture.pixels[:, :, 0] * (2**bits - 1)), codes)
        assert picture.source.bits == bits


def _set_short(file: bytearray, tag: int, value: int) -> None:
    """Overwrite the one number of a tag of a little-endian file."""
    (at,) = struct.unpack_from("<I", file, 4)
    (count,) = struct.unpack_from("<H", file, at)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        if struct.unpack_from("<H", file, entry)[0] == tag:
            struct.pack_into("<HII", file, entry + 2, 4, 1, value)
            return
    raise AssertionError(f"no tag {tag}")


@pytest.mark.parametrize("order", "<>")
def test_white_is_zero_in_16_bits_is_no_negative(order: str) -> None:
    samples = deep(6, 7, 1)
    picture = decode_image(tiff(samples, photometric="miniswhite", byteorder=order))
    np.testing.assert_array_equal(samples_of(picture), WHITE - samples)


def test_colours_that_alpha_is_multiplied_into_become_straight() -> None:
    straight, alpha = deep(9, 9, 3), deep(9, 9, 1)
    alpha[0, :3] = [[0], [1], [WHITE]]
    stored = np.rint(straight * (alpha / WHITE)).astype(np.uint16)
    picture = decode_image(tiff(np.concatenate([stored, alpha], axis=2), extrasamples=["assocalpha"]))
    assert picture.alpha is not None
    again = np.rint(picture.pixels * picture.alpha[:, :, None] * WHITE)
    np.testing.assert_array_equal(again, stored)  # what is shown is the same
    strong = alpha[:, :, 0] > 4096
    np.testing.assert_allclose(picture.pixels[strong], (straight / WHITE)[strong], atol=1 / 4096)
    assert picture.pixels[0, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("turned", range(1, 9))
def test_a_turned_16_bit_tiff_is_shown_upright_once(turned: int) -> None:
    samples = deep(4, 6, 3)
    eight = Image.fromarray((samples >> 8).astype(np.uint8))
    exif = Image.Exif()
    exif[274] = turned
    jpeg = io.BytesIO()
    eight.save(jpeg, "PNG", exif=exif)
    expected = decode_image(jpeg.getvalue())
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>' % turned
    tags = [(274, "H", 1, turned, True), (700, "B", len(xmp), xmp, True), (271, "s", 0, "Maker", True)]
    picture = decode_image(tiff(samples, extratags=tags, resolution=(300, 150), resolutionunit=2))
    np.testing.assert_array_equal(samples_of(picture) >> 8, np.rint(expected.pixels * 255))
    assert picture.metadata.dpi == ((150, 300) if turned > 4 else (300, 150))
    assert picture.metadata.xmp is not None
    assert b'Orientation="1"' in picture.metadata.xmp
    again = decode_image(encode_image(picture, "tiff"))
    np.testing.assert_array_equal(again.pixels, picture.pixels)
    assert (again.metadata.dpi, again.metadata.xmp) == (picture.metadata.dpi, picture.metadata.xmp)
    assert b"Maker" in (again.metadata.exif or b"")


def test_metadata_of_a_16_bit_tiff_stay() -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x8769], exif[0x8825] = "Maker", {0x829A: 0.01}, {1: "N"}
    metadata = Metadata(exif=exif.tobytes(), dpi=(300.0, 300.0), xmp=b"<x/>", iptc=b"\x1c\2\x78\0\1a")
    picture = Picture(from_array(deep(4, 5, 3)).pixels, metadata=metadata, source=from_array(deep(1, 1, 3)).source)
    for name in ("TIFF", "PNG"):
        back = decode_image(encode_image(picture, name)).metadata
        assert (back.dpi, back.xmp) == (pytest.approx((300, 300), abs=0.01), b"<x/>"), name
        with Image.open(io.BytesIO(encode_image(picture, name))) as image:  # its header and EXIF, another reader
            block = image.getexif()
            assert (block[0x010F], block.get_ifd(0x8825)[1]) == ("Maker", "N"), name
            assert float(block.get_ifd(0x8769)[0x829A]) == pytest.approx(0.01), name


REFUSED = [
    ({"dtype": "i2"}, "signed integers"),
    ({"channels": 4, "extrasamples": ["unspecified"]}, "alpha"),
    ({"photometric": "cielab"}, "in CIE Lab"),
]


@pytest.mark.parametrize(("options", "said"), REFUSED)
def test_deep_tiff_files_of_other_kinds_are_refused(options: dict[str, Any], said: str) -> None:
    dtype, channels = options.pop("dtype", "u2"), options.pop("channels", 3)
    with pytest.raises(ImageError, match=said) as caught:
        decode_image(tiff(deep(4, 4, channels, dtype), **options))
    assert "\n" not in str(caught.value)


def test_several_deep_pages_are_refused() -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for _ in range(2):
            writer.write(deep(4, 4, 3), photometric="rgb")
    with pytest.raises(ImageError, match="pages"):
        decode_image(file.getvalue())


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_a_cut_16_bit_tiff_is_refused_and_never_filled_up(compression: str | None) -> None:
    samples = deep(40, 30, 3)
    written = tiff(samples, compression=compression, rowsperstrip=8)
    refused = 0
    for length in range(0, len(written), 61):
        try:
            np.testing.assert_array_equal(samples_of(decode_image(written[:length])), samples)
        except ImageError:
            refused += 1
    assert refused > 50


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["png", "tiff", "tiles"]), st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1)
)
def test_damage_raises_nothing_but_image_errors(kind: str, changes: list[tuple[float, int]]) -> None:
    samples = deep(9, 9, 3)
    data = bytearray(png(samples) if kind == "png" else tiff(samples, tile=(16, 16) if kind == "tiles" else None))
    for place, value in changes:
        data[int(place * len(data))] = value
    try:
        picture = decode_image(bytes(data))
    except ImageError:
        return
    assert np.isfinite(picture.pixels).all()


# ------------------------------------------------------------------------------------------------------------ writing


def by_another_library(data: bytes, name: str) -> Samples:
    if name == "TIFF":
        return np.asarray(tifffile.imread(io.BytesIO(data)))
    imagecodecs = pytest.importorskip("imagecodecs", reason=without_imagecodecs)
    return np.asarray(imagecodecs.png_decode(data))


@pytest.mark.parametrize("name", ["PNG", "TIFF"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bits_are_written_and_another_library_reads_them(name: str, channels: int) -> None:
    for height, width in ((1, 1), (1, 300), (300, 1), (310, 257)):
        samples = deep(height, width, channels, seed=height)
        picture = decode_image(png(samples))
        data = encode_image(picture, name)
        back = by_another_library(data, name)
        assert back.dtype == np.uint16
        np.testing.assert_array_equal(back.reshape(samples.shape), samples)
        again = decode_image(data)
        np.testing.assert_array_equal(again.pixels, picture.pixels)
        assert (again.gray, again.source.bits) == (picture.gray, 16)


@pytest.mark.parametrize("name", ["PNG", "TIFF"])
def test_openimageio_reads_them_too(name: str, tmp_path: Path) -> None:
    oiio = pytest.importorskip("OpenImageIO", reason="OpenImageIO is not installed, which checks files here")
    samples = deep(60, 70, 4)
    target = write_image(decode_image(png(samples)), tmp_path / f"a.{name.lower()}")
    straight = oiio.ImageSpec()
    straight.attribute("oiio:UnassociatedAlpha", 1)
    file = oiio.ImageInput.open(str(target), straight)
    np.testing.assert_array_equal(file.read_image("uint16"), samples)
    file.close()


def test_big_endian_exif_makes_a_big_endian_file_of_right_pixels() -> None:
    exif = Image.Exif()
    exif.endian = ">"
    exif[0x010F] = "Maker"
    samples = deep(20, 30, 3)
    picture = decode_image(tiff(samples))
    whole = Picture(picture.pixels, metadata=Metadata(exif=exif.tobytes()), source=picture.source)
    data = encode_image(whole, "tiff")
    assert data.startswith(b"MM")
    np.testing.assert_array_equal(by_another_library(data, "TIFF"), samples)


def test_the_source_decides_and_bits_overrules_it() -> None:
    cases = ((8, None, 8), (10, None, 16), (16, None, 16), (32, None, 16), (16, 8, 8), (8, 16, 16))
    for source, asked, written in cases:
        plain = from_array(deep(4, 4, 3))
        picture = Picture(plain.pixels, source=type(plain.source)("PNG", source))
        for name in ("PNG", "TIFF"):
            assert decode_image(encode_image(picture, name, bits=asked)).source.bits == written


def test_what_a_format_has_no_bits_for_is_said() -> None:
    picture = from_array(deep(4, 4, 3))
    for name in ("JPEG", "WebP", "BMP"):
        assert decode_image(encode_image(picture, name)).source.bits == 8
        (said,) = not_written(picture, name)
        assert "16 bits" in said
        assert name in said
        assert not_written(picture, name, bits=8) == ()
        for call in (encode_image, check_writable):
            with pytest.raises(UsageError, match=rf"16.*{name}.*PNG.*TIFF"):
                call(picture, name, bits=16)
    assert not_written(picture, ".png") == not_written(from_array(np.zeros((2, 2), np.uint8)), "jpg") == ()
    for wrong in (0, 7, 12, 32, "8"):
        with pytest.raises(UsageError, match=r"8 or 16|8, 10, 12, 16 or 32"):
            encode_image(picture, "png", bits=wrong)  # type: ignore[arg-type]


def test_8_bits_are_rounded_to_the_nearest() -> None:
    samples = deep(30, 30, 3)
    back = decode_image(encode_image(decode_image(tiff(samples)), "png", bits=8))
    np.testing.assert_array_equal(np.rint(back.pixels * 255), np.rint(samples / 257))


def test_an_image_that_pillow_has_opened_is_refused_since_half_of_it_is_lost(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(deep(3, 3, 3)))
    (tmp_path / "a.tif").write_bytes(tiff(deep(3, 3, 3)))
    for name in ("a.png", "a.tif"):
        with Image.open(tmp_path / name) as image, pytest.raises(ImageError, match="read_image"):
            from_pil(image)
        assert read_image(tmp_path / name).source.bits == 16
