"""Windows over a picture that a network cannot see at once: where they lie, what is averaged, what is refused."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darklift import Enhancer, Picture
from darklift.diffusion import SamplerPreset
from darklift.errors import ImageError, UsageError
from darklift.pipeline import windows
from darklift.pipeline.tiling import Tile, plan_windows
from darklift.pipeline.windows import Window
from darklift.runtime import Footprint, Model, ModelCard

PRESET = SamplerPreset(2, "linear", None, start=0.01, end=0.9, clip=True)
CARD = ModelCard("whole", "none", Footprint(4, sees_whole=True, bytes_per_pixel=100.0), {"default": PRESET})


def card_of(**changes):
    return dataclasses.replace(CARD, footprint=dataclasses.replace(CARD.footprint, **changes))


class MeanSeer:
    """Predicts, for every pixel, a number that depends on all of the network's input; and how unsure it is of it."""

    inputs = ("x", "low", "abar", "code")
    outputs = ("eps", "uncertainty")

    def __init__(self):
        self.seen = []

    def __call__(self, feeds):
        self.seen.append(feeds["x"].shape)
        mean = feeds["low"].mean(axis=(1, 2, 3), keepdims=True) + feeds["x"].mean(axis=(1, 2, 3), keepdims=True)
        eps = np.float32(0.5) * feeds["x"] + mean + feeds["code"]
        return {"eps": eps.astype(np.float32), "uncertainty": np.abs(feeds["low"] - mean).astype(np.float32)}


class Encoder:
    """A condition that looks at the piece's pixels."""

    inputs = ("low",)
    outputs = ("code",)

    def __init__(self):
        self.runs = 0

    def __call__(self, feeds):
        self.runs += 1
        return {"code": feeds["low"].max(axis=(1, 2, 3), keepdims=True)}


def make(card=CARD, free=10**12):
    step, encoder = MeanSeer(), Encoder()
    return Enhancer(Model(card, {"step": step, "encode": encoder}, lambda: free)), step, encoder


def photo(height, width, seed=0):
    return Picture((np.random.default_rng(seed).random((height, width, 3)) * 0.3).astype(np.float32))


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_windows_cover_the_picture_up_to_its_border(height, width, data):
    side = data.draw(st.integers(1, min(height, width)))
    stride = data.draw(st.integers(1, side))
    seen = np.zeros((height, width), int)
    placed = plan_windows(height, width, side=side, stride=stride)
    for window in placed:
        assert (window.height, window.width) == (side, side)
        seen[window.window] += 1
    assert seen.min() >= 1
    assert len(set(placed)) == len(placed)
    tops = sorted({window.top for window in placed})
    assert all(0 < b - a <= stride for a, b in pairwise(tops))
    assert tops[0] == 0
    assert tops[-1] == height - side


def test_windows_written_out():
    assert plan_windows(128, 300, side=128, stride=100) == tuple(Tile(0, left, 128, 128) for left in (0, 100, 172))


@pytest.mark.parametrize(("side", "stride"), [(20, 5), (8, 9), (8, 0), (0, 0)])
def test_windows_that_cannot_be(side, stride):
    with pytest.raises(ValueError, match="1 <= stride <= side"):
        plan_windows(16, 30, side=side, stride=stride)


def slow_windows(picture, window, seed=0):
    """The same with a loop over pixels: at each step every pixel gets the mean of what its windows predict."""
    from darklift.diffusion import noise_image, sample

    low = picture.pixels.transpose(2, 0, 1)
    height, width = low.shape[1:]
    tops = [*range(0, height - window.side, window.stride), height - window.side]
    lefts = [*range(0, width - window.side, window.stride), width - window.side]

    def denoise(x, abar):
        total, count = np.zeros_like(x), np.zeros((height, width))
        for top in tops:
            for left in lefts:
                rows, columns = slice(top, top + window.side), slice(left, left + window.side)
                piece, dark = x[0, :, rows, columns], low[:, rows, columns]
                eps = 0.5 * piece + dark.mean() + piece.mean() + dark.max()
                total[0, :, rows, columns] += eps
                count[rows, columns] += 1
        return total / count

    x = sample(denoise, noise_image(seed, 0, low.shape)[None], PRESET.ladder(), eta=0, clip=True)
    return np.clip((x[0] + 1) / 2, 0, 1).transpose(1, 2, 0)


@pytest.mark.parametrize("size", [(20, 32), (17, 23), (16, 16)])
@pytest.mark.parametrize("window", [Window(8, 4), Window(8, 3), Window(16)])
def test_every_pixel_gets_the_mean_of_its_windows_at_every_step(size, window, monkeypatch):
    monkeypatch.setattr(windows, "_BATCH_PIXELS", 3 * window.side**2)
    enhancer, step, _ = make()
    result = enhancer.run(photo(*size), window=window).picture
    np.testing.assert_allclose(result.pixels, slow_windows(photo(*size), window), atol=2e-6)
    assert max(shape[0] for shape in step.seen) <= 3


