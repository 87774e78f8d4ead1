"""CMYK of more than 8 bits in TIFF files, against lcms2 in floats and arithmetic; and what is refused."""

import io
import struct

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from darklift.errors import ImageError, MissingExtraError
from darklift.image import decode_image, encode_image
from darklift.image.extras import Extra
from darklift.image.pixels import srgb_profile

RNG = np.random.default_rng(0)


def cmyk_profile() -> bytes:
    """A press that is none: ICC v2, ``lut16`` of 3 steps an ink, to CIE Lab."""
    curve = struct.pack(">2H", 0, 65535)
    steps = np.stack(np.meshgrid(*[np.linspace(0, 1, 3)] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    cyan, magenta, yellow, black = steps.T
    lightness = 100 * (1 - black) * (1 - 0.45 * cyan) * (1 - 0.5 * magenta) * (1 - 0.1 * yellow)
    a = (1 - black) * (70 * magenta - 35 * cyan)
    b = (1 - black) * (85 * yellow - 45 * cyan - 5 * magenta)
    lab = np.stack([lightness * 652.8, (a + 128) * 256, (b + 128) * 256], axis=1).round().astype(">u2")
    matrix = struct.pack(">9i", *(65536 * (place % 4 == 0) for place in range(9)))
    table = b"mft2" + bytes(4) + bytes([4, 3, 3, 0]) + matrix + struct.pack(">2H", 2, 2) + curve * 4
    table += lab.tobytes() + curve * 3
    text = b"desc" + bytes(4) + struct.pack(">I", 6) + b"press\0" + bytes(78)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    tags = {b"desc": text, b"wtpt": white, b"A2B0": table}
    start, places, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, contents in tags.items():
        places += name + struct.pack(">2I", start + len(body), len(contents))
        body += contents + bytes(-len(contents) % 4)
    head = struct.pack(">4x4sI4s4s4s12x4s", b"none", 0x02400000, b"prtr", b"CMYK", b"Lab ", b"acsp")
    head += bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    profile = head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + places + body
    return struct.pack(">I", len(profile)) + profile[4:]


def tiff(inks: npt.NDArray[np.generic], **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, inks, metadata=None, **{"photometric": "separated", **options})
    return stream.getvalue()


@pytest.fixture(scope="module")
def inks() -> npt.NDArray[np.uint16]:
    return RNG.integers(0, 65536, (50, 70, 4), dtype=np.uint16)


def through_lcms(inks: npt.NDArray[np.uint16]) -> npt.NDArray[np.float64]:
    """By floats, from 0 to 65535."""
    imagecodecs = pytest.importorskip("imagecodecs", reason="the extra deep brings it")
    percent = (inks / 655.35).astype(np.float32)
    made = imagecodecs.cms_transform(
        percent, cmyk_profile(), srgb_profile(), colorspace="cmyk", outcolorspace="rgb", outdtype="float32", intent=1,
        flags=0x2100,
    )  # fmt: skip
    return 65535 * np.clip(made.astype(np.float64), 0, 1)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_through_its_profile_with_all_bits(inks: npt.NDArray[np.uint16], byteorder: str, planes: str) -> None:
    expected = through_lcms(inks)
    stored = inks if planes == "contig" else inks.transpose(2, 0, 1)
    data = tiff(stored, byteorder=byteorder, planarconfig=planes, iccprofile=cmyk_profile(), compression="zlib")
    picture = decode_image(data)
    assert (picture.source.colour_space, picture.source.bits) == ("CMYK", 16)
    np.testing.assert_allclose(65535 * picture.pixels.astype(np.float64), expected, atol=1.5)
    assert picture.metadata.icc_profile == srgb_profile()
    (note,) = picture.metadata.notes
    assert "CMYK" in note
    again = decode_image(encode_image(picture, "png"))
    np.testing.assert_array_equal(again.pixels, picture.pixels)


def test_a_ramp_of_black_has_many_levels() -> None:
    pytest.importorskip("imagecodecs", reason="the extra deep brings it")
    ramp = np.zeros((1, 30_000, 4), np.uint16)
    ramp[:, :, 3] = np.linspace(40_000, 60_000, 30_000)
    values = decode_image(tiff(ramp, iccprofile=cmyk_profile())).pixels[0, :, 1]
    assert len(np.unique(values)) > 4000
    assert (np.diff(values) <= 2 / 65535).all()


@pytest.mark.parametrize("profile", [None, b"no profile at all".ljust(200)])
def test_without_a_profile_that_can_be_used_it_is_plain_arithmetic(
    inks: npt.NDArray[np.uint16], profile: bytes | None
) -> None:
    if profile is not None:
        pytest.importorskip("imagecodecs", reason="the extra deep brings it")
    picture = decode_image(tiff(inks, **({} if profile is None else {"iccprofile": profile})))
    share = 1 - inks / 65535
    np.testing.assert_allclose(picture.pixels, share[:, :, :3] * share[:, :, 3:], atol=0.51 / 65535)
    assert picture.metadata.icc_profile is None
    (note,) = picture.metadata.notes
    assert note.startswith("CMYK inks:" if profile is None else "a CMYK profile that cannot be used")


def test_other_depths_and_alpha(inks: npt.NDArray[np.uint16]) -> None:
    share = inks / 65535
    expected = (1 - share[:, :, :3]) * (1 - share[:, :, 3:])
    found = decode_image(tiff(share.astype(np.float32)))
    np.testing.assert_allclose(found.pixels, expected, atol=1 / 65535)
    alpha = RNG.integers(0, 65536, (*inks.shape[:2], 1), dtype=np.uint16)
    see_through = decode_image(tiff(np.concatenate([inks, alpha], axis=2), extrasamples=["unassalpha"]))
    np.testing.assert_allclose(see_through.pixels, expected, atol=0.51 / 65535)
    np.testing.assert_array_equal(see_through.alpha, alpha[:, :, 0] / np.float32(65535))


def test_the_profile_needs_the_extra(inks: npt.NDArray[np.uint16], monkeypatch: pytest.MonkeyPatch) -> None:
    missing = Extra("no_such_library", "imagecodecs", "deep")
    monkeypatch.setattr("darklift.image.inks.DEEP", missing)
    with pytest.raises(MissingExtraError, match="CMYK"):
        decode_image(tiff(inks, iccprofile=cmyk_profile()))
    assert decode_image(tiff(inks)).size == inks.shape[:2]


@pytest.mark.parametrize(("photometric", "named"), [("cielab", "CIE Lab"), ("icclab", "ICC Lab"), ("ycbcr", "YCbCr")])
def test_other_deep_colours_are_refused_by_name(photometric: str, named: str) -> None:
    data = tiff(RNG.integers(0, 65536, (6, 7, 3), dtype=np.uint16), photometric=photometric)
    with pytest.raises(ImageError, match=f"in {named} with 16 bits"):
        decode_image(data)


def test_inks_of_another_set_and_multiplied_ones_are_refused(inks: npt.NDArray[np.uint16]) -> None:
    with pytest.raises(ImageError, match="other inks"):
        decode_image(tiff(inks, extratags=[(332, 3, 1, 2, True)]))
    five = np.concatenate([inks, inks[:, :, :1]], axis=2)
    with pytest.raises(ImageError, match="multiplied with alpha"):
        decode_image(tiff(five, extrasamples=["assocalpha"]))


def test_eight_bits_go_the_same_way() -> None:
    """By Pillow's lcms2, which is given a table: within its shortcut."""
    inks = RNG.integers(0, 256, (20, 30, 4), dtype=np.uint8)
    coarse = io.BytesIO()
    Image.fromarray(inks, "CMYK").save(coarse, "TIFF", icc_profile=cmyk_profile())
    expected = through_lcms(inks.astype(np.uint16) * 257) / 257
    apart = np.abs(255 * decode_image(coarse.getvalue()).pixels - expected)
    assert (apart.mean() < 2, apart.max() < 40) == (True, True)
