"""Scores of a model over pairs, through the same :class:`~darklift.pipeline.enhancer.Enhancer` that people use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Protocol, TypeAlias

from darklift.data import Pair
from darklift.errors import DataError, ImageError
from darklift.evaluation.evaluation import Evaluation, LeftOut, PairResult
from darklift.evaluation.metrics import (
    DEFAULT_METRICS,
    MIN_SSIM_SIDE,
    Chosen,
    Metric,
)
from darklift.evaluation.scores import score_pair
from darklift.image import Picture, read_image
from darklift.image.spaces import as_srgb
from darklift.pipeline.enhancer import Enhancer
from darklift.pipeline.settings import DEFAULTS, Exposure, Settings
from darklift.runtime import ModelCard
from darklift.runtime.memory import peak_memory
from darklift.store.stains import told

__all__ = [
    "Asked",
    "Crew",
    "Memory",
    "Scored",
    "WhenDone",
    "evaluate",
    "nothing_left",
    "read_pair",
    "scorable",
    "score",
    "size_in_words",
]


@dataclass(frozen=True)
class Asked:
    """What is asked of every pair, in plain values that go to other processes.

    give_mean: tell the model each ground truth's mean brightness, instead of the settings' exposure. pictures: whether
    the enhanced pictures are wanted, too. metrics: by which they are scored.
    """

    settings: Settings = DEFAULTS
    give_mean: bool = False
    pictures: bool = False
    metrics: tuple[Metric, ...] = DEFAULT_METRICS


@dataclass(frozen=True)
class Scored:
    """What came of one pair. picture: the enhanced one in sRGB, where it was asked for. window, steps: how it was made.
    takes_exposure: whether the model takes one.
    """

    result: PairResult
    picture: Picture | None = None
    window: str = "whole picture"
    steps: int | None = None
    takes_exposure: bool = False


class Crew(Protocol):
    """Whoever scores pairs: :class:`~darklift.evaluation.crew.Scorers` on several processes."""

    @property
    def card(self) -> ModelCard:
        """The model's."""
        ...

    def score(
        self, pairs: Sequence[Pair], asked: Asked, when_done: WhenDone | None = None
    ) -> Iterator[Scored | LeftOut]:
        """What came of each pair, in their order. when_done: told of each that was scored as soon as it was."""
        ...


WhenDone: TypeAlias = Callable[[Pair, Scored], None]


class Memory(Protocol):
    """Whoever knows scores from before: :class:`~darklift.evaluation.kept.KeptRow`."""

    def find(self, pair: Pair) -> Scored | None:
        """What came of this pair before, without its picture; None where that is not known."""
        ...

    def picture(self, pair: Pair) -> Picture | None:
        """The picture of a pair that was found; None where none is kept."""
        ...

    def add(self, pair: Pair, scored: Scored) -> None:
        """Remember what came of it."""
        ...


def evaluate(
    enhancer: Enhancer | Crew,
    pairs: Sequence[Pair],
    settings: Settings = DEFAULTS,
    *,
    give_mean: bool = False,
    chosen: Chosen | None = None,
    on_pair: Callable[[PairResult, Picture | None], None] | None = None,
    pictures: bool = True,
    memory: Memory | None = None,
) -> Evaluation:
    """Enhance every pair's dark picture and score the result against its ground truth.

    enhancer: what does it, in this process, or a crew of several. give_mean: tell the model each ground truth's mean
    brightness, instead of the settings' exposure. chosen: by which metrics, as :func:`~.metrics.choose_metrics` gives
    them. A result is scored as sRGB, in as many bits as its dark picture has, a ground truth in its own. on_pair:
    called with each result and its enhanced picture, in the order of the pairs; None instead of a picture that memory
    has not kept, and of all where no pictures are wanted. memory: told what is scored, and asked
    for what was scored before, which is not done again. A pair that cannot be scored
    (:func:`scorable`) is left out, and the others go on. Raises DataError (no pairs, or none that can be scored) and
    UsageError.
    """
    if not pairs:
        raise DataError("there are no pairs to evaluate on: pass folders with at least one picture each")
    chosen = Chosen() if chosen is None else chosen
    asked = Asked(settings, give_mean, pictures=pictures and on_pair is not None, metrics=chosen.metrics)
    crew: Crew = _Alone(enhancer) if isinstance(enhancer, Enhancer) else enhancer
    results: list[PairResult] = []
    left_out: list[LeftOut] = []
    windows = set()
    for outcome in crew.score(pairs, asked) if memory is None else _with_memory(crew, pairs, asked, memory):
        if isinstance(outcome, LeftOut):
            left_out.append(outcome)
            continue
        last = outcome
        results.append(outcome.result)
        windows.add(outcome.window)
        if on_pair is not None:
            on_pair(outcome.result, outcome.picture)
    if not results:
        raise nothing_left(left_out)
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
        chosen=chosen,
        stain=told(card.name, card.info),
    )


