"""darklift.image in memory: arrays, Pillow images, ranges, planes, padding."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageOps

from darklift.errors import ImageError, UsageError
from darklift.image import (
    Metadata,
    Padding,
    Picture,
    from_array,
    from_pil,
    from_planes,
    pad_like,
    pad_to_multiple,
    padded_length,
    to_array,
    to_pil,
    to_planes,
    to_signed,
    to_unit,
)
from pictures import noise

SHAPES = st.one_of(
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=7),
    st.tuples(st.integers(1, 7), st.integers(1, 7), st.sampled_from([1, 3, 4])),
)


# ---------------------------------------------------------------------------------------------------------- arrays


@given(st.sampled_from([np.uint8, np.uint16, ">u2"]).flatmap(lambda dtype: hnp.arrays(dtype, SHAPES)))
def test_integer_arrays_come_back_exactly(array: np.ndarray) -> None:
    back = to_array(from_array(array), like=array)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


@given(hnp.arrays(np.float32, SHAPES, elements=st.floats(0, 1, width=32)), st.sampled_from(["f2", "f4", "f8"]))
def test_float_arrays_come_back_to_float32_precision(array: np.ndarray, dtype: str) -> None:
    array = array.astype(dtype)
    back = to_array(from_array(array), like=array)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize(("dtype", "full"), [(np.uint8, 255), (np.uint16, 65535)])
def test_range_follows_from_the_dtype_and_not_from_the_maximum(dtype: type, full: int) -> None:
    picture = from_array(np.array([[0, 1, 20]], dtype=dtype))
    np.testing.assert_allclose(picture.pixels[0, :, 0], np.array([0, 1, 20]) / full, rtol=1e-6)
    assert from_array(np.array([[full]], dtype=dtype)).pixels.max() == 1.0


def test_integers_are_rounded_to_nearest_and_clipped() -> None:
    pixels = np.full((1, 4, 3), [[1.6 / 255], [1.4 / 255], [-0.5], [7.0]], dtype=np.float32)
    values = to_array(Picture(pixels), like=np.empty((1, 1, 3), np.uint8))
    assert values[0, :, 0].tolist() == [2, 1, 0, 255]


def test_a_tall_picture_is_encoded_to_its_last_row() -> None:
    array = noise(1000, 3, 3)
    np.testing.assert_array_equal(to_array(from_array(array), like=array), array)


def test_gray_is_the_luminance_of_the_pixels() -> None:
    pixels = np.array([[[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]], dtype=np.float32)
    values = to_array(Picture(pixels), like=np.empty((5, 5), np.float32))
    np.testing.assert_allclose(values, [[0.299, 0.587, 0.114, 1.0]], atol=1e-6)


def test_alpha_is_made_up_as_opaque_but_never_left_out() -> None:
    opaque = to_array(from_array(noise(2, 2, 3)), like=np.empty((1, 1, 4), np.uint16))
    assert (opaque[:, :, 3] == 65535).all()
    with pytest.raises(UsageError, match="alpha"):
        to_array(from_array(noise(2, 2, 4)), like=np.empty((2, 2, 3), np.uint8))


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((3, 4, 5), np.uint8), r"\(3, 4, 5\)"),
        (np.zeros((4, 5, 2), np.uint8), "channels come last"),
        (np.zeros(7, np.uint8), r"\(7,\)"),
        (np.zeros((0, 5, 3), np.uint8), r"\(0, 5, 3\)"),
        (np.zeros((2, 2), np.int32), "int32"),
        (np.zeros((2, 2), bool), "bool"),
        (np.full((2, 2), np.nan, np.float32), "nan"),
        (np.full((2, 2), 255.0, np.float64), "255"),
        (np.full((2, 2), -0.01, np.float16), "-0.01"),
        ([[0, 1]], "list"),
    ],
)
def test_other_arrays_are_refused_with_what_was_got(array: np.ndarray, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        from_array(array)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_never_becomes_a_pixel(bad: float) -> None:
    picture = Picture(np.full((2, 2, 3), bad, np.float32))
    with pytest.raises(ImageError, match="NaN"):
        to_pil(picture)


def test_picture_checks_its_arrays() -> None:
    good = np.zeros((2, 3, 3), np.float32)
    for pixels in (good.astype(np.float64), good[0], np.zeros((2, 3, 4), np.float32)):
        with pytest.raises(UsageError, match="float32"):
            Picture(pixels)
    with pytest.raises(UsageError, match="alpha"):
        Picture(good, alpha=np.ones((3, 2), np.float32))


def test_with_pixels_changes_nothing_else() -> None:
    picture = Picture(
        np.zeros((2, 3, 3), np.float32), np.ones((2, 3), np.float32), gray=True, metadata=Metadata(comments=(b"a",))
    )
    bright = picture.with_pixels(np.ones((2, 3, 3), np.float32))
    assert bright.pixels.min() == 1.0
    assert picture.pixels.max() == 0.0
    assert (bright.alpha is picture.alpha, bright.gray, bright.metadata) == (True, True, picture.metadata)
    with pytest.raises(UsageError, match=r"\(3, 2, 3\)"):
        picture.with_pixels(np.ones((3, 2, 3), np.float32))


# ---------------------------------------------------------------------------------------------- ranges, planes, padding


@given(hnp.arrays(np.float32, (2, 3, 3), elements=st.floats(0, 1, width=32)))
def test_signed_and_unit_are_inverse(unit: np.ndarray) -> None:
    signed = to_signed(unit)
    assert signed.dtype == np.float32
    assert signed.min() >= -1.0
    assert signed.max() <= 1.0
    np.testing.assert_allclose(to_unit(signed), unit, atol=1e-7)


def test_signed_covers_the_whole_range() -> None:
    np.testing.assert_array_equal(to_signed(np.array([0, 0.5, 1], np.float32)), [-1, 0, 1])


@given(st.integers(1, 9), st.integers(1, 9))
def test_planes_come_back(height: int, width: int) -> None:
    pixels = np.random.default_rng(0).random((height, width, 3), dtype=np.float32)
    planes = to_planes(pixels)
    assert planes.shape == (1, 3, height, width)
    assert planes.flags.c_contiguous
    assert planes[0, 2, -1, 0] == pixels[-1, 0, 2]
    back = from_planes(planes)
    assert back.flags.c_contiguous
    np.testing.assert_array_equal(back, pixels)


def test_planes_of_another_shape_are_refused() -> None:
    with pytest.raises(UsageError, match=r"\(3, 4\)"):
        to_planes(np.zeros((3, 4), np.float32))
    with pytest.raises(UsageError, match=r"\(2, 3, 4, 4\)"):
        from_planes(np.zeros((2, 3, 4, 4), np.float32))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 33), st.integers(0, 2))
def test_padding_any_size(height: int, width: int, multiple: int, leading: int) -> None:
    array = np.random.default_rng(0).random((2,) * leading + (height, width))
    padded, size = pad_to_multiple(array, multiple)
    assert size == (height, width)
    for got, asked in zip(padded.shape[-2:], size, strict=True):
        assert got % multiple == 0
        assert asked <= got < asked + multiple
    np.testing.assert_array_equal(padded[..., :height, :width], array)
    below, right = padded.shape[-2] - height, padded.shape[-1] - width
    if height > 1 and width > 1:  # numpy reflects a single pixel too, but defines nothing for it
        widths = [(0, 0)] * leading + [(0, below), (0, right)]
        np.testing.assert_array_equal(padded, np.pad(array, widths, mode="reflect"))


def test_padding_a_single_pixel_repeats_it() -> None:
    padded, _ = pad_to_multiple(np.full((1, 3, 1, 1), 0.25, np.float32), 64)
    assert padded.shape == (1, 3, 64, 64)
    assert padded.dtype == np.float32
    assert (padded == 0.25).all()


def test_padding_as_the_published_systems_pad() -> None:
    picture = np.random.default_rng(0).random((3, 400, 600))
    centred, place = pad_like(picture, 16, "centred")
    assert (centred.shape, place) == ((3, 416, 608), (8, 4))
    np.testing.assert_array_equal(centred, np.pad(picture, ((0, 0), (8, 8), (4, 4)), mode="reflect"))
    on, place = pad_like(picture[:, :384], 32, "next")
    assert (on.shape, place) == ((3, 416, 608), (0, 0))
    np.testing.assert_array_equal(on, np.pad(picture[:, :384], ((0, 0), (0, 32), (0, 8)), mode="reflect"))
    assert pad_like(picture, 8, "least")[0] is picture


@pytest.mark.parametrize("padding", ["least", "next", "centred"])
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 33))
def test_padding_of_any_kind_holds_the_picture(padding: Padding, height: int, width: int, multiple: int) -> None:
    array = np.random.default_rng(0).random((2, height, width))
    padded, (top, left) = pad_like(array, multiple, padding)
    assert padded.shape[1:] == tuple(padded_length(length, multiple, padding) for length in (height, width))
    np.testing.assert_array_equal(padded[:, top : top + height, left : left + width], array)


@pytest.mark.parametrize(("shape", "multiple"), [((4, 4), 0), ((4,), 8), ((0, 4), 8)])
def test_padding_refuses_nonsense(shape: tuple[int, ...], multiple: int) -> None:
    with pytest.raises(UsageError):
        pad_to_multiple(np.zeros(shape), multiple)


# ---------------------------------------------------------------------------------------------------------- Pillow


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "YCbCr"])
def test_pillow_modes_keep_their_pixels(mode: str) -> None:
    image = Image.fromarray(noise(5, 7, 4)).convert("RGB" if mode in ("P", "YCbCr") else "RGBA").convert(mode)
    expected = {"1": "L", "P": "RGB", "PA": "RGBA", "YCbCr": "RGB"}.get(mode, mode)
    picture = from_pil(image)
    assert picture.gray == expected.startswith("L")
    back = to_pil(picture)
    assert back.mode == expected
    assert back.tobytes() == image.convert(expected).tobytes()


def test_pillow_transparent_colours_become_alpha() -> None:
    colour = Image.new("RGB", (2, 1), (1, 2, 3))
    colour.putpixel((1, 0), (9, 9, 9))
    colour.info["transparency"] = (1, 2, 3)
    palette = Image.new("P", (2, 1), 0)
    palette.putpalette([1, 2, 3, 9, 9, 9])
    palette.putpixel((1, 0), 1)
    palette.info["transparency"] = bytes([0, 255])
    for image in (colour, palette):
        picture = from_pil(image)
        assert picture.alpha is not None
        assert picture.alpha.tolist() == [[0.0, 1.0]]
        assert np.asarray(to_pil(picture))[0, 1].tolist() == [9, 9, 9, 255]


@pytest.mark.parametrize("mode", ["I", "F", "I;16", "LAB", "HSV"])
def test_pillow_images_of_other_modes_are_refused(mode: str) -> None:
    with pytest.raises(ImageError, match="convert"):
        from_pil(Image.new(mode, (2, 2)))


def test_from_pil_takes_only_pillow_images() -> None:
    with pytest.raises(UsageError, match="ndarray"):
        from_pil(noise(2, 2, 3))  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_to_pil_in_a_mode_asked_for(mode: str) -> None:
    array = noise(4, 5, 4)
    image = to_pil(from_array(array), mode)
    assert image.mode == mode
    expected = np.asarray(Image.fromarray(array).convert(mode)).astype(int)
    np.testing.assert_allclose(np.asarray(image).astype(int), expected, atol=1)


def test_to_pil_refuses_other_modes() -> None:
    with pytest.raises(UsageError, match="'CMYK'"):
        to_pil(from_array(noise(2, 2, 3)), "CMYK")


def test_to_pil_hands_on_what_save_needs() -> None:
    metadata = Metadata(
        exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0", icc_profile=b"icc", dpi=(300.0, 150.0), xmp=b"<x/>"
    )
    image = to_pil(Picture(np.zeros((2, 2, 3), np.float32), metadata=metadata))
    stream = io.BytesIO()
    image.save(stream, "JPEG", **image.info)
    saved = Image.open(stream).info
    assert (saved["exif"], saved["icc_profile"], saved["dpi"], saved["xmp"]) == (
        metadata.exif,
        b"icc",
        (300, 150),
        b"<x/>",
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_from_pil_turns_the_picture_upright_and_leaves_the_image_alone(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    Image.fromarray(noise(3, 5, 3)).save(stream, "PNG", exif=exif, dpi=(300, 100))
    image = Image.open(stream)
    picture = from_pil(image)
    upright = to_pil(picture)
    assert upright.tobytes() == ImageOps.exif_transpose(image).tobytes()
    assert upright.getexif()[0x0112] == 1
    assert round(upright.info["dpi"][0]) == (300 if orientation < 5 else 100)
    assert (image.size, image.getexif()[0x0112]) == ((5, 3), orientation)


def test_from_pil_refuses_what_pillow_would_lose() -> None:
    frames = io.BytesIO()
    Image.new("L", (2, 2)).save(frames, "GIF", save_all=True, append_images=[Image.new("L", (2, 2), 9)])
    with pytest.raises(ImageError, match="2 frames"):
        from_pil(Image.open(frames))
    second = Image.open(frames)
    second.seek(1)
    assert from_pil(second.copy()).size == (2, 2)


def test_from_pil_says_when_pixels_are_damaged() -> None:
    stream = io.BytesIO()
    Image.fromarray(noise(64, 64, 3)).save(stream, "PNG")
    with pytest.raises(ImageError, match="cannot be decoded"):
        from_pil(Image.open(io.BytesIO(stream.getvalue()[:3000])))


def test_floats_that_are_hardly_beyond_say_by_how_much() -> None:
    value = np.nextafter(np.float32(1), np.float32(2))
    with pytest.raises(UsageError, match=r"values from 0 to 1\.0000001, expected \[0, 1\]"):
        from_array(np.array([[0, value]], np.float32))
