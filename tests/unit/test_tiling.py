"""Tiles that cover, fit and overlap as asked, for any size of picture; and blending that nobody sees."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from darklift.pipeline.tiling import Tile, map_tiles, plan_tiles

lengths = st.integers(1, 5000)


def joined(tiles, size, work, overlap, part=None):
    """What map_tiles makes, put together: each pixel comes once."""
    part = part or Tile(0, 0, *size)
    whole, times = None, np.zeros((part.height, part.width), int)
    for place, piece in map_tiles(tiles, size, work, overlap, part):
        if whole is None:
            whole = np.zeros((len(piece), part.height, part.width), piece.dtype)
        whole[:, *place.seen_from(part).window] = piece
        times[place.seen_from(part).window] += 1
    assert (times == 1).all()
    return whole


@st.composite
def plans(draw):
    """Height, width, and settings of plan_tiles from sensible to silly."""
    side = draw(st.integers(1, 1500))
    overlap = draw(st.integers(0, side - 1))
    multiple = draw(st.sampled_from([1, 2, 16, 32, 64]))
    # A picture of a million one-pixel tiles would only take long.
    height, width = draw(lengths), draw(lengths)
    assume((height / (side - overlap) + 1) * (width / (side - overlap) + 1) < 2000)
    return height, width, {"side": side, "overlap": overlap, "multiple": multiple}


def spans_of(tiles: tuple[Tile, ...]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The (start, length) of rows and of columns, of tiles that are every row with every column, in reading order."""
    rows = sorted({(tile.top, tile.height) for tile in tiles})
    columns = sorted({(tile.left, tile.width) for tile in tiles})
    wanted = tuple(Tile(top, left, h, w) for (top, h), (left, w) in itertools.product(rows, columns))
    assert tiles == wanted
    return rows, columns


# ---------------------------------------------------------------------------------------------------------- planning


@given(plans())
@settings(max_examples=300, deadline=None)
def test_tiles_cover_the_picture_overlap_fit_and_are_aligned(plan):
    height, width, asked = plan
    side, overlap, multiple = asked["side"], asked["overlap"], asked["multiple"]
    tiles = plan_tiles(height, width, **asked)
    if height * width <= side**2:
        assert tiles == (Tile(0, 0, height, width),)
        return
    assert len(tiles) > 1 or max(height, width) < side + multiple
    for whole, spans in zip((height, width), spans_of(tiles), strict=True):
        assert spans[0][0] == 0
        assert sum(spans[-1]) == whole
        for (start, length), (next_start, _) in itertools.pairwise(spans):
            assert start < next_start
            assert start + length - next_start >= overlap
        for start, length in spans:
            assert start % multiple == 0
            assert 1 <= length <= min(whole, side + multiple - 1)
            assert length > overlap or len(spans) == 1  # something of its own
            assert start + length <= whole


@given(lengths, lengths)
@settings(max_examples=200, deadline=None)
def test_memory_is_bounded_as_the_enhancer_asks_for_it(height, width):
    tiles = plan_tiles(height, width, side=1024, overlap=128, multiple=16)
    assert all(tile.height * tile.width <= (1024 + 15) ** 2 for tile in tiles)
    # No more work than needed: the pixels worked on are few beyond the picture's own.
    worked_on = sum(tile.height * tile.width for tile in tiles)
    assert worked_on <= 1.31 * height * width


def test_a_picture_of_the_allowed_area_is_one_piece_whatever_its_shape():
    for height, width in [(1024, 1024), (1, 1024**2), (512, 2048), (1, 1)]:
        assert plan_tiles(height, width, side=1024, overlap=128, multiple=16) == (Tile(0, 0, height, width),)
    assert len(plan_tiles(1024, 1025, side=1024, overlap=128, multiple=16)) == 2


def test_a_plan_written_out():
    found = plan_tiles(100, 250, side=100, overlap=20, multiple=8)
    assert found == (Tile(0, 0, 100, 100), Tile(0, 80, 100, 100), Tile(0, 160, 100, 90))


@pytest.mark.parametrize(
    ("side", "overlap", "multiple"), [(64, 64, 1), (64, 100, 1), (64, -1, 1), (64, 8, 0), (0, 0, 1), (-5, 0, 1)]
)
def test_a_plan_that_cannot_be_is_refused(side, overlap, multiple):
    with pytest.raises(ValueError, match="0 <= overlap < side and multiple >= 1"):
        plan_tiles(300, 300, side=side, overlap=overlap, multiple=multiple)


# ---------------------------------------------------------------------------------------------------------- blending


def random_picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((3, height, width), dtype=np.float32)


def crop(picture: np.ndarray, tile: Tile) -> np.ndarray:
    return picture[:, tile.top : tile.top + tile.height, tile.left : tile.left + tile.width]


@st.composite
def small_plans(draw):
    side = draw(st.integers(2, 60))
    overlap = draw(st.integers(0, side - 1))
    height, width = draw(st.integers(1, 120)), draw(st.integers(1, 120))
    assume((height / (side - overlap) + 1) * (width / (side - overlap) + 1) < 400)
    tiles = plan_tiles(height, width, side=side, overlap=overlap, multiple=draw(st.sampled_from([1, 4, 8])))
    return height, width, overlap, tiles


@given(small_plans())
@settings(max_examples=100, deadline=None)
def test_work_that_only_crops_gives_the_picture_back(plan):
    height, width, overlap, tiles = plan
    picture = random_picture(height, width)
    asked = []

    def work(tile):
        asked.append(tile)
        return crop(picture, tile)

    found = joined(tiles, picture.shape[1:], work, overlap)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, picture, atol=1e-6)
    assert tuple(asked) == tiles  # each once, in order


