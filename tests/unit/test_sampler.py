"""The sampling loop against its definition, the DDPM posterior, diffusers' two schedulers, and careless callers."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from hypothesis import given, settings
from hypothesis import strategies as st

from darklift.diffusion import NoiseSchedule, add_noise, eps_from_x0, posterior, sample, x0_from_eps

SHAPE = (2, 3, 5, 4)
wraps = pytest.mark.parametrize("wrap", [np.asarray, torch.from_numpy], ids=["numpy", "torch"])


def ladders(lowest: float = 1e-6) -> st.SearchStrategy[tuple[float, ...]]:
    rungs = st.lists(st.floats(lowest, 0.9999), min_size=1, max_size=12, unique=True)
    return rungs.map(lambda values: (*sorted(values), 1.0))


def arrays(count: int, seed: int = 0) -> list[np.ndarray]:
    """A picture in [-1, 1], and unit noises."""
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1, 1, SHAPE), *rng.standard_normal((count - 1, *SHAPE))]


def pretend_network(x, abar):
    """Something between an ideal predictor of eps and nonsense; elementwise, so that any array library will do."""
    module = torch if isinstance(x, torch.Tensor) else np
    return eps_from_x0(x, module.sin(3 * x + abar), abar) + 0.1 * module.cos(7 * x)


def no_noise(draw):
    raise AssertionError("noise was asked for")


# ------------------------------------------------------------------------------------------------------ definitions


@wraps
@pytest.mark.parametrize("predicts", ["eps", "x0"])
@given(ladder=ladders(), eta=st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1)), clip=st.booleans())
@settings(max_examples=40, deadline=None)
def test_an_ideal_denoiser_gives_the_picture_back(wrap, predicts, ladder, eta, clip):
    x0, start, *draws = arrays(len(ladder) + 1)
    seen = []

    def ideal(x, abar):
        seen.append(abar)
        return wrap(x0) if predicts == "x0" else eps_from_x0(x, wrap(x0), abar)

    x = add_noise(wrap(x0), wrap(start), ladder[0])
    noise = no_noise if eta == 0 else lambda i: wrap(draws[i - 1])
    found = sample(ideal, x, ladder, eta=eta, clip=clip, noise=noise, predicts=predicts)
    assert type(found) is type(x)
    assert found.dtype == x.dtype
    np.testing.assert_allclose(found, x0, atol=1e-9)
    assert seen == list(ladder[:-1])


@given(ladder=ladders())
@settings(max_examples=40, deadline=None)
def test_at_eta_0_the_noise_of_the_start_is_all_there_is(ladder):
    x0, eps = arrays(2)
    levels = []

    def ideal(x, abar):
        levels.append(abar)
        np.testing.assert_allclose(x, add_noise(x0, eps, abar), atol=1e-9)
        return eps

    sample(ideal, add_noise(x0, eps, ladder[0]), ladder, eta=0, clip=False)
    assert len(levels) == len(ladder) - 1


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_every_rung_carries_noise_of_its_own_level(eta):
    rng = np.random.default_rng(1)
    x0 = rng.uniform(-1, 1, (1, 1, 100, 100))
    residuals = []

    def ideal(x, abar):
        residuals.append(eps_from_x0(x, x0, abar))
        return residuals[-1]

    ladder = NoiseSchedule.linear(20, 6e-4, 0.88).ladder()
    start = add_noise(x0, rng.standard_normal(x0.shape), ladder[0])
    sample(ideal, start, ladder, eta=eta, clip=False, noise=lambda i: rng.standard_normal(x0.shape))
    for residual in residuals:  # 10,000 pixels: six standard errors
        assert abs(residual.mean()) < 0.06
        assert abs(residual.std() - 1) < 0.045
    kept = np.corrcoef(residuals[0].ravel(), residuals[-1].ravel())[0, 1]
    assert kept > 0.999 if eta == 0 else kept < 0.95 if eta < 1 else abs(kept) < 0.06


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_a_known_distribution_is_sampled(eta):
    """For pixels distributed as N(0.2, 0.5²) the best prediction of x0 is known; many steps must give that back."""
    mean, variance = 0.2, 0.5**2
    rng = np.random.default_rng(2)

    def best(x, abar):
        gain = math.sqrt(abar) * variance / (abar * variance + 1 - abar)
        return mean + gain * (x - math.sqrt(abar) * mean)

    ladder = NoiseSchedule.cosine(300).ladder(spacing="trailing")
    shape = (1, 1, 100, 200)
    found = sample(
        best,
        rng.standard_normal(shape),
        ladder,
        eta=eta,
        clip=False,
        noise=lambda i: rng.standard_normal(shape),
        predicts="x0",
    )
    assert found.mean() == pytest.approx(0.2, abs=0.02)
    assert found.std() == pytest.approx(0.5, abs=0.02)


@wraps
@pytest.mark.parametrize("predicts", ["eps", "x0"])
@given(ladder=ladders(1e-3), clip=st.booleans(), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_eta_1_is_the_posterior_of_ddpm(wrap, predicts, ladder, clip, seed):
    _, x, *draws = arrays(len(ladder) + 1, seed)

    def network(x, abar):
        eps = pretend_network(x, abar)
        return x0_from_eps(x, eps, abar) if predicts == "x0" else eps

    def noise(i):
        return wrap(draws[i - 1])

    wanted = wrap(x)
    for i, (abar, abar_next) in enumerate(pairwise(ladder), start=1):
        x0_hat = x0_from_eps(wanted, pretend_network(wanted, abar), abar)
        mean, std = posterior(wanted, x0_hat.clip(-1, 1) if clip else x0_hat, abar, abar_next)
        wanted = mean + std * noise(i) if std else mean
        # One rung at a time: what a network makes of a difference of 1e-16 is not the sampler's business.
        one = sample(network, wrap(x), (abar, abar_next, 1.0), eta=1, clip=clip, noise=lambda _: noise(i), **{})
        del one
    found = sample(network, wrap(x), ladder, eta=1, clip=clip, noise=noise, predicts=predicts)
    scale = max(1.0, float(abs(wanted).max()))
    np.testing.assert_allclose(found / scale, wanted / scale, atol=1e-12)
