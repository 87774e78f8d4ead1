"""JPEG 2000, AVIF, JPEG XL, OpenEXR and Radiance files of any depth: read, written, and read by other libraries."""

import io
import struct
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from darklift.errors import ImageError, MissingExtraError, UsageError
from darklift.image import (
    Metadata,
    Picture,
    Source,
    check_writable,
    decode_image,
    encode_image,
    from_array,
    from_pil,
    not_written,
    result_extension,
)
from darklift.image.boxes import children, heif_facts
from darklift.image.colour_numbers import profile_of_numbers
from darklift.image.jxl_facts import jxl_facts
from darklift.image.spaces import colour_space_of
from pictures import noise

Samples = npt.NDArray[Any]

P3 = profile_of_numbers(12, 13)
LINEAR_GRAY = profile_of_numbers(1, 8, gray=True)
SIZE = (40, 56)
XMP = b"<x/>"


@pytest.fixture
def imagecodecs() -> Any:
    return pytest.importorskip("imagecodecs", reason="the extra deep is not installed: pip install 'darklift[deep]'")


@pytest.fixture
def oiio() -> Any:
    return pytest.importorskip("OpenImageIO", reason="the extra jxl is not installed: pip install 'darklift[jxl]'")


def exif_block(orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", orientation
    return b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")


def codes(bits: int, channels: int, *, smooth: bool = False) -> Samples:
    """(H, W, C) from black to white."""
    if not smooth:
        made = np.random.default_rng(bits).integers(0, 2**bits, (*SIZE, channels))
        made[0, 0], made[0, 1] = 0, 2**bits - 1
        return made
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]] / np.array([[[SIZE[0] - 1]], [[SIZE[1] - 1]]])
    return np.rint(np.stack([x, y, (x + y) / 2, 1 - y], 2)[:, :, :channels] * (2**bits - 1)).astype(int)


def picture_of(samples: Samples, bits: int, **more: Any) -> Picture:
    unit = (samples / np.float32(2**bits - 1)).astype(np.float32)
    gray, alpha = unit.shape[2] < 3, unit.shape[2] in (2, 4)
    pixels = np.repeat(unit[:, :, :1], 3, 2) if gray else unit[:, :, :3].copy()
    return Picture(pixels, alpha=unit[:, :, -1].copy() if alpha else None, gray=gray, source=Source(None, bits), **more)


def samples_of(picture: Picture, bits: int) -> Samples:
    unit = picture.pixels[:, :, :1] if picture.gray else picture.pixels
    if picture.alpha is not None:
        unit = np.concatenate([unit, picture.alpha[:, :, None]], axis=2)
    return np.rint(unit * (2**bits - 1)).astype(int)


def boxes(data: bytes) -> dict[bytes, bytes]:
    return {kind: data[start:end] for kind, start, end in children(data)}


# ---------------------------------------------------------------------------------------------------------- JPEG 2000


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_deep_jpeg_2000_loses_nothing(imagecodecs: Any, bits: int, channels: int, tmp_path: Path) -> None:
    samples = codes(bits, channels)
    metadata = Metadata(
        exif=exif_block(),
        icc_profile=P3 if channels > 2 else None,
        xmp=XMP,
        dpi=(300.0, 72.0),
        comments=(b"by night",),
    )
    data = encode_image(picture_of(samples, bits, metadata=metadata), "jp2")
    back = decode_image(data)
    np.testing.assert_array_equal(samples_of(back, bits), samples)
    assert (back.source.bits, back.gray) == (bits, channels < 3)
    assert back.metadata == replace(metadata, dpi=back.metadata.dpi)
    assert back.metadata.dpi == pytest.approx((300, 72), abs=0.01)
    assert encode_image(back, "jp2") == data
    with Image.open(io.BytesIO(data)) as seen:  # another reader of the boxes, and of 16-bit gray
        assert seen.size == SIZE[::-1]
        assert seen.mode == ("I;16", "LA", "RGB", "RGBA")[channels - 1]
        if channels == 1 and bits == 16:
            np.testing.assert_array_equal(np.asarray(seen), samples[:, :, 0])
        same = from_pil(Image.open(io.BytesIO(data)))
        np.testing.assert_array_equal(same.pixels, back.pixels)


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_openimageio_sees_the_same_jpeg_2000(
    imagecodecs: Any, oiio: Any, bits: int, channels: int, tmp_path: Path
) -> None:
    samples = codes(bits, channels)
    (tmp_path / "a.jp2").write_bytes(encode_image(picture_of(samples, bits), "jp2"))
    file = oiio.ImageInput.open(str(tmp_path / "a.jp2"))
    seen = file.read_image("uint16").reshape(samples.shape)
    file.close()
    np.testing.assert_array_equal(np.rint(seen / 65535 * (2**bits - 1)), samples)


