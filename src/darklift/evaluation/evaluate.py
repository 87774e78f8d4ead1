"""Scores of a model over pairs, through the same :class:`~darklift.pipeline.enhancer.Enhancer` that people use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import median
from typing import Any

from darklift.data import Pair
from darklift.errors import DataError
from darklift.evaluation.metrics import Scores, describe_metrics, mean_scores, score_pair
from darklift.image import Picture, read_image
from darklift.image.spaces import as_srgb
from darklift.pipeline.enhancer import Enhancer
from darklift.pipeline.render import Enhanced
from darklift.pipeline.settings import DEFAULTS, Exposure, Settings

__all__ = ["Evaluation", "PairResult", "evaluate"]


@dataclass(frozen=True)
class PairResult:
    """One pair's scores, and the seconds that enhancing it took, without reading and writing files."""

    name: str
    scores: Scores
    seconds: float


@dataclass(frozen=True)
class Evaluation:
    """A model's scores, with everything that they depend on.

    preset, steps: how pictures were sampled. exposure: "predicted by the model", "none" (the model takes none), the
    one that was asked for, or "ground truth's mean given", which shows how good pictures are when their brightness is
    not a guess. window: "whole picture", or the overlapping windows that pictures were worked on in. settings: as they
    were passed.
    """

    model: str
    weights: str
    backend: str
    preset: str
    steps: int
    exposure: str
    window: str
    settings: Settings
    results: tuple[PairResult, ...]

    @property
    def mean(self) -> Scores:
        """Mean over the pairs."""
        return mean_scores([result.scores for result in self.results])

    @property
    def seconds(self) -> float:
        """Median seconds a picture."""
        return median(result.seconds for result in self.results)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        names = ("model", "weights", "backend", "preset", "steps", "exposure", "window")
        per_image = [{"name": r.name, **_finite(r.scores), "seconds": r.seconds} for r in self.results]
        return {
            **{name: getattr(self, name) for name in names},
            "seed": self.settings.seed,
            "settings": self.settings.to_dict(),
            "protocol": describe_metrics(),
            "images": len(self.results),
            "mean": _finite(self.mean),
            "seconds": self.seconds,
            "per_image": per_image,
        }


def evaluate(
    enhancer: Enhancer,
    pairs: Sequence[Pair],
    settings: Settings = DEFAULTS,
    *,
    give_mean: bool = False,
    on_pair: Callable[[PairResult, Picture], None] | None = None,
) -> Evaluation:
    """Enhance every pair's dark picture and score the result against its ground truth.

    give_mean: tell the model each ground truth's mean brightness, instead of the settings' exposure. A result is
    scored as sRGB, in as many bits as its dark picture has, a ground truth in its own. on_pair: called with each result
    and its enhanced picture as soon as there is one. Raises DataError (no pairs, sizes that differ), ImageError,
    UsageError.
    """
    if not pairs:
        raise DataError("there are no pairs to evaluate on: pass folders with at least one picture each")
    results: list[PairResult] = []
    windows = set()
    for pair in pairs:
        low, high = _read(pair)
        asked = settings.changed(exposure=Exposure(mean=float(high.pixels.mean()))) if give_mean else settings
        enhanced = enhancer.run(low, asked)
        made = as_srgb(enhanced.picture)
        scores = score_pair(made.pixels, high.pixels, (made.source.bits, high.source.bits))
        result = PairResult(pair.name, scores, enhanced.seconds)
        results.append(result)
        windows.add("whole picture" if enhanced.window is None else str(enhanced.window))
        if on_pair is not None:
            on_pair(result, made)
    card = enhancer.model.card
    return Evaluation(
        model=card.name,
        weights=str(card.info.get("weights", "as in the file")),
        backend=card.backend,
        steps=enhanced.steps,
        exposure=_describe_exposure(enhanced, settings, give_mean),
        window=" and ".join(sorted(windows)),
        preset=settings.preset or next(iter(card.presets)),
        settings=settings,
        results=tuple(results),
    )


def _read(pair: Pair) -> tuple[Picture, Picture]:
    low, high = read_image(pair.low), as_srgb(read_image(pair.high))
    if low.size != high.size:
        raise DataError(
            f"pair {pair.name} differs in size: {_size(low)} and {_size(high)}: a pair shows the same pixels twice"
        )
    return low, high


def _finite(scores: Scores) -> dict[str, float | None]:
    """JSON knows no infinity: the PSNR of identical pictures is None."""
    return {name: value if isfinite(value) else None for name, value in scores.items()}


def _size(picture: Picture) -> str:
    height, width = picture.size
    return f"{width}x{height}"


def _describe_exposure(enhanced: Enhanced, settings: Settings, give_mean: bool) -> str:
    if enhanced.brightness is None:
        return "none"
    if give_mean:
        return "ground truth's mean given"
    return "predicted by the model" if settings.exposure is None else str(settings.exposure)
