"""The bundled nano on one dark scene in several colour spaces: one result, each in its own numbers."""

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from darklift import Enhancer
from darklift.errors import ImageError
from darklift.image import Metadata, Picture, decode_image, encode_image
from darklift.image.colour import ColourSpace
from darklift.image.picture import FloatArray
from darklift.image.spaces import colour_space_of
from darklift.pipeline.tiling import Tile
from profiles import ADOBE, LINEAR, P3, ROMM, ROMM_CURVE, SRGB, SRGB_CURVE, gamma, make_profile

PROFILES = {
    "Adobe RGB": make_profile(ADOBE, gamma(563 / 256)),
    "ProPhoto": make_profile(ROMM, ROMM_CURVE, version=4),
    "Display P3": make_profile(P3, SRGB_CURVE, version=4),
    "linear": make_profile(SRGB, LINEAR),
}


@pytest.fixture(scope="module")
def enhancer() -> Enhancer:
    return Enhancer("nano")


def dark_scene(height: int = 120, width: int = 160, seed: int = 0) -> FloatArray:
    """Walls, two coloured things and a lamp, dark and with noise: sRGB numbers."""
    y, x = np.mgrid[0:height, 0:width]
    light = 0.02 + 0.01 * np.sin(x / 17)[..., None] * np.array([1.0, 0.8, 0.6])
    light = np.repeat(light, 1, axis=2)
    light[20:60, 20:60] = (0.04, 0.012, 0.01)
    light[70:110, 30:90] = (0.01, 0.02, 0.05)
    light[np.hypot(y - 30, x - 120) < 12] = (0.7, 0.6, 0.4)
    light += np.random.default_rng(seed).normal(0, 0.001, light.shape)
    return (light.clip(0.0005, 1) ** (1 / 2.2)).astype(np.float32)


def space_of(profile: bytes) -> ColourSpace:
    space = colour_space_of(Picture(np.zeros((1, 1, 3), np.float32), metadata=Metadata(icc_profile=profile))).space
    assert space is not None
    return space


def converted(pixels: FloatArray, profile: bytes, levels: int = 65535) -> Picture:
    """sRGB numbers as a picture in a profile's space, rounded to so many levels as a file of it would be."""
    own = space_of(profile).given_back(pixels.transpose(2, 0, 1), np.full_like(pixels, 0.3))
    rounded = (np.rint(own * levels) / levels).astype(np.float32)
    return Picture(rounded, metadata=Metadata(icc_profile=profile))


def in_srgb(picture: Picture) -> npt.NDArray[np.float32]:
    space = colour_space_of(picture).space
    return picture.pixels if space is None else space.seen(picture.pixels).transpose(1, 2, 0)


@pytest.mark.parametrize("name", PROFILES)
def test_one_scene_gives_one_result_whatever_its_colour_space(name: str, enhancer: Enhancer) -> None:
    scene = dark_scene()
    plain = enhancer(Picture(scene)).pixels
    made = enhancer(converted(scene, PROFILES[name]))
    assert plain.mean() > 1.5 * scene.mean()
    assert np.abs(in_srgb(made) - plain).max() <= 1 / 255
    assert made.metadata.icc_profile == PROFILES[name]


def test_a_file_in_adobe_rgb_comes_out_as_the_srgb_one(enhancer: Enhancer) -> None:
    scene = (np.rint(dark_scene() * 255) / 255).astype(np.float32)
    file = encode_image(converted(scene, PROFILES["Adobe RGB"], levels=255), "png")
    made = enhancer(decode_image(file))
    apart = np.abs(in_srgb(made) - enhancer(Picture(scene)).pixels)
    assert apart.mean() <= 1 / 255
    assert np.quantile(apart, 0.99) <= 2 / 255


def test_a_gray_photo_comes_out_as_the_srgb_one_in_gray(enhancer: Enhancer) -> None:
    gray = np.repeat(dark_scene()[:, :, :1], 3, axis=2)
    plain = enhancer(Picture(gray, gray=True))
    profile = make_profile(None, gamma(1.8))
    metadata = Metadata(icc_profile=profile)
    space = colour_space_of(Picture(gray, gray=True, metadata=metadata)).space
    assert space is not None
    own = space.given_back(gray.transpose(2, 0, 1), gray, gray=True)
    made = enhancer(Picture(own, gray=True, metadata=metadata))
    assert (made.pixels == made.pixels[:, :, :1]).all()
    shown = space.seen(made.pixels)[0]
    luma = plain.pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    assert np.abs(shown - luma).max() <= 1 / 255


@pytest.mark.parametrize("strength", [0.25, 1.0])
def test_a_red_lamp_outside_srgb_stays_outside(strength: float, enhancer: Enhancer) -> None:
    pixels = converted(dark_scene(), PROFILES["Display P3"]).pixels.copy()
    pixels[20:60, 20:60] = (0.35, 0.004, 0.004)
    photo = Picture(pixels, metadata=Metadata(icc_profile=PROFILES["Display P3"]))
    space = space_of(PROFILES["Display P3"])
    lamp = np.s_[26:54, 26:54]
    before = space._light(photo.pixels[lamp]).mean(axis=(1, 2))
    after = space._light(enhancer(photo, strength=strength).pixels[lamp]).mean(axis=(1, 2))
    assert before[1] < -0.02 * before[0]
    assert after[1] < -0.01 * after[0]
    assert after[0] > before[0]


def test_strength_0_changes_no_number(enhancer: Enhancer) -> None:
    for profile in PROFILES.values():
        pixels = np.random.default_rng(2).random((33, 47, 3), dtype=np.float32)
        photo = Picture(pixels, metadata=Metadata(icc_profile=profile))
        assert np.array_equal(enhancer(photo, strength=0).pixels, pixels)


@pytest.mark.parametrize("name", ["Adobe RGB", "ProPhoto"])
def test_a_part_is_the_whole_s_to_the_bit_by_a_plan_that_travelled(name: str, enhancer: Enhancer) -> None:
    photo = converted(dark_scene(1040, 1100), PROFILES[name])
    plan = pickle.loads(pickle.dumps(enhancer.plan(photo)))
    assert len(plan.pieces) > 1
    whole = enhancer.render(photo, plan).picture.pixels
    part = Tile(500, 480, 77, 131)
    assert np.array_equal(enhancer.render(photo, plan, part).picture.pixels, whole[part.window])


@pytest.mark.parametrize("metadata", [{"icc_profile": make_profile(SRGB, SRGB_CURVE, version=4)}, {"exif": b"damaged"}])
def test_srgb_stays_as_it_was_to_the_bit(metadata: dict[str, Any], enhancer: Enhancer) -> None:
    scene = dark_scene()
    photo = Picture(scene, metadata=Metadata(**metadata))
    made = enhancer.run(photo).picture
    assert np.array_equal(made.pixels, enhancer(Picture(scene)).pixels)
    assert made.metadata == photo.metadata


def test_a_useless_profile_is_told_of_and_high_dynamic_range_refused(enhancer: Enhancer) -> None:
    photo = Picture(dark_scene(), metadata=Metadata(icc_profile=b"not a profile"))
    made = enhancer(photo)
    assert np.array_equal(made.pixels, enhancer(Picture(photo.pixels)).pixels)
    assert any("profile" in note for note in made.metadata.notes)
    assert made.metadata.icc_profile == b"not a profile"
    hdr = replace(photo, metadata=Metadata(png_chunks=((b"cICP", bytes([9, 16, 0, 1])),)))
    with pytest.raises(ImageError, match="PQ"):
        enhancer(hdr)