def test_white_of_a_deep_jpeg_2000_is_white(imagecodecs: Any) -> None:
    for bits in (10, 12, 16):
        white = np.full((8, 8, 3), 2**bits - 1, np.uint16)
        for kind in ("jp2", "j2k"):
            data = bytes(imagecodecs.jpeg2k_encode(white, level=0, bitspersample=bits, codecformat=kind))
            assert decode_image(data).pixels.min() == 1


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (70, 1), (2, 3)])
def test_a_sliver_in_16_bits(imagecodecs: Any, size: tuple[int, int]) -> None:
    samples = np.random.default_rng(0).integers(0, 65536, (*size, 3))
    back = decode_image(encode_image(picture_of(samples, 16), "jp2"))
    np.testing.assert_array_equal(samples_of(back, 16), samples)


@pytest.mark.parametrize("colours", [12, 14, 18])
def test_other_colours_than_gray_and_rgb_are_refused(imagecodecs: Any, colours: int) -> None:
    data = encode_image(picture_of(codes(12, 3), 12), "jp2")
    data = data.replace(b"colr\1\0\0\0\0\0\x10", b"colr\1\0\0\0\0\0" + bytes([colours]))
    with pytest.raises(ImageError, match=str(colours)):
        decode_image(data)


# --------------------------------------------------------------------------------------------------------------- AVIF


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_deep_avif_keeps_its_bits_and_all_else(imagecodecs: Any, bits: int, channels: int) -> None:
    samples = codes(bits, channels, smooth=True)
    metadata = Metadata(exif=exif_block(), icc_profile=P3 if channels > 2 else None, xmp=XMP)
    data = encode_image(picture_of(samples, bits, metadata=metadata), "avif", quality=100)
    back = decode_image(data)
    np.testing.assert_array_equal(samples_of(back, bits), samples)
    assert (back.source.bits, back.gray) == (bits, channels < 3)
    with Image.open(io.BytesIO(data)) as seen:  # Pillow, with 8 bits
        assert seen.getexif()[0x010F] == "Maker"
        assert seen.info["xmp"] == XMP
        assert seen.info.get("icc_profile") == metadata.icc_profile
        values = np.asarray(seen.convert("RGBA" if channels in (2, 4) else "RGB")) / 255
        wanted = np.concatenate([back.pixels, back.alpha[:, :, None]], 2) if back.alpha is not None else back.pixels
        assert np.abs(values - wanted).max() < 1.5 / 255
    facts = heif_facts(data)
    assert facts.bits == bits
    assert facts.gray == (channels < 3)
    rough = decode_image(encode_image(back, "avif", quality=60))
    assert rough.metadata == back.metadata
    assert 0 < np.abs(rough.pixels - back.pixels).max() < 0.2 or channels < 3


