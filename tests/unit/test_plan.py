"""Plan and render: decided once, done for any part, at any time, anywhere."""

import pickle
import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darklift import Enhancer, Exposure, ImageError, Picture, Settings, Tile, UsageError
from darklift.diffusion import SamplerPreset
from darklift.image import from_array
from darklift.pipeline.compose import Canvas
from darklift.pipeline.memory import TILE_SIDES
from darklift.pipeline.render import render_together
from darklift.runtime import Footprint, Model, ModelCard

PRESET = SamplerPreset(2, "cosine", 100, spacing="trailing", predicts="x0", max_steps=8, eta=0.5)


class Exposing:
    """Wishes for a third of full brightness."""

    inputs = ("thumbnail",)
    outputs = ("brightness",)

    def __init__(self):
        self.calls = 0

    def __call__(self, feeds):
        self.calls += 1
        return {"brightness": np.full(1, 1 / 3, np.float32)}


class Lifting:
    """The piece, brighter, with something of the noise and of the place in it; blurred, so that tiles differ at their
    edges.
    """

    inputs = ("x", "abar", "low", "box", "brightness")
    outputs = ("x0", "uncertainty")

    def __init__(self):
        self.shapes = []

    def __call__(self, feeds):
        low, box = feeds["low"], feeds["box"]
        self.shapes.append(low.shape)
        around = (low + np.roll(low, 3, axis=2) + np.roll(low, 2, axis=3)) / 3
        x0 = 20 * around * feeds["brightness"] - 1 + 0.1 * feeds["x"] + 0.05 * box.mean()
        return {"x0": x0.astype(np.float32), "uncertainty": np.abs(x0).astype(np.float32)}


class Conditioning:
    """Tells the network something of the whole photo."""

    inputs = ("thumbnail", "brightness")
    outputs = ("light",)

    def __init__(self):
        self.calls = 0

    def __call__(self, feeds):
        self.calls += 1
        return {"light": feeds["thumbnail"] * feeds["brightness"]}


def enhancer(*, name="lifting", sees_whole=False, deblocks=True):
    card = ModelCard(name, "none", Footprint(8, sees_whole=sees_whole), {"default": PRESET}, deblocks)
    step, exposure = Lifting(), Exposing()
    return Enhancer(Model(card, {"step": step, "exposure": exposure})), step, exposure


def photo(height, width, *, peak=0.15, blocky=False, alpha=False):
    rng = np.random.default_rng(height * width)
    pixels = (rng.random((height, width, 3)) * peak).astype(np.float32)
    if blocky:
        rows, columns = np.mgrid[0:height, 0:width] // max(8, width // 25)
        pixels[:] = (((rows + columns) % 3 + 2) / 255)[:, :, None].astype(np.float32)
    return Picture(pixels, alpha=rng.random((height, width), dtype=np.float32) if alpha else None)


LARGE = (TILE_SIDES[0] + 40, TILE_SIDES[0] + 120)
"""A photo of several tiles."""


@pytest.fixture(scope="module")
def large():
    made, step, _ = enhancer()
    picture = photo(*LARGE, alpha=True)
    plan = made.plan(picture, steps=1)
    assert len(plan.tiles) == 4
    return made, step, picture, plan, made.render(picture, plan)


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_a_part_has_the_pixels_of_the_whole(large, data):
    made, _, picture, plan, whole = large
    top, left = (data.draw(st.integers(0, side - 1)) for side in LARGE)
    part = Tile(top, left, data.draw(st.integers(1, LARGE[0] - top)), data.draw(st.integers(1, LARGE[1] - left)))
    rendered = made.render(picture, plan, part).picture
    np.testing.assert_array_equal(rendered.pixels, whole.picture.pixels[part.window])
    np.testing.assert_array_equal(rendered.alpha, picture.alpha[part.window])


def test_a_part_costs_only_the_tiles_that_reach_into_it(large):
    made, step, picture, plan, _ = large
    step.shapes.clear()
    told = []
    made.render(picture, plan, Tile(0, 0, 10, 10), on_step=lambda *step: told.append(step))
    assert len(step.shapes) == 1
    assert told == [(1, 1)]
    step.shapes.clear()
    edge = plan.tiles[1].left + plan.overlap // 2
    made.render(picture, plan, Tile(0, edge, 10, 10), on_step=lambda *step: told.append(step))
    assert len(step.shapes) == 2
    assert told[-1] == (2, 2)


def test_what_is_made_is_put_beside_on_more_than_one_core(large, monkeypatch):
    made, _, picture, plan, whole = large
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    part = Tile(0, 0, *LARGE)
    np.testing.assert_array_equal(made.render(picture, plan, part).picture.pixels, whole.picture.pixels)

    def fails(self, place, values):
        raise ImageError("the disk is full")

    monkeypatch.setattr(Canvas, "put", fails)
    with pytest.raises(ImageError, match="full"):
        made.render(picture, plan)


