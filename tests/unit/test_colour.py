"""Colour spaces: profiles, chunks and EXIF understood, colours to sRGB and back."""

import io
import pickle
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from darklift.errors import ImageError
from darklift.image import Metadata, Picture
from darklift.image.colour import ColourSpace, matrix_to_xyz
from darklift.image.curves import SRGB as CURVE_OF_SRGB
from darklift.image.curves import Formula, Table
from darklift.image.icc import read_profile
from darklift.image.picture import FloatArray, Source
from darklift.image.spaces import colour_space_of
from profiles import (
    ADOBE,
    LINEAR,
    P3,
    ROMM,
    ROMM_CURVE,
    SRGB,
    SRGB_CURVE,
    formula,
    gamma,
    make_profile,
    srgb_light,
    table,
)

PROFILES = {
    "Adobe RGB, v2": make_profile(ADOBE, gamma(563 / 256)),
    "Display P3, v4": make_profile(P3, SRGB_CURVE, version=4),
    "Display P3, table": make_profile(P3, table([srgb_light(code / 1023) for code in range(1024)])),
    "ProPhoto, v4": make_profile(ROMM, ROMM_CURVE, version=4),
    "linear sRGB": make_profile(SRGB, LINEAR),
    "formula 0": make_profile(SRGB, formula(0, 1.8), version=4),
    "formula 1": make_profile(SRGB, formula(1, 2.0, 1.1, -0.1), version=4),
    "formula 2": make_profile(SRGB, formula(2, 2.0, 0.9, 0.05, 0.01), version=4),
    "formula 4": make_profile(SRGB, formula(4, 2.2, 0.949, 0.05, 0.02, 0.04, 0.001, 0.0004), version=4),
    "gray, gamma 1.8": make_profile(None, gamma(1.8)),
    "gray, linear, v4": make_profile(None, LINEAR, version=4),
    "gray, L*": make_profile(None, LINEAR, connection=b"Lab "),
}


def picture(pixels: FloatArray, gray: bool = False, **metadata: Any) -> Picture:
    return Picture(pixels, gray=gray, metadata=Metadata(**metadata))


def space_of(profile: bytes) -> ColourSpace:
    space, note = colour_space_of(
        picture(np.zeros((1, 1, 3), np.float32), profile[16:20] == b"GRAY", icc_profile=profile)
    )
    assert note is None
    assert space is not None
    return space


def colours(steps: int = 17, gray: bool = False) -> npt.NDArray[np.uint8]:
    """A grid of colours, (steps², steps, 3); or all grays, (16, 16, 3)."""
    if gray:
        return np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    codes = np.linspace(0, 255, steps).round().astype(np.uint8)
    return np.stack(np.meshgrid(codes, codes, codes, indexing="ij"), axis=-1).reshape(-1, steps, 3)


def through_lcms(codes: npt.NDArray[np.uint8], profile: bytes) -> npt.NDArray[np.uint8]:
    gray = profile[16:20] == b"GRAY"
    made = ImageCms.profileToProfile(
        Image.fromarray(codes[:, :, 0] if gray else codes),
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.NOOPTIMIZE,
    )
    assert made is not None
    return np.asarray(made)


@pytest.mark.parametrize("name", PROFILES)
def test_what_the_model_sees_is_what_lcms_makes(name: str) -> None:
    profile = PROFILES[name]
    gray = profile[16:20] == b"GRAY"
    codes, space = colours(gray=gray), space_of(profile)
    pixels = (codes / np.float32(255)).astype(np.float32)
    light = space._light(pixels)
    inside = ((light >= -1e-6) & (light <= 1 + 1e-6)).all(axis=0)  # lcms cuts off what is outside
    seen = np.rint(space.seen(pixels).transpose(1, 2, 0) * 255)
    apart = np.abs(seen - through_lcms(codes, profile))[inside]
    assert inside.sum() > 100
    assert apart.max() <= 1


