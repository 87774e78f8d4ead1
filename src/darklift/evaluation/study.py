"""Several evaluations of the same pictures, side by side: what a table, a file of numbers and a report are made of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from darklift.errors import DataError
from darklift.evaluation.evaluation import Evaluation, PairResult, most
from darklift.evaluation.metrics import METRICS, Metric
from darklift.evaluation.significance import Difference, Ranking, Spread, compare, rank, spread

__all__ = ["Entry", "Study"]


@dataclass(frozen=True, eq=False)
class Entry:
    """One way to enhance, under a label of its own, with a run for each seed."""

    label: str
    runs: tuple[Evaluation, ...]

    @property
    def seconds(self) -> float:
        """Median seconds a picture, of the fastest run: what slowed the others was something else."""
        return min(run.seconds for run in self.runs)

    @property
    def peak_bytes(self) -> int | None:
        """The most memory that the process held at any picture of any run; None where that is not known."""
        return most(run.peak_bytes for run in self.runs)

    @cached_property
    def by_name(self) -> Mapping[str, tuple[PairResult, ...]]:
        """Each picture's results, one for each seed, of pictures that every run scored."""
        runs = [{result.name: result for result in run.results} for run in self.runs]
        return {name: tuple(run[name] for run in runs) for name in runs[0] if all(name in run for run in runs)}

    def score(self, name: str, metric: Metric) -> float:
        """One picture's score, the mean over the seeds, each cut to the metric's ceiling."""
        results = self.by_name[name]
        return sum(min(result.scores[metric.name], metric.ceiling) for result in results) / len(results)


class Study:
    """Evaluations of the same pictures, each under its label, compared picture by picture.

    Evaluations that differ in nothing but the seed are one entry. Only pictures that all of them scored are compared.
    """

    def __init__(self, evaluations: Sequence[Evaluation], scenes: Mapping[str, str] | None = None) -> None:
        """
        Args:
            evaluations: one or more. The first entry is what the others are compared with.
            scenes: the scene of each picture's name; whole scenes are drawn by the bootstrap then. Those of other
                pictures are ignored, and a picture without is a scene of its own.

        Raises:
            DataError: no evaluation, or no picture that all of them scored.
        """
        if not evaluations:
            raise DataError("there are no evaluations to compare: pass at least one")
        self.entries = _entries(evaluations)
        known = [entry.by_name for entry in self.entries]
        self.names = tuple(name for name in known[0] if all(name in other for other in known))
        """The pictures that are compared, in the order of the first evaluation."""
        if not self.names:
            raise DataError("no picture was scored by all evaluations: evaluate them on the same pairs")
        self.scenes = None if scenes is None else tuple(scenes.get(name, f"{name} alone") for name in self.names)
        """The scene of each picture, or None where every picture counts as one."""

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """Those that every entry has a value of for every picture."""
        results = [result for entry in self.entries for name in self.names for result in entry.by_name[name]]
        return tuple(
            metric
            for metric in METRICS
            if not any(math.isnan(result.scores.get(metric.name, math.nan)) for result in results)
        )

    @property
    def left_out(self) -> Mapping[str, tuple[str, ...]]:
        """For each entry's label the pictures that it did not score, though another did."""
        every = dict.fromkeys(name for entry in self.entries for name in entry.by_name)
        missing = {entry.label: tuple(name for name in every if name not in entry.by_name) for entry in self.entries}
        return {label: names for label, names in missing.items() if names}

    @property
    def stains(self) -> tuple[str, ...]:
        """What a reader must know before any number."""
        return tuple(dict.fromkeys(run.stain for entry in self.entries for run in entry.runs if run.stain))

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be known of a method beside its numbers, such as that it is told the truth."""
        runs = (run for entry in self.entries for run in entry.runs)
        return tuple(dict.fromkeys(f"{run.model}: {run.note}." for run in runs if run.note))

    def scores(self, entry: Entry, metric: Metric) -> tuple[float, ...]:
        """An entry's scores, in the order of :attr:`names`."""
        return tuple(entry.score(name, metric) for name in self.names)

    def over_pictures(self, entry: Entry, metric: Metric) -> Spread:
        """Mean and standard error over the pictures: how much other pictures of this kind would change the mean."""
        return spread(self.scores(entry, metric), self.scenes)

    def over_seeds(self, entry: Entry, metric: Metric) -> Spread:
        """Mean and standard error over the seeds, of each seed's mean: how much luck is in the sampling."""
        return spread(
            [
                sum(min(entry.by_name[name][seed].scores[metric.name], metric.ceiling) for name in self.names)
                / len(self.names)
                for seed in range(len(entry.runs))
            ]
        )

    def best(self, metric: Metric) -> tuple[Entry, ...]:
        """The entries whose mean, as it is printed, is the best."""
        means = {entry: round(self.over_pictures(entry, metric).mean, metric.digits) for entry in self.entries}
        target = max(means.values()) if metric.better == "higher" else min(means.values())
        return tuple(entry for entry, mean in means.items() if mean == target)

    def difference(self, entry: Entry, metric: Metric, reference: Entry | None = None) -> Difference:
        """How much better an entry is than the reference (the first entry), picture by picture."""
        other = self.entries[0] if reference is None else reference
        return compare(self.scores(entry, metric), self.scores(other, metric), better=metric.better, groups=self.scenes)

    def ranking(self, metric: Metric) -> Ranking:
        """Three or more entries by their mean ranks. Scenes of several pictures are ranked by their means.

        Raises UsageError (fewer entries, or only one scene) and MissingExtraError (SciPy is missing).
        """
        return rank(
            {entry.label: self._scene_means(self.scores(entry, metric)) for entry in self.entries},
            better=metric.better,
        )

    def to_dict(self) -> dict[str, Any]:
        """Means with their errors, and what each entry is against the first, in plain values."""
        return {
            "images": len(self.names),
            "scenes": None if self.scenes is None else len(set(self.scenes)),
            "reference": self.entries[0].label,
            "entries": [
                {
                    "label": entry.label,
                    "seeds": len(entry.runs),
                    "seconds": entry.seconds,
                    "peak_bytes": entry.peak_bytes,
                    "over_images": {metric.name: asdict(self.over_pictures(entry, metric)) for metric in self.metrics},
                    "over_seeds": {metric.name: asdict(self.over_seeds(entry, metric)) for metric in self.metrics},
                    "better_by": {metric.name: asdict(self.difference(entry, metric)) for metric in self.metrics},
                }
                for entry in self.entries
            ],
        }

    def _scene_means(self, scores: Sequence[float]) -> list[float]:
        grouped: dict[str, list[float]] = {}
        for scene, score in zip(self.scenes or self.names, scores, strict=True):
            grouped.setdefault(scene, []).append(score)
        return [sum(values) / len(values) for values in grouped.values()]


