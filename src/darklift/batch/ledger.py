"""A batch's manifest and claims together: what is left to do, who does it, and what became of it.

Whoever does jobs (one process, a pool of workers, a watched folder, machines of a cluster) goes through three steps for
each: :meth:`Ledger.take` claims it, :func:`~darklift.batch.job.do_job` does it, :meth:`Ledger.record` puts down what
became of it. :meth:`Ledger.do` is the three in one.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from darklift import __version__
from darklift.batch.claims import Claims
from darklift.batch.job import NOT_AS_WRITTEN, THERE_ALREADY, Outcome, check_job
from darklift.batch.manifest import Entry, FileState, Manifest
from darklift.batch.paths import Job
from darklift.batch.request import Request
from darklift.errors import BatchError

__all__ = ["Ledger", "Standing", "State"]


class State(Enum):
    """How a picture stands, by the manifest and by what is on the disk."""

    NEW = "new"
    """Nothing is known of it, or its result is gone, or is not as it was written."""
    CHANGED = "changed"
    """The photo, or what is asked for, is not what it was."""
    FAILED = "failed"
    """It failed as it is, with what is asked for."""
    DONE = "done"
    """Its result is there."""


@dataclass(frozen=True)
class Standing:
    """How a picture stands. entry: the manifest's last about it, None where there is none."""

    state: State
    entry: Entry | None = None


