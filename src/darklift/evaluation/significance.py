"""Whether one method's scores are better than another's, or only luckier: spread, paired bootstrap, rank test.

Two methods are always compared **picture by picture**: how hard a picture is moves the scores of both, and cancels in
their difference. Pictures of one scene are no independent witnesses: where ``groups`` says which picture belongs to
which scene, whole scenes are drawn, and the intervals become as wide as they should be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from darklift.errors import MissingExtraError, UsageError

__all__ = ["MIN_SCENES", "Difference", "Ranking", "Spread", "compare", "rank", "spread"]

Float64Array = npt.NDArray[np.float64]

RESAMPLES = 10_000
"""Draws of a bootstrap: the ends of a 95% interval are then steady to about 2% of its width."""
MIN_SCENES = 6
"""Fewer cannot tell skill from luck: with n scenes all on one side, the sign test's p is 2 / 2^n, .06 for 5 and .03 for
6. A bootstrap of them would be sure all the same, of a single one to the last digit."""
_CHUNK = 1 << 22
"""Drawn indices held at a time."""


@dataclass(frozen=True)
class Spread:
    """The mean of many scores, and its standard error.

    error: the standard deviation (n − 1) over √n, in the scores' unit; of the scenes' means where there are groups, and
    None where there is only one. count: scores. groups: scenes, or ``count``.
    """

    mean: float
    error: float | None
    count: int
    groups: int


@dataclass(frozen=True)
class Difference:
    """How much better one method is than another, picture by picture.

    mean: of the differences, positive where the first is better. low, high: the 95% interval of the mean by
    bootstrap. probability: the share of draws in which the first is better (equal counts half). These three are None
    where there are fewer than :data:`MIN_SCENES` scenes. wins, ties: pictures.
    """

    mean: float
    low: float | None
    high: float | None
    probability: float | None
    wins: int
    ties: int
    count: int

    @property
    def clear(self) -> bool:
        """Whether there is an interval, and it leaves out 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True)
class Ranking:
    """Several methods by their mean rank over the pictures, 1 the best.

    p: of Friedman's test, that they are all alike. critical: two mean ranks that differ by more than this are told
    apart at 5% (Nemenyi's test; Demšar 2006, equation 2).
    """

    mean_ranks: Mapping[str, float]
    statistic: float
    p: float
    critical: float
    count: int


def spread(scores: Sequence[float], groups: Sequence[str] | None = None) -> Spread:
    """Mean and standard error of one method's scores, or of one score over seeds.

    Args:
        scores: finite, one a picture or a seed.
        groups: the scene of each, in the same order. The mean stays that over all pictures; its error is that of a
            ratio estimate over whole scenes (Cochran 1977, equation 6.13), which is the usual one where every scene has
            one picture.

    Raises:
        UsageError: no scores, values that are not finite, or groups of another length.
    """
    values = _checked(scores)
    scenes = _scenes(groups, len(values))
    counts = np.bincount(scenes)
    mean, number = float(values.mean()), len(counts)
    if number < 2:
        return Spread(mean, None, len(values), number)
    residuals = np.bincount(scenes, values) - mean * counts
    error = math.sqrt(number / (number - 1) * float(residuals @ residuals)) / len(values)
    return Spread(mean, error, len(values), number)


