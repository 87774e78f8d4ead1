"""darklift.methods.darkening: what is refused, and what the photo keeps. DGNET's own picture: tests of LLDiffusion."""

import numpy as np
import pytest
import torch

from darklift.data.shots import noise_level
from darklift.errors import ImageError, ModelError, UsageError
from darklift.image import Picture
from darklift.methods import darkening
from darklift.methods.compact import Compact, CompactConfig
from darklift.methods.darkening import Darkens, darken_like
from darklift.methods.gsad import Gsad, GsadConfig
from darklift.methods.lldiffusion import Lldiffusion, LldiffusionConfig

TINY = {"width": 8, "multipliers": (1, 2), "blocks": 1, "groups": 4, "encoder_width": 4, "feature_widths": (8,)}


def make(dgnet_width=4):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Lldiffusion(LldiffusionConfig(**TINY, dgnet_width=dgnet_width))


def picture(height, width, seed=0, most=1.0, alpha=None):
    pixels = np.random.default_rng(seed).random((height, width, 3), dtype=np.float32) * np.float32(most)
    return Picture(pixels, alpha=alpha)


@pytest.mark.parametrize("noise", [-0.1, 100.5, float("nan"), float("inf")])
def test_noise_out_of_its_range(noise):
    with pytest.raises(UsageError, match=rf"{noise!r}.* 0 .*100"):
        darken_like(make(), picture(8, 8), picture(8, 8), noise=noise)


def test_methods_that_cannot_darken():
    tiny = Gsad(GsadConfig(width=32, multipliers=(1, 2), blocks=1))
    others = [tiny, Compact(CompactConfig(fine_widths=(8,), coarse_widths=(8,), blocks=1))]
    for method in others:
        assert not isinstance(method, Darkens)
        with pytest.raises(ModelError, match=rf"{method.name}.* DGNET"):
            darken_like(method, picture(8, 8), picture(8, 8))


def test_a_model_without_dgnet():
    with pytest.raises(ModelError, match="--keep-dgnet"):
        darken_like(make(dgnet_width=0), picture(8, 8), picture(8, 8))


def test_a_photo_that_memory_cannot_hold(monkeypatch):
    method = make()
    monkeypatch.setattr(darkening, "free_memory", lambda: int(8 * 8 * method.footprint.bytes_per_pixel))
    darken_like(method, picture(8, 8), picture(8, 8))
    with pytest.raises(ImageError, match=r"9x8 .*smaller"):
        darken_like(method, picture(8, 9), picture(8, 8))


@pytest.mark.parametrize("size", [(1, 1), (7, 10), (8, 8)])
def test_the_photo_keeps_its_size_and_alpha_and_each_place_follows_the_dark_picture(size):
    method, alpha = make(), np.full(size, 0.5, np.float32)
    photo, like = picture(*size, seed=1, alpha=alpha), picture(16, 20, seed=2, most=0.1)
    dark = darken_like(method, photo, like, noise=0)
    assert dark.size == size
    np.testing.assert_array_equal(dark.alpha, alpha)
    assert 0 <= dark.pixels.min() <= dark.pixels.max() <= 1
    other = darken_like(method, photo, picture(16, 20, seed=3, most=0.9), noise=0)
    assert not np.array_equal(other.pixels, dark.pixels) or size == (1, 1)


def test_noise_is_as_strong_as_asked_and_the_seed_s():
    method, photo, like = make(), picture(40, 40, seed=1), picture(40, 40, seed=2, most=0.1)
    clean, noisy, again, other = (
        darken_like(method, photo, like, noise=noise, seed=seed).pixels
        for noise, seed in ((0, 0), (1, 0), (1, 0), (1, 1))
    )
    np.testing.assert_array_equal(noisy, again)
    assert not np.array_equal(noisy, other)
    inside = (clean > 0.2) & (clean < 0.8)  # where nothing is clipped
    grain = [(noisy - clean)[..., channel][inside[..., channel]].std() for channel in range(3)]
    np.testing.assert_allclose(grain, noise_level(like.pixels), rtol=0.15)