def test_a_deep_avif_is_turned_once(imagecodecs: Any) -> None:
    samples = codes(10, 3, smooth=True)
    data = encode_image(picture_of(samples, 10, metadata=Metadata(icc_profile=P3)), "avif", quality=100)
    at = data.index(b"colrprof") - 4  # the last property: put in its place, and as long, a rotation and a free box
    length = int.from_bytes(data[at : at + 4], "big")
    turned = struct.pack(">I4sB", 9, b"irot", 1) + struct.pack(">I4s", length - 9, b"free") + bytes(length - 17)
    data = (data[:at] + turned + data[at + length :]).replace(b"\1\5\1\2\x83\4\5", b"\1\5\1\2\x83\4\x85")  # essential
    picture = decode_image(data)
    np.testing.assert_array_equal(samples_of(picture, 10), np.rot90(samples))


def test_hdr_is_refused_at_any_depth(imagecodecs: Any) -> None:
    data = encode_image(picture_of(codes(10, 3, smooth=True), 10), "avif")
    at = data.index(b"colrnclx") + 8
    with pytest.raises(ImageError, match="PQ"):
        decode_image(data[:at] + struct.pack(">2H", 9, 16) + data[at + 4 :])


# ------------------------------------------------------------------------------------------------------------ JPEG XL


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_lossless_jpeg_xl_loses_nothing(oiio: Any, imagecodecs: Any, bits: int, channels: int) -> None:
    samples = codes(bits, channels)
    metadata = Metadata(exif=exif_block(), icc_profile=P3 if channels > 2 else LINEAR_GRAY, xmp=XMP)
    data = encode_image(picture_of(samples, bits, metadata=metadata), "jxl", lossless=True)
    back = decode_image(data)
    colours = samples if channels != 2 else samples[:, :, [0, 0, 0, 1]]  # libjxl's gray with alpha goes as RGB
    np.testing.assert_array_equal(samples_of(back, bits), colours)
    assert (back.source.bits, back.source.lossless, back.gray) == (bits, True, channels == 1)
    assert (back.metadata.exif, back.metadata.xmp) == (metadata.exif, XMP)
    if channels != 2:
        assert back.metadata.icc_profile == metadata.icc_profile
    seen = imagecodecs.jpegxl_decode(data)
    np.testing.assert_array_equal(seen.reshape(colours.shape), colours)
    assert encode_image(back, "jxl") == data  # lossless stays lossless


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_jpeg_xl_by_another_library_is_read(oiio: Any, imagecodecs: Any, bits: int, channels: int) -> None:
    samples = codes(bits, channels)
    coded = samples.astype(np.uint8 if bits == 8 else np.uint16)
    data = imagecodecs.jpegxl_encode(coded if channels > 1 else coded[:, :, 0], lossless=True, bitspersample=bits)
    for container in (False, True):
        data = imagecodecs.jpegxl_encode(
            coded if channels > 1 else coded[:, :, 0], lossless=True, bitspersample=bits, usecontainer=container
        )
        picture = decode_image(data)
        np.testing.assert_array_equal(samples_of(picture, bits), samples)
        assert (picture.source.bits, picture.gray, picture.source.lossless) == (bits, channels < 3, True)
        space = colour_space_of(picture).space
        assert (space is None) == (bits == 8)  # that library calls deep numbers linear light
        assert jxl_facts(data).bits == bits


