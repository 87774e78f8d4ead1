"""Evaluation: known scores from a model that changes nothing, what is passed to the model, and what the tables say."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from darklift import Enhancer
from darklift.data import Pair
from darklift.diffusion import SamplerPreset
from darklift.errors import DataError, UsageError
from darklift.evaluation.evaluate import evaluate, scorable
from darklift.evaluation.metrics import PSNR_CEILING, choose_metrics, describe_metrics
from darklift.evaluation.report import evaluation_table, per_image_table
from darklift.image import Metadata, from_array, write_image
from darklift.image.spaces import as_srgb
from darklift.pipeline.settings import Exposure, Settings
from darklift.runtime import Footprint, Model, ModelCard
from profiles import P3, SRGB_CURVE, make_profile

PRESET = SamplerPreset(2, "cosine", 100, spacing="trailing", predicts="x0", max_steps=8)


class Identity:
    inputs = ("low",)

    def __call__(self, feeds):
        return {"x0": 2 * feeds["low"] - 1}


class Flat:
    """A grey of just the brightness wanted."""

    inputs = ("low", "brightness")

    def __call__(self, feeds):
        return {"x0": np.full_like(feeds["low"], 2 * feeds["brightness"][0] - 1)}


class Third:
    inputs = ("thumbnail",)

    def __call__(self, feeds):
        return {"brightness": np.full(1, 1 / 3, np.float32)}


def identity():
    card = ModelCard("identity", "none", Footprint(1), {"default": PRESET}, info={"weights": "none at all"})
    return Enhancer(Model(card, {"step": Identity()}))


def flat():
    return Enhancer(
        Model(ModelCard("flat", "none", Footprint(4), {"default": PRESET}), {"step": Flat(), "exposure": Third()})
    )


@pytest.fixture
def make_pair(tmp_path):
    """A pair of flat greys, or of the arrays given, of 8 or 16 bits."""

    def make(low, high, name="a", size=(16, 20)):
        paths = []
        for role, value in (("low", low), ("high", high)):
            pixels = value if isinstance(value, np.ndarray) else np.full((*size, 3), value, np.uint8)
            paths.append(tmp_path / f"{name}_{role}.png")
            write_image(from_array(pixels), paths[-1], overwrite=True)
        return Pair(name, *paths)

    return make


def test_the_identity_scores_what_the_files_differ_by(make_pair):
    (result,) = evaluate(identity(), [make_pair(100, 110)]).results
    assert result.scores["psnr"] == pytest.approx(20 * math.log10(255 / 10))
    constant = (0.01 * 255) ** 2
    assert result.scores["ssim"] == pytest.approx((2 * 100 * 110 + constant) / (100**2 + 110**2 + constant), abs=1e-6)
    assert result.scores["exposure_error"] == pytest.approx(math.log2(1.1), abs=1e-6)
    assert result.scores["psnr_gt_mean"] == math.inf
    assert result.scores["ssim_gt_mean"] == pytest.approx(1)
    assert (result.name, result.seconds > 0) == ("a", True)


def gradient(step, offset=0):
    """Codes of 16 bits from 20000 on, so many apart."""
    codes = 20000 + offset + step * np.arange(16 * 20).reshape(16, 20)
    return np.stack([codes] * 3, axis=2).astype(np.uint16)


def test_a_pair_of_16_bits_is_scored_with_all_of_them(make_pair):
    """A tenth of a code of 8 bits apart, which rounding to these would make none, or one."""
    (result,) = evaluate(identity(), [make_pair(gradient(3), gradient(3, 25))]).results
    assert result.scores["psnr"] == pytest.approx(20 * math.log10(65535 / 25), abs=1e-3)
    assert result.scores["ssim"] < 1
    assert result.scores["psnr_gt_mean"] > 90


def test_where_one_of_a_pair_has_16_bits_the_other_keeps_its_8(make_pair):
    fine, coarse = gradient(3), np.rint(gradient(3) / 257).astype(np.uint8)
    expected = 10 * math.log10(255**2 / np.mean((fine / 257 - coarse) ** 2))
    for name, pair in (("a", (fine, coarse)), ("b", (coarse, fine))):
        (result,) = evaluate(identity(), [make_pair(*pair, name)]).results
        assert result.scores["psnr"] == pytest.approx(expected, abs=1e-3)


def test_each_half_of_a_pair_is_seen_in_the_colours_that_its_file_says(tmp_path):
    """The same photo in Display P3 and in sRGB; by their numbers the two are far apart."""
    codes = (np.random.default_rng(0).uniform(0.3, 0.5, (16, 20, 3)) * 65535).astype(np.uint16)
    wide = replace(from_array(codes), metadata=Metadata(icc_profile=make_profile(P3, SRGB_CURVE)))
    plain = as_srgb(wide)
    assert np.abs(wide.pixels - plain.pixels).max() > 0.02
    paths = [write_image(each, tmp_path / f"{n}.tif", bits=16) for n, each in enumerate((wide, plain))]
    for pair in (Pair("a", *paths), Pair("b", *paths[::-1])):
        (result,) = evaluate(identity(), [pair]).results
        assert result.scores["psnr"] > 85


def test_the_mean_counts_every_pair_alike(make_pair):
    pairs = [make_pair(100, 110, "a"), make_pair(100, 120, "b", size=(64, 64))]
    mean = evaluate(identity(), pairs).mean
    assert mean["psnr"] == pytest.approx((20 * math.log10(25.5) + 20 * math.log10(12.75)) / 2)
    assert mean["psnr_gt_mean"] == PSNR_CEILING


def test_the_brightness_is_the_model_s_unless_it_is_given(make_pair):
    pair = make_pair(30, 150)  # a darker flat picture would hold nothing
    evaluations = {
        "predicted by the model": evaluate(flat(), [pair]),
        "ground truth's mean given": evaluate(flat(), [pair], give_mean=True),
        "mean=0.5": evaluate(flat(), [pair], Settings(exposure="mean=0.5")),
        "+1": evaluate(flat(), [pair], Settings(exposure="+1")),
    }
    brightness = {"predicted by the model": 1 / 3, "ground truth's mean given": 150 / 255, "mean=0.5": 0.5}
    brightness["+1"] = 2 ** (1 / 2.2) / 3
    for said, evaluation in evaluations.items():
        assert evaluation.exposure == said
        code = round(255 * brightness[said])
        expected = math.inf if code == 150 else 20 * math.log10(255 / abs(code - 150))
        assert evaluation.results[0].scores["psnr"] == pytest.approx(expected), said


def test_giving_the_mean_overrules_a_wish_and_takes_each_pair_s_own(make_pair):
    pairs = [make_pair(20, 60, "a"), make_pair(20, 200, "b")]
    evaluation = evaluate(flat(), pairs, Settings(exposure="mean=0.5"), give_mean=True)
    assert [result.scores["psnr"] for result in evaluation.results] == [math.inf, math.inf]
    assert max(result.scores["exposure_error"] for result in evaluation.results) < 1e-5


def test_a_wish_for_stops_is_named(make_pair):
    for wish in (0.5, "+0.5", Exposure(stops=0.5)):
        assert evaluate(flat(), [make_pair(20, 60)], Settings(exposure=wish)).exposure == "+0.5"


def test_a_model_without_exposure_control_says_none_and_takes_none(make_pair):
    pair = make_pair(20, 60)
    assert evaluate(identity(), [pair]).exposure == "none"
    with pytest.raises(UsageError, match="exposure"):
        evaluate(identity(), [pair], give_mean=True)


def test_steps_and_seed_reach_the_model_and_the_report(make_pair):
    pair = make_pair(20, 60)
    assert (evaluate(flat(), [pair]).steps, evaluate(flat(), [pair]).settings) == (2, Settings())
    evaluation = evaluate(flat(), [pair], Settings(steps=5, seed=9))
    assert (evaluation.steps, evaluation.settings.seed) == (5, 9)
    with pytest.raises(UsageError, match="8 steps"):
        evaluate(flat(), [pair], Settings(steps=9))


def test_every_result_is_told_as_it_comes(make_pair):
    pairs, told = [make_pair(20, 60, name) for name in "abc"], []
    evaluation = evaluate(identity(), pairs, on_pair=lambda result, picture: told.append((result, picture.size)))
    assert [result for result, _ in told] == list(evaluation.results)
    assert [result.name for result, _ in told] == ["a", "b", "c"]
    assert {size for _, size in told} == {(16, 20)}


def test_what_cannot_be_scored_is_refused(make_pair, tmp_path):
    with pytest.raises(DataError):
        evaluate(identity(), [])
    tall, wide = np.zeros((20, 16, 3), np.uint8), np.zeros((16, 20, 3), np.uint8)
    odd = make_pair(tall, wide, "odd")
    gone = Pair("gone", tmp_path / "gone.png", tmp_path / "gone.png")
    small = make_pair(20, 60, "small", size=(10, 40))
    for pair, facts in ((odd, r"odd .*16x20 .*20x16"), (gone, r"gone\.png"), (small, r"small .*40x10.*11")):
        with pytest.raises(DataError, match=facts):
            evaluate(identity(), [pair])
        with pytest.raises(DataError, match=facts):
            scorable([pair])


def test_one_pair_that_cannot_be_scored_does_not_lose_the_others(make_pair, tmp_path):
    odd = make_pair(np.zeros((20, 16, 3), np.uint8), np.zeros((16, 20, 3), np.uint8), "odd")
    gone = Pair("gone", tmp_path / "gone.png", tmp_path / "gone.png")
    good = [make_pair(100, 110, "a"), make_pair(100, 120, "b")]
    pairs, told = [good[0], odd, gone, good[1]], []
    evaluation = evaluate(identity(), pairs, on_pair=lambda result, _: told.append(result.name))
    assert [result.name for result in evaluation.results] == told == ["a", "b"]
    assert evaluation.mean == evaluate(identity(), good).mean
    assert [pair.name for pair in evaluation.left_out] == ["odd", "gone"]
    assert "16x20" in evaluation.left_out[0].reason
    left, left_out = scorable(pairs)
    assert (left, left_out) == (tuple(good), evaluation.left_out)
    assert scorable(good) == (tuple(good), ())
    assert [each["name"] for each in evaluation.to_dict()["left_out"]] == ["odd", "gone"]
    assert "Without 2 of 4 pairs: gone, odd" in evaluation_table(evaluation)
    assert "Without" not in evaluation_table(evaluate(identity(), good))


def test_the_median_of_the_seconds_is_reported(make_pair, monkeypatch):
    pairs, seconds = [make_pair(20, 60, name) for name in "abc"], iter([5.0, 1.0, 2.0])
    run = Enhancer.run

    def timed(self, *arguments, **settings):
        enhanced = run(self, *arguments, **settings)
        object.__setattr__(enhanced, "seconds", next(seconds))
        return enhanced

    monkeypatch.setattr(Enhancer, "run", timed)
    assert evaluate(identity(), pairs).seconds == 2.0


# --- reports ----------------------------------------------------------------------------------------------------------


def test_the_table_says_all_that_its_numbers_depend_on(make_pair):
    evaluation = evaluate(identity(), [make_pair(100, 110, "a"), make_pair(100, 120, "b")], Settings(steps=3, seed=7))
    lines = evaluation_table(evaluation).splitlines()
    head, rule, row = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines[:3])
    assert len(head) == len(rule) == len(row)
    said = dict(zip(head, row, strict=True))
    expected = {"model": "identity", "weights": "none at all", "backend": "onnx", "steps": "3", "seed": "7"}
    expected["preset"] = "default"
    assert expected.items() <= said.items()
    assert (said["images"], said["exposure"]) == ("2", "none")
    assert said["PSNR"] == f"{evaluation.mean['psnr']:.2f}"
    assert said["SSIM GT-mean"] == f"{evaluation.mean['ssim_gt_mean']:.4f}"
    protocol = " ".join(lines[3:])
    assert describe_metrics() in protocol
    for fact in ("8 bits", "11x11", "1.5", "Plain:", "GT-mean:", "|log2|", "median"):
        assert fact in protocol


def test_several_evaluations_are_rows_of_one_table(make_pair):
    pair = make_pair(100, 110)
    rows = [evaluate(flat(), [pair], Settings(steps=steps)) for steps in (1, 2, 4)]
    lines = evaluation_table(rows).splitlines()
    column = [name.strip() for name in lines[0].split("|")].index("steps")
    assert [line.split("|")[column].strip() for line in lines[2:5]] == ["1", "2", "4"]
    assert evaluation_table(rows[0]) == evaluation_table([rows[0]])


def test_the_table_of_images_has_a_row_for_each(make_pair):
    evaluation = evaluate(identity(), [make_pair(100, 110, "a"), make_pair(100, 100, "same")])
    lines = per_image_table(evaluation).splitlines()
    assert [line.split("|")[1].strip() for line in lines] == ["image", "---", "a", "same"]
    assert len({line.count("|") for line in lines}) == 1
    assert lines[3].split("|")[2].strip() == "inf"


def test_plain_values_are_json_for_every_reader(make_pair):
    evaluation = evaluate(identity(), [make_pair(100, 110, "a"), make_pair(100, 100, "same")], Settings(seed=3))
    values = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert values["images"] == 2
    assert values["mean"] == pytest.approx(evaluation.mean)
    assert values["protocol"] == describe_metrics()
    assert [image["name"] for image in values["per_image"]] == ["a", "same"]
    assert values["per_image"][0]["psnr"] == pytest.approx(evaluation.results[0].scores["psnr"])
    assert values["per_image"][1]["psnr"] is None, "JSON knows no infinity"
    assert (values["seed"], values["window"]) == (3, "whole picture")
    for name in ("model", "weights", "backend", "preset", "steps", "exposure", "seconds"):
        assert values[name] == getattr(evaluation, name)


@pytest.mark.parametrize("wanted", ["default", "psnr,ssim_gray,ciede2000"])
def test_every_metric_that_was_chosen_reaches_every_report(make_pair, wanted):
    chosen = choose_metrics(wanted)
    evaluation = evaluate(identity(), [make_pair(100, 110)], chosen=chosen)
    values = evaluation.to_dict()
    names, headings = ([getattr(metric, field) for metric in chosen.metrics] for field in ("name", "heading"))
    assert names == list(evaluation.results[0].scores) == list(evaluation.mean) == list(values["mean"])
    assert list(values["per_image"][0]) == ["name", *names, "seconds", "peak_bytes"]
    for table in (evaluation_table(evaluation), per_image_table(evaluation)):
        head = [cell.strip() for cell in table.splitlines()[0].strip("|").split("|")]
        assert head[-len(headings) - 2 :] == [*headings, "s/image", "peak MB"]


def test_a_metric_without_weights_or_without_a_value_says_so(make_pair, tmp_path):
    chosen = choose_metrics("psnr,ms_ssim,dists", tmp_path)
    pairs = [make_pair(100, 110, "a", size=(170, 170)), make_pair(100, 120, "small")]
    evaluation = evaluate(identity(), pairs, chosen=chosen)
    head, _, row, *below = evaluation_table(evaluation).splitlines()
    said = dict(zip(*([cell.strip() for cell in line.strip("|").split("|")] for line in (head, row)), strict=True))
    assert (said["MS-SSIM"], said["MS-SSIM GT-mean"], said["DISTS"]) == ("–", "–", "no weights")
    text = " ".join(below)
    assert "MS-SSIM: none for 1 of 2 images (small)" in text
    assert "161 pixels" in text
    assert "DISTS: no weights; `darklift metrics`" in text
    assert per_image_table(evaluation).splitlines()[2].count("–") == 0
    values = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert values["mean"]["ms_ssim"] is None
    assert values["per_image"][0]["ms_ssim"] > 0.9
    assert values["no_value"] == {"ms_ssim": ["small"], "ms_ssim_gt_mean": ["small"]}
    assert values["missing"] == {"dists": "no weights", "dists_gt_mean": "no weights"}


def test_what_is_not_as_usual_is_told(make_pair):
    pair = make_pair(100, 110, "a")
    usual, weak = (evaluate(identity(), [pair], Settings(strength=strength)) for strength in (1, 0.25))
    assert "strength" not in evaluation_table(usual)
    assert "strength 0.25" in evaluation_table(weak)
    assert weak.to_dict()["settings"]["strength"] == 0.25
    toned = evaluation_table(evaluate(identity(), [pair], Settings(blacks=-20, whites=5, deblock="off")))
    assert "blacks -20, whites +5, deblock off" in toned
    assert "saturation" not in toned
