"""Several evaluations side by side: which are one entry, how they are called, what is compared."""

from dataclasses import replace

import numpy as np
import pytest

from darklift.errors import DataError
from darklift.evaluation.evaluation import PairResult
from darklift.evaluation.metrics import DEFAULT_METRICS
from darklift.evaluation.study import Study
from darklift.evaluation.tables import study_table
from darklift.pipeline.settings import Settings
from evaluations import ERROR, PSNR, evaluation, seeded


def test_runs_that_differ_in_the_seed_alone_are_one_entry():
    study = Study([seeded(0), seeded(1, level=22.0), evaluation("nano")])
    first, second = study.entries
    assert (first.label, len(first.runs), second.label) == ("compact", 2, "nano")
    assert study.scores(first, PSNR) == (21, 22, 23, 24)
    assert study.over_seeds(first, PSNR).mean == pytest.approx(22.5)
    assert study.over_seeds(first, PSNR).error == pytest.approx(1)
    assert study.over_seeds(second, PSNR).error is None


def test_labels_say_what_tells_entries_apart_and_no_more():
    study = Study([evaluation(), evaluation(steps=8), evaluation("nano"), evaluation(settings=Settings(strength=0.5))])
    labels = [entry.label for entry in study.entries]
    assert labels == ["compact, 2 steps", "compact, 8 steps", "nano", "compact, 2 steps, strength 0.5"]
    ones = [evaluation(settings=Settings(coverage=0.95)), evaluation()]
    assert [entry.label for entry in Study(ones).entries] == ["compact (1)", "compact (2)"]


def test_two_models_of_one_name_are_not_taken_for_seeds():
    study = Study([seeded(0), seeded(1), seeded(0, level=30.0)])
    assert [(entry.label, len(entry.runs)) for entry in study.entries] == [("compact (1)", 2), ("compact (2)", 1)]
    assert study.difference(study.entries[1], PSNR).mean == 10


def test_only_pictures_that_all_scored_are_compared_and_the_others_are_named():
    study = Study([evaluation(names="abcd"), evaluation("nano", names="bcde")])
    assert study.names == ("b", "c", "d")
    assert study.left_out == {"compact": ("e",), "nano": ("a",)}
    assert study.difference(study.entries[1], PSNR).count == 3


def test_better_is_positive_whatever_the_metric():
    study = Study([evaluation(level=20.0), evaluation("nano", level=21.0)])
    nano = study.entries[1]
    assert study.difference(nano, PSNR).mean == pytest.approx(1)
    assert study.difference(nano, ERROR).mean == pytest.approx(-1)


def test_an_identical_picture_counts_as_its_metrics_ceiling():
    perfect = evaluation(level=np.inf)
    study = Study([evaluation(), perfect.__class__(**{**vars(perfect), "model": "perfect"})])
    assert study.over_pictures(study.entries[1], PSNR).mean == PSNR.ceiling


def test_scenes_widen_the_error_and_are_ranked_once():
    ones = [evaluation(), evaluation("nano", level=19.5), evaluation("identity", level=10.0)]
    scenes = {"a": "kitchen", "b": "kitchen", "c": "hall"}
    alone, grouped = Study(ones), Study(ones, scenes)
    assert grouped.scenes[0] == grouped.scenes[1] != grouped.scenes[3]
    assert len(set(grouped.scenes)) == 3
    assert grouped.over_pictures(grouped.entries[0], PSNR).groups == 3
    assert alone.ranking(PSNR).count == 4
    assert grouped.ranking(PSNR).count == 3
    assert grouped.ranking(PSNR).mean_ranks == {"compact": 1, "nano": 2, "identity": 3}


def test_a_metric_that_one_result_lacks_is_not_compared():
    whole = evaluation()
    scores = {metric.name: 1.0 for metric in DEFAULT_METRICS if metric is not ERROR}
    short = evaluation("nano", names="")
    short = short.__class__(**{**vars(short), "results": tuple(PairResult(name, scores, 1.0) for name in "abcd")})
    assert ERROR not in Study([whole, short]).metrics
    assert PSNR in Study([whole, short]).metrics


def test_memory_is_the_most_of_all_runs_and_nothing_where_one_is_not_known():
    (entry,) = Study([seeded(0), seeded(1, names="abcde")]).entries
    assert entry.peak_bytes == 304_000_000
    short = seeded(1)
    gap = replace(short, results=(replace(short.results[0], peak_bytes=None), *short.results[1:]))
    study = Study([seeded(0), gap])
    assert study.entries[0].peak_bytes is None
    assert study.to_dict()["entries"][0]["peak_bytes"] is None
    assert study_table(study).splitlines()[2].endswith("| 2.50 | – |")


def test_nothing_to_compare_is_refused():
    with pytest.raises(DataError, match="at least one"):
        Study([])
    with pytest.raises(DataError, match="no picture was scored by all"):
        Study([evaluation(names="ab"), evaluation("nano", names="cd")])


def test_a_metric_without_a_value_for_one_picture_is_not_compared():
    whole, gap = evaluation(), evaluation("nano")
    results = (replace(gap.results[0], scores={**gap.results[0].scores, "ssim": np.nan}), *gap.results[1:])
    names = [metric.name for metric in Study([whole, replace(gap, results=results)]).metrics]
    assert "psnr" in names
    assert "ssim" not in names


def test_what_has_to_be_known_of_a_method_is_said_once():
    oracle = replace(evaluation("gamma"), steps=None, note="told the truth")
    study = Study([evaluation(), oracle, replace(oracle, settings=Settings(seed=1))])
    assert [entry.label for entry in study.entries] == ["compact", "gamma"]
    assert study.notes == ("gamma: told the truth.",)
    assert "gamma: told the truth." in study_table(study)
