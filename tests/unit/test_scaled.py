"""Large photos: worked on as a small copy, and brought to full size with nothing that depends on how it is cut."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darklift import Enhancer, Exposure, Picture, Settings, Tile, UsageError
from darklift.diffusion import SamplerPreset
from darklift.image import from_array
from darklift.image.overview import area_average
from darklift.pipeline import scaled
from darklift.pipeline.clip import look_together, plan_frame
from darklift.pipeline.compose import view_of
from darklift.pipeline.memory import TILE_SIDES
from darklift.pipeline.scaled import SmallCopy, pieces_of, slopes_of, small_size
from darklift.pipeline.tiling import plan_tiles
from darklift.pipeline.view import View
from darklift.runtime import Footprint, Intervals, Model, ModelCard
from darklift.runtime.intervals import KNOWN_OF_A_PLACE, Curve

PRESET = SamplerPreset(2, "cosine", 100, spacing="trailing", predicts="x0", max_steps=8, eta=0.5)
RNG = np.random.default_rng(0)


class Graph:
    """A function with named inputs and one output."""

    def __init__(self, inputs, output, work):
        self.inputs, self.outputs, self.work, self.shapes = inputs, (output,), work, []

    def __call__(self, feeds):
        self.shapes.append(max((feeds[name].shape for name in self.inputs), key=len))
        return {self.outputs[0]: np.asarray(self.work(**feeds), np.float32)}


def lifted(x, low, box, brightness):
    around = (low + np.roll(low, 1, axis=2)) / 2
    return (12 * around * brightness - 1 + 0.05 * x + 0.05 * box.mean()).clip(-1, 1)


def detailed(low, seen, made, slope):
    assert slope.shape == seen.shape
    assert low.shape[2:] == tuple(2 * side for side in seen.shape[2:])
    enlarged = (made - seen + 0.01 * slope.clip(0, 5)).repeat(2, axis=2).repeat(2, axis=3)
    return (enlarged + (low + np.roll(low, 1, axis=3)) / 2).clip(0, 1)


def enhancer(*, enlarges=True, intervals=None):
    card = ModelCard("m", "none", Footprint(8), {"default": PRESET}, deblocks=True, intervals=intervals)
    graphs = {
        "step": Graph(("x", "low", "box", "brightness"), "x0", lifted),
        "exposure": Graph(("thumbnail",), "brightness", lambda thumbnail: np.full(1, 1 / 3)),
        "detail": Graph(("low", "seen", "made", "slope"), "x0", detailed),
    }
    if not enlarges:
        del graphs["detail"]
    return Enhancer(Model(card, graphs)), graphs


@pytest.fixture(autouse=True)
def _small_is_large(monkeypatch):
    """Photos above 1600 pixels are worked on as a small copy, cut in small pieces and tiles."""
    monkeypatch.setattr(scaled, "_MOST_PIXELS", {"fast": 400, "balanced": 1600, "best": float("inf")})
    monkeypatch.setattr(scaled, "_PIECE", 96)
    monkeypatch.setattr("darklift.pipeline.plan.TILE_OVERLAP", 8)
    monkeypatch.setattr("darklift.pipeline.memory.TILE_SIDES", (64, 24, 16))


def photo(height, width, channels=3, dtype=np.uint8):
    """Dark, with structure."""
    rows, columns = np.mgrid[0:height, 0:width]
    waves = 0.06 + 0.05 * np.sin(rows / 7 + columns / 5)
    values = waves[:, :, None] * np.linspace(1, 0.6, channels) + RNG.random((height, width, channels)) * 0.02
    return from_array((values * np.iinfo(dtype).max).astype(dtype))


def noisy(deviation, rows=192, columns=200):
    """Dark squares, beside flat places of the same levels, with noise of a pixel."""
    down, across = np.indices((rows, columns))
    rng = np.random.default_rng(deviation)
    squares = rng.uniform(-6, 6, (rows, columns))[down // 6, across // 6]
    codes = 12 + across / 16 + np.where((down // 32 + across // 32) % 2, squares, 0)
    codes += rng.normal(0, deviation, codes.shape)
    return from_array(np.rint(codes.clip(0, 255)).astype(np.uint8)[:, :, None].repeat(3, axis=2))


# ---------------------------------------------------------------------------------------------------------- the scale


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_pieces_cover_the_photo_and_begin_where_cells_do(height, width):
    pieces = pieces_of((height, width))
    assert all(piece.top % 4 == piece.left % 4 == 0 for piece in pieces)
    assert max(piece.top + piece.height for piece in pieces) == height
    assert max(piece.left + piece.width for piece in pieces) == width


def test_models_without_detail_and_speed_best_work_on_every_pixel():
    picture = photo(90, 110)
    plain, _ = enhancer(enlarges=False)
    made, _ = enhancer()
    expected = plain(picture).pixels
    assert plain.plan(picture).scale == made.plan(picture, speed="best").scale == 1
    np.testing.assert_array_equal(made(picture, speed="best").pixels, expected)
    assert made.plan(picture).scale == 3
    assert made.plan(picture, speed="fast").scale == 5
    assert not np.array_equal(made(picture).pixels, expected)
    with pytest.raises(UsageError, match="speed is 'slow', expected fast or balanced or best"):
        Settings(speed="slow")


def test_another_speed_needs_no_other_look():
    made, graphs = enhancer()
    plan = made.plan(photo(90, 110))
    looked = len(graphs["exposure"].shapes)
    other = made.replan(plan, speed="best")
    assert (other.scale, other.pieces, len(graphs["exposure"].shapes)) == (1, (), looked)
    assert made.replan(other, speed="balanced").scale == plan.scale


def test_a_plan_goes_by_what_drowns_and_says_why(caplog):
    made, _ = enhancer()
    assert made.plan(noisy(0)).scale == 5
    with caplog.at_level("DEBUG", "darklift"):
        plan = made.plan(noisy(9))
    assert plan.scale == 4
    assert "scale 4 (5 by size" in caplog.text
    assert made.replan(plan, speed="best").scale == 1
    assert made.replan(made.replan(plan, speed="best"), speed="balanced").scale == 4
    assert enhancer(enlarges=False)[0].plan(noisy(9)).look.drowned == ()


def test_frames_of_a_clip_have_one_scale():
    made, _ = enhancer()
    frames = [noisy(deviation) for deviation in (0, 30, 30)]
    assert {made.plan(frame).scale for frame in frames} == {5, 4}
    shared = look_together(made.model, frames)
    assert {plan_frame(made.model, frame, shared, Settings()).scale for frame in frames} == {4}


# ------------------------------------------------------------------------------------------------------ the small copy


@settings(max_examples=40)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(2, 7))
def test_cells_are_means_of_their_pixels(height, width, scale):
    view = View(photo(height, width), Tile(0, 0, height, width))
    size = small_size((height, width), scale)
    copy = SmallCopy(view, scale, [Tile(0, 0, *size)], [Tile(0, 0, height, width)])
    pixels = view.of(Tile(0, 0, height, width))
    expected = [
        [
            pixels[:, top : top + scale, left : left + scale].mean(axis=(1, 2), dtype=np.float64)
            for left in range(0, width, scale)
        ]
        for top in range(0, height, scale)
    ]
    found = copy.of(Tile(0, 0, *size))
    np.testing.assert_allclose(found, np.transpose(expected, (2, 0, 1)), atol=1e-5)


def test_slopes_are_how_much_more_contrast_edges_got():
    seen = np.zeros((20, 30), np.float32)
    seen[:, 15:] = 0.2
    slopes = slopes_of(seen, 3 * seen + 0.1)
    np.testing.assert_allclose(slopes[:, 14:16], 3, rtol=0.02)
    np.testing.assert_allclose(slopes[:, :10], 0, atol=1e-3)


@pytest.mark.parametrize("scale", [2, 3, 4, 5])
def test_what_was_made_lies_where_it_was_seen(scale):
    """A gradient stays one: cells are interpolated at the middle of each 2×2 pixels."""
    rows, columns = 61, 83
    codes = np.add.outer(np.arange(rows), 2 * np.arange(columns))[:, :, None].repeat(3, axis=2) / 300
    view = View(Picture(codes.astype(np.float32)), Tile(0, 0, rows, columns))
    copy = SmallCopy(view, scale, [Tile(0, 0, *small_size(view.size, scale))], [Tile(0, 0, rows, columns)])
    copy.put(copy.area, copy.of(copy.area))
    asked = {}

    class Asked:
        def enlarge(self, low, seen, made, slope):
            asked.update(low=low[0], seen=seen[0], made=made[0])
            return low

    copy.enlarge(Asked(), Tile(0, 0, rows, columns))
    np.testing.assert_array_equal(asked["seen"], asked["made"])
    low = asked["low"][:, : rows // 2 * 2, : columns // 2 * 2]
    halves = low.reshape(3, rows // 2, 2, columns // 2, 2).mean(axis=(2, 4))
    inside = np.s_[:, scale : rows // 2 - scale, scale : columns // 2 - scale]
    np.testing.assert_allclose(asked["seen"][:, : rows // 2, : columns // 2][inside], halves[inside], atol=1e-4)


def test_flat_dark_blocks_are_smoothed_in_the_copy_as_in_the_photo(monkeypatch):
    monkeypatch.setitem(scaled._MOST_PIXELS, "balanced", 40_000)
    rows, columns = np.mgrid[0:600, 0:800] // 32
    picture = from_array((((rows + columns) % 3 + 2)[:, :, None].repeat(3, axis=2)).astype(np.uint8))
    made, _ = enhancer()
    plan = made.plan(picture)
    assert plan.scale == 4
    assert plan.smoothing is not None

    def seen(plan):
        copy = SmallCopy(view_of(picture, plan), plan.scale, plan.tiles, plan.pieces)
        return copy.of(Tile(0, 0, *plan.worked_on))

    def off(found):
        return np.abs(found - area_average(view_of(picture, plan).of(Tile(0, 0, 600, 800)), plan.worked_on)).mean()

    assert off(seen(plan)) < 0.2 * off(seen(made.replan(plan, deblock="off")))


# ------------------------------------------------------------------------------------------------------ whole and part


@pytest.fixture
def large():
    made, graphs = enhancer()
    picture = photo(150, 170, channels=4)
    plan = made.plan(picture, steps=2)
    assert len(plan.tiles) > 4
    assert len(plan.pieces) > 4
    return made, graphs, picture, plan, made.render(picture, plan)


@pytest.mark.parametrize("speed", ["fast", "balanced"])
def test_a_part_has_the_pixels_of_the_whole(large, speed):
    made, _, picture, plan, _ = large
    plan = made.replan(plan, plan.settings.changed(speed=speed))
    whole = made.render(picture, plan).picture
    for _ in range(12):
        top, left = (int(RNG.integers(side)) for side in picture.size)
        part = Tile(top, left, int(RNG.integers(1, 151 - top)), int(RNG.integers(1, 171 - left)))
        found = made.render(picture, pickle.loads(pickle.dumps(plan)), part).picture
        np.testing.assert_array_equal(found.pixels, whole.pixels[part.window])
        np.testing.assert_array_equal(found.alpha, picture.alpha[part.window])


def test_a_part_costs_only_what_reaches_into_it(large):
    made, graphs, picture, plan, _ = large
    graphs["step"].shapes.clear()
    graphs["detail"].shapes.clear()
    told = []
    made.render(picture, plan, Tile(0, 0, 10, 10), on_step=lambda *step: told.append(step))
    assert len(graphs["detail"].shapes) == 1
    assert len(graphs["step"].shapes) < 2 * len(plan.tiles)
    assert told == [(done, len(told)) for done in range(1, len(told) + 1)]


def test_tiles_and_pieces_show_no_seams(large):
    made, _, picture, plan, whole = large
    tiles = plan_tiles(*plan.worked_on, side=max(plan.worked_on), overlap=8, multiple=8)
    one = replace(plan, tiles=tiles, pieces=(Tile(0, 0, *picture.size),))
    away = np.abs(made.render(picture, one).picture.pixels - whole.picture.pixels)
    assert np.median(away) < 2e-3
    assert away.max() < 0.1


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (2, 2000), (47, 61), (50, 401)])
@pytest.mark.parametrize(("channels", "dtype"), [(3, np.uint8), (1, np.uint8), (4, np.uint16)])
def test_every_size_and_kind_keeps_its_own(size, channels, dtype):
    made, _ = enhancer()
    picture = photo(*size, channels, dtype)
    result = made(picture, exposure=Exposure(mean=0.4))
    assert result.size == size
    assert result.gray == picture.gray
    if picture.has_alpha:
        np.testing.assert_array_equal(result.alpha, picture.alpha)
    assert result.pixels.mean() > picture.pixels.mean()


def test_borders_stay_and_uncertainty_is_told_at_full_size():
    curves = {name: Curve((0.0,), (-1.0,)) for name in KNOWN_OF_A_PLACE}
    made, _ = enhancer(intervals=Intervals(curves, {0.9: 1.0}, {}))
    values = np.zeros((130, 150, 3), np.uint8)
    values[20:-20] = np.rint(photo(90, 150).pixels * 255)
    picture = from_array(values)
    plan = made.plan(picture, uncertainty=True)
    assert plan.look.inside == Tile(20, 0, 90, 150)
    assert plan.worked_on == small_size((90, 150), plan.scale)
    enhanced = made.render(picture, plan)
    assert enhanced.scale == plan.scale
    assert enhanced.uncertainty.shape == picture.size
    np.testing.assert_allclose(enhanced.uncertainty[20:-20], 2**-5.0, rtol=1e-5)
    result = enhanced.picture.pixels
    np.testing.assert_array_equal(result[:20], 0)
    assert result[20:-20].mean() > picture.pixels[20:-20].mean()


def test_tiles_of_a_copy_are_smaller(monkeypatch):
    monkeypatch.undo()
    made, _ = enhancer()
    plan = made.plan(from_array(np.full((2000, 3000, 3), 20, np.uint8)))
    assert plan.scale == 3
    assert max(max(tile.height, tile.width) for tile in plan.tiles) <= TILE_SIDES[1]


@pytest.mark.parametrize("cores", ["1", "2"])
@pytest.mark.parametrize("speed", ["balanced", "best"])
def test_a_result_in_place_of_its_photo_is_the_same(cores, speed, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", cores)
    (made, _), codes, wish = enhancer(), photo(120, 150).held.colours, Settings(speed=speed, saturation=20, steps=1)
    codes[:20] = 0  # a border, which stays
    expected, given = made.run(from_array(codes), wish, bits=8).picture.held.colours, from_array(codes.copy())
    assert len(made.plan(given, wish).tiles) > 1
    assert made.run(given, wish, bits=8, in_place=True).picture.held.colours is given.held.colours
    np.testing.assert_array_equal(given.held.colours, expected)
    assert (expected != codes).mean() > 0.5
