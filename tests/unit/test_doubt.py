"""Seen or invented: half-widths that a model's card tells, the same for any part, and only where somebody asks."""

import dataclasses
import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darklift import Enhancer, Picture, Tile, UsageError
from darklift.diffusion import SamplerPreset
from darklift.errors import ModelError
from darklift.pipeline import compose
from darklift.pipeline.doubt import known_of_places
from darklift.pipeline.memory import TILE_SIDES
from darklift.runtime import Footprint, Intervals, Model, ModelCard
from darklift.runtime.intervals import KNOWN_OF_A_PLACE, Curve
from seen import signal_in, view_of_planes

PRESET = SamplerPreset(1, "cosine", 100, spacing="trailing", predicts="x0", max_steps=8)
FLAT = Curve((0.0,), (0.0,))


def told(**curves: Curve) -> Intervals:
    """An eighth of full scale, but for what the curves say; wider for more coverage."""
    base = dict.fromkeys(KNOWN_OF_A_PLACE, FLAT) | {"tone": Curve((0.0, 1.0), (-3.0, -3.0))}
    return Intervals(base | curves, {0.8: 0.5, 0.9: 1.0, 0.95: 2.0}, {"on": "nothing"})


class Exposing:
    inputs, outputs = ("thumbnail",), ("brightness",)

    def __init__(self, wanted=0.4):
        self.wanted = wanted

    def __call__(self, feeds):
        return {"brightness": np.full(1, self.wanted, np.float32)}


class Lifting:
    inputs, outputs = ("low", "x", "abar", "brightness"), ("x0",)

    def __init__(self):
        self.calls = 0

    def __call__(self, feeds):
        self.calls += 1
        return {"x0": (2 * (3 * feeds["low"]) - 1).astype(np.float32)}


def enhancer(intervals=None, *, wanted=0.4, exposes=True):
    card = ModelCard("lifting", "none", Footprint(8), {"default": PRESET}, intervals=intervals)
    step = Lifting()
    graphs = {"step": step} | ({"exposure": Exposing(wanted)} if exposes else {})
    return Enhancer(Model(card, graphs)), step


def photo(height, width, peak=0.2, alpha=None):
    rng = np.random.default_rng(height * width)
    ramp = np.linspace(0, peak, width, dtype=np.float32)[None, :, None]
    pixels = ramp * rng.random((height, width, 3), dtype=np.float32)
    return Picture(pixels, alpha=alpha)


VARIED = told(
    lift=Curve((0.0, 3.0), (-1.0, 1.0)),
    held=Curve((0.0, 6.0), (1.0, -1.0)),
    contrast=Curve((-2.0, 6.0), (-0.5, 0.5)),
    lit=Curve((0.0, 1.0), (0.0, 1.0)),
)
LARGE = (TILE_SIDES[0] + 40, TILE_SIDES[0] + 120)


@pytest.fixture(scope="module")
def large():
    made, _ = enhancer(VARIED)
    picture = photo(*LARGE, peak=0.5)
    plan = made.plan(picture, uncertainty=True)
    assert len(plan.tiles) == 4
    return made, picture, plan, made.render(picture, plan)


def test_what_is_asked_is_told(large):
    *_, whole = large
    assert whole.coverage == 0.9
    assert (whole.uncertainty.shape, whole.uncertainty.dtype) == (LARGE, np.float32)
    assert whole.uncertainty.min() > 0
    assert whole.uncertainty.std() > 0


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_a_part_has_the_half_widths_of_the_whole(large, data):
    made, picture, plan, whole = large
    top, left = (data.draw(st.integers(0, side - 1)) for side in LARGE)
    part = Tile(top, left, data.draw(st.integers(1, LARGE[0] - top)), data.draw(st.integers(1, LARGE[1] - left)))
    rendered = made.render(picture, plan, part)
    np.testing.assert_array_equal(rendered.uncertainty, whole.uncertainty[part.window])


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (5, 4), (60, 40)])
def test_any_size(size):
    made, _ = enhancer(VARIED)
    assert made.run(photo(*size), uncertainty=True).uncertainty.shape == size


def test_it_changes_nothing_and_costs_nothing_unless_asked(monkeypatch):
    made, _ = enhancer(VARIED)
    picture = photo(50, 60)
    asked = made.run(picture, uncertainty=True)
    monkeypatch.setattr(compose, "known_of_places", None)  # whoever calls it fails
    result = made.run(picture)
    assert result.uncertainty is None
    assert result.coverage is None
    np.testing.assert_array_equal(result.picture.pixels, asked.picture.pixels)


def test_more_coverage_is_wider():
    made, _ = enhancer(VARIED)
    maps = [made.run(photo(30, 40), uncertainty=True, coverage=stated).uncertainty for stated in (0.8, 0.9, 0.95)]
    assert all((one < other).all() for one, other in pairwise(maps))


def test_there_is_as_much_of_it_as_of_the_change():
    made, _ = enhancer(told())
    full, half, none = (made.run(photo(30, 40), uncertainty=True, strength=s).uncertainty for s in (1, 0.5, 0))
    np.testing.assert_allclose(full, 1 / 8, rtol=1e-6)
    np.testing.assert_allclose(half, 1 / 16, rtol=1e-6)
    assert not none.any()