def test_the_encoder_runs_once_for_each_window_and_again_only_beyond_what_is_kept(monkeypatch):
    monkeypatch.setattr(windows, "_BATCH_PIXELS", 64)
    enhancer, _, encoder = make()
    kept = enhancer.run(photo(16, 16), window=8, steps=5).picture
    assert encoder.runs == 9
    monkeypatch.setattr(windows, "_KEPT_BYTES", 3000)
    enhancer, _, encoder = make()
    np.testing.assert_array_equal(enhancer.run(photo(16, 16), window=8, steps=5).picture.pixels, kept.pixels)
    assert 9 < encoder.runs < 45


def test_one_window_over_all_is_the_whole_picture():
    enhancer, *_ = make()
    np.testing.assert_array_equal(
        enhancer.run(photo(16, 16), window=16).picture.pixels, enhancer.run(photo(16, 16)).picture.pixels
    )


@pytest.mark.parametrize("size", [(1, 9), (3, 50), (37, 2)])
def test_pictures_smaller_than_a_window_are_extended(size):
    enhancer, step, _ = make()
    assert enhancer.run(photo(*size), window=8).picture.size == size
    assert {shape[2:] for shape in step.seen} == {(8, 8)}


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (8, 8)])
def test_a_picture_that_lies_in_one_window_is_taken_whole(size):
    enhancer, *_ = make()
    whole = enhancer.run(photo(*size)).picture.pixels
    np.testing.assert_array_equal(enhancer.run(photo(*size), window=8).picture.pixels, whole)
    np.testing.assert_array_equal(enhancer.run(photo(*size), window=100_000).picture.pixels, whole)


def test_uncertainty_is_the_mean_over_steps_and_channels():
    enhancer, *_ = make()
    told = enhancer.run(photo(10, 14), uncertainty=True, steps=2)
    assert told.uncertainty is not None
    assert (told.uncertainty.shape, told.uncertainty.dtype) == ((10, 14), np.float32)
    assert told.uncertainty.min() >= 0
    np.testing.assert_array_equal(told.picture.pixels, enhancer.run(photo(10, 14), steps=2).picture.pixels)
    assert enhancer.run(photo(10, 14)).uncertainty is None
    assert enhancer.run(photo(10, 14), uncertainty=True, window=8).uncertainty.shape == (10, 14)


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (Window(6), "multiple of 4"),
        (0, "expected whole numbers"),
        ("8", "expected whole numbers"),
        (8.0, "expected whole numbers"),
        (np.int64(6), "multiple of 4"),
    ],
)
def test_wishes_for_windows_that_cannot_be(wish, message):
    enhancer, *_ = make()
    with pytest.raises(UsageError, match=message):
        enhancer.run(photo(8, 8), window=wish)


@pytest.mark.parametrize(("side", "stride"), [(8, 9), (8, -1), (-8, 0)])
def test_a_window_that_leaves_gaps(side, stride):
    with pytest.raises(UsageError):
        Window(side, stride)


def test_a_model_that_works_in_tiles_takes_no_window_and_tells_no_uncertainty():
    class Local(MeanSeer):
        outputs = ("eps",)

    model = Model(card_of(sees_whole=False), {"step": Local(), "encode": Encoder()})
    with pytest.raises(UsageError, match="window"):
        Enhancer(model).run(photo(8, 8), window=8)
    with pytest.raises(UsageError, match="unsure"):
        Enhancer(model).run(photo(8, 8), uncertainty=True)


def test_what_does_not_fit_into_memory_is_refused_with_what_it_takes_and_how_to_get_by():
    free = 2_000_000  # 100 bytes a pixel: 20,000 pixels
    enhancer, step, _ = make(free=free)
    with pytest.raises(ImageError, match=r"200x200 pixels take whole 0\.0 GB .*give a --window"):
        enhancer.run(photo(200, 200))
    assert not step.seen
    assert enhancer.run(photo(140, 140)).picture.size == (140, 140)


def test_windows_need_the_memory_of_a_batch_of_them(monkeypatch):
    monkeypatch.setattr(windows, "_BATCH_PIXELS", 4 * 64)
    assert windows.memory_of_windows(CARD.footprint, Window(8)) == 4 * 6400
    pairs = card_of(bytes_per_pixel_pair=2.0)
    assert windows.memory_of_windows(pairs.footprint, Window(8)) == 4 * (6400 + 2 * 64**2)
    enhancer, *_ = make(free=30_000)
    assert enhancer.run(photo(200, 200), window=8).picture.size == (200, 200)
    monkeypatch.setattr(windows, "_BATCH_PIXELS", 8 * 64)
    with pytest.raises(ImageError, match="smaller --window"):
        enhancer.run(photo(200, 200), window=8)


@pytest.mark.parametrize(("side", "seen"), [(16, 16), (20, 20), (32, 20)])
def test_a_picture_goes_in_whole_only_where_padded_it_fits_in_a_window(side, seen):
    """A whole picture of 16 is padded to 20 here, the next multiple, and a window not at all."""
    enhancer, step, _ = make(card_of(size_multiple=4, padding="next"))
    enhancer.run(photo(16, 16), window=side)
    assert {shape[2:] for shape in step.seen} == {(seen, seen)}