class Ledger:
    """The manifest and the claims of one folder of results, for one request. Use it in a ``with`` block."""

    def __init__(self, results: Path, request: Request, *, resume: bool = False, retry_failed: bool = False) -> None:
        """
        Args:
            results: their folder, which is made on entering.
            request: what is asked of all pictures, with ``identify``.
            resume: leave out what an earlier run has done, or has seen fail; without, all is done that no run has done
                since this one began.
            retry_failed: with ``resume``, try again what has failed.
        """
        self.manifest = Manifest(results)
        self._claims = Claims(self.manifest.folder)
        self.resumes = resume
        self._request, self._retry_failed = request, retry_failed
        self._at_start: dict[str, Entry] = {}

    def __enter__(self) -> Self:
        """Raises BatchError."""
        self.manifest.create()
        self._claims.__enter__()
        self.read()
        self._clear_up()
        return self

    def _clear_up(self) -> None:
        """Take away the claims of those who died between putting down what they did and giving its claim back."""
        for claim, alive in list(self._claims.look()):
            entry, target = self.manifest.entries.get(claim.output), self.manifest.results / claim.output
            if not alive and entry is not None and entry.result is not None and FileState.of(target) == entry.result:
                self._claims.clear(claim.output, target)

    def flush(self) -> None:
        """Bring to the disk what was put down and is not there yet: nothing, of a manifest in a folder."""

    def state(self, job: Job) -> FileState | None:
        """The file under the result's name; None where there is none."""
        return FileState.of(job.target)

    def is_there(self, job: Job) -> bool:
        """Whether there is something under each of the job's names."""
        return all(os.path.lexists(path) for path in job.outputs)

    def obstacle(self, job: Job, overwrite: bool) -> str | None:
        """Why a job is bound to fail, as of :func:`darklift.batch.job.check_job`."""
        there = NOT_AS_WRITTEN if self.resumes else THERE_ALREADY
        if not overwrite and self._has_strange_map(job):
            return f"cannot write {job.map}: {there}"
        return check_job(job, overwrite, there=there)

    def read(self) -> Self:
        """Only look at what there is, for who makes nothing: no ``with`` block is needed then. Raises BatchError."""
        self.manifest.refresh()
        self._at_start = dict(self.manifest.entries)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._claims.__exit__(kind, error, traceback)

    def standing(self, job: Job) -> Standing:
        """How a picture stands, whoever brought that about."""
        entry = self.manifest.entries.get(self.manifest.name_of(job.target))
        if entry is None:
            return Standing(State.NEW)
        if not self._request.wishes(entry.wish) or not _is_still(entry, job):
            return Standing(State.CHANGED, entry)
        if entry.status != "done":
            return Standing(State.FAILED, entry)
        found = self.state(job)
        there = found is not None and entry.result is not None and found.size == entry.result.size
        there = there and self.is_there(job) and not self._has_strange_map(job)  # a map, too, where one is wanted
        return Standing(State.DONE if there else State.NEW, entry)

    def _has_strange_map(self, job: Job) -> bool:
        """Whether the file that has its map's name is none that the manifest tells of."""
        if job.map is None or not os.path.lexists(job.map):
            return False
        entry = self.manifest.entries.get(self.manifest.name_of(job.target))
        return entry is None or entry.map is None or entry.map != FileState.of(job.map)

    def is_at_work(self, job: Job) -> bool:
        """Whether some run is at it."""
        name = self.manifest.name_of(job.target)
        return any(claim.output == name and alive for claim, alive in self._claims.look())

    def settled(self, job: Job) -> Entry | None:
        """The entry that says that nothing is left to do; None where something is."""
        standing = self.standing(job)
        entry = standing.entry
        if entry is None or standing.state in (State.NEW, State.CHANGED):
            return None
        if entry is not self._at_start.get(entry.output):  # made meanwhile, by another run
            return entry
        if not self.resumes or (standing.state is State.FAILED and self._retry_failed):
            return None
        return entry

    def with_leave(self, job: Job) -> Job:
        """The job, allowed to replace an earlier result of its own: one that is as the manifest says it was written, or
        that a run made which died before it could say so.
        """
        if not self.resumes or job.may_replace:
            return job
        name = self.manifest.name_of(job.target)
        entry = self.manifest.entries.get(name)
        known = entry is not None and entry.result is not None and self.state(job) == entry.result
        known = known and not self._has_strange_map(job)
        left = not known and any(c.output == name and c.owns for c, alive in self._claims.look() if not alive)
        return replace(job, may_replace=known or left)

    def take(self, job: Job) -> Job | Entry | None:
        """Claim a job: the job to do; or the entry of what another run has done of it; or None, where one is at it.

        A job that was taken is given back by :meth:`record` or :meth:`release`. Raises BatchError.
        """
        name = self.manifest.name_of(job.target)
        job = self.with_leave(job)
        claim = self._claims.take(name, job.target, may_replace=job.may_replace)
        self.manifest.refresh()
        done = self.settled(job)
        if done is not None:
            self._claims.release(name)
            return done
        if claim is None:
            return None
        left_by_the_dead = self.resumes and claim.owns and os.path.lexists(job.target)
        return replace(job, may_replace=True) if left_by_the_dead else job

    def release(self, job: Job) -> None:
        """Give a job back undone."""
        self._claims.release(self.manifest.name_of(job.target))

    def record(self, outcome: Outcome) -> None:
        """Put down what became of a job that was taken. Raises BatchError where that cannot be.

        What failed by no fault of the photo is not put down: it is still to do.
        """
        if not outcome.hopeless:
            try:
                self.manifest.append(self._entry(outcome))
            except BatchError:
                self._claims.abandon(self.manifest.name_of(outcome.job.target))
                raise
        self.release(outcome.job)

    def do(self, job: Job, work: Callable[[Job], Outcome]) -> Outcome | Entry | None:
        """Claim a job, have ``work`` do it, and put down what became of it: the three steps in one.

        Where there was nothing to do, it returns what :meth:`take` does.
        """
        taken = self.take(job)
        if not isinstance(taken, Job):
            return taken
        try:
            outcome = work(taken)
            self.record(outcome)
        finally:
            self.release(taken)
        return outcome

    def _entry(self, outcome: Outcome) -> Entry:
        job, done = outcome.job, outcome.error is None
        return Entry(
            output=self.manifest.name_of(job.target),
            input=_input(job),
            status="done" if done else "failed",
            time=time.time(),
            photo=outcome.photo,
            result=outcome.result,
            map=FileState.of(job.map) if done and job.map is not None else None,
            error=outcome.error,
            seconds=round(outcome.seconds, 3) if done else None,
            share=round(outcome.share, 4) if done else None,
            aim=None if outcome.brightness is None else round(outcome.brightness, 4),
            wish=self._request.wish,
            versions=_versions(),
            host=platform.node(),
        )


def _input(job: Job) -> str:
    return str(job.source.absolute()) if job.origin is None else job.origin.address


def _is_still(entry: Entry, job: Job) -> bool:
    """Whether the photo is as it was; one that has moved is, if it has the same bytes."""
    same_path = entry.input == _input(job)
    if job.origin is not None:
        then, now = entry.photo, job.origin.state
        return same_path and (then is None or now is None or FileState(then.size, then.mtime_ns) == now)
    if entry.photo is None:
        return same_path and FileState.of(job.source) is None
    return entry.photo.is_still(job.source, at=entry.time if same_path else 0)


@cache
def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"darklift": __version__, "python": platform.python_version()}
    for package in ("numpy", "onnxruntime", "Pillow"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # onnxruntime-gpu, say
            continue
    return found
