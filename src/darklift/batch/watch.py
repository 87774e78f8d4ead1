"""A hot folder: photos are enhanced as they come in, for as long as the process runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from darklift.batch.arrivals import arrivals
from darklift.batch.job import Outcome, failed
from darklift.batch.ledger import Ledger, State
from darklift.batch.paths import Found, Job, identity, plan_jobs
from darklift.batch.run import Crew, run_shared
from darklift.errors import BatchError, UsageError

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
        found = Found(photo, named=False, folder=self.folder.absolute())
        (job,) = plan_jobs([found], f"{self.results}/", extension=self.extension)
        return job


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
    refused: set[Path] = set()
    for photos in arrivals(
        hot.folder,
        hot.results,
        lambda photo: photo not in refused and _is_to_do(ledger, hot.job(photo)),
        recursive=hot.recursive,
        settle=hot.settle,
        every=hot.every,
        notify=hot.notify,
    ):
        if stopped():
            return
        ledger.manifest.refresh()
        jobs = [hot.job(photo) for photo in photos]
        for problem in _of_one_name(ledger, jobs):
            refused.add(problem.job.source)
            jobs.remove(problem.job)
            yield problem
        for outcome in run_shared(crew, [ledger.with_leave(job) for job in jobs], ledger):
            yield outcome
            if outcome.hopeless:
                raise BatchError(f"stopped, as no other photo could be written either: {outcome.error}")


def _is_to_do(ledger: Ledger, job: Job) -> bool:
    standing = ledger.standing(job)
    return standing.entry is None or standing.state is State.CHANGED


def _of_one_name(ledger: Ledger, jobs: Sequence[Job]) -> Iterator[Outcome]:
    """The jobs whose result would take the place of another photo's: IMG.HEIC and IMG.JPG, say."""
    owners: dict[Path, Path] = {}
    for job in list(jobs):
        entry = ledger.manifest.entries.get(ledger.manifest.name_of(job.target))
        known = None if entry is None else Path(entry.input)
        owner = owners.setdefault(job.target, known if known is not None and known.exists() else job.source)
        if identity(owner) != identity(job.source):
            yield failed(job, f"{job.target} is the result of {owner}: rename {job.source}")