@pytest.mark.parametrize("name", PROFILES)
def test_what_was_not_changed_comes_back(name: str) -> None:
    profile = PROFILES[name]
    space, gray = space_of(profile), profile[16:20] == b"GRAY"
    pixels = (colours(gray=gray) / np.float32(255)).astype(np.float32)
    back = space.given_back(space.seen(pixels), pixels, gray=gray)
    level = 0.1 if name == "formula 1" else 0.0  # codes up to 0.09 all stand for black
    assert np.abs(back - pixels)[pixels >= level].max() < 1e-3
    assert np.abs(back - pixels).mean() < (1e-2 if level else 1e-5)


def test_a_colour_that_srgb_has_too_comes_out_as_srgb_s_result_converted() -> None:
    space = ColourSpace("P3", (CURVE_OF_SRGB,) * 3, matrix_to_xyz(P3))
    rng = np.random.default_rng(0)
    pixels = rng.uniform(0.2, 0.3, (32, 32, 3)).astype(np.float32)  # near gray
    made = rng.uniform(0, 1, (3, 32, 32)).astype(np.float32)
    expected_light = np.vectorize(srgb_light)(made.astype(np.float64))
    to_p3 = np.linalg.solve(matrix_to_xyz(P3), matrix_to_xyz(SRGB))
    light = np.einsum("ij,jhw->hwi", to_p3, expected_light)
    given = np.vectorize(srgb_light)(space.given_back(made, pixels).astype(np.float64))
    assert np.abs(given - light).max() < 1 / 65535


@pytest.mark.parametrize(
    "lamp", [(0.3, 0.0, 0.0), (0.0, 0.3, 0.02), (0.9, 0.05, 0.1), (1.0, 0.1, 0.0), (0.0, 0.2, 0.1)]
)
def test_a_colour_outside_srgb_stays_outside_and_is_lifted_alike(lamp: tuple[float, float, float]) -> None:
    space = space_of(PROFILES["Display P3, v4"])
    pixels = np.full((4, 4, 3), lamp, np.float32)
    before = space._light(pixels)[:, 0, 0]
    seen = space.seen(pixels)
    assert seen.min() >= 0
    assert seen.max() <= 1
    made_light = np.vectorize(srgb_light)(seen.astype(np.float64))
    factor = min(4.0, 0.95 / float(made_light.max()))
    made = (1.055 * np.maximum(made_light * factor, 0.0031308) ** (1 / 2.4) - 0.055).astype(np.float32)
    made[made_light * factor <= 0.0031308] = (12.92 * made_light * factor)[made_light * factor <= 0.0031308]
    after = space._light(space.given_back(made, pixels))[:, 0, 0]
    assert (before < 0).any() or (before > 1).any()
    assert np.allclose(after, factor * before, atol=2e-3)


@pytest.mark.parametrize("name", ["Adobe RGB, v2", "Display P3, table", "ProPhoto, v4"])
def test_a_part_is_converted_as_the_whole(name: str) -> None:
    space, rng = space_of(PROFILES[name]), np.random.default_rng(1)
    pixels = rng.random((600, 531, 3), dtype=np.float32)
    made = rng.random((3, 600, 531), dtype=np.float32)
    rows, columns = slice(77, 478), slice(13, 500)
    part = pixels[rows, columns]
    assert np.array_equal(space.seen(part), space.seen(pixels)[:, rows, columns])
    whole = space.given_back(made, pixels)
    assert np.array_equal(space.given_back(made[:, rows, columns], part), whole[rows, columns])


@pytest.mark.parametrize(
    "profile",
    [
        make_profile(SRGB, SRGB_CURVE, version=4),
        make_profile(SRGB, table([srgb_light(code / 1023) for code in range(1024)])),
        make_profile(SRGB, table([srgb_light(code / 255) for code in range(256)])),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        make_profile(SRGB, formula(3, 2.4, 0.9479, 0.0521, 0.0774, 0.0405), version=4),
    ],
    ids=["v4", "v2 table", "short table", "lcms", "rounded"],
)
def test_a_profile_of_srgb_is_srgb(profile: bytes) -> None:
    assert colour_space_of(picture(np.zeros((1, 1, 3), np.float32), icc_profile=profile)) == (None, None)


def test_gamma_2_2_is_not_srgb() -> None:
    assert space_of(make_profile(SRGB, gamma(2.2))).name == "made"


