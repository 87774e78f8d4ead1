"""Many jobs, each reported in its turn, whoever does them and in whichever order they are done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from darklift.batch.job import OnJobStep, Outcome, do_job
from darklift.batch.ledger import Ledger
from darklift.batch.manifest import Entry
from darklift.batch.paths import Job
from darklift.batch.request import Request
from darklift.errors import BatchError
from darklift.pipeline.enhancer import Enhancer

__all__ = ["Crew", "by_another", "run_jobs", "run_shared"]

Crew: TypeAlias = Callable[[Iterable[Job]], Iterator[Outcome]]
"""Does jobs: asks for the next as soon as somebody is free for it, and tells each outcome as soon as it is there."""

_PAUSE = 0.5
"""Seconds between two looks at what other runs are at."""


def run_jobs(
    enhancer: Enhancer, jobs: Iterable[Job], request: Request, *, on_step: OnJobStep | None = None
) -> Iterator[Outcome]:
    """Do the jobs in their order in this process, telling each outcome as it comes.

    Raises only UsageError, where the settings fit no picture, and KeyboardInterrupt.
    """
    for job in jobs:
        yield do_job(enhancer, job, request, on_step=on_step)


def run_shared(
    crew: Crew, jobs: Sequence[Job], ledger: Ledger | None = None, *, on_done: Callable[[Outcome], None] | None = None
) -> Iterator[Outcome]:
    """Have a crew do the jobs, and tell their outcomes in the order of the jobs.

    ledger: is told of each as soon as it is done, and shares the jobs with other runs on the same folder of results.
    This one ends when all are done, whoever did them. on_done: is told of each as soon as it is done, too.

    Raises BatchError where no other job could be done either (the disk is full, the results were removed),
    UsageError where the settings fit no picture, and KeyboardInterrupt.
    """
    told: dict[Path, Outcome] = {}
    turn = iter(jobs)
    awaited = next(turn, None)
    for outcome in _done(crew, jobs, ledger):
        if on_done is not None:
            on_done(outcome)
        told[outcome.job.target] = outcome
        while awaited is not None and awaited.target in told:
            yield told.pop(awaited.target)
            awaited = next(turn, None)
        if outcome.hopeless and len(jobs) > 1:
            raise BatchError(f"stopped, as no other photo could be written either: {outcome.error}")


def _done(crew: Crew, jobs: Sequence[Job], ledger: Ledger | None) -> Iterator[Outcome]:
    """As they are done."""
    if ledger is None:
        yield from crew(jobs)
        return
    left = list(jobs)
    while left:
        held: list[Job] = []
        others: list[Outcome] = []
        for outcome in crew(_taken(ledger, left, held, others)):
            ledger.record(outcome)
            yield outcome
            yield from others
            others.clear()
        yield from others
        if len(held) == len(left):
            time.sleep(_PAUSE)
        left = held


def _taken(ledger: Ledger, jobs: Iterable[Job], held: list[Job], others: list[Outcome]) -> Iterator[Job]:
    """The jobs that nobody else is at, each claimed as it is asked for; the others go into the lists."""
    for job in jobs:
        taken = ledger.take(job)
        if isinstance(taken, Job):
            yield taken
        elif isinstance(taken, Entry):
            others.append(by_another(job, taken))
        else:
            held.append(job)


def by_another(job: Job, entry: Entry) -> Outcome:
    """What the manifest tells of a job that another run has done."""
    return Outcome(
        job,
        error=entry.error,
        share=1.0 if entry.share is None else entry.share,
        brightness=entry.aim,
        seconds=entry.seconds or 0.0,
        elsewhere=True,
    )
