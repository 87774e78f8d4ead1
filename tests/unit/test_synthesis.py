"""Dark photographs made from good ones: exact where nothing is random, statistics where something is."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from darklift.data import synthesis
from darklift.data.synthesis import (
    MAX_EXPOSE,
    Camera,
    Grain,
    add_grain,
    code_in_blocks,
    draw_camera,
    expose,
    jitter_exposure,
    light_of,
    recompress,
    shoot_uneven,
    underexpose,
)

PERFECT = Camera(stops=0, gains=(1, 1, 1), shot=0, read=0, grain=None, black=0, jpeg=None)


def camera(**changes):
    return dataclasses.replace(PERFECT, **changes)


def rng(seed=0):
    return np.random.default_rng(seed)


def every_code():
    return np.tile(np.arange(256, dtype=np.uint8).reshape(1, 16, 16), (3, 1, 1))


def to_linear(codes):
    coded = np.asarray(codes, float) / 255
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def to_coded(light):
    light = np.clip(light, 0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def test_a_perfect_camera_changes_no_code():
    np.testing.assert_array_equal(underexpose(every_code(), PERFECT, rng()), every_code())


@given(hnp.arrays(np.uint8, st.tuples(st.just(3), st.integers(1, 12), st.integers(1, 12))))
@settings(max_examples=30, deadline=None)
def test_a_perfect_camera_changes_no_picture(picture):
    np.testing.assert_array_equal(underexpose(picture, PERFECT, rng()), picture)


@pytest.mark.parametrize("stops", [0.5, 1, 3, 7])
def test_each_stop_halves_the_light(stops):
    dark = underexpose(every_code(), camera(stops=stops), rng())
    np.testing.assert_allclose(dark, to_coded(to_linear(every_code()) / 2**stops), atol=0.55)


def test_gains_are_of_red_green_and_blue():
    dark = underexpose(every_code(), camera(gains=(0.5, 1, 0.25)), rng())
    expected = to_coded(to_linear(every_code()) * np.array([0.5, 1, 0.25])[:, None, None])
    np.testing.assert_allclose(dark, expected, atol=0.55)


def test_light_above_full_scale_clips():
    assert (underexpose(np.full((3, 4, 4), 250, np.uint8), camera(gains=(2, 2, 2)), rng()) == 255).all()


def test_a_raised_black_level_takes_its_light():
    dark = underexpose(every_code(), camera(black=0.002), rng())
    np.testing.assert_allclose(dark, to_coded(to_linear(every_code()) - 0.002), atol=0.55)
    assert (dark[to_linear(every_code()) < 0.002] == 0).all()


@pytest.mark.parametrize(("shot", "read"), [(4e-4, 0), (0, 2e-3), (4e-4, 2e-3)])
@pytest.mark.parametrize("code", [90, 160])
@pytest.mark.parametrize("grain", [None, Grain(luma=0, chroma=0, coloured=0.3), Grain(luma=1, chroma=3, coloured=0.2)])
def test_the_noise_has_the_variance_stated(shot, read, code, grain):
    taken = underexpose(
        np.full((3, 256, 256), code, np.uint8), camera(stops=1, shot=shot, read=read, grain=grain), rng()
    )
    signal = to_linear(code) / 2
    coding = ((to_linear(to_coded(signal) + 1) - to_linear(to_coded(signal) - 1)) / 2) ** 2 / 12  # rounding to 8 bits
    assert to_linear(taken).var() == pytest.approx(shot * signal + read**2 + coding, rel=0.06)
    assert to_linear(taken).mean() == pytest.approx(signal, rel=0.01)


def grain_of(taken):
    """Luma (1, H, W) and chroma (3, H, W) of a grey surface's noise, in linear light."""
    noise = to_linear(taken) - to_linear(taken).mean()
    luma = noise.mean(axis=0, keepdims=True)
    return luma, noise - luma


def neighbours_correlation(noise):
    return float((noise[:, :, 1:] * noise[:, :, :-1]).mean() / noise.var())