@pytest.mark.parametrize(
    ("profile", "word"),
    [
        (b"no profile at all", "begin"),
        (make_profile(P3, SRGB_CURVE)[:200], "short"),
        (make_profile(P3, SRGB_CURVE).replace(b"gTRC", b"gone"), "gTRC"),
        (make_profile(P3, table([1, 0])), "rise"),
        (make_profile(P3, formula(0, -1.0)), "rise"),
        (make_profile(P3, formula(9)), "type 9"),
        (make_profile(P3, gamma(2.2)).replace(b"curv", b"what"), "neither"),
        (make_profile(None, gamma(2.2)), "gray"),
        (make_profile(P3, SRGB_CURVE).replace(b"RGB ", b"CMYK"), "CMYK"),
    ],
)
def test_a_profile_that_cannot_be_used_counts_as_srgb_with_a_note(profile: bytes, word: str) -> None:
    space, note = colour_space_of(picture(np.zeros((1, 1, 3), np.float32), icc_profile=profile))
    assert space is None
    assert note is not None
    assert word in note
    assert "sRGB" in note


@example(365, b"V\x00\x00\x0f")  # a power that no float holds
@given(st.integers(0, 600), st.binary(min_size=1, max_size=8))
def test_a_damaged_profile_is_a_profile_or_a_value_error(at: int, patch: bytes) -> None:
    for whole in (PROFILES["Display P3, v4"], PROFILES["Adobe RGB, v2"], PROFILES["gray, L*"]):
        damaged = whole[:at] + patch + whole[at + len(patch) :]
        try:
            profile = read_profile(damaged)
        except ValueError:
            continue
        if not profile.tabled:
            space = ColourSpace("damaged", profile.curves, profile.columns)
            pixels = np.linspace(0, 1, 48, dtype=np.float32).reshape(4, 4, 3)
            assert np.isfinite(space.given_back(space.seen(pixels), pixels)).all()


def test_high_dynamic_range_and_tables_of_colours_are_refused() -> None:
    black = np.zeros((1, 1, 3), np.float32)
    code = b"cicp\0\0\0\0" + bytes([9, 16, 0, 1])
    with pytest.raises(ImageError, match="PQ"):
        colour_space_of(picture(black, icc_profile=make_profile(P3, SRGB_CURVE, version=4, more={b"cicp": code})))
    with pytest.raises(ImageError, match="HLG"):
        colour_space_of(picture(black, png_chunks=((b"cICP", bytes([9, 18, 0, 1])),)))
    with pytest.raises(ImageError, match=r"made.*table"):
        colour_space_of(picture(black, icc_profile=make_profile(P3, SRGB_CURVE, more={b"A2B0": b"mft2"})))


def chunk(gamma_code: int | None = None, primaries: tuple[tuple[float, float], ...] | None = None) -> Any:
    chunks = [] if gamma_code is None else [(b"gAMA", struct.pack(">I", gamma_code))]
    if primaries is not None:
        red, green, blue, white = primaries
        numbers = [round(number * 100000) for place in (white, red, green, blue) for number in place]
        chunks.append((b"cHRM", struct.pack(">8I", *numbers)))
    return tuple(chunks)


@pytest.mark.parametrize(
    ("chunks", "same_as"),
    [
        (((b"cICP", bytes([12, 13, 0, 1])),), "Display P3, v4"),
        (((b"cICP", bytes([1, 8, 0, 1])),), "linear sRGB"),
        (chunk(100000), "linear sRGB"),
        (chunk(100000, SRGB), "linear sRGB"),
        (chunk(45455, ADOBE), "Adobe RGB, v2"),
        (((b"cICP", bytes([1, 13, 0, 1])),), None),
        (((b"cICP", bytes([1, 1, 0, 1])),), None),
        (chunk(45455), None),
        (chunk(45455, SRGB), None),
        ((*chunk(100000), (b"sRGB", b"\0")), None),
    ],
)
def test_png_chunks_tell_the_colour_space(chunks: Any, same_as: str | None) -> None:
    pixels = (colours(5) / np.float32(255)).astype(np.float32)
    space, note = colour_space_of(picture(pixels, png_chunks=chunks))
    assert note is None
    if same_as is None:
        assert space is None
    else:
        assert space is not None
        assert np.abs(space.seen(pixels) - space_of(PROFILES[same_as]).seen(pixels)).max() < 2e-3


