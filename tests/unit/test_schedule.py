"""Schedules and ladders against the papers' formulas; the forward process against Bayes' rule."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from darklift.diffusion import NoiseSchedule, add_noise, eps_from_v, eps_from_x0, posterior, x0_from_eps

SCHEDULES = {
    "linear": NoiseSchedule.linear(1000, 1e-4, 2e-2),
    "scaled_linear": NoiseSchedule.scaled_linear(1000, 1e-4, 2e-2),
    "squaredcos_cap_v2": NoiseSchedule.cosine(1000),
}

levels = st.floats(1e-3, 0.999)


# ------------------------------------------------------------------------------------------------------- schedules


def test_alpha_bar_is_the_exact_product():
    schedule = NoiseSchedule.linear(50, 1e-3, 0.3)
    product, products = Fraction(1), []
    for beta in schedule.betas.tolist():
        product *= 1 - Fraction(beta)
        products.append(float(product))
    np.testing.assert_allclose(schedule.alpha_bar, products, rtol=1e-14)
    assert schedule.alpha_bar.dtype == np.float64


@given(st.integers(1, 2000))
@settings(max_examples=30, deadline=None)
def test_cosine_follows_its_formula_up_to_the_clip(steps):
    schedule = NoiseSchedule.cosine(steps)
    start = math.cos(0.008 / 1.008 * math.pi / 2) ** 2
    wanted = [math.cos((t / steps + 0.008) / 1.008 * math.pi / 2) ** 2 / start for t in range(1, steps)]
    np.testing.assert_allclose(schedule.alpha_bar[:-1], wanted, rtol=1e-9)
    assert schedule.betas[-1] == 0.999


def test_the_families_begin_and_end_where_they_are_told():
    for family in (NoiseSchedule.linear, NoiseSchedule.scaled_linear):
        betas = family(7, 0.01, 0.64).betas
        assert betas[[0, -1]] == pytest.approx([0.01, 0.64], abs=1e-15)
    assert NoiseSchedule.linear(7, 0.01, 0.64).betas[3] == pytest.approx((0.01 + 0.64) / 2)
    assert NoiseSchedule.scaled_linear(7, 0.01, 0.64).betas[3] == pytest.approx(((0.1 + 0.8) / 2) ** 2)


@pytest.mark.parametrize(
    "betas", [[], [0.0], [1.0], [0.1, -0.1], [0.1, math.nan], [0.1, math.inf], [[0.1]], 0.5, [0.5] * 2000 + [1.5]]
)
def test_impossible_betas_are_refused_in_one_line(betas):
    with pytest.raises(ValueError, match=r"in \(0, 1\)") as caught:
        NoiseSchedule(np.array(betas))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 160


def test_a_schedule_keeps_its_own_betas():
    betas = np.array([0.1, 0.2, 0.3])
    schedule = NoiseSchedule(betas)
    betas[:] = 0.9
    assert schedule.betas.tolist() == [0.1, 0.2, 0.3]
    assert len(schedule) == 3


# --------------------------------------------------------------------------------------------- step numbers, ladders


@given(st.data(), st.integers(1, 1200), st.sampled_from(["leading", "trailing"]))
@settings(max_examples=200, deadline=None)
def test_step_numbers_fall_within_the_schedule(data, total, spacing):
    steps = data.draw(st.integers(1, total))
    found = NoiseSchedule(np.full(total, 0.01)).timesteps(steps, spacing)
    assert len(found) == steps
    assert all(isinstance(t, int) for t in found)
    assert list(found) == sorted(set(found), reverse=True)
    if spacing == "leading":
        assert found[-1] == 0
        assert found[0] <= total - 1
    else:
        assert found[0] == total - 1
        assert found[-1] >= 0


@pytest.mark.parametrize("steps", [0, -1, 1001, 2.5, math.nan, "10"])
def test_impossible_numbers_of_steps_are_refused(steps):
    with pytest.raises(ValueError, match="1000"):
        SCHEDULES["linear"].timesteps(steps)


def test_an_unknown_spacing_is_refused():
    with pytest.raises(ValueError, match="leading, trailing"):
        SCHEDULES["linear"].ladder(10, "linspace")


@pytest.mark.parametrize("spacing", ["leading", "trailing"])
@pytest.mark.parametrize("family", SCHEDULES)
def test_a_ladder_is_the_levels_at_its_step_numbers(family, spacing):
    schedule = SCHEDULES[family]
    ladder = schedule.ladder(12, spacing)
    assert ladder == (*schedule.alpha_bar[list(schedule.timesteps(12, spacing))], 1.0)
    assert {type(abar) for abar in ladder} == {float}  # numpy's float64 would promote float32 pictures
    assert list(ladder) == sorted(set(ladder))


def test_without_a_number_of_steps_every_beta_is_used():
    schedule = NoiseSchedule.linear(20, 6e-4, 0.88)
    assert schedule.timesteps() == tuple(range(19, -1, -1))
    assert schedule.ladder() == schedule.ladder(20, "trailing") == (*schedule.alpha_bar[::-1], 1.0)


@pytest.mark.parametrize("family", SCHEDULES)
def test_a_level_leads_back_to_its_step_number_even_from_float32(family):
    schedule = SCHEDULES[family]
    assert [schedule.nearest_step(abar) for abar in schedule.alpha_bar] == list(range(1000))
    assert [schedule.nearest_step(float(np.float32(abar))) for abar in schedule.alpha_bar] == list(range(1000))


def test_the_nearest_step_is_found_between_levels_and_beyond_the_ends():
    schedule = NoiseSchedule(np.array([0.1, 0.5, 0.5]))  # abar 0.9, 0.45, 0.225
    assert [schedule.nearest_step(abar) for abar in (1.0, 0.7, 0.65, 0.4, 0.3, 0.0)] == [0, 0, 1, 1, 2, 2]


# ------------------------------------------------------------------------------------------------ the forward process


@given(levels, st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_x0_and_eps_are_found_again(abar, seed):
    rng = np.random.default_rng(seed)
    x0, eps = rng.uniform(-1, 1, (2, 3, 4, 5)), rng.standard_normal((2, 3, 4, 5))
    for wrap in (np.asarray, torch.from_numpy):
        x = add_noise(wrap(x0), wrap(eps), abar)
        np.testing.assert_allclose(x, math.sqrt(abar) * x0 + math.sqrt(1 - abar) * eps, atol=1e-14)
        np.testing.assert_allclose(x0_from_eps(x, wrap(eps), abar), x0, atol=1e-12)
        np.testing.assert_allclose(eps_from_x0(x, wrap(x0), abar), eps, atol=1e-12)


def test_each_picture_of_a_batch_may_have_its_own_level():
    rng = np.random.default_rng(0)
    x0, eps = rng.uniform(-1, 1, (4, 3, 6, 5)), rng.standard_normal((4, 3, 6, 5))
    abar = np.array([0.01, 0.3, 0.7, 0.99])
    together = add_noise(x0, eps, abar.reshape(4, 1, 1, 1))
    alone = np.stack([add_noise(x0[i], eps[i], float(abar[i])) for i in range(4)])
    np.testing.assert_array_equal(together, alone)
    in_torch = add_noise(*(torch.from_numpy(a) for a in (x0, eps, abar.reshape(4, 1, 1, 1))))
    np.testing.assert_allclose(in_torch, together, atol=1e-15)


@pytest.mark.parametrize("wrap", [np.asarray, torch.from_numpy], ids=["numpy", "torch"])
def test_the_forward_process_keeps_single_precision(wrap):
    x0, eps = wrap(np.ones((2, 3), np.float32)), wrap(np.zeros((2, 3), np.float32))
    for result in (add_noise(x0, eps, 0.5), x0_from_eps(x0, eps, 0.5), eps_from_x0(x0, eps, 0.5)):
        assert result.dtype == x0.dtype


@given(levels, levels, st.floats(-3, 3), st.floats(-1, 1))
@settings(max_examples=200, deadline=None)
def test_the_posterior_is_bayes_rule(level, other, x, x0):
    abar, abar_next = sorted((level, other))
    assume(abar_next - abar >= 1e-3)
    alpha = abar / abar_next
    # q(next | x, x0) is the product of two Gaussians in next: q(x | next) and q(next | x0).
    precision = alpha / (1 - alpha) + 1 / (1 - abar_next)
    mean = (math.sqrt(alpha) * x / (1 - alpha) + math.sqrt(abar_next) * x0 / (1 - abar_next)) / precision
    found_mean, found_std = posterior(x, x0, abar, abar_next)
    assert found_mean == pytest.approx(mean, abs=1e-10)
    assert found_std == pytest.approx(precision**-0.5, rel=1e-10)


def test_the_posterior_of_the_last_step_is_x0_itself():
    x0 = np.linspace(-1, 1, 5)
    mean, std = posterior(np.full(5, 7.0), x0, 0.9, 1.0)
    np.testing.assert_allclose(mean, x0, atol=1e-15)
    assert std == 0


@pytest.mark.parametrize("abar", [0.0, 4e-5, 0.5, 0.9, 1.0])
def test_the_velocity_gives_the_noise_and_spreads_its_error(abar: float) -> None:
    x0, eps, error = np.random.default_rng(0).standard_normal((3, 50))
    x, c, s = add_noise(x0, eps, abar), abar**0.5, (1 - abar) ** 0.5
    v = c * eps - s * x0
    np.testing.assert_allclose(eps_from_v(x, v, abar), eps, atol=1e-12)
    eps_hat = eps_from_v(x, v + error, abar)
    np.testing.assert_allclose(eps_hat - eps, c * error, atol=1e-12)
    if abar:
        np.testing.assert_allclose(x0_from_eps(x, eps_hat, abar) - x0, -s * error, atol=1e-10)
