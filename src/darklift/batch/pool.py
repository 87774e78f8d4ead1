"""Jobs on several processes: each has the model open and does one picture at a time, on its share of the cores.

While one decodes, the network of another runs, so all cores are busy; and a picture comes out as it would alone.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Self

from darklift.batch.job import Outcome, failed
from darklift.batch.paths import Job
from darklift.batch.request import Request
from darklift.batch.sizing import weight
from darklift.batch.worker import Refused, serve
from darklift.errors import BatchError
from darklift.files import remove_leftovers
from darklift.runtime import ModelCard
from darklift.runtime.memory import free_memory

__all__ = ["Pool"]

_START_ANEW = 3
"""How many workers may die one after the other that were at nothing."""
_GRACE = 0.5
"""Seconds that workers have to remove what is half written, before they are killed."""


@dataclass(eq=False)
class _Worker:
    process: SpawnProcess
    connection: Connection
    ready: bool = False
    job: Job | None = None
    weight: int = 0
    fresh: bool = False
    """None of the job's files was there when it began."""


class Pool:
    """A crew (:data:`darklift.batch.run.Crew`) of worker processes. Use it in a ``with`` block.

    A worker that dies (killed, say, for want of memory) costs the picture that it was at one retry, with nothing else
    at the same time; then that picture has failed. Pictures that would together take more memory than is free wait for
    one another, and one that takes more than that is done alone.
    """

    def __init__(self, request: Request, workers: int, threads: int, memory: int | None = None) -> None:
        """
        Args:
            request: what is asked of all pictures.
            workers: how many processes.
            threads: for the model in each.
            memory: bytes for all together; None is what is free now.
        """
        self._request = replace(request, opening=replace(request.opening, threads=threads))
        self._count, self._threads = workers, threads
        self._memory = free_memory() if memory is None else memory
        self._context = multiprocessing.get_context("spawn")  # a forked ONNX Runtime session can hang
        self._workers: list[_Worker] = []
        self._next: Job | None = None
        self._alone: deque[Job] = deque()
        self._retried: set[Path] = set()
        self._deaths = 0
        self._card: ModelCard | None = None

    def __enter__(self) -> Self:
        """Start the workers. Raises DarkliftError, where none can do any job."""
        try:
            for _ in range(self._count):
                self._start()
            while self._card is None:
                for _ in self._hear():
                    pass
        except BaseException:
            self._end(at_once=True)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._end(at_once=kind is not None or any(worker.job for worker in self._workers))

    @property
    def card(self) -> ModelCard:
        """The model's."""
        assert self._card is not None
        return self._card

    def __call__(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Do the jobs. Raises BatchError, where workers die that were at no job."""
        source = iter(jobs)
        while True:
            self._hand_out(source)
            if not self._alone and self._next is None and not any(worker.job for worker in self._workers):
                return
            for outcome in self._hear():
                self._hand_out(source)  # before whoever hears of it keeps us waiting
                yield outcome

    # ------------------------------------------------------------------------------------------------ who does what

    def _hand_out(self, source: Iterator[Job]) -> None:
        for worker in self._workers:
            if not worker.ready or worker.job is not None:
                continue
            busy = sum(other.weight for other in self._workers if other.job is not None)
            if self._alone:
                if not busy:
                    self._give(worker, self._alone.popleft())
                return
            if self._next is None:
                self._next = next(source, None)
            if self._next is None:
                return
            needed = weight(self._next.source)
            if busy and busy + needed > self._memory:
                return
            self._give(worker, self._next, needed)
            self._next = None

    def _give(self, worker: _Worker, job: Job, needed: int = 1) -> None:
        worker.job, worker.weight = job, max(1, needed)
        worker.fresh = not any(os.path.lexists(path) for path in job.outputs)
        with suppress(OSError):  # it has just died, as will be seen
            worker.connection.send(job)

    def _hear(self) -> Iterator[Outcome]:
        """Wait until some workers say something, or die."""
        heard = wait([end for w in self._workers for end in (w.connection, w.process.sentinel)])
        for worker in list(self._workers):
            if worker.connection not in heard and worker.process.sentinel not in heard:
                continue
            try:
                said = worker.connection.recv() if worker.connection.poll() else None
            except (EOFError, OSError):  # its end is closed: it is about to end, if it has not
                said = None
            if isinstance(said, Refused):
                raise said.to_error()
            if isinstance(said, ModelCard):
                self._card, worker.ready = said, True
            elif isinstance(said, Outcome):
                worker.job, self._deaths = None, 0
                yield said
            else:
                yield from self._bury(worker)

    def _bury(self, worker: _Worker) -> Iterator[Outcome]:
        """Replace a worker that has died, and try its picture once more, alone."""
        _see_end(worker.process, _GRACE)
        worker.connection.close()
        self._workers.remove(worker)
        code, job = worker.process.exitcode, worker.job
        how = signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"
        if job is None:
            self._deaths += 1
            if self._deaths > _START_ANEW:
                raise BatchError(f"worker processes end before they do anything ({how}): try --workers 1")
        self._start()
        if job is None:
            return
        remove_leftovers(job.target.parent)
        if job.target in self._retried:
            problem = f"the process that was at it died twice ({how}), perhaps for want of memory: try it with --memory"
            yield failed(job, problem)
        else:
            self._retried.add(job.target)
            self._alone.append(replace(job, may_replace=job.may_replace or worker.fresh))

    # -------------------------------------------------------------------------------------- their beginning and end

    def _start(self) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=serve, args=(theirs, self._request), name="darklift-worker", daemon=True)
        with _without_ctrl_c(), _environment(self._threads):
            process.start()
        theirs.close()
        self._workers.append(_Worker(process, ours))

    def _end(self, *, at_once: bool) -> None:
        for worker in self._workers:
            worker.connection.close()
            if at_once:
                worker.process.terminate()
        deadline = time.monotonic() + _GRACE
        for worker in self._workers:
            _see_end(worker.process, deadline - time.monotonic())
        for folder in {worker.job.target.parent for worker in self._workers if worker.job is not None}:
            remove_leftovers(folder)
        self._workers.clear()


def _see_end(process: SpawnProcess, patience: float) -> None:
    """Wait until a process has ended; after so many seconds, it is made to."""
    process.join(max(0.0, patience))
    if process.is_alive():
        process.kill()
        process.join()


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """A process that is started meanwhile does not hear Ctrl-C from its first moment on; ours hears it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment(threads: int) -> Iterator[None]:
    """Libraries that start threads of their own read their number where they are loaded."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
