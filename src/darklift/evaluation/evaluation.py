"""The numbers of one evaluation, with everything that they depend on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from math import isfinite, isnan
from statistics import median
from typing import Any

from darklift.evaluation.metrics import Chosen, Scores, describe_metrics, mean_scores
from darklift.pipeline.settings import CONTROLS, DEFAULTS, Settings

__all__ = ["Evaluation", "LeftOut", "PairResult", "most"]


@dataclass(frozen=True)
class PairResult:
    """One pair's scores, and the seconds that enhancing it took, without reading and writing files.

    peak_bytes: the most memory that the whole process held meanwhile; None where that is not known.
    """

    name: str
    scores: Scores
    seconds: float
    peak_bytes: int | None = None


@dataclass(frozen=True)
class LeftOut:
    """A pair that cannot be scored, and why, in one line."""

    name: str
    reason: str


@dataclass(frozen=True)
class Evaluation:
    """A model's scores, with everything that they depend on.

    preset, steps: how pictures were sampled. exposure: "predicted by the model", "none" (the model takes none), the
    one that was asked for, or "ground truth's mean given", which shows how good pictures are when their brightness is
    not a guess. window: "whole picture", or the overlapping windows that pictures were worked on in. settings: as they
    were passed. left_out: pairs that could not be scored; no mean knows of them. stain: what a reader must know before
    any number, such as that the model was chosen on a test split. chosen: by which metrics. note: what else has to be
    known of the numbers.
    """

    model: str
    weights: str
    backend: str
    preset: str
    steps: int | None
    exposure: str
    window: str
    settings: Settings
    results: tuple[PairResult, ...]
    left_out: tuple[LeftOut, ...] = ()
    stain: str = ""
    chosen: Chosen = field(default_factory=Chosen)
    note: str = ""

    @property
    def mean(self) -> Scores:
        """Mean over the pairs."""
        return mean_scores([result.scores for result in self.results])

    @property
    def seconds(self) -> float:
        """Median seconds a picture."""
        return median(result.seconds for result in self.results)

    @property
    def peak_bytes(self) -> int | None:
        """The most memory that the process held at any picture; None where that is not known of every one."""
        return most(result.peak_bytes for result in self.results)

    @property
    def no_value(self) -> dict[str, list[str]]:
        """Pictures that a metric has no value for, by the metric's name."""
        names = {m.name: [r.name for r in self.results if isnan(r.scores[m.name])] for m in self.chosen.metrics}
        return {metric: pictures for metric, pictures in names.items() if pictures}

    @property
    def unusual(self) -> tuple[str, ...]:
        """What else a table must say of it, where it is not as usual: windows, strength, controls."""
        settings = self.settings
        found = [] if self.window == "whole picture" else [self.window]
        if settings.strength != 1:
            found.append(f"strength {settings.strength:g}")
        found += [f"{name} {value:+g}" for name in CONTROLS if (value := getattr(settings, name))]
        found += [
            f"{name} {getattr(settings, name)}"
            for name in ("lift", "deblock", "speed")
            if getattr(settings, name) != getattr(DEFAULTS, name)
        ]
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        names = ("model", "weights", "backend", "preset", "steps", "exposure", "window")
        per_image = [
            {"name": r.name, **_finite(r.scores), "seconds": r.seconds, "peak_bytes": r.peak_bytes}
            for r in self.results
        ]
        return {
            **{name: getattr(self, name) for name in names},
            "seed": self.settings.seed,
            "settings": self.settings.to_dict(),
            "protocol": describe_metrics(self.chosen.columns),
            "images": len(self.results),
            "mean": _finite(self.mean),
            "seconds": self.seconds,
            "peak_bytes": self.peak_bytes,
            "per_image": per_image,
            "left_out": [asdict(pair) for pair in self.left_out],
            "missing": dict(self.chosen.missing),
            "no_value": self.no_value,
            "note": self.note,
            "stain": self.stain,
        }


def most(numbers: Iterable[int | None]) -> int | None:
    """The highest of all, None where one is not known."""
    every = list(numbers)
    known = [number for number in every if number is not None]
    return max(known) if len(known) == len(every) else None


def _finite(scores: Scores) -> dict[str, float | None]:
    """JSON knows no infinity and no NaN: the PSNR of identical pictures is None, and what has no value."""
    return {name: value if isfinite(value) else None for name, value in scores.items()}
