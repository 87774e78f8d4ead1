"""Flat dark parts are smoothed before they are lifted; noise, lamps and stars stay."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darklift.data.synthesis import code_in_blocks
from seen import smoothing_of, view_of_planes

SIZE = (480, 1920)
"""Of a photo on whose grid of 4×4 pixels the filter works."""


def deblock(low: np.ndarray) -> np.ndarray:
    view = view_of_planes(low)
    smoothing = smoothing_of(view)
    return low if smoothing is None else smoothing.apply(low, view.inside)


def noisy(deviation: float = 1.0) -> np.ndarray:
    """A dark photo as sensors make it: 8 bits, its own noise in them."""
    rng = np.random.default_rng(0)
    ramp = np.broadcast_to(np.linspace(2, 12, SIZE[1]), (3, *SIZE))
    return np.clip(np.rint(ramp + rng.normal(0, deviation, ramp.shape)), 0, 255).astype(np.uint8)


def blocked() -> np.ndarray:
    """The same as its file would be coded in blocks of 32 pixels."""
    return code_in_blocks(noisy(), side=32, flat=4, steps=(2, 3))


def chequered(side: int) -> np.ndarray:
    """Of 2 and 4 codes."""
    rows, columns = (np.arange(length) // side for length in SIZE)
    return np.broadcast_to((2 + (rows[:, None] + columns) % 2 * 2).astype(np.uint8), (3, *SIZE))


def black() -> np.ndarray:
    return np.zeros((3, *SIZE), dtype=np.uint8)


def smoothed(codes: np.ndarray) -> np.ndarray:
    """In codes, and the input is left as it was."""
    low = codes.astype(np.float32) / 255
    low.flags.writeable = False
    made = deblock(low)
    assert made is not low
    return made * 255


@pytest.mark.parametrize("codes", [noisy(), chequered(6)], ids=["noise", "detail"])
def test_a_photo_with_noise_or_detail_is_the_very_same_array(codes: np.ndarray) -> None:
    low = codes.astype(np.float32) / 255
    assert deblock(low) is low


def test_steps_between_blocks_become_slopes_of_the_same_mean() -> None:
    codes = blocked()
    made = smoothed(codes)
    before, after = (np.abs(np.diff(planes.mean(axis=0), axis=1)).max() for planes in (codes.astype(float), made))
    assert before == 2
    assert after < 0.6
    np.testing.assert_allclose(made.mean(axis=(1, 2)), codes.mean(axis=(1, 2)), atol=0.1)


def test_an_edge_much_larger_than_rounding_stays_sharp_where_both_sides_are_dark() -> None:
    codes = black() + np.uint8(2)
    codes[:, :, 960:] = 17
    step = np.diff(smoothed(codes)[0, 240])
    assert step[959] > 12
    assert np.abs(np.delete(step, 959)).max() < 0.5


def test_what_is_nearly_black_loses_its_colour_and_what_is_not_keeps_it() -> None:
    codes = black()
    codes[0, :, :960], codes[2, :, 960:] = 1, 5
    made = smoothed(codes)
    spread = made.max(axis=0) - made.min(axis=0)
    assert spread[:, :900].max() < 0.1
    assert spread[:, 1000:].min() > 4.9


@pytest.mark.parametrize("colour", [(200, 0, 0), (0, 120, 0), (40, 40, 40), (0, 0, 45)])
@pytest.mark.parametrize("side", [1, 8])
def test_lamps_and_stars_stay_what_they_are(colour: tuple[int, int, int], side: int) -> None:
    codes = black()
    codes[:, 240 : 240 + side, 960 : 960 + side] = np.array(colour).reshape(3, 1, 1)
    codes[1, 240 : 240 + side, 980] = 200
    made = smoothed(codes)
    lamp = (slice(None), slice(240, 240 + side), slice(960, 960 + side))
    np.testing.assert_allclose(made[lamp], codes[lamp], atol=1e-3)
    np.testing.assert_allclose(made[:, 240 : 240 + side, 980], codes[:, 240 : 240 + side, 980], atol=1e-3)


@pytest.mark.parametrize("colour", [(12, 12, 12), (15, 2, 2)])
def test_a_dim_star_and_a_dim_red_light_stay_in_their_darkness(colour: tuple[int, int, int]) -> None:
    codes = black() + np.uint8(2)
    codes[:, 240:242, 960:962] = np.array(colour).reshape(3, 1, 1)
    made = smoothed(codes)
    np.testing.assert_allclose(made[:, 240:242, 960:962], codes[:, 240:242, 960:962], atol=0.05)


def test_beside_a_light_the_dark_gets_no_rim() -> None:
    codes = black()
    codes[:2] = 1
    codes[:, :, 1500:] = 200
    made = smoothed(codes)
    grey = made[:, :, 1400:1401]
    assert np.ptp(grey) < 0.05, "what is nearly black is grey"
    np.testing.assert_allclose(made[:, :, :1492], np.broadcast_to(grey, (3, 480, 1492)), atol=0.05)
    assert made.max(axis=(0, 1))[:1500].max() <= 1.001, "the light does not spill into the dark"
    np.testing.assert_allclose(made[:, :, 1500:], 200, atol=1e-3)


def test_a_small_photo_is_smoothed_up_to_its_borders() -> None:
    codes = np.zeros((3, 100, 150), dtype=np.uint8)
    codes[0] = 1
    assert np.ptp(smoothed(codes), axis=0).max() < 0.05


def test_the_grid_is_as_fine_for_a_photo_of_719_pixels_as_for_one_of_721() -> None:
    left = []
    for length in (719, 721):
        stripes = (2 + np.arange(length) // 16 % 2 * 2).astype(np.uint8)
        left.append(np.diff(smoothed(np.broadcast_to(stripes, (3, 240, length)))[0, 120]).std())
    assert left[0] == pytest.approx(left[1], rel=0.1)


def test_a_clean_gradient_of_16_bits_stays_as_it_is() -> None:
    ramp = np.linspace(400, 1400, SIZE[0] * SIZE[1]).reshape(SIZE) / 65535
    low = np.stack([ramp, 0.9 * ramp, 0.8 * ramp]).astype(np.float32)
    assert deblock(low) is low


def test_it_sets_in_gradually_with_the_share_of_flat_parts() -> None:
    changes = []
    for share in (0.18, 0.26, 0.4):
        codes = noisy(3)
        codes[:, :, : round(share * SIZE[1])] = blocked()[:, :, : round(share * SIZE[1])]
        low = codes.astype(np.float32) / 255
        changes.append(np.abs(deblock(low) - low)[:, :, :300].mean())
    assert changes[0] == 0
    assert 0.2 * changes[2] < changes[1] < 0.8 * changes[2]


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 255))
def test_any_size_and_one_colour(rows: int, columns: int, code: int) -> None:
    low = np.full((3, rows, columns), code / 255, dtype=np.float32)
    made = deblock(low)
    assert made.shape == low.shape
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, low, atol=1e-3)


@pytest.mark.parametrize("bits", [12, 14, 16])
def test_a_dark_photo_of_many_bits_is_not_flat_where_8_would_be(bits: int) -> None:
    white = 2**bits - 1
    codes = np.random.default_rng(0).normal(2.2 * white / 255, 2, (3, *SIZE)).round()
    fine = (codes / white).astype(np.float32)
    assert smoothing_of(view_of_planes(fine)) is None
    if bits > 12:  # in 8 bits, nearly nothing of that noise is left
        assert smoothing_of(view_of_planes(np.rint(fine * 255) / np.float32(255))) is not None


def test_flat_blocks_of_8_bits_are_found_in_a_file_of_16_too() -> None:
    codes = blocked().astype(np.uint16)
    in_16_bits = (codes * 257).astype(np.float32) / 65535
    in_8_bits = codes.astype(np.float32) / 255
    np.testing.assert_array_equal(in_16_bits, in_8_bits)
    assert smoothing_of(view_of_planes(in_16_bits)) is not None
