"""Tasks on several processes: each has the model open and does one task at a time, on its share of the cores.

A process is started anew, not forked: a forked ONNX Runtime session can hang.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Generic, Self, TypeVar

from darklift.errors import BatchError
from darklift.runtime.card import ModelCard
from darklift.runtime.memory import free_memory
from darklift.runtime.worker import Refused, serve

__all__ = ["Processes", "Trade"]

T = TypeVar("T")
R = TypeVar("R")

_START_ANEW = 3
"""How many workers may die one after the other that were at nothing."""
_GRACE = 0.5
"""Seconds that workers have to remove what is half written, before they are killed."""


class Trade(ABC, Generic[T, R]):
    """What the processes do. It is sent to each of them, and so are the tasks T, and the results R back."""

    @abstractmethod
    def open(self) -> tuple[ModelCard, Callable[[T], R]]:
        """In a worker: open the model, and say what does a task. Raises DarkliftError, where none can be done."""

    @abstractmethod
    def lost(self, task: T, how: str) -> R:
        """What becomes of a task whose worker died twice; ``how`` says of what."""

    def weight(self, task: T) -> int:
        """The bytes of memory that it takes, roughly."""
        return 0

    def again(self, task: T) -> T:
        """Asked before a task is given away: the task as it is to be tried again, should its worker die."""
        return task

    def tidy(self, task: T) -> None:
        """Remove what a worker that died at it has left half done."""


@dataclass(eq=False)
class _Worker(Generic[T]):
    process: SpawnProcess
    connection: Connection
    ready: bool = False
    task: T | None = None
    weight: int = 0
    again: T | None = None
    """The task as it is to be tried once more; None where that was done."""


class Processes(Generic[T, R]):
    """Worker processes. Use it in a ``with`` block.

    A worker that dies (killed, say, for want of memory) costs the task that it was at one retry, with nothing else at
    the same time; then that task is lost, and the others go on. Tasks that would together take more memory than is free
    wait for one another, and one that takes more than that is done alone.
    """

    def __init__(self, trade: Trade[T, R], workers: int, threads: int, memory: int | None = None) -> None:
        """
        Args:
            trade: what they do.
            workers: how many processes.
            threads: for the libraries that each loads; the trade tells the model.
            memory: bytes for all together; None is what is free now.
        """
        self._trade = trade
        self._count, self._threads = workers, threads
        self._memory = free_memory() if memory is None else memory
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker[T]] = []
        self._next: T | None = None
        self._all_asked_for = False
        self._alone: deque[T] = deque()
        self._deaths = 0
        self._card: ModelCard | None = None

    def __enter__(self) -> Self:
        """Start the workers. Raises DarkliftError, where none can do any task."""
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
        self._end(at_once=kind is not None or any(worker.task is not None for worker in self._workers))

    @property
    def card(self) -> ModelCard:
        """The model's."""
        assert self._card is not None
        return self._card

    def __call__(self, tasks: Iterable[T]) -> Iterator[R]:
        """Do the tasks, and tell each result as it comes. Raises BatchError, where workers die that were at no task."""
        source = iter(tasks)
        self._all_asked_for = False
        while True:
            self._hand_out(source)
            if self._all_asked_for and not self._alone and all(worker.task is None for worker in self._workers):
                return
            for result in self._hear():
                self._hand_out(source)  # before whoever hears of it keeps us waiting
                yield result

    # ------------------------------------------------------------------------------------------------ who does what

    def _hand_out(self, source: Iterator[T]) -> None:
        for worker in self._workers:
            if not worker.ready or worker.task is not None:
                continue
            busy = sum(other.weight for other in self._workers if other.task is not None)
            if self._alone:
                if not busy:
                    self._give(worker, self._alone.popleft(), self._memory, again=False)
                return
            if self._next is None:
                self._next = next(source, None)
            if self._next is None:
                self._all_asked_for = True
                return
            needed = max(1, self._trade.weight(self._next))
            if busy and busy + needed > self._memory:
                return
            self._give(worker, self._next, needed)
            self._next = None

    def _give(self, worker: _Worker[T], task: T, needed: int, *, again: bool = True) -> None:
        worker.task, worker.weight = task, needed
        worker.again = self._trade.again(task) if again else None
        with suppress(OSError):  # it has just died, as will be seen
            worker.connection.send(task)

    def _hear(self) -> Iterator[R]:
        """Wait until some workers say something, or die."""
        heard = wait([end for w in self._workers for end in (w.connection, w.process.sentinel)])
        for worker in list(self._workers):
            if worker.connection not in heard and worker.process.sentinel not in heard:
                continue
            try:
                said: Any = worker.connection.recv() if worker.connection.poll() else None
            except (EOFError, OSError):  # its end is closed: it is about to end, if it has not
                said = None
            if isinstance(said, Refused):
                raise said.to_error()
            if isinstance(said, ModelCard):
                self._card, worker.ready = said, True
            elif said is not None:
                worker.task, self._deaths = None, 0
                yield said
            else:
                yield from self._bury(worker)

    def _bury(self, worker: _Worker[T]) -> Iterator[R]:
        """Replace a worker that has died, and try its task once more, alone."""
        _see_end(worker.process, _GRACE)
        worker.connection.close()
        self._workers.remove(worker)
        code, task = worker.process.exitcode, worker.task
        how = signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"
        if task is None:
            self._deaths += 1
            if self._deaths > _START_ANEW:
                raise BatchError(f"worker processes end before they do anything ({how}): try --workers 1")
        self._start()
        if task is None:
            return
        self._trade.tidy(task)
        if worker.again is None:
            yield self._trade.lost(task, how)
        else:
            self._alone.append(worker.again)

    # -------------------------------------------------------------------------------------- their beginning and end

    def _start(self) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=serve, args=(theirs, self._trade), name="darklift-worker", daemon=True)
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
        for worker in self._workers:
            if worker.task is not None:
                self._trade.tidy(worker.task)
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
