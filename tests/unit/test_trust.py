"""Lift what is there: blacks stay black, what is lit stays as it is, a photo dark throughout is the model's."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darklift import Picture, Tile
from darklift.pipeline.hidden import plan_fill
from darklift.pipeline.restraint import Restraint, restrain
from darklift.pipeline.trust import Signal
from darklift.pipeline.view import View
from seen import signal_in, view_of_planes

CODE = 1 / 255


def signal_of(low: np.ndarray, bits: int = 8) -> Signal:
    return signal_in(view_of_planes(low), bits)


def planes(codes: np.ndarray) -> np.ndarray:
    """(H, W) or (3, H, W) codes -> (3, H, W) unit."""
    return np.ascontiguousarray(np.broadcast_to(codes, (3, *codes.shape[-2:])), dtype=np.float32) * np.float32(CODE)


def noisy(level: np.ndarray | float, size: tuple[int, int] = (120, 160), deviation: float = 0.8) -> np.ndarray:
    rng = np.random.default_rng(5)
    return np.clip(np.rint(level + rng.normal(0, deviation, size)), 0, 255)


def night(size: tuple[int, int] = (120, 160)) -> np.ndarray:
    """A lit wall in the right third; the rest is black but for a code or two."""
    codes = noisy(1.0, size, 0.4)
    codes[:, size[1] * 2 // 3 :] = noisy(100.0, size, 5)[:, size[1] * 2 // 3 :]
    return planes(codes)


def underexposed() -> np.ndarray:
    """Dark throughout, with noise that dithers its codes, as a camera leaves it."""
    return planes(noisy(np.linspace(1, 25, 160), deviation=1.2))


def backlit() -> np.ndarray:
    codes = noisy(25.0, deviation=3)
    codes[:65] = noisy(215.0, deviation=3)[:65]
    return planes(codes)


def fog(low: np.ndarray, level: float = 0.3) -> np.ndarray:
    """What a network paints that lifts all to about one level, brown where it saw nothing."""
    made = np.maximum(low, np.float32(level))
    made[2] *= np.float32(0.6)
    return made


def restrained(
    low: np.ndarray, wanted: float, *, kept: tuple[float, float] = (1.0, 1.0), made: np.ndarray | None = None
) -> np.ndarray:
    made = fog(low) if made is None else made.copy()
    whole = Tile(0, 0, *low.shape[1:])
    return restrain(signal_of(low), wanted, kept=kept).apply(made, low, low, whole)


def test_blacks_of_a_night_stay_black_and_lose_the_colour_that_nobody_saw():
    low = night()
    made, black = restrained(low, 0.3), np.s_[:, :, :90]
    assert made[black].mean() < 0.05 < 0.2 < fog(low)[black].mean()
    tint = np.ptp(made[black].mean(axis=(1, 2))) / made[black].mean()
    assert tint < 0.5 * np.ptp(fog(low)[black].mean(axis=(1, 2))) / fog(low)[black].mean()


def test_what_is_finer_than_the_maps_keeps_its_contrast():
    """Twigs before a sky without light, of which a network makes one fog."""
    low = night()
    low[:, :, :90:3] = 0
    low[:, :, 1:90:3] = low[:, :, 2:90:3] = 3 * CODE
    made = restrained(low, 0.3)
    assert made[:, :, 1:90:3].mean() > 1.5 * made[:, :, :90:3].mean()


def test_what_is_lit_beside_them_is_the_models():
    low = night()
    made = low * np.float32(1.5)
    assert np.abs(restrained(low, 0.3, made=made) - made)[:, :, 130:].max() < 0.02


def test_a_photo_that_is_dark_throughout_is_left_to_the_model_to_the_bit():
    low = underexposed()
    np.testing.assert_array_equal(restrained(low, 0.4), fog(low))


def test_the_more_a_place_holds_the_further_it_goes():
    signal = signal_of(night())
    more = replace(signal, held=signal.held + np.float16(1))
    less_high, higher = (restrain(each, 0.3, kept=(1.0, 1.0)) for each in (signal, more))
    assert (higher.ceiling >= less_high.ceiling).all()
    assert (higher.ceiling > less_high.ceiling).any()
    assert (higher.colour >= less_high.colour).all()


def test_flat_blocks_hold_less_than_noise_of_the_same_mean():
    flat = planes(np.full((120, 160), 3.0))
    assert signal_of(flat).held.mean() < 0.7 * signal_of(planes(noisy(3.0))).held.mean()


def test_a_file_with_more_bits_holds_more():
    low = night()
    assert signal_of(low, 14).held[:, :80].mean() > 2 * signal_of(low).held[:, :80].mean()


def test_well_lit_places_stay_as_they_are():
    low = backlit()
    made = restrained(low, 0.6, made=np.minimum(low * 1.6, 0.97))
    np.testing.assert_allclose(made[:, :50], low[:, :50], atol=0.02)
    assert made[:, 80:].mean() > 1.5 * low[:, 80:].mean()


def test_where_a_brightness_was_asked_for_they_follow_and_only_never_get_darker():
    low = backlit()
    brighter, darker = np.minimum(low * 1.15, 1), low * np.float32(0.8)
    np.testing.assert_allclose(restrained(low, 0.7, kept=(0.0, 1.0), made=brighter), brighter, atol=1e-6)
    np.testing.assert_allclose(restrained(low, 0.7, kept=(0.0, 1.0), made=darker)[:, :50], low[:, :50], atol=0.02)
    np.testing.assert_allclose(restrained(low, 0.2, kept=(0.0, 0.0), made=darker), darker, atol=1e-6)
    half = restrained(low, 0.2, kept=(0.0, 0.5), made=darker)[:, :50]
    np.testing.assert_allclose(half, (low + darker)[:, :50] / 2, atol=0.02)


@pytest.mark.parametrize(
    ("low", "what"), [(night(), "night"), (backlit(), "backlight"), (underexposed(), None), (planes(noisy(120)), None)]
)
def test_a_photo_is_a_night_or_backlit_or_neither(low, what):
    signal = signal_of(low).scene
    assert {name for name in ("night", "backlight") if getattr(signal, name) > 0.9} == ({what} if what else set())
    assert {name for name in ("night", "backlight") if getattr(signal, name) > 0.1} == ({what} if what else set())


def test_shade_among_lights_is_no_back_light():
    """A dark thing before a bright ground all around it is meant to be dark."""
    codes = noisy(215.0, deviation=3)
    codes[30:100, 30:130] = noisy(25.0, deviation=3)[30:100, 30:130]
    assert signal_of(planes(codes)).scene.backlight == 0


def test_hidden_pixels_do_not_make_a_night():
    low = planes(noisy(130.0, deviation=6))
    low[:, :, :90] = 0
    assert signal_of(low).scene.night > 0.9
    alpha = np.ones((120, 160), dtype=np.float32)
    alpha[1:, :90] = 0
    view = View(Picture(np.ascontiguousarray(low.transpose(1, 2, 0)), alpha=alpha), Tile(0, 0, 120, 160))
    assert signal_in(replace(view, fill=plan_fill(view)), 8).scene.night == 0


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_a_part_has_the_pixels_of_the_whole_to_the_bit(data):
    height, width = data.draw(st.integers(1, 150)), data.draw(st.integers(1, 1400))
    rng = np.random.default_rng(height * 1401 + width)
    codes = rng.integers(0, 6, (height, width)) * rng.choice([1, 50], (1, width))
    low = planes(codes)
    restraint = restrain(
        signal_of(low),
        data.draw(st.floats(0.02, 0.95)),
        kept=data.draw(st.sampled_from([(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)])),
    )
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    part = Tile(top, left, data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left)))
    whole = restraint.apply(fog(low), low, low, Tile(0, 0, height, width))
    there = low[:, *part.window]
    piece = restraint.apply(fog(low)[:, *part.window].copy(), there, there, part)
    np.testing.assert_array_equal(piece, whole[:, *part.window])
    assert np.isfinite(whole).all()
    assert whole.min() >= -1e-6
    assert whole.max() <= 1.0001


def test_no_place_jumps_where_the_ceiling_ends():
    """Just below and at the height from which a ceiling counts as none, results are alike, also of a black pixel."""

    def held_to(ceiling: float) -> np.ndarray:
        grid = np.full((4, 4), ceiling, dtype=np.float32)
        one = np.ones_like(grid)
        made, black = np.full((3, 4, 4), 0.9, dtype=np.float32), np.zeros((3, 4, 4), dtype=np.float32)
        return Restraint((4, 4), grid, one, one, 0 * one, 0.0).apply(made, black, black, Tile(0, 0, 4, 4))

    assert np.abs(held_to(7.9999) - held_to(8.0)).max() < 0.001


def test_a_sensors_noise_is_told_from_what_a_phone_smeared():
    sharp = np.random.default_rng(2).normal(0, 3, (3, 200, 300))
    blurred = sharp
    for _ in range(2):
        blurred = sum(np.roll(blurred, (y, x), (1, 2)) for y in (-1, 0, 1) for x in (-1, 0, 1))
    own, smeared = (
        signal_of(planes(np.clip(np.rint(20 + noise / noise.std() * 3), 0, 255))) for noise in (sharp, blurred)
    )
    assert (own.scene.smeared, smeared.scene.smeared) == (0, 1)


@pytest.mark.parametrize("size", [(1, 700), (700, 1), (1, 1), (2, 3), (33, 1300)])
def test_photos_of_any_size_are_looked_at(size):
    signal = signal_of(planes(noisy(12.0, size)))
    assert signal.held.shape == signal.level.shape == signal.lit.shape
    assert max(signal.held.shape) <= 640
    assert all(np.isfinite(maps).all() for maps in (signal.held, signal.level, signal.lit))
