"""Scores of a model over pairs, through the same :class:`~darklift.pipeline.enhancer.Enhancer` that people use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from math import isfinite
from statistics import median
from typing import Any, Protocol

from darklift.data import Pair
from darklift.errors import DataError, ImageError
from darklift.evaluation.metrics import MIN_SSIM_SIDE, Scores, describe_metrics, mean_scores, score_pair
from darklift.image import Picture, read_image
from darklift.image.spaces import as_srgb
from darklift.pipeline.enhancer import Enhancer
from darklift.pipeline.settings import CONTROLS, DEFAULTS, Exposure, Settings
from darklift.runtime import ModelCard

__all__ = ["Asked", "Crew", "Evaluation", "LeftOut", "PairResult", "Scored", "evaluate", "scorable", "score"]


@dataclass(frozen=True)
class PairResult:
    """One pair's scores, and the seconds that enhancing it took, without reading and writing files."""

    name: str
    scores: Scores
    seconds: float


@dataclass(frozen=True)
class LeftOut:
    """A pair that cannot be scored, and why, in one line."""

    name: str
    reason: str


@dataclass(frozen=True)
class Asked:
    """What is asked of every pair, in plain values that go to other processes.

    give_mean: tell the model each ground truth's mean brightness, instead of the settings' exposure. pictures: whether
    the enhanced pictures are wanted, too.
    """

    settings: Settings = DEFAULTS
    give_mean: bool = False
    pictures: bool = False


@dataclass(frozen=True)
class Scored:
    """What came of one pair. picture: the enhanced one in sRGB, where it was asked for. window, steps: how it was made.
    takes_exposure: whether the model takes one.
    """

    result: PairResult
    picture: Picture | None
    window: str
    steps: int
    takes_exposure: bool


class Crew(Protocol):
    """Whoever scores pairs: :class:`~darklift.evaluation.crew.Scorers` on several processes."""

    @property
    def card(self) -> ModelCard:
        """The model's."""
        ...

    def score(self, pairs: Sequence[Pair], asked: Asked) -> Iterator[Scored | LeftOut]:
        """What came of each pair, in their order."""
        ...