@given(small_plans(), st.integers(0, 10))
@settings(max_examples=100, deadline=None)
def test_a_blend_lies_between_what_is_blended(plan, seed):
    height, width, overlap, tiles = plan
    levels = dict(zip(tiles, np.random.default_rng(seed).random(len(tiles), dtype=np.float32), strict=True))
    found = joined(
        tiles, (height, width), lambda tile: np.full((3, tile.height, tile.width), levels[tile], np.float32), overlap
    )
    for y, x in [(0, 0), (height // 2, width // 2), (height - 1, width - 1), (0, width // 3)]:
        here = [
            levels[tile]
            for tile in tiles
            if tile.top <= y < tile.top + tile.height and tile.left <= x < tile.left + tile.width
        ]
        assert min(here) - 1e-6 <= found[:, y, x].min() <= found[:, y, x].max() <= max(here) + 1e-6


def test_a_constant_stays_constant():
    tiles = plan_tiles(150, 170, side=64, overlap=16, multiple=8)
    found = joined(tiles, (150, 170), lambda tile: np.full((3, tile.height, tile.width), 0.3, np.float32), 16)
    np.testing.assert_allclose(found, 0.3, atol=1e-7)


def test_one_tile_is_handed_through_as_it_is():
    picture = random_picture(30, 40)
    ((place, piece),) = map_tiles((Tile(0, 0, 30, 40),), (30, 40), lambda tile: picture, 16)
    assert place == Tile(0, 0, 30, 40)
    assert np.shares_memory(piece, picture)


@given(small_plans(), st.data())
@settings(max_examples=100, deadline=None)
def test_a_part_is_that_of_the_whole_to_the_bit(plan, data):
    height, width, overlap, tiles = plan
    results = {tile: random_picture(tile.height, tile.width) for tile in tiles}
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    part = Tile(top, left, data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left)))
    whole = joined(tiles, (height, width), results.__getitem__, overlap)
    found = joined(tiles, (height, width), results.__getitem__, overlap, part)
    np.testing.assert_array_equal(found, whole[:, *part.window])


@pytest.mark.parametrize(("height", "width"), [(200, 230), (70, 300), (300, 70), (129, 129)])
def test_what_goes_wrong_near_a_cut_edge_is_not_seen(height, width):
    """A network sees no neighbours beyond a tile's edge: within 7/16 of the overlap its result does not count."""
    overlap, picture = 32, random_picture(height, width)
    tiles = plan_tiles(height, width, side=96, overlap=overlap, multiple=16)
    assert len(tiles) > 1

    def work(tile):
        result = crop(picture, tile).copy()
        depth = overlap * 7 // 16
        if tile.top > 0:
            result[:, :depth] = 1 - result[:, :depth]
        if tile.left > 0:
            result[:, :, :depth] = 1 - result[:, :, :depth]
        if tile.top + tile.height < height:
            result[:, -depth:] = 1 - result[:, -depth:]
        if tile.left + tile.width < width:
            result[:, :, -depth:] = 1 - result[:, :, -depth:]
        return result

    found = joined(tiles, picture.shape[1:], work, overlap)
    assert np.abs(found - picture).max() < 0.5 / 65535 + 1e-6  # not even in 16 bits


def test_the_pictures_own_border_counts_in_full():
    """There no other tile could stand in."""
    picture = random_picture(200, 230)
    tiles = plan_tiles(200, 230, side=96, overlap=32, multiple=16)

    def work(tile):
        return crop(picture, tile) + np.float32(tile.top == 0)

    found = joined(tiles, picture.shape[1:], work, 32)
    np.testing.assert_allclose(found[:, 0], picture[:, 0] + 1, atol=1e-6)


def test_tiles_that_disagree_fade_into_each_other():
    """From one tile's level to the next's without a step, never turning back, wholly within the overlap."""
    tiles = plan_tiles(64, 400, side=128, overlap=64, multiple=16)
    assert len(tiles) > 3
    levels = {tile: np.float32(i) for i, tile in enumerate(tiles)}
    found = joined(tiles, (64, 400), lambda tile: np.full((1, tile.height, tile.width), levels[tile], np.float32), 64)
    profile = found[0, 32]
    np.testing.assert_allclose(found[0], np.broadcast_to(profile, (64, 400)), atol=1e-5)  # no seam across
    steps = np.diff(profile)
    assert steps.min() >= -1e-5
    assert steps.max() <= 1.1 / 8  # an eighth of the overlap is faded over
    assert (profile[0], profile[-1]) == (0, len(tiles) - 1)


def test_large_values_in_double_precision_come_out_in_single():
    picture = random_picture(100, 100) * 1000
    tiles = plan_tiles(100, 100, side=64, overlap=16, multiple=8)
    found = joined(tiles, picture.shape[1:], lambda tile: crop(picture, tile).astype(np.float64), 16)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, picture, rtol=1e-5)


def test_neither_of_two_tiles_is_preferred():
    tiles = plan_tiles(128, 192, side=128, overlap=64, multiple=16)
    assert tiles == (Tile(0, 0, 128, 128), Tile(0, 64, 128, 128))
    found = joined(tiles, (128, 192), lambda tile: np.full((1, 128, 128), tile.left > 0, np.float32), 64)
    np.testing.assert_allclose(found, 1 - found[:, :, ::-1], atol=1e-5)
    np.testing.assert_allclose(found[0, 0, 64 + 28 : 128 - 28], (np.arange(8) + 0.5) / 8, atol=1e-5)
