"""GIF, PPM and PGM files."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from darklift.errors import ImageError
from darklift.image import decode_image, encode_image, from_array, from_pil, to_pil
from pictures import noise


def gif(image: Image.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "GIF", **options)
    return stream.getvalue()


def test_a_gif_is_read_with_its_palette_and_its_clear_colour() -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([200, 30, 10, 0, 255, 0, 90, 90, 90])
    image.putdata([0, 1, 2])
    picture = decode_image(gif(image))
    np.testing.assert_array_equal((picture.pixels * 255).round()[0], [[200, 30, 10], [0, 255, 0], [90, 90, 90]])
    assert picture.alpha is None
    assert picture.source.container == "GIF"
    assert "GIF container" in picture.metadata.notes[0]
    clear = decode_image(gif(image, transparency=1, comment=b"by night"))
    assert clear.alpha is not None
    np.testing.assert_array_equal(clear.alpha[0], [1, 0, 1])
    assert clear.metadata.comment == b"by night"
    np.testing.assert_array_equal(np.asarray(to_pil(clear))[0, :, 3], [255, 0, 255])
    back = decode_image(encode_image(clear, "png"))
    np.testing.assert_array_equal(back.pixels, clear.pixels)
    np.testing.assert_array_equal(back.alpha, clear.alpha)


def test_an_animation_is_refused() -> None:
    frames = [Image.fromarray(noise(4, 4, seed=seed)) for seed in range(3)]
    with pytest.raises(ImageError, match="3 frames"):
        decode_image(gif(frames[0], save_all=True, append_images=frames[1:]))


@pytest.mark.parametrize("shape", [(5, 7, 3), (5, 7), (1, 1, 3)])
def test_ppm_is_what_its_header_says(shape: tuple[int, ...]) -> None:
    values = noise(*shape)
    data = encode_image(from_array(values), "ppm")
    kind = b"P6" if len(shape) == 3 else b"P5"
    assert data == b"%s\n%d %d\n255\n" % (kind, shape[1], shape[0]) + values.tobytes()
    np.testing.assert_array_equal(np.asarray(to_pil(decode_image(data))), values)


def test_every_kind_of_pnm_is_read() -> None:
    for data in (
        b"P1\n# a comment\n2 1\n0 1\n",
        b"P4 2 1\n\x40",
        b"P2\n2 1\n255\n255 0\n",
        b"P5 2 1 1\n\1\0",
        b"P5\n2 # wide\n1\n# white\n255\n\xff\0",
    ):
        picture = decode_image(data)
        assert picture.gray
        np.testing.assert_array_equal(picture.pixels[0, :, 0], [1, 0])
    np.testing.assert_array_equal(decode_image(b"P3 1 1 255 255 0 255").pixels[0, 0], [1, 0, 1])


@pytest.mark.parametrize(
    "data", [b"P6\n1 1\n65535\n" + bytes(6), b"P5 1 1 1023\n" + bytes(2), b"P6\n#\n1 1 # x\n#256\n256\n" + bytes(6)]
)
def test_deep_pnm_is_refused_and_not_cut(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="8 bits"):
        decode_image(data)
    (tmp_path / "a.ppm").write_bytes(data)
    with Image.open(tmp_path / "a.ppm") as image, pytest.raises(ImageError, match="8 bits"):
        from_pil(image)


@given(st.binary(max_size=30))
def test_any_header_is_safe(tail: bytes) -> None:
    for start in (b"P6\n", b"P5 1 1 ", b"GIF89a"):
        try:
            decode_image(start + tail)
        except ImageError as error:
            assert "\n" not in str(error)  # noqa: PT017