def test_chunks_go_before_profiles_and_profiles_before_chunks_as_png_says() -> None:
    black = np.zeros((1, 1, 3), np.float32)
    linear, adobe = PROFILES["linear sRGB"], PROFILES["Adobe RGB, v2"]
    assert (
        colour_space_of(picture(black, icc_profile=linear, png_chunks=((b"cICP", bytes([1, 13, 0, 1])),))).space is None
    )
    both = colour_space_of(picture(black, icc_profile=adobe, png_chunks=((b"sRGB", b"\0"),))).space
    assert both is not None
    assert both.name == "made"


@pytest.mark.parametrize(
    "chunks", [((b"cICP", bytes([1, 13, 9, 1])),), ((b"gAMA", b"\0\0\0\1"),), ((b"cHRM", b"short"),)]
)
def test_chunks_that_cannot_be_used_count_as_srgb_with_a_note(chunks: Any) -> None:
    space, note = colour_space_of(picture(np.zeros((1, 1, 3), np.float32), png_chunks=chunks))
    assert space is None
    assert note is not None


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("stated", "index", "adobe"),
    [
        (1, b"R98\0", False),
        (2, b"R98\0", True),
        (0xFFFF, b"R03\0", True),
        (0xFFFF, b"R98\0", False),
        (1, b"R03\0", False),
    ],
)
def test_exif_tells_adobe_rgb(order: str, stated: int, index: bytes, adobe: bool) -> None:
    mark = b"II*\0" if order == "<" else b"MM\0*"
    first = struct.pack(order + "IHHHIII", 8, 1, 0x8769, 4, 1, 26, 0)
    details = struct.pack(order + "HHHIHHHHIII", 2, 0xA001, 3, 1, stated, 0, 0xA005, 4, 1, 56, 0)
    interop = struct.pack(order + "HHHI4sI", 1, 1, 2, 4, index, 0)
    exif = b"Exif\0\0" + mark + first + details + interop
    space = colour_space_of(picture(np.zeros((1, 1, 3), np.float32), exif=exif)).space
    assert (space is not None) is adobe
    if space is not None:
        pixels = (colours(5) / np.float32(255)).astype(np.float32)
        assert np.abs(space.seen(pixels) - space_of(PROFILES["Adobe RGB, v2"]).seen(pixels)).max() < 2e-3


def test_inks_that_were_converted_are_srgb_whatever_their_exif_says() -> None:
    metadata = Metadata(icc_profile=PROFILES["linear sRGB"])
    inks = Picture(np.zeros((1, 1, 3), np.float32), metadata=metadata, source=Source("JPEG", 8, "CMYK"))
    assert colour_space_of(inks) == (None, None)


def test_a_space_travels() -> None:
    space = space_of(PROFILES["Display P3, table"])
    there = pickle.loads(pickle.dumps(space))
    pixels = (colours(5) / np.float32(255)).astype(np.float32)
    assert np.array_equal(there.seen(pixels), space.seen(pixels))


@given(st.floats(0.3, 4), st.floats(0.5, 1.5), st.floats(-0.1, 0.2), st.floats(0, 0.2), st.floats(0, 0.2))
def test_formulas_are_inverted(g: float, a: float, b: float, c: float, d: float) -> None:
    coded = np.linspace(max(d, -b / a, 0) + 0.01, 0.95, 50)
    try:
        curve = Formula(g, a, b, c, d)
    except ValueError:
        return
    assert np.abs(curve.encode(curve.decode(coded)) - coded).max() < 1e-6


def test_tables_are_straight_between_their_values_and_dips_are_levelled() -> None:
    curve = Table(np.array([0.0, 0.3, 0.295, 1.0]))
    assert curve.decode(np.array([1 / 6, 0.5, 5 / 6])) == pytest.approx([0.15, 0.3, 0.65])
    assert curve.encode(np.array([0.15, 0.65])) == pytest.approx([1 / 6, 5 / 6])
