"""Pairs scored on several processes, with the same scores as one gives, to the bit, and in the same order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from darklift.data import Pair
from darklift.evaluation.evaluate import Asked, Scored, WhenDone, score
from darklift.evaluation.evaluation import LeftOut
from darklift.pipeline.enhancer import Enhancer
from darklift.runtime import ModelCard
from darklift.runtime.processes import Processes, Trade
from darklift.runtime.threads import thread_count
from darklift.store.load import Opening

__all__ = ["Scorers", "threads_each"]


@dataclass(frozen=True)
class _Task:
    number: int
    pair: Pair
    asked: Asked


@dataclass(frozen=True)
class _Answer:
    number: int
    outcome: Scored | LeftOut


@dataclass(frozen=True)
class _Scoring(Trade[_Task, _Answer]):
    opening: Opening

    def open(self) -> tuple[ModelCard, Callable[[_Task], _Answer]]:
        enhancer = Enhancer(self.opening.load())
        return enhancer.model.card, partial(_do, enhancer)

    def lost(self, task: _Task, how: str) -> _Answer:
        why = f"the process that scored it died twice ({how}), perhaps for want of memory: try it with fewer --workers"
        return _Answer(task.number, LeftOut(task.pair.name, why))


class Scorers(Processes[_Task, _Answer]):
    """A :class:`~darklift.evaluation.evaluate.Crew` of worker processes. Use it in a ``with`` block.

    They share the cores: each has its part of the threads. A process that is killed costs its pair one retry.
    """

    def __init__(self, opening: Opening, workers: int) -> None:
        threads = threads_each(opening, workers)
        super().__init__(_Scoring(replace(opening, threads=threads)), workers, threads)

    def score(
        self, pairs: Sequence[Pair], asked: Asked, when_done: WhenDone | None = None
    ) -> Iterator[Scored | LeftOut]:
        """What came of each pair, in their order. when_done: told of each that was scored as soon as it was, so perhaps
        before its turn. Raises UsageError.
        """
        waiting: dict[int, Scored | LeftOut] = {}
        turn = 0
        for answer in self(_Task(number, pair, asked) for number, pair in enumerate(pairs)):
            waiting[answer.number] = answer.outcome
            if when_done is not None and isinstance(answer.outcome, Scored):
                when_done(pairs[answer.number], answer.outcome)
            while turn in waiting:
                yield waiting.pop(turn)
                turn += 1


def threads_each(opening: Opening, workers: int) -> int:
    """Of so many processes that share the cores, or what the opening says. Raises UsageError."""
    return max(1, (thread_count(opening.threads) or os.cpu_count() or 1) // workers)


def _do(enhancer: Enhancer, task: _Task) -> _Answer:
    return _Answer(task.number, score(enhancer, task.pair, task.asked))
