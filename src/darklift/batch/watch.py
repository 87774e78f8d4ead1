"""A hot folder: photos are enhanced as they come in, for as long as the process runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from darklift.batch.arrivals import arrivals
from darklift.batch.job import Outcome, failed
from darklift.batch.ledger import Ledger, State
from darklift.batch.manifest import FileState
from darklift.batch.paths import Job, identity
from darklift.batch.run import Crew, run_shared
from darklift.errors import BatchError, UsageError
from darklift.image import result_extension

__all__ = ["HotFolder", "watch"]


@dataclass(frozen=True)
class HotFolder:
    """A folder that photos come into, and where their results go; see :func:`darklift.batch.arrivals.arrivals`.

    extension: of the results, with its dot; None keeps each photo's own.
    """

    folder: Path
    results: Path
    recursive: bool = False
    extension: str | None = None
    settle: float = 2.0
    every: float = 60.0
    notify: bool = True

    def check(self) -> None:
        """Raises UsageError, where there is no such folder, or results would come in as photos."""
        if not self.folder.is_dir():
            raise UsageError(f"there is no folder {self.folder} to watch: make it first")
        if identity(self.folder) == identity(self.results):
            raise UsageError(f"results cannot go into {self.folder}, the folder that is watched: choose another")

    def job(self, photo: Path) -> Job:
        """Where a photo's result goes: below ``results``, as the photo lies below ``folder``."""
        inside = photo.absolute().relative_to(self.folder.absolute())
        return Job(photo, self.results / inside.with_suffix(self.extension or result_extension(inside.suffix)))


def watch(
    hot: HotFolder, crew: Crew, ledger: Ledger, *, stopped: Callable[[], bool] = lambda: False
) -> Iterator[Outcome]:
    """Do every photo in the folder that the manifest does not know as it is, then those that come in.

    A photo that failed, or whose result was taken away, is done again only when its file changes.

    Args:
        hot: the folder.
        crew: who does the photos; it is given some at a time.
        ledger: of ``hot.results``, with ``resume``.
        stopped: asked several times a second while no photo is done, whether to end.

    Raises:
        UsageError, MissingExtraError: it cannot begin.
        BatchError: no other photo could be done either.
    """
    hot.check()
    refused: dict[Path, FileState | None] = {}

    def is_to_do(photo: Path) -> bool:
        return (photo not in refused or refused[photo] != FileState.of(photo)) and _is_to_do(ledger, hot.job(photo))

    for photos in arrivals(
        hot.folder,
        hot.results,
        is_to_do,
        recursive=hot.recursive,
        settle=hot.settle,
        every=hot.every,
        notify=hot.notify,
    ):
        if stopped():
            return
        ledger.manifest.refresh()
        jobs = [ledger.with_leave(hot.job(photo)) for photo in photos]
        for problem in _in_the_way(ledger, jobs):
            refused[problem.job.source] = FileState.of(problem.job.source)
            jobs.remove(problem.job)
            yield problem
        for outcome in run_shared(crew, jobs, ledger):
            yield outcome
            if outcome.hopeless:
                raise BatchError(f"stopped, as no other photo could be written either: {outcome.error}")


def _is_to_do(ledger: Ledger, job: Job) -> bool:
    standing = ledger.standing(job)
    return standing.entry is None or standing.state is State.CHANGED


def _in_the_way(ledger: Ledger, jobs: Sequence[Job]) -> Iterator[Outcome]:
    """The jobs whose result would take the place of another photo's (IMG.HEIC and IMG.JPG, say), of the photo itself,
    or of a file that is not as darklift wrote it.
    """
    owners: dict[Path, Path] = {}
    for job in list(jobs):
        entry = ledger.manifest.entries.get(ledger.manifest.name_of(job.target))
        known = None if entry is None else Path(entry.input)
        owner = owners.setdefault(job.target, known if known is not None and known.exists() else job.source)
        if identity(job.target) == identity(job.source):
            yield failed(job, f"{job.source} is a link to its own result {job.target}: remove it")
        elif identity(owner) != identity(job.source):
            yield failed(job, f"{job.target} is the result of {owner}: rename {job.source}")
        elif _is_a_strangers(ledger, job):
            remedy = f"move it away, and the next start does {job.source}"
            yield failed(job, f"{job.target} is there, and not as darklift wrote it: {remedy}")


def _is_a_strangers(ledger: Ledger, job: Job) -> bool:
    """Whether the file that has the result's name is none of darklift's, nor of another run that is at it just now."""
    if job.may_replace or not os.path.lexists(job.target) or ledger.is_at_work(job):
        return False
    ledger.manifest.refresh()  # the other run may just have done it
    return not ledger.with_leave(job).may_replace
