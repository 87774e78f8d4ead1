"""The overview against slow references, and what must not matter: dtype, orientation, the array's layout."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from darklift.image.overview import CUES, STATISTICS, THUMBNAIL, Overview, area_average, describe

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
sides = st.integers(1, 130)
byte_photos = st.tuples(st.just(3), sides, sides).flatmap(lambda shape: hnp.arrays(np.uint8, shape))


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Mostly dark, some clipped highlights: uint8 (3, H, W)."""
    rng = np.random.default_rng(seed)
    return np.minimum(rng.random((3, height, width)) ** 3 * 300, 255).astype(np.uint8)


def slow_area_average(planes: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The mean over each cell, pixel by pixel; a cell without pixels of its own takes the one at its start."""
    channels, height, width = planes.shape
    result = np.empty((channels, rows, columns))
    for i in range(rows):
        top, bottom = math.floor(i * height / rows), math.floor((i + 1) * height / rows)
        for j in range(columns):
            left, right = math.floor(j * width / columns), math.floor((j + 1) * width / columns)
            cell = planes[:, top : max(bottom, top + 1), left : max(right, left + 1)]
            result[:, i, j] = cell.reshape(channels, -1).astype(np.float64).mean(axis=1)
    return result / (255 if planes.dtype == np.uint8 else 1)


# ------------------------------------------------------------------------------------------------------ area_average


@given(
    st.tuples(st.integers(1, 4), st.integers(1, 90), st.integers(1, 90)).flatmap(
        lambda shape: hnp.arrays(np.uint8, shape)
    ),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
)
@settings(max_examples=80, deadline=None)
def test_any_grid_on_any_picture_agrees_with_the_slow_reference(planes, size):
    found = area_average(planes, size)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, slow_area_average(planes, *size), atol=1e-7)
    in_floats = area_average(planes / np.float32(255), size)
    assert in_floats.dtype == np.float32
    np.testing.assert_allclose(in_floats, found, atol=2e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (39, 41), (40, 40), (79, 81), (131, 7)])
def test_the_thumbnails_grid_on_awkward_sides(shape):
    planes = photo(*shape)
    np.testing.assert_allclose(area_average(planes), slow_area_average(planes, THUMBNAIL, THUMBNAIL), atol=1e-7)


def test_a_short_side_repeats_its_pixels():
    planes = np.arange(12, dtype=np.uint8).reshape(3, 2, 2) * 20
    wanted = planes.repeat(20, axis=1).repeat(20, axis=2) / 255
    np.testing.assert_allclose(area_average(planes), wanted, atol=1e-7)


def test_large_cells_do_not_overflow():
    white = np.full((1, 1500, 1500), 255, np.uint8)
    assert area_average(white, (1, 1)) == 1


def test_a_large_photo_in_single_precision_stays_close():
    planes = photo(1200, 1600)
    np.testing.assert_allclose(area_average(planes / np.float32(255)), area_average(planes), atol=2e-6)


@given(byte_photos)
@settings(max_examples=40, deadline=None)
def test_swapping_rows_and_columns_swaps_the_thumbnails(planes):
    turned = area_average(planes.transpose(0, 2, 1))
    np.testing.assert_array_equal(turned, area_average(planes).transpose(0, 2, 1))


# ---------------------------------------------------------------------------------------------------------- describe


@given(byte_photos)
@settings(max_examples=60, deadline=None)
def test_the_statistics_are_what_they_are_said_to_be(planes):
    overview = describe(planes)
    statistics = overview.statistics.astype(np.float64)
    assert overview.statistics.dtype == np.float32
    assert overview.thumbnail.dtype == np.float32
    assert overview.statistics.shape == (STATISTICS,) == (14,)
    assert overview.thumbnail.shape == (3, THUMBNAIL, THUMBNAIL) == (3, 40, 40)
    assert statistics.min() >= 0
    assert statistics.max() <= 1

    channels = overview.thumbnail.astype(np.float64).mean(axis=(1, 2))
    top = planes.max(axis=0)
    np.testing.assert_allclose(statistics[0] ** 2, channels.mean(), atol=1e-6)
    np.testing.assert_allclose(statistics[1:4] ** 2, channels, atol=1e-6)
    quantiles = np.quantile(top, QUANTILES, method="inverted_cdf") / 255
    np.testing.assert_allclose(statistics[4:11], np.sqrt(quantiles), atol=1e-6)
    np.testing.assert_allclose(statistics[11], top.std() / 255, atol=1e-6)
    np.testing.assert_allclose(statistics[12:], [(top >= 250).mean(), (top <= 2).mean()], atol=1e-6)


@given(byte_photos, st.sampled_from([np.float32, np.float64]))
@settings(max_examples=40, deadline=None)
def test_bytes_and_floats_agree(planes, dtype):
    """Training describes 8-bit arrays, use describes floats."""
    of_bytes, of_floats = describe(planes), describe(planes.astype(dtype) / dtype(255))
    np.testing.assert_allclose(of_floats.thumbnail, of_bytes.thumbnail, atol=1e-6)
    np.testing.assert_allclose(of_floats.statistics[:4] ** 2, of_bytes.statistics[:4] ** 2, atol=1e-6)
    np.testing.assert_array_equal(of_floats.statistics[4:], of_bytes.statistics[4:])
    assert of_floats.statistics.dtype == of_floats.thumbnail.dtype == np.float32


def test_a_16_bit_photo_is_described_like_its_8_bit_copy():
    rng = np.random.default_rng(3)
    fine = (rng.integers(0, 65536, (3, 120, 160)) / np.float32(65535)).astype(np.float32)
    coarse = np.round(fine * 255).astype(np.uint8)
    np.testing.assert_allclose(describe(fine).statistics, describe(coarse).statistics, atol=2e-3)
    np.testing.assert_allclose(describe(fine).thumbnail, describe(coarse).thumbnail, atol=2e-3)


@pytest.mark.parametrize("level", [0, 1, 2, 3, 128, 249, 250, 255])
@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (80, 120)])
def test_a_plain_photo(level, shape):
    overview = describe(np.full((3, *shape), level, np.uint8))
    unit = level / 255
    np.testing.assert_allclose(overview.thumbnail, unit, atol=1e-7)
    np.testing.assert_allclose(overview.statistics[:11], math.sqrt(unit), atol=1e-6)
    assert overview.statistics[11:].tolist() == [0, level >= 250, level <= 2]
    assert overview.brightness == pytest.approx(unit, abs=1e-6)


def test_the_brightest_channel_counts_for_the_quantiles():
    planes = np.zeros((3, 40, 40), np.uint8)
    planes[2] = 100
    found = describe(planes).statistics
    np.testing.assert_allclose(found[4:11], math.sqrt(100 / 255), atol=1e-6)
    np.testing.assert_allclose(found[:4] ** 2, np.array([1 / 3, 0, 0, 1]) * 100 / 255, atol=1e-6)


def test_brightness_is_the_mean_of_all_pixels():
    planes = photo(120, 200)
    assert describe(planes).brightness == pytest.approx(planes.mean() / 255, abs=1e-6)
    ragged = photo(523, 777)
    assert describe(ragged).brightness == pytest.approx(ragged.mean() / 255, abs=2e-3)


# -------------------------------------------------------------------------------------- turning, mirroring, memory

MOVES = {
    "mirror": lambda planes: planes[:, :, ::-1],
    "upside down": lambda planes: planes[:, ::-1],
    "quarter turn": lambda planes: np.rot90(planes, axes=(1, 2)),
    "half turn": lambda planes: np.rot90(planes, 2, axes=(1, 2)),
    "three quarters": lambda planes: np.rot90(planes, 3, axes=(1, 2)),
    "transposed": lambda planes: planes.transpose(0, 2, 1),
}


@given(byte_photos)
@settings(max_examples=30, deadline=None)
def test_the_cues_are_what_they_are_said_to_be(planes):
    found, top = describe(planes).cues, planes.max(axis=0)
    assert found.shape == (CUES,) == (7,)
    assert found.dtype == np.float32
    for share, cue in zip((0.999, 0.9999), found, strict=False):
        level = round(float(cue) ** 2 * 255)
        assert (top <= level).mean() >= share - 1e-9
        assert level == 0 or (top <= level - 1).mean() < share
    levels = np.log2(planes.astype(np.float64).mean(axis=0) + 1)
    steps = [np.abs(np.diff(levels, axis=axis)) for axis in (0, 1)]
    expected = sum(step.mean() for step in steps if step.size) / 2
    np.testing.assert_allclose(found[2], expected, rtol=1e-5, atol=1e-6)


def test_a_checkerboard_has_contrast_up_to_the_size_of_its_squares():
    rows, columns = np.mgrid[0:64, 0:64]
    board = np.where((rows // 4 + columns // 4) % 2, 255, 0).astype(np.uint8)
    cues = describe(np.stack([board] * 3)).cues
    np.testing.assert_allclose(cues[:2], 1)
    np.testing.assert_allclose(cues[2:], [8 * 15 / 63, 8 * 15 / 31, 8, 0, 0], atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (700, 2), (1300, 1290)])
def test_cues_of_bytes_and_of_floats_are_alike_at_any_size(size):
    planes = np.random.default_rng(0).integers(0, 90, (3, *size), dtype=np.uint8)
    of_bytes, of_floats = describe(planes).cues, describe(planes.astype(np.float32) / 255).cues
    assert np.isfinite(of_bytes).all()
    np.testing.assert_allclose(of_floats, of_bytes, atol=1e-4)


def assert_same(found: Overview, thumbnail: np.ndarray, statistics: np.ndarray) -> None:
    np.testing.assert_allclose(found.thumbnail, thumbnail, atol=1e-6)
    np.testing.assert_allclose(found.statistics, statistics, atol=1e-6)


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES.keys())
@given(rows=st.integers(1, 3), columns=st.integers(1, 3), seed=st.integers(0, 99), floats=st.booleans())
@settings(max_examples=15, deadline=None)
def test_the_thumbnail_turns_with_the_photo(move, rows, columns, seed, floats):
    """Exactly so where the cells are equal; elsewhere they cannot lie the same way from both ends."""
    planes = photo(40 * rows, 40 * columns, seed)
    planes = planes / np.float32(255) if floats else planes
    overview = describe(planes)
    assert_same(describe(move(planes)), move(overview.thumbnail), overview.statistics)


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES.keys())
@given(byte_photos)
@settings(max_examples=15, deadline=None)
def test_most_statistics_never_depend_on_the_orientation(move, planes):
    np.testing.assert_array_equal(describe(move(planes)).statistics[4:], describe(planes).statistics[4:])


def test_how_the_array_lies_in_memory_does_not_matter():
    interleaved = np.ascontiguousarray(photo(90, 77).transpose(1, 2, 0))
    view = interleaved.transpose(2, 0, 1)[:, 5:, ::2]
    copy = np.ascontiguousarray(view)
    assert_same(describe(view), describe(copy).thumbnail, describe(copy).statistics)


def test_the_photo_is_not_changed():
    planes = photo(50, 60)
    floats = planes / np.float32(255)
    for given_planes in (planes, floats):
        before = given_planes.copy()
        given_planes.flags.writeable = False
        describe(given_planes)
        np.testing.assert_array_equal(given_planes, before)


def test_the_numbers_have_not_changed():
    """A trained network knows the photo by these: a change here asks for training anew."""
    rng = np.random.default_rng(0)
    found = describe((rng.random((3, 67, 45)) ** 3 * 255).astype(np.uint8))
    pinned = [
        *(0.49776563, 0.49583498, 0.501604, 0.4958356),
        *(0.08856149, 0.21693046, 0.5009794, 0.71125406, 0.8631906, 0.97417635, 0.9941003),
        *(0.28756773, 0.022553897, 0.012603648),
    ]
    np.testing.assert_allclose(found.statistics, pinned, rtol=1e-6)
    assert found.thumbnail.sum() == pytest.approx(1189.2991, rel=1e-6)
    assert found.thumbnail[2, 39, 39] == pytest.approx(0.41470587, rel=1e-6)


# ------------------------------------------------------------------------------------------------------ many bits


@given(byte_photos)
@settings(max_examples=60, deadline=None)
def test_a_photo_of_8_bits_in_a_file_of_16_is_described_to_the_same_digit(planes):
    unit = planes.astype(np.float32) / np.float32(255)
    same = (planes.astype(np.uint16) * 257).astype(np.float32) / np.float32(65535)
    for bits, floats in ((8, unit), (16, unit), (16, same), (32, unit)):
        plain, deep = describe(unit), describe(floats, bits=bits)
        np.testing.assert_array_equal(deep.statistics, plain.statistics)
        np.testing.assert_array_equal(deep.thumbnail, plain.thumbnail)
        np.testing.assert_array_equal(deep.cues, plain.cues)


def test_nothing_of_16_bits_is_rounded_to_8():
    rng = np.random.default_rng(4)
    codes = np.minimum(rng.integers(0, 400, (3, 90, 110)), rng.integers(0, 400, (3, 90, 110)))
    top = codes.max(axis=0)
    found = describe((codes / np.float32(65535)).astype(np.float32), bits=14).statistics
    quantiles = np.quantile(top, QUANTILES, method="inverted_cdf") / 65535
    np.testing.assert_allclose(found[4:11], np.sqrt(quantiles), rtol=1e-6)
    np.testing.assert_allclose(found[11], top.std() / 65535, rtol=1e-6)
    assert len(set(found[4:11].tolist())) == len(QUANTILES)
    assert len(set(describe((codes / np.float32(65535)).astype(np.float32)).statistics[4:11].tolist())) < 4


def test_16_bits_as_training_holds_them_are_described_as_in_use():
    """The histogram to the last digit, means to rounding."""
    rng = np.random.default_rng(6)
    for shape in ((90, 110), (700, 650), (3, 5)):
        codes = (rng.random((3, *shape)) ** 4 * 65535).astype(np.uint16)
        of_codes, of_floats = describe(codes), describe(codes / np.float32(65535), bits=14)
        np.testing.assert_array_equal(of_codes.statistics[4:], of_floats.statistics[4:])
        np.testing.assert_allclose(of_codes.statistics, of_floats.statistics, rtol=1e-5)
        np.testing.assert_allclose(of_codes.thumbnail, of_floats.thumbnail, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(of_codes.cues, of_floats.cues, rtol=1e-4, atol=1e-6)
        weights = rng.random(shape).astype(np.float32)
        weighed, as_floats = (describe(each, bits=14, weights=weights) for each in (codes, codes / np.float32(65535)))
        assert weighed.brightness == pytest.approx(as_floats.brightness, rel=1e-5)


@given(byte_photos)
@settings(max_examples=20, deadline=None)
def test_8_bits_held_as_16_are_described_as_8(planes):
    plain, deep = describe(planes), describe(planes.astype(np.uint16) * np.uint16(257))
    np.testing.assert_array_equal(deep.statistics[4:], plain.statistics[4:])
    np.testing.assert_array_equal(deep.thumbnail, plain.thumbnail)
    np.testing.assert_allclose(deep.cues, plain.cues, rtol=1e-4, atol=1e-6)


def test_cells_of_white_do_not_overflow():
    assert (area_average(np.full((1, 300, 300), 65535, np.uint16), (1, 1)) == 1).all()


def test_light_and_dark_shares_are_the_same_at_any_depth():
    fine = np.random.default_rng(5).random((3, 80, 90)).astype(np.float32) ** 4
    coarse = np.rint(fine * 255) / np.float32(255)
    np.testing.assert_array_equal(describe(fine, bits=16).statistics[12:], describe(coarse).statistics[12:])
