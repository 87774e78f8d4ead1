"""Jobs on a Ray cluster: Ray Data gives blocks of paths to actors, and a desk keeps account of what came of each."""

from __future__ import annotations

import math
import pickle
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from darklift.batch.cluster.desk import Desk, Keeping, News
from darklift.batch.cluster.far import is_address
from darklift.batch.cluster.fit import Share, workers_that_fit
from darklift.batch.cluster.link import Link, ask, connected
from darklift.batch.cluster.worker import Ask, Brief
from darklift.batch.job import Outcome
from darklift.batch.manifest import Manifest
from darklift.batch.paths import Job
from darklift.errors import BatchError, one_line
from darklift.runtime import ModelCard

__all__ = ["Cluster"]

_BLOCK = 8
"""Pictures of a block at most: what an actor is given at a time, and goes through again after a death."""
_BLOCKS_EACH = 8
"""Blocks of each worker at least, so that none has much left when the others are done."""
_TICK = 0.2
"""Seconds between two questions for news."""
_STILL = 60.0
"""Seconds without any news after which people are told what there is."""
_PAUSE = 1.0
"""Seconds before it is looked again whether pictures that somebody else was at are done."""
_ROUNDS = 3
"""How often Ray may end without having done anything about the pictures it was given."""


@dataclass(frozen=True)
class Cluster:
    """A crew (:data:`darklift.batch.run.Crew`) of actors on a Ray cluster, which keeps the manifest by itself.

    It connects when it is asked to do jobs, and leaves the cluster as it found it. An actor that dies, alone or with
    its node, costs the picture that it was at one more try; then that picture has failed. What was done before is not
    done again.
    """

    keeping: Keeping
    address: str = "auto"
    """See :func:`darklift.batch.cluster.link.connected`."""
    workers: int | None = None
    """None is as many as fit."""
    share: Share = field(default_factory=Share)
    visible: tuple[Path, ...] = ()
    """What every node must see, beside the results."""
    tell: Callable[[str], None] = lambda text: None
    """Is told, on one line, what people should know while they wait."""
    on_card: Callable[[ModelCard], None] = lambda card: None
    """Is told which model works."""

    def __call__(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Do the jobs.

        Raises MissingExtraError, UsageError (nothing fits, no cluster is there, the model cannot do what is asked for),
        DarkliftError (a node is not as the driver), BatchError (it cannot go on).
        """
        left = {job.target: job for job in jobs}
        if not left:
            return
        threads = self.keeping.request.opening.threads or max(1, int(self.share.cpus))
        opening = replace(self.keeping.request.opening, threads=threads)
        request = replace(self.keeping.request, opening=opening, identify=True)
        with connected(self.address) as link:
            workers = workers_that_fit(link.nodes(), self.share, self.workers)
            actor = link.actor(Desk, replace(self.keeping, request=request))
            desk = partial(ask, actor)
            desk("open")
            _told(desk("news"))
            with _mark(self.keeping.results) as mark:
                brief = Brief.of(request, (*self.visible, *mark))
                idle = 0
                free = list(left.values())
                while left:
                    before = len(left)
                    turn = _Round(link, actor, brief, workers, self)
                    for outcome in turn.run(free) if free else _told(desk("news")):
                        if left.pop(outcome.job.target, None) is not None:
                            yield outcome
                    idle = 0 if len(left) < before or not free else idle + 1
                    if idle > _ROUNDS:
                        raise BatchError(f"Ray ended {idle} times without a word of {len(left)} photos: see its logs")
                    if left:
                        turn.settle()
                        free = desk("free", list(left.values()))
            desk("close")
            _told(desk("news"))


@contextmanager
def _mark(results: str) -> Iterator[tuple[Path, ...]]:
    """A file beside the manifest, meanwhile, that a worker sees only where it sees the same disk. Raises BatchError."""
    if is_address(results):
        yield ()
        return
    path = Manifest(Path(results)).folder / f"cluster-{uuid.uuid4().hex}"
    try:
        path.touch()
    except OSError as error:
        raise BatchError(f"cannot write {path}: {error.strerror}") from error
    try:
        yield (path,)
    finally:
        with suppress(OSError):
            path.unlink()


def _told(news: News) -> list[Outcome]:
    if news.error is not None:
        raise news.error.to_error()
    return news.outcomes


class _Round:
    """One dataset: what Ray makes of some jobs, and what comes of them meanwhile."""

    def __init__(self, link: Link, actor: Any, brief: Brief, workers: int, cluster: Cluster) -> None:
        self._link, self._actor, self._brief, self._cluster = link, actor, brief, cluster
        self._desk: Ask = partial(ask, actor)
        self._workers = workers
        self._begun = False
        self._ended = threading.Event()
        self._stopped = threading.Event()
        self._error: Exception | None = None

    def run(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Outcomes as they come, until all are told or Ray has ended. Raises as :class:`Cluster` does."""
        size = max(1, min(_BLOCK, len(jobs) // (self._workers * _BLOCKS_EACH)))
        blocks = math.ceil(len(jobs) / size)
        workers = min(self._workers, blocks)
        rows = [pickle.dumps(job) for job in jobs]
        data = self._link.dataset(rows, blocks, self._actor, self._brief, workers, self._cluster.share)
        thread = threading.Thread(target=self._consume, args=(data,), name="darklift-ray", daemon=True)
        thread.start()
        self._begun = True
        waiting, card, moved = len(jobs), None, time.monotonic()
        try:
            while waiting > 0:
                ended = self._ended.wait(_TICK)
                news: News = self._desk("news")
                if card is None and news.card is not None:
                    card = news.card
                    self._cluster.on_card(card)
                waiting -= len(news.outcomes) + len(news.held)
                yield from _told(news)
                if news.outcomes or news.held:
                    moved = time.monotonic()
                elif ended:
                    break
                elif time.monotonic() - moved > _STILL:
                    moved = time.monotonic()
                    self._cluster.tell(self._stillness(news))
            if self._error is not None and waiting > 0:
                raise BatchError(f"the cluster cannot go on: {one_line(self._error)}") from self._error
        finally:
            self._stopped.set()

    def settle(self) -> None:
        """Wait until Ray has ended it, so that its actors are out of the way."""
        if self._begun:
            self._ended.wait(_STILL)
        time.sleep(_PAUSE)

    def _consume(self, data: Any) -> None:
        try:
            for _ in data.iter_batches(batch_size=None, batch_format="pyarrow"):
                if self._stopped.is_set():
                    break  # which ends the actors
        except Exception as error:  # noqa: BLE001  # is raised where it is looked for
            self._error = error
        finally:
            self._ended.set()

    def _stillness(self, news: News) -> str:
        free = self._link.free_cpus()
        there = (
            f"{news.at_work} of {self._workers} workers are at a photo, {self._workers - news.workers} have not started"
        )
        return f"nothing has come back for {_STILL:.0f} s: {there}; the cluster has {free:g} CPUs free"