def _with_memory(crew: Crew, pairs: Sequence[Pair], asked: Asked, memory: Memory) -> Iterator[Scored | LeftOut]:
    known = {pair.name: found for pair in pairs if (found := memory.find(pair)) is not None}
    fresh = crew.score([pair for pair in pairs if pair.name not in known], asked, memory.add)
    for pair in pairs:
        if pair.name not in known:
            yield next(fresh)
        elif asked.pictures:  # read when its turn comes: memory does not hold them all
            yield replace(known[pair.name], picture=memory.picture(pair))
        else:
            yield known[pair.name]


class _Alone:
    """This process."""

    def __init__(self, enhancer: Enhancer) -> None:
        self._enhancer, self.card = enhancer, enhancer.model.card

    def score(
        self, pairs: Sequence[Pair], asked: Asked, when_done: WhenDone | None = None
    ) -> Iterator[Scored | LeftOut]:
        # A pair is read while the one before is scored: not beside the model, whose seconds are told.
        with ThreadPoolExecutor(1) as pool:
            to_read = (pool.submit(read_pair, pair) for pair in pairs)
            reading: list[Future[tuple[Picture, Picture]]] = []

            def read_next() -> None:
                reading.extend(islice(to_read, 1))

            for pair in pairs:
                if not reading:
                    read_next()
                outcome = _score(self._enhancer, pair, asked, reading.pop().result, read_next)
                if when_done is not None and isinstance(outcome, Scored):
                    when_done(pair, outcome)
                yield outcome


def score(enhancer: Enhancer, pair: Pair, asked: Asked) -> Scored | LeftOut:
    """One pair. Raises UsageError."""
    return _score(enhancer, pair, asked, partial(read_pair, pair), lambda: None)


def _score(
    enhancer: Enhancer,
    pair: Pair,
    asked: Asked,
    read: Callable[[], tuple[Picture, Picture]],
    when_enhanced: Callable[[], None],
) -> Scored | LeftOut:
    try:
        low, high = read()
    except (DataError, ImageError) as error:
        return LeftOut(pair.name, str(error))
    settings = asked.settings
    if asked.give_mean:
        settings = settings.changed(exposure=Exposure(mean=float(high.pixels.mean())))
    with peak_memory() as peak:
        enhanced = enhancer.run(low, settings)
    when_enhanced()
    made = as_srgb(enhanced.picture)
    scores = score_pair(made.pixels, high.pixels, (made.source.bits, high.source.bits), asked.metrics)
    return Scored(
        PairResult(pair.name, scores, enhanced.seconds, peak.bytes),
        made if asked.pictures else None,
        "whole picture" if enhanced.window is None else str(enhanced.window),
        enhanced.steps,
        enhanced.brightness is not None,
    )


def scorable(pairs: Sequence[Pair]) -> tuple[tuple[Pair, ...], tuple[LeftOut, ...]]:
    """The pairs that can be scored, and the others: files that cannot be read, sizes that differ or are too small.

    Reads every file, so that nobody waits for a model to learn of it. Raises DataError where no pair is left.
    """
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        reasons = list(pool.map(_obstacle, pairs))
    left_out = tuple(LeftOut(pair.name, why) for pair, why in zip(pairs, reasons, strict=True) if why is not None)
    if pairs and len(left_out) == len(pairs):
        raise nothing_left(left_out)
    return tuple(pair for pair, why in zip(pairs, reasons, strict=True) if why is None), left_out


def _obstacle(pair: Pair) -> str | None:
    try:
        read_pair(pair)
    except (DataError, ImageError) as error:
        return str(error)
    return None


def nothing_left(left_out: Sequence[LeftOut]) -> DataError:
    """That no pair could be scored, and why the first could not."""
    return DataError(f"none of {len(left_out)} pairs can be scored; the first of them: {left_out[0].reason}")


def read_pair(pair: Pair) -> tuple[Picture, Picture]:
    """The dark picture as its file has it, and the ground truth in sRGB. Raises ImageError, and DataError where they
    differ in size or are too small.
    """
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(read_image, pair.high)
        low = read_image(pair.low)
        high = as_srgb(other.result())
    if low.size != high.size:
        raise DataError(
            f"pair {pair.name} differs in size: {size_in_words(low)} and {size_in_words(high)}: a pair shows the same "
            "pixels twice"
        )
    if min(low.size) < MIN_SSIM_SIDE:
        raise DataError(
            f"pair {pair.name} is {size_in_words(low)}, expected {MIN_SSIM_SIDE} pixels a side or more: leave it out"
        )
    return low, high


def size_in_words(picture: Picture) -> str:
    """Width and height, as in 600x400."""
    height, width = picture.size
    return f"{width}x{height}"


def _describe_exposure(scored: Scored, settings: Settings, give_mean: bool) -> str:
    if not scored.takes_exposure:
        return "none"
    if give_mean:
        return "ground truth's mean given"
    return "predicted by the model" if settings.exposure is None else str(settings.exposure)
