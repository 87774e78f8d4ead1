"""Night shots as a phone keeps them: what each step of the phone does, and what is said to be lost is."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darklift.data import phone as data_phone
from darklift.data.phone import Blocks, Phone, draw_phone, held_in, keep_lost, shoot_phone
from darklift.data.synthesis import Camera, recompress

PLAIN = Phone(
    camera=Camera(stops=0, gains=(1, 1, 1), shot=0, read=0, grain=None, black=0, jpeg=None),
    power=0,
    cells=None,
    glare=0,
    smear=0,
    smear_radius=1,
    tone=0,
    crushed=0,
    sharpening=0,
    blocks=None,
    jpeg=100,
)


def phone(**changes):
    known = {field.name for field in dataclasses.fields(Camera)} - {"jpeg"}
    camera = dataclasses.replace(PLAIN.camera, **{name: changes.pop(name) for name in known & changes.keys()})
    return dataclasses.replace(PLAIN, camera=camera, **changes)


def shoot(photo, made, seed=0):
    return shoot_phone(photo, made, np.random.default_rng(seed))


def grey(code, shape=(64, 64)):
    return np.full((3, *shape), code, np.uint8)


def halves(left, right, side=64):
    photo = grey(left, (side, side))
    photo[:, :, side // 2 :] = right
    return photo


def scene(seed=0, side=64):
    """A smooth scene with a lamp."""
    rows, columns = np.mgrid[:side, :side] / side
    photo = np.stack([40 + 80 * rows, 60 + 60 * columns, 50 + 60 * rows * columns]).astype(np.uint8)
    photo[:, side // 4 : side // 4 + 6, side // 4 : side // 4 + 6] = 255
    return photo


def test_a_phone_that_does_nothing_keeps_the_photo():
    photo = scene()
    shot = shoot(photo, PLAIN)
    np.testing.assert_array_equal(shot.good, photo)
    np.testing.assert_array_equal(shot.still, photo)
    np.testing.assert_array_equal(shot.dark, recompress(photo, 100))


def test_the_night_takes_light_and_the_good_picture_lacks_less_of_it():
    shot = shoot(halves(255, 60), phone(power=1.5))
    left, right = slice(4, 28), slice(36, 60)
    assert shot.dark[..., left].mean() == pytest.approx(255, abs=2)
    assert shot.good[..., left].mean() == pytest.approx(255, abs=2)
    assert shot.dark[..., right].mean() < 0.2 * 60
    assert shot.dark[..., right].mean() < shot.good[..., right].mean() < 60


def test_lamps_spread_their_light_over_what_is_around_them():
    photo = grey(20, (96, 96))
    photo[:, 40:56, 40:56] = 255
    plain, glaring = (shoot(photo, phone(glare=glare)).dark.astype(int) for glare in (0, 0.15))
    ring = glaring[0, 36:40, 40:56].mean() - plain[0, 36:40, 40:56].mean()
    corner = glaring[0, :8, :8].mean() - plain[0, :8, :8].mean()
    assert ring > 20
    assert corner == pytest.approx(0, abs=1)


def test_noise_is_that_of_a_mosaic_and_the_file_is_known_without_it(monkeypatch):
    monkeypatch.setattr(data_phone, "recompress", lambda planes, quality: planes)
    photo = grey(120, (128, 128))
    shot = shoot(photo, phone(read=0.01))
    np.testing.assert_array_equal(shot.still, photo)
    red, green = (shot.dark[channel].astype(float) - 120 for channel in (0, 1))
    # red is interpolated at three places of four, green at two: 9/16 and 5/8 of the variance are left
    assert (red.std() / green.std()) ** 2 == pytest.approx(0.9, abs=0.03)
    neighbours = np.corrcoef(red[:, :-1].ravel(), red[:, 1:].ravel())[0, 1]
    assert neighbours > 0.4


def test_the_denoiser_smears_what_is_fine_and_leaves_edges():
    noisy, smeared = (shoot(halves(80, 160), phone(read=0.01, smear=smear, smear_radius=3)).dark for smear in (0, 3))
    flat = (slice(None), slice(8, 56), slice(8, 24))
    assert smeared[flat].astype(float).std() < 0.6 * noisy[flat].astype(float).std()
    luma = smeared.mean(axis=(0, 1))
    assert luma[33] - luma[30] > 60


def test_tone_mapping_evens_out_surroundings():
    plain, mapped = (shoot(halves(30, 200), phone(tone=tone)).dark for tone in (0, 0.3))
    assert mapped[..., 8:24].mean() > plain[..., 8:24].mean() + 5
    assert mapped[..., 40:56].mean() < plain[..., 40:56].mean() - 5


def test_crushed_codes_are_gone_and_so_said():
    shot = shoot(halves(2, 255), phone(crushed=3))
    assert not shot.held[:, 4:28].any()
    assert (shot.held[:, 36:60] == 255).all()


def test_sharpening_leaves_halos():
    plain, sharpened = (shoot(halves(80, 160), phone(sharpening=amount)).dark.astype(int) for amount in (0, 1))
    assert sharpened.min() < plain.min() - 5
    assert sharpened.max() > plain.max() + 5


def test_blocks_are_flat():
    made = phone(read=0.002, blocks=Blocks(side=16, flat=8.0, steps=(1, 1)))
    luma = shoot(grey(20), made).dark.mean(axis=0)
    blocks = luma.reshape(4, 16, 4, 16).swapaxes(1, 2).reshape(16, 256)
    assert np.ptp(blocks, axis=1).max() <= 2


def test_the_same_generator_takes_the_same_shot_of_8_bits():
    photo = (scene().astype(np.uint16) * 257, scene())
    for one in photo:
        first, second = (shoot_phone(one, draw_phone(np.random.default_rng(3)), np.random.default_rng(4)) for _ in "ab")
        for name in ("dark", "good", "still"):
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
            assert getattr(first, name).dtype == np.uint8


@given(seed=st.integers(0, 2**32), height=st.integers(1, 40), width=st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_any_phone_takes_any_picture(seed, height, width):
    rng = np.random.default_rng(seed)
    photo = rng.integers(0, 256, (3, height, width), dtype=np.uint8)
    shot = shoot_phone(photo, draw_phone(rng), rng)
    assert shot.dark.shape == shot.good.shape == shot.still.shape == photo.shape
    kept = keep_lost(shot.good, shot.dark, shot.held)
    assert (kept <= shot.good).all()


# --- what is lost stays -----------------------------------------------------------------------------------------------


def test_what_holds_nothing_stays_black_and_what_holds_enough_is_shown():
    dark, good, held = grey(0), grey(120), np.zeros((64, 64), np.float32)
    dark[:, :, :8] = held[:, :8] = 200  # lights
    for column, codes in ((16, 1), (32, 3), (48, 16)):
        dark[:, :, column : column + 16] = held[:, column : column + 16] = codes
    kept = keep_lost(good, dark, held)[0, 0]
    assert kept[12] < 3
    assert kept[20] < 8
    assert kept[20] < kept[40] < 60
    assert kept[56] > 118
    assert (kept[:8] == 120).all()


def test_a_picture_without_lights_is_underexposed_as_a_whole_and_its_target_stays():
    good = grey(120)
    np.testing.assert_array_equal(keep_lost(good, grey(1), np.ones((64, 64), np.float32)), good)


def test_what_is_lost_keeps_its_hue():
    good = np.stack([np.full((8, 8), code, np.uint8) for code in (200, 100, 50)])
    kept = keep_lost(good, grey(255, (8, 8)), np.full((8, 8), 4, np.float32))[:, 0, 0].astype(float)
    assert kept[0] < 100
    assert kept / kept[0] == pytest.approx([1, 0.5, 0.25], abs=0.02)


def test_targets_of_16_bits_have_the_same_ceiling():
    good, dark, held = scene(), halves(0, 255), np.full((64, 64), 2, np.float32)
    fine = keep_lost(good.astype(np.uint16) * 257, dark, held)
    assert fine.dtype == np.uint16
    np.testing.assert_allclose(fine / 257, keep_lost(good, dark, held), atol=0.51)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_place_holds_the_mean_of_its_noise(dtype):
    noisy = (np.random.default_rng(0).random((64, 64)) < 0.25) * np.iinfo(dtype).max / 255 * 8
    held = held_in(np.stack([0 * noisy, noisy, 0 * noisy]).astype(dtype))
    assert held.mean() == pytest.approx(2, abs=0.15)
    assert held[4:-4, 4:-4].std() < 1
