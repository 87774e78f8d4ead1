"""GIF, and the files of Netpbm: PPM, PGM, PAM and PFM."""

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


@pytest.mark.parametrize("white", [256, 1023, 4095, 65535])
@pytest.mark.parametrize("channels", [1, 3])
def test_deep_pnm_is_read_to_the_last_bit(white: int, channels: int, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, white + 1, (3, 5, channels))
    values[0, 0] = white
    head = b"P%d\n#\n5 3 # x\n#256\n%d\n"
    raw = head % (5 if channels == 1 else 6, white) + values.astype(">u2").tobytes()
    plain = head % (2 if channels == 1 else 3, white) + b"# of all\n" + b" ".join(b"%d" % v for v in values.ravel())
    for data in (raw, plain):
        picture = decode_image(data)
        np.testing.assert_array_equal(np.rint(picture.pixels[:, :, :channels] * white), values)
        assert (picture.gray, picture.source.bits) == (channels == 1, white.bit_length())
    (tmp_path / "a.ppm").write_bytes(raw)
    with Image.open(tmp_path / "a.ppm") as image, pytest.raises(ImageError, match="8 bits"):
        from_pil(image)  # it has lost them already


@pytest.mark.parametrize("shape", [(5, 7, 3), (5, 7), (1, 1, 3)])
def test_16_bits_are_written_big_endian(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).integers(0, 65536, shape, dtype=np.uint16)
    data = encode_image(from_array(values), "pnm")
    kind = b"P6" if len(shape) == 3 else b"P5"
    assert data == b"%s\n%d %d\n65535\n" % (kind, shape[1], shape[0]) + values.astype(">u2").tobytes()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pam_keeps_alpha_and_bits(dtype: type, channels: int) -> None:
    white = np.iinfo(dtype).max
    values = np.random.default_rng(0).integers(0, white + 1, (3, 5, channels)).astype(dtype)
    kind = (b"GRAYSCALE", b"GRAYSCALE_ALPHA", b"RGB", b"RGB_ALPHA")[channels - 1]
    facts = (b"# made by hand", b"WIDTH 5", b"HEIGHT 3", b"DEPTH %d" % channels, b"MAXVAL %d" % white)
    body = values.astype(values.dtype.newbyteorder(">")).tobytes()
    data = b"\n".join([b"P7", *facts, b"TUPLTYPE " + kind, b"ENDHDR", body])
    picture = decode_image(data)
    assert (picture.gray, picture.alpha is not None) == (channels < 3, channels in (2, 4))
    np.testing.assert_array_equal(np.rint(picture.pixels[:, :, 0] * white), values[:, :, 0])
    assert encode_image(picture, "pam") == data.replace(b"# made by hand\n", b"")


@pytest.mark.parametrize("order", "<>")
def test_pfm_is_floats_from_the_bottom_up(order: str) -> None:
    values = np.random.default_rng(0).random((3, 5, 3), np.float32)
    data = b"PF\n5 3\n%s1.0\n" % (b"-" if order == "<" else b"") + values[::-1].astype(f"{order}f4").tobytes()
    picture = decode_image(data)
    np.testing.assert_array_equal(picture.pixels, values)
    assert picture.source.bits == 32
    again = encode_image(picture, "pfm")
    assert again == b"PF\n5 3\n-1.0\n" + values[::-1].astype("<f4").tobytes()
    gray = from_array(values[:, :, 0].copy())
    with Image.open(io.BytesIO(encode_image(gray, "pfm"))) as seen:
        np.testing.assert_array_equal(np.asarray(seen), values[:, :, 0])
    bright = data.replace(values[0, 0].astype(f"{order}f4").tobytes(), np.array([2, 0, 0], f"{order}f4").tobytes())
    with pytest.raises(ImageError, match=r"to 2.*HDR"):
        decode_image(bright)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"P6\n9 9\n65535\n" + bytes(40), "incomplete.*40 .*486"),
        (b"P3\n9 9\n65535\n" + b"1 " * 40, "incomplete"),
        (b"P6\n99999 99999\n65535\n" + bytes(40), "megapixels"),
        (b"P5\n1 1\n65536\n" + bytes(4), "65536.*65535"),
        (b"P5\n1 1\n1023\n\4\0", "beyond.*1023"),
        (b"P7\nWIDTH 99999\nHEIGHT 99999\nDEPTH 3\nMAXVAL 255\nENDHDR\n", "megapixels"),
        (b"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 5\nMAXVAL 255\nENDHDR\n" + bytes(20), "5 channels"),
        (b"P7\nWIDTH 2\nDEPTH 3\nMAXVAL 255\nENDHDR\n" + bytes(20), "lacks"),
        (b"PF\n99999 99999\n-1\n" + bytes(40), "megapixels"),
        (b"PF\n9 9\n-1\n" + bytes(40), "incomplete"),
    ],
)
def test_what_a_header_only_claims_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(ImageError, match=said) as caught:
        decode_image(data)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=30))
def test_any_header_is_safe(tail: bytes) -> None:
    for start in (b"P6\n", b"P5 1 1 ", b"P7\n", b"PF 1 1 ", b"P3 1 1 999 ", b"GIF89a"):
        try:
            decode_image(start + tail)
        except ImageError as error:
            assert "\n" not in str(error)  # noqa: PT017
