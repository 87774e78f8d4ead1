"""The desk of a cluster's run: one actor, on the driver's machine, that all workers ask before and after each picture.

It alone keeps the manifest and the claims. Ray gives work out again, by blocks, where a worker or a node has died; the
desk knows what was done before, and how often a picture has been begun. Nothing here imports Ray.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from darklift.batch.cluster.ledger import open_ledger
from darklift.batch.job import Outcome, failed
from darklift.batch.ledger import Ledger
from darklift.batch.manifest import PhotoFile
from darklift.batch.paths import Job
from darklift.batch.request import Request
from darklift.batch.run import by_another
from darklift.batch.worker import Refused
from darklift.errors import BatchError, DarkliftError, UsageError
from darklift.runtime import ModelCard

__all__ = ["Desk", "Keeping", "News", "Order"]

_BEGINNINGS = 2
"""How often a picture is begun at most: whoever was at it has died all those times."""
_SILENCE = 20.0
"""Seconds without a sign of life after which a worker counts as dead."""


@dataclass(frozen=True)
class Keeping:
    """Which manifest is kept, and how; see :class:`darklift.batch.ledger.Ledger`. results: a folder, or an address."""

    results: str
    request: Request
    resume: bool = False
    retry_failed: bool = False

    def open(self) -> Ledger:
        """Nothing is read or made yet."""
        return open_ledger(self.results, self.request, resume=self.resume, retry_failed=self.retry_failed)


@dataclass(frozen=True)
class Order:
    """What a worker hears. job: to do; None is nothing to do. again: somebody died at it. wait: ask once more later."""

    job: Job | None = None
    again: bool = False
    wait: bool = False


@dataclass
class News:
    """What has come about since the last time. held: somebody else is at them. at_work: how many workers are."""

    outcomes: list[Outcome] = field(default_factory=list)
    held: list[Job] = field(default_factory=list)
    card: ModelCard | None = None
    error: Refused | None = None
    workers: int = 0
    at_work: int = 0


@dataclass
class _Worker:
    node: str
    seen: float
    job: Job | None = None
    weight: int = 0
    """Bytes that its picture may take; 0 before it has been given room."""
    waits: bool = False
    """For room."""


class Desk:
    """See the module. All arguments and results are plain values; none of its methods waits."""

    def __init__(self, keeping: Keeping, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ledger = keeping.open()
        self._news = News()
        self._workers: dict[str, _Worker] = {}
        self._room: dict[str, int] = {}
        self._begun: dict[str, tuple[Job, int]] = {}
        self._closed = False

    def open(self) -> None:
        """Begin with the manifest. An error is told by :meth:`news`."""
        self._guard(self._ledger.__enter__)

    def close(self) -> None:
        """End with it; what was begun and not done is given back, and nothing more is begun."""
        self._closed = True
        self._guard(lambda: self._ledger.__exit__(None, None, None))

    # ------------------------------------------------------------------------------------------- what workers say

    def arrive(self, worker: str, node: str, room: int, card: ModelCard) -> None:
        """A worker is ready. room: bytes of memory that its node had free before."""
        self._workers[worker] = _Worker(node, self._clock())
        self._room.setdefault(node, room)
        self._news.card = card

    def refuse(self, message: str, usage: bool) -> None:
        """A worker cannot do any picture, and so the run ends."""
        self._news.error = self._news.error or Refused(message, usage)

    def beat(self, worker: str) -> None:
        """A sign of life."""
        if worker in self._workers:
            self._workers[worker].seen = self._clock()

    def begin(self, worker: str, packed: bytes) -> Order:
        """May this worker begin this job (pickled), and as which?"""
        self.beat(worker)
        if self._closed or self._news.error is not None:
            return Order()
        if any(other.waits for other in self._others(worker)):  # for us, too: it would never get room otherwise
            return Order(wait=True)
        order = Order()
        try:
            order = self._take(pickle.loads(packed))
        except BatchError as error:
            self.refuse(str(error), False)
        self._workers[worker].job = order.job
        return order

    def make_room(self, worker: str, weight: int) -> bool:
        """Whether the picture that a worker has begun, which takes so many bytes, may be read now.

        Pictures of one node that would together take more than is free wait for one another; one that takes more than
        that by itself is done alone.
        """
        self.beat(worker)
        asking = self._workers[worker]
        busy = sum(other.weight for other in self._others(worker))
        asking.waits = bool(busy and busy + weight > self._room[asking.node])
        asking.weight = 0 if asking.waits else max(1, weight)
        return not asking.waits

    def finish(self, worker: str, outcome: Outcome) -> None:
        """A picture is done, or has failed: it is on the disk before the worker begins another."""
        self.beat(worker)
        if worker in self._workers:
            state = self._workers[worker]
            state.job, state.weight, state.waits = None, 0, False
        if self._begun.pop(self._name(outcome.job), None) is None:
            return  # of a worker that counted as dead: another one has done it
        try:
            self._ledger.record(outcome)
        except BatchError as error:
            self.refuse(str(error), False)
            return
        self._news.outcomes.append(outcome)

    # ----------------------------------------------------------------------------------------- what the driver asks

    def news(self) -> News:
        """What has come about since the last time."""
        self._guard(self._ledger.flush)
        now, self._news = self._news, News(card=self._news.card, error=self._news.error)
        alive = [worker for worker in self._workers.values() if self._is_alive(worker)]
        now.workers, now.at_work = len(alive), sum(worker.job is not None for worker in alive)
        return now

    def free(self, jobs: list[Job]) -> list[Job]:
        """Those of the jobs that nobody else is at. What others have done of them is news."""
        free: list[Job] = []

        def look() -> None:
            for job in jobs:
                taken = job if self._name(job) in self._begun else self._ledger.take(job)
                if taken is job:  # begun by one who has died
                    free.append(job)
                elif isinstance(taken, Job):
                    self._ledger.release(taken)
                    free.append(job)
                elif taken is not None:
                    self._news.outcomes.append(by_another(job, taken))

        self._guard(look)
        return free

    # --------------------------------------------------------------------------------------------------- what it does

    def _take(self, job: Job) -> Order:
        name = self._name(job)
        if name in self._begun:  # by a worker that has died since
            begun, times = self._begun[name]
            if times < _BEGINNINGS:
                self._begun[name] = begun, times + 1
                return Order(begun, again=True)
            del self._begun[name]
            problem = f"the process that was at it died {times} times, perhaps for want of memory: try it with --memory"
            outcome = replace(failed(job, problem), photo=None if job.origin else PhotoFile.of(job.source))
            self._ledger.record(outcome)
            self._news.outcomes.append(outcome)
            return Order()
        fresh = not self._ledger.is_there(job)
        taken = self._ledger.take(job)
        if isinstance(taken, Job):
            self._begun[name] = replace(taken, may_replace=taken.may_replace or fresh), 1
            return Order(taken)
        if taken is None:
            self._news.held.append(job)
        else:
            self._news.outcomes.append(by_another(job, taken))
        return Order()

    def _name(self, job: Job) -> str:
        return self._ledger.manifest.name_of(job.target)

    def _others(self, name: str) -> list[_Worker]:
        """The workers on the same node that are at a picture."""
        node = self._workers[name].node
        return [
            worker
            for other, worker in self._workers.items()
            if other != name and worker.node == node and worker.job is not None and self._is_alive(worker)
        ]

    def _is_alive(self, worker: _Worker) -> bool:
        return self._clock() - worker.seen < _SILENCE

    def _guard(self, work: Callable[[], object]) -> None:
        try:
            work()
        except DarkliftError as error:
            self.refuse(str(error), isinstance(error, UsageError))