@pytest.mark.parametrize("profile", [None, P3])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_lossy_jpeg_xl_is_near_and_its_colours_are_told(oiio: Any, profile: bytes | None, bits: int) -> None:
    samples = codes(bits, 3, smooth=True)
    picture = picture_of(samples, bits, metadata=Metadata(icc_profile=profile))
    fine, rough = (encode_image(picture, "jxl", quality=quality) for quality in (95, 30))
    assert len(rough) < len(fine)
    back = decode_image(fine)
    assert not back.source.lossless
    assert np.abs(back.pixels - picture.pixels).mean() < 0.02
    told, wanted = (colour_space_of(each).space for each in (back, picture))
    assert (told is None) == (wanted is None)
    if told is not None and wanted is not None and told.columns is not None:
        np.testing.assert_allclose(told.columns, wanted.columns, atol=2e-3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_xl_out_of_a_jpeg_is_turned_once(oiio: Any, imagecodecs: Any, orientation: int) -> None:
    pytest.importorskip("brotli", reason="the extra jxl is not installed: pip install 'darklift[jxl]'")
    jpeg = io.BytesIO()
    image = Image.fromarray(codes(8, 3, smooth=True).astype(np.uint8))
    image.save(jpeg, "JPEG", quality=95, subsampling=0, exif=exif_block(orientation))
    wanted = decode_image(jpeg.getvalue())
    data = imagecodecs.jpegxl_encode_jpeg(jpeg.getvalue(), usecontainer=True)
    picture = decode_image(data)
    assert picture.size == wanted.size
    assert np.abs(picture.pixels - wanted.pixels).max() < 5 / 255
    assert picture.metadata.exif == wanted.metadata.exif  # which had been compressed, in a brob box
    assert (picture.source.lossless, picture.source.bits) == (False, 8)
    assert "JPEG file" in picture.metadata.notes[0]


def test_a_jpeg_xl_of_floats_is_read_within_0_and_1(oiio: Any, imagecodecs: Any) -> None:
    floats = np.random.default_rng(0).random((*SIZE, 3)).astype(np.float32)
    picture = decode_image(imagecodecs.jpegxl_encode(floats, lossless=True))
    np.testing.assert_array_equal(picture.pixels, floats)
    assert picture.source.bits == 32


def test_a_profile_that_jpeg_xl_cannot_hold_is_refused_before_the_work(oiio: Any) -> None:
    picture = from_array(noise(4, 4, 3))
    for profile in (b"damaged", LINEAR_GRAY):
        with pytest.raises(ImageError, match=r"profile.*PNG or TIFF"):
            check_writable(replace(picture, metadata=Metadata(icc_profile=profile)), "jxl")
    gray = replace(from_array(noise(4, 4)), metadata=Metadata(icc_profile=P3))
    back = decode_image(encode_image(gray, "jxl", lossless=True))
    np.testing.assert_array_equal(back.pixels, gray.pixels)
    assert back.metadata.icc_profile == P3


def test_an_animated_jpeg_xl_is_refused(oiio: Any, imagecodecs: Any) -> None:
    frames = np.stack([noise(*SIZE, 3), noise(*SIZE, 3, seed=1)])
    with pytest.raises(ImageError, match="animation"):
        decode_image(imagecodecs.jpegxl_encode(frames, lossless=True))


def test_a_jpeg_xl_of_absurd_size_is_refused_before_anything_is_allocated() -> None:
    sides = 0b11 << 1 | (2**30 - 1) << 3  # U32 with 30 bits, and one more of its kind behind the ratio of 0
    bits = sides | 0 << 33 | 0b11 << 36 | (2**30 - 1) << 38
    with pytest.raises(ImageError, match="megapixels"):
        decode_image(b"\xff\x0a" + bits.to_bytes(9, "little") + b"\1" * 20)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_headers_of_any_bits_are_safe(tail: bytes) -> None:
    for start in (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n", b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x30jxlc\xff\x0a"):
        try:
            jxl_facts(start + tail)
        except ImageError as error:
            assert "\n" not in str(error)  # noqa: PT017


# ------------------------------------------------------------------------------------------------- OpenEXR, Radiance


def written_by(oiio: Any, path: Path, samples: Samples, **facts: Any) -> bytes:
    kind = "half" if samples.dtype == np.float16 else "float"
    spec = oiio.ImageSpec(samples.shape[1], samples.shape[0], samples.shape[2], kind)
    for name, value in facts.items():
        spec.attribute(name, *value)
    file = oiio.ImageOutput.create(str(path))
    assert file.open(str(path), spec)
    assert file.write_image(samples)
    assert file.close()
    return path.read_bytes()


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_linear_light_of_an_exr_is_read_as_such(oiio: Any, dtype: type, channels: int, tmp_path: Path) -> None:
    light = np.random.default_rng(0).random((*SIZE, channels)).astype(dtype)
    if channels == 4:
        light[:, :, :3] *= light[:, :, 3:]  # as it is stored
    picture = decode_image(written_by(oiio, tmp_path / "a.exr", light))
    seen = light.astype(np.float32)
    if channels == 4:
        assert picture.alpha is not None
        np.testing.assert_array_equal(picture.alpha, seen[:, :, 3])
        np.testing.assert_allclose(picture.pixels * seen[:, :, 3:], seen[:, :, :3], atol=1e-6)
    else:
        np.testing.assert_array_equal(picture.pixels, np.broadcast_to(seen, (*SIZE, 3)))
    assert (picture.gray, picture.source.bits) == (channels == 1, 8 * light.itemsize)
    space = colour_space_of(picture).space
    assert space is not None
    np.testing.assert_allclose(space.seen(np.full((1, 1, 3), 0.214, np.float32)), 0.5, atol=2e-3)


def test_light_beyond_white_is_cut_and_that_is_said(oiio: Any, tmp_path: Path) -> None:
    light = np.full((10, 10, 3), 0.25, np.float32)
    light[0, 0], light[1, 0, 0] = 57, -0.5
    picture = decode_image(written_by(oiio, tmp_path / "a.exr", light))
    assert (picture.pixels.min(), picture.pixels.max()) == (0, 1)
    beyond, below, _ = picture.metadata.notes
    assert "57 times" in beyond
    assert "1 %" in beyond
    assert "-0.5" in below
    light[5, 5] = np.nan
    with pytest.raises(ImageError, match="NaN"):
        decode_image(written_by(oiio, tmp_path / "a.exr", light))


def test_chromaticities_become_the_colours_of_the_profile(oiio: Any, tmp_path: Path) -> None:
    light = np.full((4, 4, 3), 0.5, np.float32)
    numbers = (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.329)
    kind = oiio.TypeDesc("float[8]")
    picture = decode_image(written_by(oiio, tmp_path / "a.exr", light, chromaticities=(kind, numbers)))
    space = colour_space_of(picture).space
    assert space is not None
    assert space.columns is not None
    wanted = colour_space_of(replace(picture, metadata=Metadata(icc_profile=P3))).space
    assert wanted is not None
    np.testing.assert_allclose(space.columns, wanted.columns, atol=1e-4)


def test_a_radiance_file_is_read_and_a_tiff_is_made_of_it(oiio: Any, imagecodecs: Any) -> None:
    light = np.random.default_rng(0).random((*SIZE, 3)).astype(np.float32)
    data = imagecodecs.rgbe_encode(light, header=True)
    picture = decode_image(data)
    np.testing.assert_array_equal(picture.pixels, imagecodecs.rgbe_decode(data))
    assert np.abs(picture.pixels - light).max() < 1 / 128
    assert (result_extension(".hdr"), result_extension(".exr")) == (".tif", ".tif")
    again = decode_image(encode_image(picture, result_extension(".hdr")))
    np.testing.assert_allclose(again.pixels, picture.pixels, atol=0.51 / 65535)
    assert again.metadata.icc_profile == picture.metadata.icc_profile
    with pytest.raises(UsageError, match="only be read"):
        encode_image(picture, "hdr")


@pytest.mark.parametrize("rows", [b"-Y", b"+Y", b"-X", b"+X"])
@pytest.mark.parametrize("along", [b"-", b"+"])
def test_a_radiance_file_of_any_order_is_upright(oiio: Any, imagecodecs: Any, rows: bytes, along: bytes) -> None:
    light = codes(8, 3, smooth=True).astype(np.float32) / 255
    along += b"X" if rows.endswith(b"Y") else b"Y"
    stored = light if rows.endswith(b"Y") else light.swapaxes(0, 1)
    for axis, sign in enumerate((rows, along)):
        if sign not in (b"-Y", b"+X"):  # downwards, to the right: as arrays are
            stored = np.flip(stored, axis)
    coded = imagecodecs.rgbe_encode(np.ascontiguousarray(stored), header=False, rle=False)
    head = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n%s %d %s %d\n" % (rows, len(stored), along, stored.shape[1])
    picture = decode_image(head + bytes(coded))
    assert picture.size == SIZE
    assert np.abs(picture.pixels - light).max() < 1 / 128


# ---------------------------------------------------------------------------------------------------- all of them


def made(oiio: Any, folder: Path) -> dict[str, bytes]:
    deep, light = picture_of(codes(10, 3, smooth=True), 10), np.full((40, 50, 3), 0.25, np.float32)
    files = {name: encode_image(deep, name) for name in ("jp2", "avif", "jxl")}
    return files | {name: written_by(oiio, folder / f"a.{name}", light) for name in ("exr", "hdr")}


def test_a_cut_file_is_one_line(oiio: Any, imagecodecs: Any, tmp_path: Path) -> None:
    for name, data in made(oiio, tmp_path).items():
        for length in range(20, len(data) - 8, max(1, len(data) // 15)):
            with pytest.raises(ImageError) as caught:
                decode_image(data[:length])
            assert "\n" not in str(caught.value), name
            assert str(tmp_path.parent) not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=6))
def test_damage_raises_nothing_but_image_errors(changes: list[tuple[float, int]]) -> None:
    oiio = pytest.importorskip("OpenImageIO", reason="the extra jxl is not installed: pip install 'darklift[jxl]'")
    pytest.importorskip("imagecodecs", reason="the extra deep is not installed: pip install 'darklift[deep]'")
    if not _FILES:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            _FILES.update(made(oiio, Path(folder)))
    for data in _FILES.values():
        broken = bytearray(data)
        for place, value in changes:
            broken[int(place * len(broken))] = value
        try:
            picture = decode_image(bytes(broken))
        except ImageError as error:
            assert "\n" not in str(error)  # noqa: PT017
        else:
            assert np.isfinite(picture.pixels).all()


_FILES: dict[str, bytes] = {}


def test_what_came_deep_goes_deep_and_less_is_said(imagecodecs: Any) -> None:
    for bits, written in ((8, (8, 8)), (10, (10, 10)), (12, (12, 12)), (16, (16, 12)), (32, (16, 12))):
        picture = replace(picture_of(codes(8, 3, smooth=True), 8), source=Source(None, bits))
        for name, wanted in zip(("jp2", "avif"), written, strict=True):
            assert decode_image(encode_image(picture, name)).source.bits == wanted
            assert len(not_written(picture, name)) == (wanted < bits)
            assert decode_image(encode_image(picture, name, bits=8)).source.bits == 8
    with pytest.raises(UsageError, match=r"16.*AVIF has 8, 10 or 12"):
        check_writable(from_array(noise(4, 4, 3)), "avif", bits=16)


def test_without_the_extra_all_else_goes_on(imagecodecs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = picture_of(codes(10, 3, smooth=True), 10)
    deep = {name: encode_image(picture, name) for name in ("jp2", "avif")}
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    for name, data in deep.items():
        with pytest.raises(MissingExtraError, match=r"10 bits.*darklift\[deep\]"):
            decode_image(data)
        for call in (encode_image, check_writable):
            with pytest.raises(MissingExtraError, match=r"10 bits.*darklift\[deep\]"):
                call(picture, name, bits=10)
        assert decode_image(encode_image(picture, name)).source.bits == 8
        (said,) = not_written(picture, name)
        assert "10 bits" in said


@pytest.mark.parametrize(
    ("head", "extra"), [(b"\xff\x0a\x7f\x10\x20\x30" * 9, "jxl"), (b"v/1\x01" * 9, "exr"), (b"#?RADIANCE\n" * 9, "exr")]
)
def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, head: bytes, extra: str) -> None:
    monkeypatch.setitem(sys.modules, "OpenImageIO", None)
    with pytest.raises(MissingExtraError, match=rf"OpenImageIO.*darklift\[{extra}\]"):
        decode_image(head)
    if extra == "jxl":
        for call in (encode_image, check_writable):
            with pytest.raises(MissingExtraError, match=r"darklift\[jxl\]"):
                call(from_array(noise(4, 4, 3)), "jxl")