def _entries(evaluations: Sequence[Evaluation]) -> tuple[Entry, ...]:
    groups: dict[tuple[object, ...], list[Evaluation]] = {}
    for one in evaluations:
        same = 0  # two models of one name, both with this seed, are two entries
        while any(other.settings.seed == one.settings.seed for other in groups.get((*_key(one), same), ())):
            same += 1
        groups.setdefault((*_key(one), same), []).append(one)
    runs = [tuple(group) for group in groups.values()]
    return tuple(Entry(label, group) for label, group in zip(_labels([group[0] for group in runs]), runs, strict=True))


def _key(one: Evaluation) -> tuple[object, ...]:
    """All that tells an evaluation from another, but for the seed."""
    return (one.model, one.weights, one.backend, one.preset, one.steps, one.exposure, one.settings.changed(seed=0))


def _labels(ones: Sequence[Evaluation]) -> list[str]:
    """The model's name, and what else it takes to tell it from the others."""
    facts = [
        [one.model, _steps(one.steps), one.preset, ", ".join(one.unusual), one.exposure, one.weights, one.backend]
        for one in ones
    ]
    labels = [fact[0] for fact in facts]
    for column in range(1, len(facts[0])):
        shared = {label for label in labels if labels.count(label) > 1}
        for label in shared:
            places = [place for place, other in enumerate(labels) if other == label]
            if len({facts[place][column] for place in places}) > 1:
                for place in places:
                    labels[place] = ", ".join(filter(None, [label, facts[place][column]]))
    for label in {label for label in labels if labels.count(label) > 1}:
        for number, place in enumerate((place for place, other in enumerate(labels) if other == label), 1):
            labels[place] = f"{label} ({number})"
    return labels


def _steps(count: int | None) -> str:
    if count is None:
        return ""
    return "1 step" if count == 1 else f"{count} steps"
