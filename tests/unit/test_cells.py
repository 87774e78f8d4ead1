"""Sums over windows and blocks of a grid, fast, are what adding them up one by one gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darklift.image import row_strips
from darklift.image.overview import AreaAverage
from darklift.pipeline.cells import Guide, block_sums, box_means, box_sums


def whole_numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(shape[-1]).integers(0, 9, shape).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 6))
def test_sums_over_windows_are_those_of_their_cells(height, width, radius):
    maps = whole_numbers(2, height, width)
    sums, means = box_sums(maps, radius), box_means(maps, radius)
    for row, column in np.ndindex(height, width):
        window = maps[:, max(row - radius, 0) : row + radius + 1, max(column - radius, 0) : column + radius + 1]
        np.testing.assert_array_equal(sums[:, row, column], window.sum(axis=(1, 2)))
        np.testing.assert_allclose(means[:, row, column], window.mean(axis=(1, 2)), rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 15), st.integers(1, 15), st.integers(1, 5))
def test_sums_over_blocks_are_those_of_their_pixels(height, width, side):
    plane = whole_numbers(height, width)
    sums = block_sums(plane, side)
    assert sums.shape == (-(-height // side), -(-width // side))
    for row, column in np.ndindex(sums.shape):
        block = plane[row * side : (row + 1) * side, column * side : (column + 1) * side]
        assert sums[row, column] == block.sum()


def test_blocks_leave_the_plane_as_it_is():
    plane = whole_numbers(6, 6)
    block_sums(plane, 2)
    np.testing.assert_array_equal(plane, whole_numbers(6, 6))


@pytest.mark.parametrize("multiple", [1, 7, 300])
def test_strips_hold_whole_blocks_but_for_the_last(multiple):
    strips = list(row_strips((1000, 9000), multiple))
    assert len(strips) > 1
    assert all((strip.stop - strip.start) % multiple == 0 for strip in strips[:-1])
    assert [row for strip in strips for row in range(1000)[strip]] == list(range(1000))


def test_a_grid_as_fine_as_the_picture_is_the_picture():
    planes = whole_numbers(3, 8, 9)
    average = AreaAverage((8, 9), (8, 9))
    for rows in (slice(0, 3), slice(3, 8)):
        average.add(planes[:, rows])
    np.testing.assert_array_equal(average.result(), planes)


def test_a_guides_edges_stay_and_what_lies_between_is_smoothed():
    rng = np.random.default_rng(1)
    step = np.repeat(np.float32([0, 10]), 20) * np.ones((40, 1), np.float32)
    noise = rng.normal(0, 1, step.shape).astype(np.float32)
    guide = Guide(step, 4, 0.1)
    smooth = guide.smooth(step + noise)
    assert (smooth - step).std() < 0.3 * noise.std()
    np.testing.assert_allclose(guide.smooth_itself(), guide.smooth(step), atol=1e-4)
    assert np.abs(guide.smooth_itself() - step).max() < 0.1


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("size", [(7, 11), (10, 12), (3, 30), (20, 21)])
def test_averages_over_any_grid_are_those_of_their_cells(dtype, size):
    planes = np.random.default_rng(3).random((2, 10, 21))
    planes = (255 * planes).astype(dtype) if dtype == np.uint8 else planes.astype(dtype)
    average = AreaAverage((10, 21), size)
    average.add(planes)
    made, white = average.result(), 255 if dtype == np.uint8 else 1
    for row, column in np.ndindex(size):
        (top, bottom), (left, right) = (
            (n * length // cells, max((n + 1) * length // cells, n * length // cells + 1))
            for n, length, cells in zip((row, column), (10, 21), size, strict=True)
        )
        expected = planes[:, top:bottom, left:right].mean(axis=(1, 2)) / white
        np.testing.assert_allclose(made[:, row, column], expected, rtol=1e-6)
