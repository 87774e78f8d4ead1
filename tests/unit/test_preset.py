"""Presets: the ladders of the published methods, what a card may say, and what is refused."""

import json

import numpy as np
import pytest

from darklift.diffusion import NoiseSchedule, SamplerPreset, sample

# The published sampling settings: steps, first and last beta of a linear schedule made anew for so many steps.
GSAD = {
    "LOL-v1": (20, 6e-4, 0.88),
    "LOL-v2-real": (10, 9e-4, 0.85),
    "LOL-v2-synthetic": (10, 2e-3, 0.84),
    "unpaired": (10, 2e-3, 0.90),
}
LLDIFFUSION = SamplerPreset(steps=25, schedule="linear", train_steps=1000, start=1e-4, end=2e-2)
ONE_STEP = SamplerPreset(
    steps=1, schedule="cosine", train_steps=1000, spacing="trailing", clip=True, predicts="x0", max_steps=8
)


def gsad(name: str) -> SamplerPreset:
    steps, start, end = GSAD[name]
    return SamplerPreset(steps=steps, schedule="linear", train_steps=None, start=start, end=end, eta=1.0, clip=True)


PRESETS = {"lldiffusion": LLDIFFUSION, "one step": ONE_STEP, **{name: gsad(name) for name in GSAD}}


# ---------------------------------------------------------------------------------------------------------- ladders


@pytest.mark.parametrize("name", GSAD)
def test_gsad_uses_every_beta_of_a_short_schedule(name):
    steps, start, end = GSAD[name]
    abar, rungs = 1.0, [1.0]
    for k in range(steps):
        abar *= 1 - (start + (end - start) * k / (steps - 1))
        rungs.insert(0, abar)
    ladder = gsad(name).ladder()
    assert ladder == pytest.approx(rungs, rel=1e-12)
    assert len(ladder) == steps + 1
    assert ladder[-2] == pytest.approx(1 - start)
    assert ladder[0] / ladder[1] == pytest.approx(1 - end)


def test_gsad_makes_a_new_schedule_for_any_other_number_of_steps():
    preset = gsad("LOL-v1")
    assert preset.ladder(7) == NoiseSchedule.linear(7, 6e-4, 0.88).ladder()
    assert len(preset.noise_schedule(7)) == 7


def test_lldiffusion_takes_25_of_1000_steps():
    assert LLDIFFUSION.noise_schedule(25).timesteps(25) == tuple(range(960, -1, -40))
    abar, levels = 1.0, []
    for t in range(1000):
        abar *= 1 - (1e-4 + (2e-2 - 1e-4) * t / 999)
        levels.append(abar)
    assert LLDIFFUSION.ladder() == pytest.approx([*levels[960::-40], 1.0], rel=1e-12)
    assert len(LLDIFFUSION.ladder(50)) == 51
    assert LLDIFFUSION.ladder(50)[-2] == LLDIFFUSION.ladder()[-2] == pytest.approx(1 - 1e-4)


def test_one_step_starts_where_the_noise_is_purest():
    schedule = NoiseSchedule.cosine(1000)
    assert ONE_STEP.ladder() == (schedule.alpha_bar[999], 1.0)
    for steps in range(1, 9):
        assert ONE_STEP.ladder(steps)[0] == schedule.alpha_bar[999]


def test_scaled_linear_is_its_own_family():
    preset = SamplerPreset(steps=20, schedule="scaled_linear", train_steps=1000, start=8.5e-4, end=0.012)
    assert preset.ladder() == NoiseSchedule.scaled_linear(1000, 8.5e-4, 0.012).ladder(20)


# With fewer steps there is hardly any noise to begin with; with more, too faint a signal for single precision.
FEWEST_AND_MOST = {
    "lldiffusion": (2, 1000),
    "one step": (1, 8),
    "LOL-v1": (2, 193),
    "LOL-v2-real": (2, 207),
    "LOL-v2-synthetic": (2, 211),
    "unpaired": (2, 184),
}


