"""Schedules and the sampling loop against diffusers' two schedulers."""

import numpy as np
import pytest
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

from darklift.diffusion import NoiseSchedule, eps_from_x0, sample, x0_from_eps

SHAPE = (2, 3, 5, 4)
FAMILIES = {
    "linear": NoiseSchedule.linear(1000, 1e-4, 2e-2),
    "scaled_linear": NoiseSchedule.scaled_linear(1000, 1e-4, 2e-2),
    "squaredcos_cap_v2": NoiseSchedule.cosine(1000),
}


def arrays(count: int, seed: int = 0) -> list[np.ndarray]:
    """A picture in [-1, 1], and unit noises."""
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1, 1, SHAPE), *rng.standard_normal((count - 1, *SHAPE))]


def pretend_network(x, abar):
    """Something between an ideal predictor of eps and nonsense."""
    return eps_from_x0(x, torch.sin(3 * x + abar), abar) + 0.1 * torch.cos(7 * x)


def diffusers_schedule(family: str, spacing: str = "leading", steps: int = 1000) -> DDIMScheduler:
    return DDIMScheduler(steps, beta_start=1e-4, beta_end=2e-2, beta_schedule=family, timestep_spacing=spacing)


@pytest.mark.parametrize("family", FAMILIES)
def test_betas_are_those_of_diffusers(family):
    theirs = diffusers_schedule(family)
    np.testing.assert_allclose(FAMILIES[family].betas, theirs.betas.numpy(), rtol=2e-6)
    # Their product of a thousand factors is taken in float32.
    np.testing.assert_allclose(FAMILIES[family].alpha_bar, theirs.alphas_cumprod.numpy(), rtol=2e-3)


@pytest.mark.parametrize(("total", "steps"), [(1000, 25), (1000, 10), (1000, 7), (1000, 1), (1000, 1000), (500, 20)])
@pytest.mark.parametrize("spacing", ["leading", "trailing"])
def test_step_numbers_are_those_of_diffusers(total, steps, spacing):
    theirs = diffusers_schedule("linear", spacing, total)
    theirs.set_timesteps(steps)
    ours = NoiseSchedule.linear(total, 1e-4, 2e-2).timesteps(steps, spacing)
    assert ours == tuple(theirs.timesteps.tolist())


families = pytest.mark.parametrize("family", ["linear", "squaredcos_cap_v2"])
spacings = pytest.mark.parametrize("spacing", ["leading", "trailing"])


def with_exact_levels(scheduler, betas):
    """Theirs computes in float32: hand it float64 (its own betas are compared with ours above)."""
    scheduler.betas = torch.from_numpy(betas.copy())
    scheduler.alphas = 1 - scheduler.betas
    scheduler.alphas_cumprod = torch.cumprod(scheduler.alphas, dim=0)
    scheduler.one = scheduler.final_alpha_cumprod = torch.tensor(1.0, dtype=torch.float64)
    return scheduler


def assert_same_way(ours, theirs):
    """Every picture on the way down, compared at its own scale."""
    assert len(ours) == len(theirs)
    for left, right in zip(ours, theirs, strict=True):
        scale = max(1.0, float(right.abs().max()))
        np.testing.assert_allclose(left / scale, right / scale, atol=1e-6, rtol=0)


def our_way(network, x, ladder, **settings):
    way = []

    def denoise(x, abar):
        way.append(x)
        return network(x, abar)

    end = sample(denoise, x, ladder, **settings)
    return [*way, end]


def their_way(scheduler, network, x, **settings):
    way = [x]
    for t in scheduler.timesteps:
        output = network(way[-1], float(scheduler.alphas_cumprod[t]))
        way.append(scheduler.step(output, t, way[-1], **settings).prev_sample)
    return way


@families
@spacings
@pytest.mark.parametrize("steps", [1, 5, 20, 50, 200])
@pytest.mark.parametrize("predicts", ["eps", "x0"])
def test_eta_0_is_the_ddim_of_diffusers(family, spacing, steps, predicts):
    schedule = FAMILIES[family]
    prediction = {"eps": "epsilon", "x0": "sample"}[predicts]
    scheduler = DDIMScheduler(clip_sample=False, timestep_spacing=spacing, prediction_type=prediction)
    with_exact_levels(scheduler, schedule.betas).set_timesteps(steps)

    def network(x, abar):
        eps = pretend_network(x, abar)
        return eps if predicts == "eps" else torch.tanh(x0_from_eps(x, eps, abar))

    x = torch.from_numpy(arrays(2)[1])
    ours = our_way(network, x, schedule.ladder(steps, spacing), eta=0, clip=False, predicts=predicts)
    assert_same_way(ours, their_way(scheduler, network, x, eta=0))


@families
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_between_the_ends_too_it_is_the_ddim_of_diffusers(family, eta):
    schedule, steps = FAMILIES[family], 10
    scheduler = DDIMScheduler(clip_sample=True, timestep_spacing="trailing")
    with_exact_levels(scheduler, schedule.betas).set_timesteps(steps)
    x, fresh = (torch.from_numpy(array) for array in arrays(3)[1:])
    # Every draw is the same here: theirs takes the noise as one array.
    theirs = their_way(scheduler, pretend_network, x, eta=eta, variance_noise=fresh, use_clipped_model_output=True)
    ladder = schedule.ladder(steps, "trailing")
    assert_same_way(our_way(pretend_network, x, ladder, eta=eta, clip=True, noise=lambda i: fresh), theirs)


@pytest.mark.parametrize("clip", [True, False], ids=["clip", "no clip"])
@pytest.mark.parametrize(
    ("betas", "steps", "spacing"),
    [
        (FAMILIES["linear"].betas, 1000, "leading"),
        (FAMILIES["linear"].betas, 25, "leading"),
        (FAMILIES["linear"].betas, 30, "trailing"),
        (FAMILIES["squaredcos_cap_v2"].betas, 1000, "trailing"),
        (FAMILIES["squaredcos_cap_v2"].betas, 7, "trailing"),
        (NoiseSchedule.linear(20, 6e-4, 0.88).betas, 20, "leading"),  # as GSAD samples
        (NoiseSchedule.linear(10, 2e-3, 0.90).betas, 10, "leading"),
        (NoiseSchedule.linear(500, 1e-4, 2e-2).betas, 500, "leading"),  # as GSAD trains
    ],
)
def test_eta_1_is_the_ddpm_of_diffusers(betas, steps, spacing, clip):
    schedule = NoiseSchedule(betas)
    scheduler = DDPMScheduler(len(schedule), clip_sample=clip, timestep_spacing=spacing, variance_type="fixed_small")
    with_exact_levels(scheduler, betas).set_timesteps(steps)
    x = torch.from_numpy(arrays(2)[1])
    theirs = their_way(scheduler, pretend_network, x, generator=torch.Generator().manual_seed(5))
    generator = torch.Generator().manual_seed(5)
    ours = our_way(
        pretend_network,
        x,
        schedule.ladder(steps, spacing),
        eta=1,
        clip=clip,
        noise=lambda _: torch.randn(SHAPE, generator=generator, dtype=torch.float64),
    )
    assert_same_way(ours, theirs)
