"""Spread, paired bootstrap and rank test: against SciPy, against closed forms, and what scenes change."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from darklift.errors import UsageError
from darklift.evaluation.significance import compare, rank, spread

RANDOM = np.random.default_rng(3)
ONE = RANDOM.normal(20, 3, 40).tolist()
OTHER = (np.asarray(ONE) - RANDOM.normal(0.5, 1, 40)).tolist()


def test_a_standard_error_is_the_standard_deviation_by_the_root_of_n():
    found = spread(ONE)
    assert found.mean == pytest.approx(np.mean(ONE))
    assert found.error == pytest.approx(stats.sem(ONE))
    assert found.count == found.groups == 40


def test_one_score_has_no_error():
    assert spread([3.0]).error is None
    assert spread([3.0, 4.0], ["kitchen", "kitchen"]).error is None


def test_equal_scenes_have_the_error_of_their_means():
    scenes = [f"scene {place // 4}" for place in range(40)]
    assert spread(ONE, scenes).error == pytest.approx(stats.sem(np.reshape(ONE, (10, 4)).mean(axis=1)))
    assert spread(ONE, scenes).groups == 10


def test_pictures_said_many_times_make_nothing_surer():
    alone = spread(ONE)
    again = spread(ONE * 5, [f"scene {place % 40}" for place in range(200)])
    assert again.error == pytest.approx(alone.error)
    surer = compare(ONE * 5, OTHER * 5)
    honest = compare(ONE * 5, OTHER * 5, groups=[f"scene {place % 40}" for place in range(200)])
    assert honest.high - honest.low == pytest.approx(compare(ONE, OTHER).high - compare(ONE, OTHER).low, rel=0.05)
    assert surer.high - surer.low < 0.55 * (honest.high - honest.low)


def test_the_interval_is_that_of_an_independent_bootstrap():
    differences = np.subtract(ONE, OTHER)
    theirs = stats.bootstrap((differences,), np.mean, method="percentile", n_resamples=20_000, rng=1)
    ours = compare(ONE, OTHER, resamples=20_000)
    width = theirs.confidence_interval.high - theirs.confidence_interval.low
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.03 * width)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.03 * width)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(5)
    draws = [random.normal(1, 1, 50) for _ in range(300)]
    held = [(found := compare(draw, np.zeros(50), resamples=500)).low <= 1 <= found.high for draw in draws]
    assert 0.89 < np.mean(held) < 0.985


def test_lower_is_better_where_the_metric_says_so():
    up, down = compare(ONE, OTHER), compare(ONE, OTHER, better="lower")
    assert up.mean == pytest.approx(-down.mean)
    assert up.clear
    assert up.probability > 0.95 > 0.05 > down.probability
    assert up.wins + up.ties + down.wins == 40


def test_a_method_against_itself_is_even():
    same = compare(ONE, ONE)
    assert (same.mean, same.low, same.high, same.probability, same.wins, same.ties) == (0, 0, 0, 0.5, 0, 40)
    assert not same.clear


@given(st.lists(st.floats(-100, 100), min_size=6, max_size=30), st.integers(0, 5))
def test_the_same_seed_gives_the_same_interval_and_it_lies_within_the_scores(scores, seed):
    zeros = [0.0] * len(scores)
    found = compare(scores, zeros, seed=seed, resamples=100)
    assert found == compare(scores, zeros, seed=seed, resamples=100)
    assert min(scores) - 1e-9 <= found.low <= found.high <= max(scores) + 1e-9


@pytest.mark.parametrize(("scenes", "told"), [(1, False), (5, False), (6, True)])
def test_a_few_scenes_make_nothing_sure_however_many_their_pictures(scenes, told):
    groups = [f"scene {place % scenes}" for place in range(40)]
    found = compare(ONE, np.subtract(ONE, 12.14), groups=groups)
    assert [value is not None for value in (found.low, found.high, found.probability)] == [told] * 3
    assert (found.clear, found.mean, found.wins) == (told, pytest.approx(12.14), 40)
    assert stats.binomtest(scenes, scenes).pvalue < 0.05 or not told


def test_ranks_are_friedmans():
    third = (np.asarray(ONE) + 0.1 * RANDOM.normal(0, 1, 40)).tolist()
    found = rank({"one": ONE, "other": OTHER, "third": third})
    theirs = stats.friedmanchisquare(ONE, OTHER, third)
    assert (found.statistic, found.p) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert sum(found.mean_ranks.values()) == pytest.approx(6)
    assert found.mean_ranks["other"] > found.mean_ranks["one"]  # 1 is the best
    turned = rank({"one": ONE, "other": OTHER, "third": third}, better="lower")
    assert turned.mean_ranks["other"] == pytest.approx(4 - found.mean_ranks["other"])


def test_the_critical_difference_is_demsars():
    """Demšar 2006, table 5: q at 5% is 2.343 for three methods and 2.569 for four."""
    for methods, q in ((3, 2.343), (4, 2.569)):
        found = rank({str(method): RANDOM.normal(0, 1, 14) for method in range(methods)})
        assert found.critical == pytest.approx(q * math.sqrt(methods * (methods + 1) / (6 * 14)), rel=2e-3)


def test_methods_that_are_alike_on_every_picture_cannot_be_told_apart():
    found = rank(dict.fromkeys("abc", ONE))
    assert (found.statistic, found.p, set(found.mean_ranks.values())) == (0, 1, {2.0})


@pytest.mark.parametrize(
    ("call", "facts"),
    [
        (lambda: spread([]), "at least one"),
        (lambda: spread([1.0, math.inf]), "not finite"),
        (lambda: spread([1.0, 2.0], ["a"]), "1 pictures, expected 2"),
        (lambda: compare([1.0], [1.0, 2.0]), "got 1 and 2 scores"),
        (lambda: compare([1.0], [2.0], resamples=5), "got 5 draws"),
        (lambda: rank({"a": [1.0, 2.0], "b": [1.0, 2.0]}), "got 2 methods"),
        (lambda: rank({"a": [1.0, 2.0], "b": [1.0, 2.0], "c": [1.0]}), "same two or more pictures"),
    ],
)
def test_what_cannot_be_compared_is_refused(call, facts):
    with pytest.raises(UsageError, match=facts):
        call()
