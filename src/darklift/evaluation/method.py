"""Whatever lights up a photo, scored as darklift's own models are: baselines, results of other programs, networks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from darklift.data import Pair
from darklift.errors import DarkliftError, DataError, ImageError, ModelError
from darklift.evaluation.evaluate import Memory, Scored, nothing_left, read_pair, size_in_words
from darklift.evaluation.evaluation import Evaluation, LeftOut, PairResult
from darklift.evaluation.metrics import Chosen
from darklift.evaluation.scores import score_pair
from darklift.image import Picture
from darklift.image.spaces import as_srgb
from darklift.pipeline.settings import DEFAULTS
from darklift.runtime.memory import peak_memory

__all__ = ["Method", "evaluate_method", "without_obstacles"]


class Method(Protocol):
    """Something that lights up photos, and what tables say of it."""

    @property
    def name(self) -> str:
        """As tables call it."""
        ...

    @property
    def weights(self) -> str:
        """Where its weights come from, with their licence where it is known; "none" for a formula."""
        ...

    @property
    def runs(self) -> str:
        """What runs it, such as "numpy", "onnx" or "files"."""
        ...

    @property
    def note(self) -> str:
        """What has to be known beside its numbers: parameters, or that it is told the truth. One sentence."""
        ...

    @property
    def knows_truth(self) -> bool:
        """It is told how bright each ground truth is: an oracle, which no user can have."""
        ...

    @property
    def made_elsewhere(self) -> bool:
        """Its results are there already: what it takes here is to read a file."""
        ...

    def obstacle(self, pair: Pair) -> str | None:
        """Why it has nothing to show for this pair, in one line; None where it has."""
        ...

    def identity(self, pair: Pair) -> Mapping[str, str]:
        """All that decides what it makes of this pair, but for the pair's own pictures: files by what is in them."""
        ...

    def enhance(self, low: Picture, pair: Pair, truth: Picture) -> Picture:
        """The result, of the dark picture's size. Raises DarkliftError."""
        ...


def without_obstacles(pairs: Sequence[Pair], methods: Sequence[Method]) -> tuple[tuple[Pair, ...], tuple[LeftOut, ...]]:
    """The pairs that every method has a result for, and the others: rows of a table are of the same pictures.

    Raises DataError where no pair is left.
    """
    left_out = {}
    for pair in pairs:
        for method in methods:
            if (why := method.obstacle(pair)) is not None:
                left_out[pair.name] = LeftOut(pair.name, why)
                break
    if pairs and len(left_out) == len(pairs):
        first = next(iter(left_out.values()))
        raise DataError(f"none of {len(pairs)} pairs can be scored by every method; the first of them: {first.reason}")
    return tuple(pair for pair in pairs if pair.name not in left_out), tuple(left_out.values())


def evaluate_method(
    method: Method,
    pairs: Sequence[Pair],
    *,
    chosen: Chosen | None = None,
    on_pair: Callable[[PairResult, Picture | None], None] | None = None,
    memory: Memory | None = None,
) -> Evaluation:
    """Score what a method makes of every pair, under the protocol of :func:`~.evaluate.evaluate`.

    Results are scored as sRGB, in as many bits as they have. on_pair, memory: as there. A pair that cannot be scored is
    left out. Raises DataError (no pairs, or none that can be scored) and ModelError (the method failed at a pair).
    """
    if not pairs:
        raise DataError("there are no pairs to evaluate on: pass folders with at least one picture each")
    chosen = Chosen() if chosen is None else chosen
    results: list[PairResult] = []
    left_out: list[LeftOut] = []
    for pair in pairs:
        scored = None if memory is None else memory.find(pair)
        if scored is None:
            try:
                scored = _scored(method, pair, chosen)
            except (DataError, ImageError) as error:
                left_out.append(LeftOut(pair.name, str(error)))
                continue
            if memory is not None:
                memory.add(pair, scored)
        elif on_pair is not None and memory is not None:
            scored = replace(scored, picture=memory.picture(pair))
        results.append(scored.result)
        if on_pair is not None:
            on_pair(scored.result, scored.picture)
    if not results:
        raise nothing_left(left_out)
    return Evaluation(
        model=method.name,
        weights=method.weights,
        backend=method.runs,
        preset="–",
        steps=None,
        exposure="ground truth's mean given" if method.knows_truth else "none",
        window="whole picture",
        settings=DEFAULTS,
        results=tuple(results),
        left_out=tuple(left_out),
        chosen=chosen,
        note=method.note,
    )


def _scored(method: Method, pair: Pair, chosen: Chosen) -> Scored:
    """Raises DataError and ImageError (a file of the pair), ModelError (the method)."""
    low, high = read_pair(pair)
    low = as_srgb(low)
    try:
        with peak_memory() as peak:
            started = time.perf_counter()
            made = as_srgb(method.enhance(low, pair, high))
            seconds = time.perf_counter() - started
    except DarkliftError as error:
        raise ModelError(f"{method.name}, pair {pair.name}: {error}") from error
    if made.size != low.size:
        raise ModelError(
            f"{method.name} made {size_in_words(made)} of {pair.name}, which is {size_in_words(low)}: sizes must agree"
        )
    scores = score_pair(made.pixels, high.pixels, (made.source.bits, high.source.bits), chosen.metrics)
    return Scored(PairResult(pair.name, scores, seconds, None if method.made_elsewhere else peak.bytes), made)