@dataclass(frozen=True)
class Evaluation:
    """A model's scores, with everything that they depend on.

    preset, steps: how pictures were sampled. exposure: "predicted by the model", "none" (the model takes none), the
    one that was asked for, or "ground truth's mean given", which shows how good pictures are when their brightness is
    not a guess. window: "whole picture", or the overlapping windows that pictures were worked on in. settings: as they
    were passed. left_out: pairs that could not be scored; no mean knows of them. stain: what a reader must know before
    any number, such as that the model was chosen on a test split.
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
    left_out: tuple[LeftOut, ...] = ()
    stain: str = ""

    @property
    def mean(self) -> Scores:
        """Mean over the pairs."""
        return mean_scores([result.scores for result in self.results])

    @property
    def seconds(self) -> float:
        """Median seconds a picture."""
        return median(result.seconds for result in self.results)

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
            for name in ("lift", "deblock")
            if getattr(settings, name) != getattr(DEFAULTS, name)
        ]
        return tuple(found)

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
            "left_out": [asdict(pair) for pair in self.left_out],
            "stain": self.stain,
        }


def evaluate(
    enhancer: Enhancer | Crew,
    pairs: Sequence[Pair],
    settings: Settings = DEFAULTS,
    *,
    give_mean: bool = False,
    on_pair: Callable[[PairResult, Picture], None] | None = None,
) -> Evaluation:
    """Enhance every pair's dark picture and score the result against its ground truth.

    enhancer: what does it, in this process, or a crew of several. give_mean: tell the model each ground truth's mean
    brightness, instead of the settings' exposure. A result is scored as sRGB, in as many bits as its dark picture has,
    a ground truth in its own. on_pair: called with each result and its enhanced picture, in the order of the pairs. A
    pair that cannot be scored (:func:`scorable`) is left out, and the others go on. Raises DataError (no pairs, or none
    that can be scored) and UsageError.
    """
    if not pairs:
        raise DataError("there are no pairs to evaluate on: pass folders with at least one picture each")
    asked = Asked(settings, give_mean, pictures=on_pair is not None)
    crew: Crew = _Alone(enhancer) if isinstance(enhancer, Enhancer) else enhancer
    results: list[PairResult] = []
    left_out: list[LeftOut] = []
    windows = set()
    for outcome in crew.score(pairs, asked):
        if isinstance(outcome, LeftOut):
            left_out.append(outcome)
            continue
        last = outcome
        results.append(outcome.result)
        windows.add(outcome.window)
        if on_pair is not None and outcome.picture is not None:
            on_pair(outcome.result, outcome.picture)
    if not results:
        raise _nothing_left(left_out)
    card = crew.card
    return Evaluation(
        model=card.name,
        weights=str(card.info.get("weights", "as in the file")),
        backend=card.backend,
        steps=last.steps,
        exposure=_describe_exposure(last, settings, give_mean),
        window=" and ".join(sorted(windows)),
        preset=settings.preset or next(iter(card.presets)),
        settings=settings,
        results=tuple(results),
        left_out=tuple(left_out),
        stain=_stain(card.name, card.info),
    )


class _Alone:
    """This process."""

    def __init__(self, enhancer: Enhancer) -> None:
        self._enhancer, self.card = enhancer, enhancer.model.card

    def score(self, pairs: Sequence[Pair], asked: Asked) -> Iterator[Scored | LeftOut]:
        for pair in pairs:
            yield score(self._enhancer, pair, asked)


def score(enhancer: Enhancer, pair: Pair, asked: Asked) -> Scored | LeftOut:
    """One pair. Raises UsageError."""
    try:
        low, high = _read(pair)
    except (DataError, ImageError) as error:
        return LeftOut(pair.name, str(error))
    settings = asked.settings
    if asked.give_mean:
        settings = settings.changed(exposure=Exposure(mean=float(high.pixels.mean())))
    enhanced = enhancer.run(low, settings)
    made = as_srgb(enhanced.picture)
    scores = score_pair(made.pixels, high.pixels, (made.source.bits, high.source.bits))
    return Scored(
        PairResult(pair.name, scores, enhanced.seconds),
        made if asked.pictures else None,
        "whole picture" if enhanced.window is None else str(enhanced.window),
        enhanced.steps,
        enhanced.brightness is not None,
    )


def _stain(name: str, info: Mapping[str, Any]) -> str:
    data_set = info.get("chosen_on_test_split")
    return f"{name} was chosen on {data_set}'s test split: its scores there are no test." if data_set else ""


def scorable(pairs: Sequence[Pair]) -> tuple[tuple[Pair, ...], tuple[LeftOut, ...]]:
    """The pairs that can be scored, and the others: files that cannot be read, sizes that differ or are too small.

    Reads every file, so that nobody waits for a model to learn of it. Raises DataError where no pair is left.
    """
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        reasons = list(pool.map(_obstacle, pairs))
    left_out = tuple(LeftOut(pair.name, why) for pair, why in zip(pairs, reasons, strict=True) if why is not None)
    if pairs and len(left_out) == len(pairs):
        raise _nothing_left(left_out)
    return tuple(pair for pair, why in zip(pairs, reasons, strict=True) if why is None), left_out


def _obstacle(pair: Pair) -> str | None:
    try:
        _read(pair)
    except (DataError, ImageError) as error:
        return str(error)
    return None


def _nothing_left(left_out: Sequence[LeftOut]) -> DataError:
    return DataError(f"none of {len(left_out)} pairs can be scored; the first of them: {left_out[0].reason}")


def _read(pair: Pair) -> tuple[Picture, Picture]:
    low, high = read_image(pair.low), as_srgb(read_image(pair.high))
    if low.size != high.size:
        raise DataError(
            f"pair {pair.name} differs in size: {_size(low)} and {_size(high)}: a pair shows the same pixels twice"
        )
    if min(low.size) < MIN_SSIM_SIDE:
        raise DataError(
            f"pair {pair.name} is {_size(low)}, expected {MIN_SSIM_SIDE} pixels a side or more: leave it out"
        )
    return low, high


def _finite(scores: Scores) -> dict[str, float | None]:
    """JSON knows no infinity: the PSNR of identical pictures is None."""
    return {name: value if isfinite(value) else None for name, value in scores.items()}


def _size(picture: Picture) -> str:
    height, width = picture.size
    return f"{width}x{height}"


def _describe_exposure(scored: Scored, settings: Settings, give_mean: bool) -> str:
    if not scored.takes_exposure:
        return "none"
    if give_mean:
        return "ground truth's mean given"
    return "predicted by the model" if settings.exposure is None else str(settings.exposure)