def compare(
    first: Sequence[float],
    second: Sequence[float],
    *,
    better: Literal["higher", "lower"] = "higher",
    groups: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """Compare two methods' scores of the same pictures, in the same order.

    The interval is the percentile bootstrap's of the mean difference (Efron and Tibshirani 1993, chapter 13). The same
    seed gives the same interval.

    Args:
        better: whether higher or lower scores are better; differences are turned so that positive means better.
        groups: the scene of each picture; whole scenes are drawn.
        resamples: draws, 100 or more.

    Raises:
        UsageError: lengths that differ, no scores, values that are not finite, or too few draws.
    """
    if len(first) != len(second):
        raise UsageError(f"got {len(first)} and {len(second)} scores; expected those of the same pictures")
    if resamples < 100:
        raise UsageError(f"got {resamples} draws; expected 100 or more")
    one, other = _checked(first), _checked(second)
    differences = one - other if better == "higher" else other - one
    scenes = _scenes(groups, len(differences))
    sums, counts = np.bincount(scenes, differences).astype(np.float64), np.bincount(scenes).astype(np.float64)
    low = high = probability = None
    if len(counts) >= MIN_SCENES:
        means = _bootstrap_means(sums, counts, resamples, seed)
        low, high = map(float, np.quantile(means, (0.025, 0.975)))
        probability = float(np.mean(means > 0) + 0.5 * np.mean(means == 0))
    return Difference(
        mean=float(differences.mean()),
        low=low,
        high=high,
        probability=probability,
        wins=int(np.sum(differences > 0)),
        ties=int(np.sum(differences == 0)),
        count=len(differences),
    )


def rank(scores: Mapping[str, Sequence[float]], *, better: Literal["higher", "lower"] = "higher") -> Ranking:
    """Rank three or more methods on each picture, and test whether their mean ranks differ (Friedman 1937).

    Ranks assume pictures that are independent of one another: with several a scene, the p is too small. Pass one
    score a scene then.

    Args:
        scores: for each method's name its scores, of the same pictures in the same order.

    Raises:
        UsageError: less than three methods, less than two pictures, or lengths that differ.
        MissingExtraError: SciPy is missing.
    """
    try:
        from scipy import stats
    except ImportError as error:
        raise MissingExtraError("scipy", "report", "a rank test") from error

    names = list(scores)
    if len(names) < 3:
        raise UsageError(f"got {len(names)} methods to rank; expected three or more: compare two picture by picture")
    lengths = {len(values) for values in scores.values()}
    if len(lengths) != 1 or min(lengths) < 2:
        raise UsageError(
            f"got {sorted(lengths)} scores of the methods; expected those of the same two or more pictures"
        )
    table = np.stack([_checked(scores[name]) for name in names])
    ranks = stats.rankdata(-table if better == "higher" else table, axis=0)
    pictures = table.shape[1]
    if np.all(ranks == ranks[0, 0]):
        statistic, p = 0.0, 1.0  # all alike on every picture: the statistic is 0 / 0
    else:
        result = stats.friedmanchisquare(*ranks)
        statistic, p = float(result.statistic), float(result.pvalue)
    range_ = float(stats.studentized_range.ppf(0.95, len(names), math.inf)) / math.sqrt(2)
    critical = range_ * math.sqrt(len(names) * (len(names) + 1) / (6 * pictures))
    return Ranking(dict(zip(names, map(float, ranks.mean(axis=1)), strict=True)), statistic, p, critical, pictures)


def _bootstrap_means(sums: Float64Array, counts: Float64Array, resamples: int, seed: int) -> Float64Array:
    """Means of the pictures in as many draws of scenes, with replacement."""
    random = np.random.default_rng(seed)
    number = len(sums)
    parts = []
    for start in range(0, resamples, step := max(1, _CHUNK // number)):
        drawn = random.integers(number, size=(min(step, resamples - start), number))
        parts.append(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    return np.concatenate(parts)


def _checked(scores: Sequence[float]) -> Float64Array:
    values = np.asarray(scores, np.float64)
    if values.ndim != 1 or not values.size:
        raise UsageError(f"got scores of shape {values.shape}; expected one number a picture, and at least one")
    if not np.isfinite(values).all():
        raise UsageError("got a score that is not finite: cut it to its metric's ceiling, or leave the picture out")
    return values


def _scenes(groups: Sequence[str] | None, count: int) -> npt.NDArray[np.intp]:
    """The number of each picture's scene, from 0 without gaps."""
    if groups is None:
        return np.arange(count)
    if len(groups) != count:
        raise UsageError(f"got the scenes of {len(groups)} pictures, expected {count}: one for each score")
    return np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)[1]