def binomial_correlation(times):
    """Of neighbours in white noise blurred so often by (1, 2, 1) / 4."""
    kernel = np.ones(1)
    for _ in range(times):
        kernel = np.convolve(kernel, [1, 2, 1])
    return (kernel[1:] * kernel[:-1]).sum() / (kernel**2).sum()


@pytest.mark.parametrize("grain", [Grain(luma=0, chroma=2, coloured=0.3), Grain(luma=2, chroma=7, coloured=0.1)])
def test_grain_resembles_its_neighbours_in_luma_and_chroma_as_often_as_they_are_smoothed(grain):
    luma, chroma = grain_of(underexpose(np.full((3, 256, 256), 128, np.uint8), camera(shot=1e-3, grain=grain), rng()))
    assert neighbours_correlation(luma) == pytest.approx(binomial_correlation(grain.luma), abs=0.04)
    assert neighbours_correlation(chroma) == pytest.approx(binomial_correlation(grain.chroma), abs=0.04)
    assert abs(np.corrcoef(luma[0, :, 0], luma[0, :, -1])[0, 1]) < 0.25, "opposite borders know nothing of one another"
    assert (chroma**2).mean() / ((luma**2).mean() + (chroma**2).mean()) == pytest.approx(grain.coloured, abs=0.03)


def test_noise_of_the_channels_and_of_two_shots_is_independent():
    grey, noisy = np.full((3, 96, 96), 128, np.uint8), camera(shot=1e-3)
    generator = rng()
    first, second = (underexpose(grey, noisy, generator).astype(float) for _ in range(2))
    for one, other in ((first[0], first[1]), (first[0], second[0])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.05
    assert abs(neighbours_correlation(first - first.mean())) < 0.05


def test_the_same_generator_takes_the_same_shot():
    picture, noisy = every_code(), camera(stops=2, shot=1e-3, read=1e-3, grain=Grain(1, 4, 0.2), jpeg=70)
    np.testing.assert_array_equal(underexpose(picture, noisy, rng(3)), underexpose(picture, noisy, rng(3)))
    assert not np.array_equal(underexpose(picture, noisy, rng(3)), underexpose(picture, noisy, rng(4)))


def test_the_photo_itself_is_left_alone_and_views_are_welcome():
    photo = rng().integers(0, 256, (3, 20, 30), dtype=np.uint8)
    before = photo.copy()
    turned = np.rot90(photo, axes=(1, 2))[:, :, ::-1]
    dark = underexpose(turned, camera(stops=1, jpeg=90), rng())
    np.testing.assert_array_equal(photo, before)
    assert dark.shape == turned.shape
    assert dark.dtype == np.uint8


def test_grain_on_a_real_photo_keeps_its_light_and_colour(monkeypatch):
    taken = []
    monkeypatch.setattr(synthesis, "underexpose", lambda low, camera, _: taken.append(camera) or low)
    for seed in range(400):
        add_grain(every_code(), rng(seed))
    assert all(c.stops == 0 and c.gains == (1, 1, 1) and c.black == 0 and c.grain for c in taken)
    assert np.mean([c.jpeg is not None for c in taken]) == pytest.approx(0.5, abs=0.1)
    for values in ([c.shot for c in taken], [c.read for c in taken], [c.grain.coloured for c in taken]):
        assert len(set(values)) == 400


def test_grain_on_a_real_photo_is_that_of_its_camera():
    low = np.empty((3, 128, 128), np.uint8)
    low[:] = np.array([120, 100, 60], np.uint8).reshape(3, 1, 1)
    grainy = [add_grain(low, rng(seed)) for seed in range(40)]
    for taken in grainy:
        np.testing.assert_allclose(taken.mean(axis=(1, 2)), [120, 100, 60], atol=4)
    deviations = [taken.std(axis=(1, 2)).mean() for taken in grainy]
    assert min(deviations) < 1 < 2.5 < max(deviations)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2)])