def test_a_model_of_one_thread_gets_no_second_one(large, monkeypatch):
    made, _, picture, plan, _ = large
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    threads = set()
    monkeypatch.setattr(Canvas, "put", lambda self, place, values: threads.add(threading.current_thread()))
    made.render(picture, plan)
    assert threading.main_thread() not in threads
    monkeypatch.setattr(made.model, "threads", 1)
    threads.clear()
    made.render(picture, plan)
    assert threads == {threading.main_thread()}


@pytest.mark.parametrize("size", [(1, 1), (7, 90), (200, 170)])
@pytest.mark.parametrize("sees_whole", [False, True])
def test_parts_of_smoothed_photos_and_of_networks_that_see_all(size, sees_whole):
    made, _, _ = enhancer(sees_whole=sees_whole)
    picture = photo(*size, blocky=True)
    plan = made.plan(picture)
    assert (plan.look.smoothing is not None) == (min(size) > 1)
    whole = made.render(picture, plan).picture.pixels
    part = Tile(size[0] // 2, size[1] // 3, size[0] - size[0] // 2, max(1, size[1] // 2))
    np.testing.assert_array_equal(made.render(picture, plan, part).picture.pixels, whole[part.window])


def test_calling_is_planning_and_rendering():
    made, _, _ = enhancer()
    picture, wish = photo(40, 50), Settings(exposure="+0.5", strength=0.8, seed=5, steps=3)
    called = made.run(picture, wish)
    rendered = made.render(picture, made.plan(picture, wish))
    np.testing.assert_array_equal(called.picture.pixels, rendered.picture.pixels)
    assert (called.brightness, called.steps, called.share) == (rendered.brightness, rendered.steps, rendered.share)
    np.testing.assert_array_equal(made(picture, wish).pixels, called.picture.pixels)
    np.testing.assert_array_equal(
        made(picture, exposure="+0.5", strength=0.8, seed=5, steps=3).pixels, called.picture.pixels
    )


def test_a_plan_can_be_kept_and_sent():
    made, _, exposure = enhancer()
    picture = photo(120, 150, blocky=True)
    plan = made.plan(picture, exposure=+1)
    expected = made.render(picture, plan).picture.pixels
    sent = pickle.loads(pickle.dumps(plan))
    elsewhere, _, its_exposure = enhancer()
    np.testing.assert_array_equal(elsewhere.render(picture, sent).picture.pixels, expected)
    assert (exposure.calls, its_exposure.calls) == (1, 0), "what was decided is not decided again"


def test_a_plan_is_small(large):
    made, _, _, plan, _ = large
    assert len(pickle.dumps(plan)) < 3_000_000, "three half-precision maps of at most 320 cells a side"
    blocky = made.plan(photo(600, 1000, blocky=True))
    assert blocky.look.smoothing is not None
    assert len(pickle.dumps(blocky)) < 11_000_000, "and eight maps of at most 480, whatever the size"


def test_a_slider_does_not_look_again():
    made, _, exposure = enhancer()
    picture = photo(60, 80)
    plan = made.plan(picture, seed=4)
    brighter = made.replan(plan, exposure=+1)
    assert exposure.calls == 1
    assert brighter.settings == Settings(seed=4, exposure="+1")
    assert brighter.brightness == pytest.approx(plan.brightness * 2 ** (1 / 2.2))
    expected = made.run(picture, seed=4, exposure=+1).picture.pixels
    np.testing.assert_array_equal(made.render(picture, brighter).picture.pixels, expected)


@pytest.mark.parametrize("wish", [{"strength": 0.0}, {}])
def test_a_photo_left_as_it_is_costs_no_network(wish):
    made, step, _ = enhancer()
    picture = photo(40, 50) if wish else Picture(np.full((40, 50, 3), 1 / 3, np.float32))
    told = []
    result = made.run(picture, **wish, on_step=lambda *step: told.append(step))
    assert step.shapes == []
    assert told == [(2, 2)]
    np.testing.assert_array_equal(result.picture.pixels, picture.pixels)
    assert result.share == (1 if wish else 0)
    assert result.picture.pixels is not picture.pixels


TRANSPARENT = np.zeros((40, 50, 4), np.uint8)
LEFT_AS_THEY_ARE = {
    "no strength": (photo(40, 50), {"strength": 0.0}),
    "bright enough": (Picture(np.full((40, 50, 3), 1 / 3, np.float32)), {}),
    "black": (from_array(np.zeros((64, 80, 3), np.uint8)), {}),
    "transparent": (from_array(TRANSPARENT), {"exposure": "+1"}),
}


@pytest.mark.parametrize("case", LEFT_AS_THEY_ARE)
def test_neither_graph_runs_for_a_photo_left_as_it_is(case):
    made, step, exposure = enhancer()
    condition = Conditioning()
    made = Enhancer(Model(made.model.card, {"step": step, "exposure": exposure, "condition": condition}))
    picture, wish = LEFT_AS_THEY_ARE[case]
    assert made.run(picture, **wish, bits=8).unchanged
    assert (condition.calls, step.shapes) == (0, [])
    plan = made.plan(photo(40, 50))
    assert condition.calls == 0
    for _ in range(2):
        made.render(photo(40, 50), plan)
    assert condition.calls == 1, "it is kept with the plan"
    made.render(photo(40, 50), pickle.loads(pickle.dumps(plan)))
    assert condition.calls == 1, "and goes with it"


def test_a_photo_left_as_it_is_is_not_held_twice():
    made, _, _ = enhancer()
    picture = from_array(np.full((40, 50, 3), 85, np.uint8))
    assert made.run(picture, bits=8).picture.held.colours is picture.held.colours
    deep = made.run(picture, bits=16).picture.held.colours
    np.testing.assert_array_equal(deep, np.full((40, 50, 3), 85 * 257, np.uint16))


def test_uncertainty_is_told_also_of_a_photo_left_as_it_is():
    made, step, _ = enhancer()
    result = made.run(photo(40, 50), Settings(uncertainty=True), strength=0)
    assert result.uncertainty.shape == (40, 50)
    assert result.uncertainty.max() > 0
    assert len(step.shapes) == 2


def test_a_plan_for_something_else_is_refused():
    made, _, _ = enhancer()
    other, _, _ = enhancer(name="other")
    picture = photo(40, 50)
    plan = made.plan(picture)
    with pytest.raises(UsageError, match="lifting"):
        other.render(picture, plan)
    with pytest.raises(UsageError, match="50x40"):
        made.render(photo(40, 51), plan)
    for part in (Tile(0, 0, 41, 50), Tile(-1, 0, 5, 5), Tile(3, 3, 0, 4), Tile(39, 49, 2, 1)):
        with pytest.raises(UsageError, match="40 rows"):
            made.render(picture, plan, part)


@pytest.mark.parametrize("settings", [{"preset": "none"}, {"steps": 9}, {"window": 16}])
def test_what_the_model_cannot_do_is_said_before_the_photo_is_looked_at(settings):
    made, _, exposure = enhancer()
    with pytest.raises(UsageError):
        made.plan(photo(40, 50), **settings)
    with pytest.raises(UsageError):
        made.replan(enhancer()[0].plan(photo(40, 50)), **settings)
    assert exposure.calls == 0


@pytest.mark.parametrize("thing", ["photo.jpg", None, np.zeros((4, 4, 3), np.float32)])
def test_what_is_no_picture_is_refused(thing):
    made, _, _ = enhancer()
    for refuse in (made.plan, made.run, lambda picture: made.render(picture, made.plan(photo(4, 4)))):
        with pytest.raises(UsageError, match=type(thing).__name__):
            refuse(thing)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_photo_without_numbers_is_refused_by_the_plan(value):
    picture = photo(40, 50)
    picture.pixels[3, 4, 1] = value
    with pytest.raises(ImageError, match="NaN"):
        enhancer()[0].plan(picture)


def test_a_plan_fits_a_copy_of_the_model_and_no_other_of_its_name():
    (one, _, _), (copy, _, _), (other, _, _) = enhancer(), enhancer(name="moved"), enhancer()
    for made, digest in ((one, "1"), (copy, "1"), (other, "2")):
        made.model.card = replace(made.model.card, files={"step.onnx": digest})
    picture = photo(40, 50)
    plan = one.plan(picture)
    np.testing.assert_array_equal(copy.render(picture, plan).picture.pixels, one.render(picture, plan).picture.pixels)
    for refuse in (other.replan, lambda plan: other.render(picture, plan)):
        with pytest.raises(UsageError, match="lifting"):
            refuse(plan)


def test_wrong_types_are_refused_in_words():
    made, _, _ = enhancer()
    picture = photo(40, 50)
    plan = made.plan(picture)
    for refuse in (
        lambda: made.run(picture, {"steps": 2}),
        lambda: made.plan(picture, None),
        lambda: made.replan(None),
        lambda: made.render(picture, None),
        lambda: made.render(picture, plan, (0, 0, 4, 4)),
        lambda: made.render(picture, plan, Tile(0.0, 0, 4, 4)),
        lambda: render_together(made.model, [], []),
        lambda: render_together(made.model, [picture], [plan, plan]),
        lambda: render_together(made.model, [picture, picture], [plan, made.replan(plan, seed=9)]),
        lambda: Enhancer(made.model, threads=3),
    ):
        with pytest.raises(UsageError):
            refuse()


def test_a_part_does_not_keep_the_whole_alive():
    made, _, _ = enhancer()
    picture = photo(100, 100)
    part = made.render(picture, made.plan(picture), Tile(3, 4, 5, 6)).picture.pixels
    owner = part if part.base is None else part.base
    assert owner.nbytes <= 2 * part.nbytes


def test_exposure_is_kept_as_a_value():
    assert Settings(exposure="+0.5").exposure == Exposure(stops=0.5)