@pytest.mark.parametrize("name", PRESETS)
def test_any_number_of_steps_that_is_accepted_gives_a_picture(name):
    preset, (fewest, most) = PRESETS[name], FEWEST_AND_MOST[name]
    x = np.linspace(-3, 3, 6, dtype=np.float32).reshape(1, 3, 1, 2)
    for steps in {fewest, preset.steps, (fewest + most) // 2, most}:
        ladder = preset.ladder(steps)
        assert len(ladder) == steps + 1
        # As a network, an echo makes 0/0 of an x0_hat that single precision cannot hold.
        found = sample(lambda x, _: x, x, ladder, eta=preset.eta, clip=True, noise=lambda _: x)
        assert np.isfinite(found).all()
    for steps in (fewest - 1, most + 1):
        with pytest.raises(ValueError, match=f" {steps}"):
            preset.ladder(steps)


@pytest.mark.parametrize("steps", [0, -1, 1001, 2.5, "10"])
def test_an_impossible_number_of_steps_is_refused(steps):
    with pytest.raises(ValueError, match="1 to 1000"):
        LLDIFFUSION.ladder(steps)


def test_a_models_own_limit_holds():
    assert len(ONE_STEP.ladder(8)) == 9
    with pytest.raises(ValueError, match=r"1 to 8.*9"):
        ONE_STEP.ladder(9)


@pytest.mark.parametrize("preset", [LLDIFFUSION, gsad("LOL-v1")], ids=["lldiffusion", "gsad"])
def test_a_ladder_that_begins_with_hardly_any_noise_is_refused(preset):
    """With one step both would take pure noise for a nearly clean picture, and hand it back."""
    with pytest.raises(ValueError, match=r"1 steps.*0\.99.*more steps"):
        preset.ladder(1)
    assert preset.ladder(2)[0] < 0.2


def test_a_ladder_too_faint_for_single_precision_is_refused():
    with pytest.raises(ValueError, match=r"1000 steps.*e-310.*fewer steps"):
        gsad("LOL-v1").ladder(1000)
    assert len(gsad("LOL-v1").ladder(100)) == 101


# ------------------------------------------------------------------------------------------------------------ cards


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())
def test_a_preset_travels_as_json(preset):
    values = json.loads(json.dumps(preset.to_dict()))
    again = SamplerPreset.from_dict(values)
    assert again == preset
    assert again.ladder() == preset.ladder()


def test_what_a_card_leaves_out_has_a_default():
    preset = SamplerPreset.from_dict({"steps": 25, "schedule": "linear", "train_steps": 1000})
    assert preset == LLDIFFUSION
    assert (preset.eta, preset.clip, preset.predicts, preset.spacing) == (0.0, False, "eps", "leading")


def test_an_unknown_or_missing_key_is_a_type_error():
    with pytest.raises(TypeError, match="beta_start"):
        SamplerPreset.from_dict({**LLDIFFUSION.to_dict(), "beta_start": 1e-4})
    with pytest.raises(TypeError, match="schedule"):
        SamplerPreset.from_dict({"steps": 25, "train_steps": 1000})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schedule": "sigmoid"}, "schedule must be one of linear, scaled_linear, cosine, got 'sigmoid'"),
        ({"spacing": "linspace"}, "spacing must be one of leading, trailing, got 'linspace'"),
        ({"predicts": "v"}, "predicts must be one of eps, x0, got 'v'"),
        ({"eta": -0.1}, "eta must be from 0"),
        ({"eta": 1.5}, "eta must be from 0"),
        ({"steps": 0}, "takes 1 to 1000 steps, got 0"),
        ({"steps": "25"}, "takes 1 to 1000 steps, got 25"),
        ({"steps": 30, "max_steps": 20}, "takes 1 to 20 steps, got 30"),
        ({"train_steps": 0}, "betas"),
        ({"train_steps": 10}, "from 1 to the schedule's 10, got 25"),
        ({"start": 0.0}, "betas"),
        ({"end": 1.0}, "betas"),
        ({"steps": 1}, "take more"),
    ],
)
def test_an_impossible_preset_is_refused_when_it_is_made(change, message):
    with pytest.raises(ValueError, match=message):
        SamplerPreset.from_dict({**LLDIFFUSION.to_dict(), **change})