def test_grain_of_tiny_pictures_is_as_strong_as_that_of_large_ones(size):
    noisy, generator = camera(shot=1e-3, grain=Grain(2, 7, 0.3)), rng()
    taken = [
        underexpose(np.full((3, *size), 128, np.uint8), noisy, generator) for _ in range(3000 // (size[0] * size[1]))
    ]
    assert to_linear(np.stack(taken)).var() == pytest.approx(1e-3 * to_linear(128), rel=0.2)


@pytest.mark.parametrize("shape", [(3, 1, 1), (3, 1, 9), (3, 2, 2)])
def test_tiny_pictures_can_be_darkened(shape):
    noisy = camera(stops=3, shot=1e-3, read=1e-3, grain=Grain(2, 7, 0.3), black=0.001, jpeg=80)
    assert underexpose(np.full(shape, 200, np.uint8), noisy, rng()).shape == shape


def test_cameras_are_drawn_within_their_ranges_and_as_often_as_stated():
    generator = rng()
    cameras = [draw_camera(generator, 5.0) for _ in range(4000)]
    ranges = {"stops": (0, 5), "shot": (10**-5.3, 10**-3.3), "read": (10**-4.3, 10**-2.7)}
    ranges |= {"black": (0, 0.002)}
    for name, (least, most) in ranges.items():
        values = np.array([getattr(c, name) for c in cameras])
        assert values.min() >= least
        assert values.max() <= most
    stops = np.array([c.stops for c in cameras])
    assert stops.mean() == pytest.approx(2.5, abs=0.1)
    for share, expected in (
        (np.mean([c.jpeg is not None for c in cameras]), 0.5),
        (np.mean([c.grain is not None for c in cameras]), 0.5),
        (np.mean([c.black > 0 for c in cameras]), 0.25),
    ):
        assert share == pytest.approx(expected, abs=0.03)
    grains = [c.grain for c in cameras if c.grain]
    assert {(g.luma, g.chroma - g.luma) for g in grains} == {(p, q) for p in (0, 1, 2, 4, 8) for q in range(8)}
    assert (min(g.coloured for g in grains), max(g.coloured for g in grains)) == pytest.approx((0.05, 0.4), abs=0.01)
    assert {c.jpeg for c in cameras if c.jpeg} <= set(range(40, 96))
    assert np.log([c.gains for c in cameras]).std() == pytest.approx(0.08, rel=0.05)


def test_jittered_codes_are_multiplied_rounded_and_clipped():
    for stops in (-1.3, 0.0, 0.4, 1.0):
        expected = np.clip(np.floor(np.arange(256) * 2.0**stops + 0.5), 0, 255).reshape(16, 16)
        np.testing.assert_array_equal(jitter_exposure(every_code(), stops)[0], expected)


@pytest.mark.parametrize("stops", [-2.0, -MAX_EXPOSE, -0.1, 0.0, 0.1, MAX_EXPOSE])
def test_another_exposure_keeps_black_white_and_the_order_of_tones(stops):
    codes = expose(every_code(), stops)[0].ravel().astype(int)
    assert (codes[0], codes[255]) == (0, 255)
    assert (np.diff(codes) >= 0).all()
    shadows = np.arange(256) < 64
    assert np.abs(codes - np.arange(256) * 2.0**stops)[shadows].max() < 1, "a plain gain where nothing is near white"
    assert (codes[128] > 128) == (stops > 0)


def test_recompression_keeps_what_the_picture_shows():
    rows, columns = np.mgrid[0:40, 0:56]
    picture = np.stack([np.uint8(120 + 60 * np.sin(rows / 9 + columns / 7 + c)) for c in range(3)])
    coarse, fine = (recompress(picture, quality).astype(float) for quality in (60, 95))
    assert coarse.shape == picture.shape
    assert 0 < np.abs(fine - picture).mean() < np.abs(coarse - picture).mean() < 8


def test_each_place_gets_its_share_of_light():
    lit = np.linspace(0.01, 1, 256, dtype=np.float32).reshape(16, 16)
    expected = to_coded(to_linear(every_code()) * lit)
    np.testing.assert_allclose(underexpose(every_code(), PERFECT, rng(), lit), expected, atol=0.55)


def test_an_uneven_scene_is_a_power_of_itself_and_its_target_three_tenths_of_that():
    photo = every_code()[:, 4:]  # black has no light to tell the power by
    taken = set()
    for seed in range(20):
        dark, target = shoot_uneven(photo, PERFECT, rng(seed), power=2)
        light, low, kept = (to_linear(codes[0]) for codes in (photo, dark, target))
        seen = (low > 0.01) & (light < 0.4)
        powers = np.log(low[seen] / light[seen]) / np.log(light[seen] / np.quantile(light[::4, ::4], 0.98))
        if powers.std() < 0.05:  # of the pixels, not of a grid
            taken.add(round(float(powers.mean()), 2))
            shares = np.log(kept[seen] / light[seen]) / np.log(low[seen] / light[seen])
            assert shares.mean() == pytest.approx(0.3, abs=0.03)
        assert (dark <= target).all()
        assert (target <= photo).all()
    assert len(taken) >= 3
    assert 0.35 < min(taken) < max(taken) < 2.1


def test_the_light_of_a_place_is_its_brightness_beside_the_lightest_places():
    photo = np.zeros((3, 40, 50), np.uint8)
    photo[:, :, 25:] = 200
    photo[:, :, :5] = 100
    light = light_of(photo)
    assert light.shape == (40, 50)
    assert (light[:, 25:] == 1).all()
    np.testing.assert_allclose(light[:, :5], to_linear(100) / to_linear(200), rtol=1e-4)
    np.testing.assert_allclose(light[:, 5:25], 0.001)


@pytest.mark.parametrize("shape", [(3, 40, 50), (3, 7, 100), (3, 1, 1)])
def test_the_light_over_a_grid_is_smooth_and_in_range(shape):
    photo = rng().integers(0, 256, shape, dtype=np.uint8)
    fine, coarse = light_of(photo), light_of(photo, cells=4)
    assert fine.shape == coarse.shape == shape[1:]
    assert 0.001 <= min(fine.min(), coarse.min()) <= max(fine.max(), coarse.max()) <= 1
    if shape[1] == 40:
        assert coarse.std() < fine.std() / 3


def test_beside_a_lamp_it_is_as_dark_as_without():
    photo = np.full((3, 240, 240), 60, np.uint8)
    photo[:, 100:140, 100:140] = 255
    light = light_of(photo, cells=12)
    assert light.min() == pytest.approx(to_linear(60) / light_of_lamp(photo), rel=1e-3)


def light_of_lamp(photo, cells=12):
    """The .98 quantile by which light is measured, by slow means: of the grid, resampled."""
    grid = to_linear(photo[0]).reshape(cells, 20, cells, 20).mean(axis=(1, 3))
    places = np.clip((np.arange(240) + 0.5) / 20 - 0.5, 0, cells - 1)
    low = np.minimum(places.astype(int), cells - 2)
    share = places - low
    rows = grid[low] * (1 - share)[:, None] + grid[low + 1] * share[:, None]
    resampled = rows[:, low] * (1 - share) + rows[:, low + 1] * share
    return np.quantile(resampled[::4, ::4], 0.98)


def test_a_black_photo_has_no_light():
    np.testing.assert_allclose(light_of(np.zeros((3, 8, 8), np.uint8)), 0.001)


def test_flat_blocks_are_coded_by_their_mean_and_others_stay():
    photo = np.full((3, 40, 36), 9, np.uint8)
    photo[:, :, ::2] = 11
    photo[:, 16:32, :16] = rng().integers(0, 256, (1, 16, 16), dtype=np.uint8)
    coded = code_in_blocks(photo, side=16, flat=4, steps=(1, 1))
    np.testing.assert_array_equal(coded[:, :16, :32], 10)
    np.testing.assert_array_equal(coded[:, 16:32, 16:32], 10)
    np.testing.assert_array_equal(coded[:, 16:32, :16], photo[:, 16:32, :16])
    np.testing.assert_array_equal(coded[:, 32:], photo[:, 32:])
    np.testing.assert_array_equal(coded[:, :, 32:], photo[:, :, 32:])


def test_rounded_chroma_gives_a_block_another_colour():
    photo = np.empty((3, 16, 16), np.uint8)
    photo[:] = np.array([14, 10, 4], np.uint8)[:, None, None]
    fine, rough = (code_in_blocks(photo, side=16, flat=1, steps=(1, step)) for step in (1, 12))
    assert np.abs(fine.astype(int) - photo).max() <= 2
    # Chroma under half a step is none: the block is grey, as bright as before.
    assert np.ptp(rough[:, 0, 0]) <= 1
    assert abs(int(rough[1, 0, 0]) - 10) <= 1


@pytest.mark.parametrize("shape", [(3, 7, 40), (3, 15, 15), (3, 1, 1)])
def test_pictures_smaller_than_a_block_stay(shape):
    photo = rng().integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(code_in_blocks(photo, side=16, flat=300, steps=(1, 1)), photo)


# --- more than 8 bits -------------------------------------------------------------------------------------------------


def every_fine_code():
    return np.tile(np.arange(65536, dtype=np.uint16).reshape(1, 256, 256), (3, 1, 1))


def photo_of_both_depths():
    coarse = rng().integers(0, 256, (3, 40, 50), dtype=np.uint8)
    return coarse, coarse.astype(np.uint16) * np.uint16(257)


def test_a_perfect_camera_changes_no_fine_code():
    np.testing.assert_array_equal(underexpose(every_fine_code(), PERFECT, rng()), every_fine_code())


def test_each_stop_halves_the_light_of_fine_codes():
    dark = underexpose(every_fine_code(), camera(stops=3), rng())
    assert dark.dtype == np.uint16
    expected = to_coded(to_linear(every_fine_code() / 257) / 8)
    np.testing.assert_allclose(dark / 257, expected, atol=0.8 / 257)
    assert len(np.unique(dark)) > 256 * 64


@pytest.mark.parametrize("shot", [0, 1e-3])
def test_a_shot_of_16_bits_is_that_of_8_before_it_is_rounded(shot):
    coarse, fine = photo_of_both_depths()
    taken = [underexpose(photo, camera(stops=2, shot=shot), rng(1)) for photo in (coarse, fine)]
    np.testing.assert_allclose(taken[1] / 257, taken[0], atol=0.8)
    uneven = [shoot_uneven(photo, camera(stops=2, shot=shot), rng(1), power=2) for photo in (coarse, fine)]
    for eight, sixteen in zip(*uneven, strict=True):
        assert (eight.dtype, sixteen.dtype) == (np.uint8, np.uint16)
        np.testing.assert_allclose(sixteen / 257, eight, atol=0.8)
    np.testing.assert_array_equal(light_of(fine), light_of(coarse))


def test_fine_codes_are_jittered_and_exposed_by_the_same_curves():
    codes = np.arange(65536)
    for stops in (-1.3, 0.0, 0.4, 1.0):
        expected = np.clip(np.floor(codes * 2.0**stops + 0.5), 0, 65535).reshape(256, 256)
        np.testing.assert_allclose(jitter_exposure(every_fine_code(), stops)[0], expected, atol=1)
    for stops in (-MAX_EXPOSE, 0.0, MAX_EXPOSE):
        found = expose(every_fine_code(), stops)[0].ravel()
        assert found.dtype == np.uint16
        assert (np.diff(found.astype(int)) >= 0).all()
        np.testing.assert_allclose(found[::257] / 257, expose(every_code(), stops)[0].ravel(), atol=0.51)
    np.testing.assert_array_equal(expose(every_fine_code(), 0.0), every_fine_code())


def test_files_of_8_bits_are_made_of_16_by_rounding():
    coarse, _ = photo_of_both_depths()
    fine = coarse.astype(np.uint16) * np.uint16(257)
    fine[:, 1:] -= np.uint16(128) * (coarse[:, 1:] > 0)  # still the nearest
    np.testing.assert_array_equal(recompress(fine, 80), recompress(coarse, 80))
    for shape in (coarse.shape[1], 7):  # whole blocks, and none
        blocks = [code_in_blocks(photo[:, :shape], side=16, flat=90, steps=(1, 1)) for photo in (fine, coarse)]
        assert blocks[0].dtype == np.uint8
        np.testing.assert_array_equal(*blocks)
    assert underexpose(fine, camera(jpeg=90), rng()).dtype == np.uint8
    assert {add_grain(fine, rng(seed)).dtype.itemsize for seed in range(12)} == {1, 2}
