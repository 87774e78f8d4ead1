"""Classical baselines: what each formula promises, and that they are scored like everything else."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from darklift.data import Pair
from darklift.errors import DataError, UsageError
from darklift.evaluation.baselines import BASELINES, baseline_called, clahe, gamma_for_mean
from darklift.evaluation.lime import _refined, lime
from darklift.evaluation.method import evaluate_method
from darklift.evaluation.metrics import choose_metrics
from darklift.evaluation.protocol import mean_brightness
from darklift.evaluation.report import evaluation_table
from darklift.image import from_array, write_image
from pictures import noisy_pair


@pytest.fixture
def dark():
    """A dark picture and its ground truth, unit float32."""
    _, target = noisy_pair(97, 130)
    return (0.1 * target**1.5).astype(np.float32), target.astype(np.float32)


@pytest.fixture
def pair(dark, tmp_path):
    paths = [tmp_path / "low.png", tmp_path / "high.png"]
    for pixels, path in zip(dark, paths, strict=True):
        write_image(from_array(np.rint(255 * pixels).astype(np.uint8)), path)
    return Pair("1", *paths)


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_makes_a_picture_of_any_size(name, dark):
    for size in ((97, 130), (8, 8), (3, 2), (1, 1), (60, 7)):
        made = BASELINES[name].make(dark[0][: size[0], : size[1]], 0.4)
        assert (made.shape, made.dtype) == ((*size, 3), np.float32)
        assert made.min() >= 0.0
        assert made.max() <= 1.0
    black = np.zeros((20, 30, 3), np.float32)
    assert np.isfinite(BASELINES[name].make(black, 0.4)).all()


@pytest.mark.parametrize("name", ["gamma", "gamma2.2", "clahe", "lime"])
def test_all_but_the_identity_brighten(name, dark):
    assert mean_brightness(BASELINES[name].make(dark[0], 0.4)) > 1.3 * mean_brightness(dark[0])


@pytest.mark.parametrize("mean", [0.02, 0.05, 0.3, 0.8])
def test_the_exponent_meets_the_brightness(dark, mean):
    """Darker as well as brighter."""
    exponent = gamma_for_mean(dark[0], mean)
    assert mean_brightness(dark[0] ** exponent) == pytest.approx(mean, abs=2e-4)
    assert (exponent > 1) == (mean < mean_brightness(dark[0]))


def test_a_brightness_that_no_exponent_reaches_gives_the_nearest():
    half_black = np.zeros((10, 10, 3), np.float32)
    half_black[:5] = 0.5
    assert mean_brightness(half_black ** gamma_for_mean(half_black, 0.9)) == pytest.approx(0.5, abs=0.01)


def test_clahe_is_opencvs():
    """OpenCV 5.0's createCLAHE(2.0, (8, 8)) on the Y of YCrCb gave these codes of a grey ramp with a step."""
    codes = (np.arange(64)[np.newaxis] // 2 + np.arange(64)[:, np.newaxis] // 4).astype(np.uint8)
    codes[40:, 40:] += 100
    made = np.rint(255 * clahe(np.repeat(codes[..., np.newaxis], 3, axis=2) / np.float32(255)))[..., 0]
    assert np.abs(made[::9, ::9] - RECORDED).max() <= 1


RECORDED = np.array(
    [
        [8, 18, 23, 26, 32, 34, 40, 48],
        [11, 20, 25, 28, 39, 41, 46, 54],
        [14, 23, 28, 31, 38, 40, 45, 53],
        [13, 23, 28, 30, 41, 43, 49, 56],
        [20, 28, 34, 37, 44, 46, 56, 64],
        [19, 28, 37, 40, 47, 148, 154, 162],
        [22, 31, 36, 39, 46, 147, 157, 165],
        [24, 32, 42, 45, 52, 153, 159, 167],
    ]
)


def test_clahe_keeps_colour_differences(dark):
    low = dark[0]
    added = clahe(low) - low
    inside = (clahe(low) > 0) & (clahe(low) < 1)
    whole = inside.all(axis=2)
    assert whole.mean() > 0.5
    np.testing.assert_allclose(added[whole][:, 0], added[whole][:, 1], atol=1e-6)


def test_limes_illumination_keeps_edges_and_loses_texture():
    rng = np.random.default_rng(0)
    first = np.full((80, 100), 0.2)
    first[:, 50:] = 0.7
    first += rng.uniform(-0.05, 0.05, first.shape)
    refined = _refined(first)
    assert refined[10:-10, 10:40].std() < 0.3 * first[10:-10, 10:40].std()
    assert refined[10:-10, 60:90].mean() - refined[10:-10, 10:40].mean() == pytest.approx(0.5, abs=0.1)
    assert np.diff(refined[40, 45:56]).max() > 0.2


def test_lime_divides_by_a_power_of_the_illumination():
    """Of a flat picture it is known: the value over its own power of .8."""
    flat = np.full((40, 50, 3), 0.1, np.float32)
    np.testing.assert_allclose(lime(flat), 0.1 / 0.1**0.8, rtol=1e-4)


def test_a_baseline_is_scored_under_the_same_protocol(pair, dark):
    evaluation = evaluate_method(BASELINES["identity"], [pair], chosen=choose_metrics("psnr"))
    low, high = (np.rint(255 * picture) for picture in dark)
    assert evaluation.mean["psnr"] == pytest.approx(10 * math.log10(255**2 / np.mean((low - high) ** 2)), abs=1e-3)
    assert (evaluation.steps, evaluation.exposure, evaluation.backend) == (None, "none", "numpy")
    told = []
    oracle = evaluate_method(BASELINES["gamma"], [pair], on_pair=lambda result, picture: told.append(picture.size))
    assert oracle.exposure == "ground truth's mean given"
    assert oracle.mean["exposure_error"] < 0.01
    assert told == [(97, 130)]
    table = evaluation_table([evaluation, evaluate_method(BASELINES["clahe"], [pair], chosen=choose_metrics("psnr"))])
    assert "| clahe | none | numpy | – | – | – |" in table
    assert "clahe: Zuiderveld 1994" in table
    with pytest.raises(DataError):
        evaluate_method(BASELINES["gamma"], [])


def test_a_module_of_ones_own_as_the_guide_shows_it(pair):
    torch = pytest.importorskip("torch")
    guide = Path(__file__).parents[2] / "docs" / "guides" / "evaluate.md"
    blocks = re.findall(r"^```python\n(.*?)^```", guide.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (shown,) = (block for block in blocks if "def brighten" in block)
    names = {"torch": torch, "net": lambda planes: planes * 3, "match_pairs": None}
    exec(shown.partition("mine = ")[0], names)
    mine = names["Baseline"]("mine", "", names["brighten"])
    tripled = evaluate_method(mine, [pair])
    assert tripled.mean["exposure_error"] < evaluate_method(BASELINES["identity"], [pair]).mean["exposure_error"] - 1


def test_a_baseline_that_is_not_there_is_one_line():
    with pytest.raises(UsageError, match="did you mean 'clahe'"):
        baseline_called("clahee")
    with pytest.raises(UsageError, match="lime"):
        baseline_called("retinex")
