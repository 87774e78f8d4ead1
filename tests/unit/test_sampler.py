"""The sampling loop against its definition, the DDPM posterior, and careless callers."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
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

    def noise(_):
        return rng.standard_normal((1, 1, 100, 200))

    found = sample(best, noise(0), ladder, eta=eta, clip=False, noise=noise, predicts="x0")
    assert found.mean() == pytest.approx(0.2, abs=0.02)
    assert found.std() == pytest.approx(0.5, abs=0.02)


@wraps
@pytest.mark.parametrize("predicts", ["eps", "x0"])
@given(ladder=ladders(1e-3), clip=st.booleans(), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_eta_1_is_the_posterior_of_ddpm(wrap, predicts, ladder, clip, seed):
    rungs = len(ladder) - 1
    _, x, *others = (wrap(array) for array in arrays(2 + 2 * rungs, seed))
    outputs, draws = dict(zip(ladder, others, strict=False)), others[rungs:]

    wanted = x
    for i, (abar, abar_next) in enumerate(pairwise(ladder)):
        x0_hat = outputs[abar] if predicts == "x0" else x0_from_eps(wanted, outputs[abar], abar)
        mean, std = posterior(wanted, x0_hat.clip(-1, 1) if clip else x0_hat, abar, abar_next)
        wanted = mean + std * draws[i]
    options = {"eta": 1, "clip": clip, "noise": lambda i: draws[i - 1], "predicts": predicts}
    found = sample(lambda _, abar: outputs[abar], x, ladder, **options)
    np.testing.assert_allclose(found, wanted, atol=1e-12 * max(1.0, float(abs(wanted).max())), rtol=0)


def test_a_clipped_run_stays_in_range():
    _, x, *draws = arrays(12)
    ladder = NoiseSchedule.linear(10, 2e-3, 0.9).ladder()
    found = sample(lambda x, _: -2 * x, x, ladder, eta=1, clip=True, noise=lambda i: draws[i])
    assert np.abs(found).max() == 1  # the network's picture is out of range everywhere
    unclipped = sample(lambda x, _: -2 * x, x, ladder, eta=1, clip=False, noise=lambda i: draws[i])
    assert np.abs(unclipped).max() > 10


# ------------------------------------------------------------------------------------------------- what callers meet


@pytest.mark.parametrize(
    "ladder",
    [
        (),
        (1.0,),
        (0.5,),
        (0.1, 0.5),
        (0.5, 0.1, 1.0),
        (0.1, 0.1, 1.0),
        (0.1, 1.0, 1.0),
        (0.0, 1.0),
        (-0.1, 0.5, 1.0),
        (0.5, 1.5, 1.0),
        (0.5, 1.5),
        (1.0, 0.5, 0.1),
        (math.nan, 1.0),
        (0.1, math.nan, 1.0),
        (0.1, 0.5, math.nan),
        tuple(reversed(NoiseSchedule.linear(1000, 1e-4, 2e-2).ladder())),
    ],
)
def test_a_bad_ladder_is_refused_before_anything_runs(ladder):
    def denoise(x, abar):
        raise AssertionError("the network was called")

    with pytest.raises(ValueError, match="rising") as caught:
        sample(denoise, np.zeros(SHAPE), ladder, eta=0, clip=False)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("eta", [-0.1, 1.1, math.nan])
def test_an_eta_out_of_range_is_refused(eta):
    with pytest.raises(ValueError, match="eta"):
        sample(pretend_network, np.zeros(SHAPE), (0.1, 0.5, 1.0), eta=eta, clip=False, noise=no_noise)


def test_an_unknown_kind_of_prediction_is_refused():
    with pytest.raises(ValueError, match="eps, x0"):
        sample(pretend_network, np.zeros(SHAPE), (0.1, 1.0), eta=0, clip=False, predicts="v")


def test_noise_is_missed_only_where_it_is_needed():
    x = arrays(2)[1]
    with pytest.raises(ValueError, match="noise="):
        sample(pretend_network, x, (0.1, 0.5, 1.0), eta=0.5, clip=False)
    alone = sample(pretend_network, x, (0.1, 1.0), eta=1, clip=False)  # one step adds none
    np.testing.assert_array_equal(alone, sample(pretend_network, x, (0.1, 1.0), eta=0, clip=False))


@pytest.mark.parametrize("steps", [1, 2, 3, 10])
@pytest.mark.parametrize("eta", [0.0, 1e-6, 0.5, 1.0])
def test_noise_is_drawn_once_for_each_step_but_the_last(steps, eta):
    drawn = []

    def noise(i):
        drawn.append(i)
        return np.zeros(SHAPE)

    ladder = NoiseSchedule.linear(steps, 0.1, 0.9).ladder()
    sample(pretend_network, arrays(2)[1], ladder, eta=eta, clip=True, noise=noise)
    assert drawn == (list(range(1, steps)) if eta > 0 else [])


def test_a_step_is_told_when_it_is_done():
    events = []

    def denoise(x, abar):
        events.append(f"network {abar}")
        return x

    def noise(i):
        events.append(f"noise {i}")
        return np.zeros(SHAPE)

    def on_step(done, of):
        events.append(f"{done} of {of}")

    sample(denoise, arrays(2)[1], (0.1, 0.5, 0.9, 1.0), eta=1, clip=True, noise=noise, on_step=on_step)
    assert events == [
        *("network 0.1", "noise 1", "1 of 3"),
        *("network 0.5", "noise 2", "2 of 3"),
        *("network 0.9", "3 of 3"),
    ]


@wraps
@pytest.mark.parametrize("predicts", ["eps", "x0"])
@pytest.mark.parametrize("clip", [True, False])
def test_nothing_handed_in_is_changed(wrap, predicts, clip):
    given_arrays = arrays(8)
    kept = [array.copy() for array in given_arrays]
    x, *others = (wrap(array) for array in given_arrays)  # from_numpy shares the memory
    outputs = iter(others[:4])
    options = {"eta": 0.7, "clip": clip, "noise": lambda i: others[3 + i], "predicts": predicts}
    sample(lambda x, abar: next(outputs), x, (0.1, 0.3, 0.6, 0.9, 1.0), **options)
    for array, before in zip(given_arrays, kept, strict=True):
        np.testing.assert_array_equal(array, before)


@wraps
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_a_picture_is_the_same_in_any_batch(wrap, eta):
    _, x, *draws = arrays(12)
    ladder = NoiseSchedule.linear(10, 2e-3, 0.9).ladder()

    def run(part):
        return sample(pretend_network, wrap(x[part]), ladder, eta=eta, clip=True, noise=lambda i: wrap(draws[i][part]))

    together = run(slice(None))
    for i in range(len(x)):
        np.testing.assert_allclose(run(slice(i, i + 1))[0], together[i], atol=1e-12)


@wraps
@pytest.mark.parametrize("abar_type", [float, np.float64])
def test_single_precision_stays_single(wrap, abar_type):
    x = wrap(arrays(2)[1].astype(np.float32))
    ladder = tuple(abar_type(abar) for abar in (0.1, 0.5, 1.0))
    found = sample(pretend_network, x, ladder, eta=1, clip=True, noise=lambda i: x)
    assert found.dtype == x.dtype


@given(
    faint=st.lists(st.floats(-30, -4).map(lambda power: 10**power), min_size=1, max_size=3, unique=True),
    ladder=ladders(1e-3),
    eta=st.sampled_from([0.5, 1.0]),
)
@settings(max_examples=200, deadline=None)
def test_even_the_faintest_ladder_gives_a_real_picture(faint, ladder, eta):
    _, x, fresh = arrays(3)
    x, fresh = x.astype(np.float32), fresh.astype(np.float32)
    found = sample(lambda x, _: 0.5 * x, x, (*sorted(faint), *ladder), eta=eta, clip=True, noise=lambda i: fresh)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= 1 + 1e-6
