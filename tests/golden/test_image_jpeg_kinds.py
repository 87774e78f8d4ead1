"""Unusual JPEGs against a second decoder: the imagecodecs package makes them, and says what is in them."""

import io
import itertools
import struct

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms, JpegImagePlugin

from darklift.errors import ImageError
from darklift.image import Picture, decode_image, encode_image
from darklift.image.jpeg_layout import layout_of
from profiles import LINEAR, SRGB, make_profile

imagecodecs = pytest.importorskip("imagecodecs", reason="imagecodecs makes and reads the JPEGs here")

Bytes = npt.NDArray[np.uint8]


def scene(height: int = 48, width: int = 64) -> Bytes:
    y, x = np.mgrid[0:height, 0:width] / np.float32(width)
    colours = np.stack([0.2 + x / 2, 0.3 + y / 2, 0.5 - x / 3], 2)
    return np.rint(colours * 255).astype(np.uint8)


def eight_bits(picture: Picture) -> npt.NDArray[np.int64]:
    return np.rint(picture.pixels * 255).astype(np.int64)


def without_adobe(data: bytes) -> bytes:
    at = data.index(b"Adobe") - 4
    (length,) = struct.unpack_from(">H", data, at + 2)
    return data[:at] + data[at + 2 + length :]


def inks(height: int = 48, width: int = 64) -> Bytes:
    """Coverage of cyan, magenta, yellow and black."""
    return np.concatenate([255 - scene(height, width), scene(height, width)[:, ::-1, :1] // 3], axis=2)


def cmyk_profile() -> bytes:
    """Inks by a table of three steps each: what they leave of the paper, as a lightness and two colours (Lab)."""
    nodes = bytearray()
    for cyan, magenta, yellow, black in itertools.product((1, 0.5, 0), repeat=4):
        light = 100 * black * (0.3 * cyan + 0.5 * magenta + 0.2 * yellow) ** 0.8
        colours = 60 * black * (cyan - magenta), 70 * black * ((cyan + magenta) / 2 - yellow)
        nodes += bytes([round(light * 2.55), *(round(128 + colour) for colour in colours)])
    matrix = struct.pack(">9I", *(65536 if place % 4 == 0 else 0 for place in range(9)))
    ramp = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes([4, 3, 3, 0]) + matrix + 4 * ramp + nodes + 3 * ramp
    profile = make_profile(SRGB, LINEAR, connection=b"Lab ", more={b"A2B0": table})
    return profile[:12] + b"prtrCMYK" + profile[20:]


# ------------------------------------------------------------------------------------------------------- how it is told


@pytest.mark.parametrize(
    ("subsampling", "upright", "on_its_side"),
    [
        ("444", "4:4:4", "4:4:4"),
        ("422", "4:2:2", "4:4:4"),
        ("420", "4:2:0", "4:2:0"),
        ("440", "4:4:4", "4:2:2"),
        ("411", "4:2:2", "4:4:4"),
    ],
)
def test_colour_of_every_resolution(subsampling: str, upright: str, on_its_side: str) -> None:
    data = imagecodecs.jpeg8_encode(scene(), 90, subsampling=subsampling)
    picture = decode_image(data)
    np.testing.assert_array_equal(eight_bits(picture), imagecodecs.jpeg8_decode(data))
    assert (picture.source.subsampling, picture.source.quality) == (upright, 90)
    exif = Image.Exif()
    exif[0x0112] = 6
    block = b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")
    turned = decode_image(data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:])
    assert turned.source.subsampling == on_its_side


@pytest.mark.parametrize("subsampling", ["440", "411", "422"])
def test_no_colour_is_lost_by_the_subsampling_that_is_written(subsampling: str) -> None:
    """As many columns and rows of colour at least as the photo had, by the factors in the file's header."""
    data = imagecodecs.jpeg8_encode(scene(), 90, subsampling=subsampling)
    written = encode_image(decode_image(data), "jpg")
    fine, before = (JpegImagePlugin.JpegImageFile(io.BytesIO(file)).layer for file in (written, data))
    for axis in (1, 2):
        assert fine[0][axis] / fine[1][axis] <= before[0][axis] / before[1][axis]


def test_gray() -> None:
    data = imagecodecs.jpeg8_encode(np.ascontiguousarray(scene()[:, :, 0]), 90)
    picture = decode_image(data)
    assert picture.gray
    np.testing.assert_array_equal(eight_bits(picture)[:, :, 0], imagecodecs.jpeg8_decode(data))


def test_colours_that_are_told_as_rgb() -> None:
    """Adobe's transform 0: the three channels are red, green and blue."""
    data = imagecodecs.jpeg8_encode(scene(), 95, colorspace="RGB", outcolorspace="RGB")
    assert data[data.index(b"Adobe") + 11] == 0
    picture = decode_image(data)
    np.testing.assert_array_equal(eight_bits(picture), imagecodecs.jpeg8_decode(data))
    assert np.abs(eight_bits(picture) - scene()).max() <= 4
    assert decode_image(without_adobe(data)).pixels.tolist() == picture.pixels.tolist()  # by the channels' names


@pytest.mark.parametrize("options", [{"progressive": True}, {"restart_marker_rows": 1}, {"restart_marker_blocks": 5}])
def test_progressive_and_with_restarts(options: dict[str, object]) -> None:
    stream = io.BytesIO()
    Image.fromarray(scene()).save(stream, "JPEG", quality=90, **options)
    np.testing.assert_array_equal(
        eight_bits(decode_image(stream.getvalue())), imagecodecs.jpeg8_decode(stream.getvalue())
    )


# ------------------------------------------------------------------------------------------------------------- inks


@pytest.mark.parametrize(("coded", "marked"), [("CMYK", True), ("CMYK", False), ("YCCK", True)])
def test_inks_are_stored_as_what_they_leave_of_the_paper(coded: str, marked: bool) -> None:
    """Browsers read them so, with Adobe's marker or without; YCCK cannot be told without it."""
    data = imagecodecs.jpeg8_encode(255 - inks(), 98, colorspace="CMYK", outcolorspace=coded)
    data = data if marked else without_adobe(data)
    found = 255 - imagecodecs.jpeg8_decode(data, outcolorspace="CMYK").astype(np.int64)
    assert np.abs(found - inks()).max() < 12
    colours = (255 - found[:, :, :3]) * (255 - found[:, :, 3:]) / 255
    picture = decode_image(data)
    assert picture.source.colour_space == "CMYK"
    assert np.abs(eight_bits(picture) - colours).max() <= 1


def test_inks_with_a_profile_as_another_engine_converts_them() -> None:
    stream, profile = io.BytesIO(), cmyk_profile()
    Image.fromarray(inks(), "CMYK").save(stream, "JPEG", quality=98, icc_profile=profile)
    picture = decode_image(stream.getvalue())
    found = 255 - imagecodecs.jpeg8_decode(stream.getvalue(), outcolorspace="CMYK")
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    expected = imagecodecs.cms_transform(
        np.ascontiguousarray(found),
        profile,
        srgb,
        colorspace="cmyk",
        outcolorspace="rgb",
        intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
        flags=imagecodecs.CMS.FLAGS.BLACKPOINTCOMPENSATION,
    )
    assert np.abs(eight_bits(picture) - expected).max() <= 2
    (note,) = picture.metadata.notes
    assert "CMYK" in note


# --------------------------------------------------------------------------------------------------- other kinds


def test_a_lossless_jpeg_of_8_bits_is_read_as_it_is() -> None:
    colour, gray = scene(), np.ascontiguousarray(scene()[:, :, 0])
    for samples, expected in ((colour, colour), (gray, np.repeat(gray[:, :, None], 3, axis=2))):
        picture = decode_image(imagecodecs.jpeg8_encode(samples, lossless=True, predictor=1))
        np.testing.assert_array_equal(eight_bits(picture), expected)
        assert (picture.source.quality, picture.source.subsampling) == (None, "4:4:4")


@pytest.mark.parametrize(("bits", "lossless"), [(12, False), (12, True), (16, True)])
@pytest.mark.parametrize("channels", [1, 3])
def test_more_than_8_bits_are_refused_with_the_reason(bits: int, lossless: bool, channels: int) -> None:
    options = {"lossless": True, "predictor": 1} if lossless else {}
    samples = np.ascontiguousarray(scene()[:, :, :channels].squeeze()).astype(np.uint16) << (bits - 8)
    data = imagecodecs.jpeg8_encode(samples, 90, bitspersample=bits, **options)
    with pytest.raises(ImageError, match="more than 8 bits"):
        decode_image(data)


def test_the_ultra_hdr_of_another_encoder_is_read_as_its_base_picture() -> None:
    """libultrahdr's, which tells the gain map by ISO 21496-1 and not by XMP."""
    light = np.ones((96, 128, 4), np.float16)
    light[:, :, :3] = (scene(96, 128) / 255) ** 2
    data = imagecodecs.ultrahdr_encode(light)
    assert b"urn:iso:std:iso:ts:21496" in data
    picture = decode_image(data)
    np.testing.assert_array_equal(eight_bits(picture), imagecodecs.jpeg8_decode(data))
    (note,) = picture.metadata.notes
    assert "gain map" in note
    written = encode_image(picture, "jpg")
    assert layout_of(written).pictures == []
    assert b"21496" not in written
    assert Image.open(io.BytesIO(written)).format == "JPEG"
