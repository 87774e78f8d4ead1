"""Wrong requests and impossible values are named in one line, whatever their type."""

import math

import numpy as np
import pytest
from pydantic import ValidationError

from darklift import Enhancer, Picture
from darklift.batch.paths import Found, plan_jobs
from darklift.diffusion import SamplerPreset
from darklift.errors import ImageError, ModelError, UsageError
from darklift.methods.compact import CompactConfig
from darklift.pipeline.exposure import Exposure
from darklift.runtime import Footprint, Model, ModelCard
from darklift.weights import find_model

PRESET = SamplerPreset(1, "cosine", 100, spacing="trailing", predicts="x0", max_steps=8)
CARD = ModelCard("fake", "none", Footprint(4), {"default": PRESET})


class _Step:
    inputs = ("low",)

    def __init__(self):
        self.lows = []

    def __call__(self, feeds):
        self.lows.append(feeds["low"])
        return {"x0": np.ones_like(feeds["low"])}


def picture(value):
    return Picture(np.full((5, 6, 3), value, np.float32))


@pytest.mark.parametrize("seed", [1.5, "3", None, math.nan])
def test_a_seed_that_is_no_whole_number(seed):
    with pytest.raises(UsageError, match=r"seed is .*expected a whole number"):
        Enhancer(Model(CARD, {"step": _Step()}))(picture(0.1), seed=seed)


@pytest.mark.parametrize("strength", ["x", None, math.nan, -0.1, 1.1])
def test_a_strength_that_is_no_share(strength):
    with pytest.raises(UsageError, match="strength is"):
        Enhancer(Model(CARD, {"step": _Step()}))(picture(0.1), strength=strength)


@pytest.mark.parametrize("wish", [{"stops": math.nan}, {"stops": 11}, {"stops": "a"}, {"mean": 7}, {"mean": math.nan}])
def test_an_exposure_that_is_none(wish):
    with pytest.raises(UsageError, match="neither stops from -10 to 10"):
        Exposure(**wish)


@pytest.mark.parametrize(("exposure", "text"), [(Exposure(0.5), "+0.5"), (Exposure(mean=0.4), "mean=0.4")])
def test_an_exposure_reads_as_it_is_typed(exposure, text):
    assert str(exposure) == text
    assert Exposure.of(text) == exposure


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_picture_without_numbers_is_refused(value):
    with pytest.raises(ImageError, match="NaN or infinite"):
        Enhancer(Model(CARD, {"step": _Step()}))(picture(value))


@pytest.mark.parametrize(("value", "seen"), [(-0.5, 0), (1.5, 1), (0.25, 0.25)])
def test_the_network_sees_values_in_range(value, seen):
    step, photo = _Step(), picture(value)
    photo.pixels[0, 0] = 1  # something to see
    Enhancer(Model(CARD, {"step": step}))(photo)
    assert {float(low.min()) for low in step.lows} == {seen}


@pytest.mark.parametrize("strength", [0, 0.25, 0.5])
def test_strength_mixes(strength):
    low = picture(0.2)
    mixed = Enhancer(Model(CARD, {"step": _Step()}))(low, strength=strength)
    assert mixed.pixels == pytest.approx(0.2 + strength * 0.8, abs=1e-6)
    assert np.all(low.pixels == np.float32(0.2))


@pytest.mark.parametrize("name", ["a" * 300, "a\0b"])
def test_a_model_name_that_no_file_can_have(name):
    with pytest.raises(UsageError, match="there is no model"):
        find_model(name)


@pytest.mark.parametrize("multiple", ["16", 0, None, 1.5])
def test_a_card_with_an_impossible_size(multiple):
    text = CARD.to_json().replace(
        '"size_multiple": 4', f'"size_multiple": {"null" if multiple is None else multiple!r}'
    )
    with pytest.raises(ModelError, match="not a model card"):
        ModelCard.from_json(text.replace("'", '"'), "here")


@pytest.mark.parametrize("field", ["{n:99999999999}", "{n:999}", "{n:c}", "{stem:9}", "{stem!r}", "{n:{stem}}"])
def test_a_pattern_with_a_format_of_another_kind(tmp_path, field):
    with pytest.raises(UsageError, match="no valid name pattern"):
        plan_jobs([Found(tmp_path / "a.png")], f"out/{field}{{ext}}")


@pytest.mark.parametrize("field", ["{n:03}", "{n:3d}", "{n:03d}", "{n}"])
def test_a_pattern_with_a_width(tmp_path, field):
    (job,) = plan_jobs([Found(tmp_path / "a.png")], f"out/{field}{{ext}}")
    assert job.target.name == field.format(n=1) + ".png"


@pytest.mark.parametrize(
    "config",
    [
        {"train_steps": 0},
        {"exposure_width": 0},
        {"embedding": 0},
        {"blocks": -1},
        {"ssim_weight": math.nan},
        {"noisy_share": 7},
        {"noisy_abar": 2},
    ],
)
def test_a_network_that_cannot_be(config):
    with pytest.raises(ValidationError):
        CompactConfig(**config)


@pytest.mark.parametrize("wrong", ["a.jpg", [np.zeros((4, 4, 3), np.float32)], None, [picture(0.1), "a.jpg"]], ids=str)
def test_a_batch_is_of_pictures(wrong):
    with pytest.raises(UsageError, match="read_image"):
        Enhancer(Model(CARD, {"step": _Step()})).run_batch(wrong)


def test_a_batch_is_of_one_size():
    enhancer = Enhancer(Model(CARD, {"step": _Step()}))
    with pytest.raises(UsageError, match="a batch is pictures of one size, got 6x5 and 3x9: call once for each size"):
        enhancer.run_batch([picture(0.1), Picture(np.zeros((9, 3, 3), np.float32))])
    with pytest.raises(UsageError, match="got none at all"):
        enhancer.run_batch([])


def test_pictures_that_go_alone_are_told_of_together():
    told = []
    batch = Enhancer(Model(CARD, {"step": _Step()})).run_batch(
        (picture(value) for value in (0.1, 0.2)), steps=2, on_step=lambda *at: told.append(at)
    )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert len(batch) == 2