def test_a_photo_that_is_left_alone_needs_no_network_for_it():
    made, step = enhancer(told(), wanted=0.5)
    bright = Picture(np.full((30, 40, 3), 0.5, np.float32) + photo(30, 40).pixels / 10)
    result = made.run(bright, uncertainty=True)
    assert result.unchanged
    assert step.calls == 0
    np.testing.assert_allclose(result.uncertainty, 1 / 8, rtol=1e-6)


def test_borders_and_hidden_pixels_are_the_photo_s_own():
    made, _ = enhancer(told())
    framed = np.zeros((80, 100, 3), np.float32)
    framed[20:-20] = 0.05 + photo(40, 100).pixels
    result = made.run(Picture(framed), uncertainty=True)
    assert not result.uncertainty[:20].any()
    assert result.uncertainty[30:50].all()
    alpha = np.ones((30, 40), np.float32)
    alpha[10:20, 10:30] = 0
    hidden = made.run(photo(30, 40, alpha=alpha), uncertainty=True).uncertainty
    assert not hidden[10:20, 10:30].any()
    assert not made.run(photo(30, 40, alpha=0 * alpha), uncertainty=True).uncertainty.any()
    assert hidden[:10].all()


def test_what_is_known_of_places():
    rng = np.random.default_rng(1)
    low = np.full((3, 200, 300), 2 / 255, np.float32)
    low[:, :, 100:200] = np.rint(40 + 8 * rng.standard_normal((200, 100))) / 255
    low[:, :, 200:] = 0.95
    view = view_of_planes(low)
    shown = np.minimum(low * 3, 1)
    known = known_of_places(view, signal_in(view, 8), Tile(0, 0, 200, 300), shown)
    assert set(known) == set(KNOWN_OF_A_PLACE)
    black, noisy, lit = ({name: np.median(values[:, part]) for name, values in known.items()} for part in THIRDS)
    assert black["tone"] == pytest.approx(6 / 255, rel=1e-3)
    assert black["lift"] == pytest.approx(1, abs=1e-3)  # (6 + 2) / (2 + 2)
    assert lit["lift"] == pytest.approx(np.log2(257 / 244.25), abs=1e-3)
    assert black["held"] < 1.5 < 4 < noisy["held"]
    assert black["lit"] == 0
    assert lit["lit"] == pytest.approx(1, abs=1e-2)
    assert black["contrast"] == pytest.approx(np.log2(0.3), abs=0.1)
    assert noisy["contrast"] == pytest.approx(np.log2(8.3), abs=0.2)


THIRDS = (slice(0, 90), slice(110, 190), slice(210, 300))


def test_a_model_without_intervals_or_that_guesses_no_brightness_cannot_tell():
    for made, _ in (enhancer(), enhancer(told(), exposes=False)):
        with pytest.raises(UsageError, match="lifting"):
            made.run(photo(8, 8), uncertainty=True)


def test_a_coverage_that_was_not_calibrated_is_refused_where_it_matters():
    made, _ = enhancer(told())
    assert made.run(photo(8, 8), coverage=0.5).uncertainty is None
    with pytest.raises(UsageError, match=r"0\.5.*0\.8, 0\.9, 0\.95"):
        made.run(photo(8, 8), uncertainty=True, coverage=0.5)


def test_intervals_travel_on_the_card():
    card = ModelCard("lifting", "none", Footprint(8), {"default": PRESET}, intervals=VARIED)
    assert ModelCard.from_json(card.to_json(), "here").intervals == VARIED
    plain = dataclasses.replace(card, intervals=None)
    assert ModelCard.from_json(plain.to_json(), "here").intervals is None
    older = {key: value for key, value in json.loads(plain.to_json()).items() if key != "intervals"}
    assert ModelCard.from_json(json.dumps(older), "here").intervals is None


@pytest.mark.parametrize(
    "change",
    [
        {"curves": {"tone": [[0, 1], [0, 0]]}},
        {"curves": {name: [[1, 0], [0, 0]] for name in KNOWN_OF_A_PLACE}},
        {"curves": {name: [[0, 1], [0]] for name in KNOWN_OF_A_PLACE}},
        {"curves": {name: [[], []] for name in KNOWN_OF_A_PLACE}},
        {"curves": {name: [[0], [float("nan")]] for name in KNOWN_OF_A_PLACE}},
        {"curves": 3},
        {"factors": {}},
        {"factors": {"0.9": 0}},
        {"factors": {"1": 1}},
        {"factors": {"often": 1}},
        {"made": 3},
    ],
    ids=str,
)
def test_intervals_that_are_none_are_refused(change):
    card = json.loads(ModelCard("a", "none", Footprint(8), {"default": PRESET}, intervals=VARIED).to_json())
    card["intervals"] |= change
    with pytest.raises(ModelError, match=r"here\.json"):
        ModelCard.from_json(json.dumps(card), "here.json")
