"""Sampling noise, the sampler and the joining of tiles in the browser are Python's, number by number."""

import hashlib
from typing import Any

import numpy as np
import pytest

from darklift.diffusion import SamplerPreset, noise_field, sample
from darklift.pipeline.tiling import map_tiles, plan_tiles
from web_engine import ask, needs_node

pytestmark = needs_node


def asked(call: str, value: Any) -> Any:
    return ask("sampling.ts", {"call": call, "value": value})


def test_noise_is_numpys_to_the_bit() -> None:
    windows = [
        (0, 0, 3, 0, 0, 576, 640),
        (-5, 3, 3, 100, 77, 60, 300),
        (2**53 - 1, 1, 1, 63, 64, 1, 1),
        (7, 2, 4, 4096, 1, 5, 200),
    ]
    made = asked("noise", windows)
    assert made[0].size > 1_000_000
    for (seed, draw, channels, *window), numbers in zip(windows, made, strict=True):
        np.testing.assert_array_equal(numbers, noise_field(seed, draw, channels, tuple(window)).ravel())


@pytest.mark.parametrize("predicts", ["x0", "eps"])
def test_the_walk_down_a_ladder(predicts: str) -> None:
    x = noise_field(1, 0, 1, (0, 0, 1, 500))
    kind: dict[str, Any] = {"schedule": "cosine", "train_steps": 1000, "spacing": "trailing", "predicts": predicts}
    ways = ((1, 0.0, True), (3, 0.0, True), (5, 0.0, False), (8, 1.0, True))
    presets = [SamplerPreset(steps=steps, eta=eta, clip=clip, **kind) for steps, eta, clip in ways]
    jobs = [{"x": x.ravel().tolist(), "ladder": one.ladder(), "preset": one.to_dict()} for one in presets]
    made = asked("walks", jobs)
    for preset, got in zip(presets, made, strict=True):
        expected = sample(
            lambda x, _: x * np.float32(0.5),
            x[None],
            preset.ladder(),
            eta=preset.eta,
            clip=preset.clip,
            noise=lambda draw: noise_field(5, draw, 1, (0, 0, 1, 500))[None],
            predicts=predicts,
        )
        np.testing.assert_allclose(got, expected.ravel(), rtol=1e-6, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("size", [(50, 60), (130, 200), (260, 90), (301, 307)])
def test_tiles_join_to_the_bit(size: tuple[int, int]) -> None:
    side, overlap = 112, 32
    expected = np.empty((2, *size), np.float32)
    tiles = plan_tiles(*size, side=side, overlap=overlap, multiple=8)
    made = map_tiles(
        tiles, size, lambda it: noise_field(1000 * it.top + it.left, 0, 2, (0, 0, it.height, it.width)), overlap
    )
    for place, piece in made:
        expected[:, *place.window] = piece
    got = asked("faded", {"size": size, "side": side, "overlap": overlap})
    np.testing.assert_array_equal(got, expected.ravel())


def test_digests_are_sha256() -> None:
    texts = [np.arange(length, dtype=np.uint8) for length in (0, 1, 55, 56, 63, 64, 65, 119, 120, 200)]
    got = asked("digests", [text.tolist() for text in texts])
    assert got == [hashlib.sha256(text.tobytes()).hexdigest() for text in texts]
