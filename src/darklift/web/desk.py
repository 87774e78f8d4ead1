"""Who is served next, by how many threads, and for how long: round robin by client, in a queue that ends somewhere.

A thread cannot be stopped from outside. So whoever computes asks its :class:`Ticket` between steps whether the result
is still wanted, and a slot counts as free only once its thread has really come to an end.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from darklift.web.problems import Problem, Stopped

__all__ = ["Desk", "Errand", "Ticket"]

T = TypeVar("T")
_CLAIM = 15.0
"""Seconds, three times as many as refusals tell to wait, in which who was refused comes before who was served."""


class Ticket:
    """What a computing thread has of its errand."""

    def __init__(self, on_step: Callable[[int, int], None]) -> None:
        self._on_step = on_step
        self._stop = threading.Event()
        self._deadline: float | None = None
        self._seconds = 0.0

    def begin(self, seconds: float) -> None:
        """It may take so many from now on."""
        self._seconds, self._deadline = seconds, time.monotonic() + seconds

    def stop(self) -> None:
        """Nobody waits any more."""
        self._stop.set()

    def __call__(self, done: int, total: int) -> None:
        """After each step: done of total. Raises Stopped, or Problem "timeout"."""
        if self._stop.is_set():
            raise Stopped("cancelled")
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise Problem("timeout", f"it took more than {self._seconds:g} seconds: send a smaller photo")
        self._on_step(done, total)


class Errand(Generic[T]):
    """One piece of work: it waits, runs in a thread, and has come to an end once ``ended`` is set."""

    def __init__(self, client: str, work: Callable[[Ticket], T], on_step: Callable[[int, int], None]) -> None:
        self.client = client
        self.begun = False
        self.outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        """The result, or what was raised."""
        self.ticket = Ticket(on_step)
        self._work = work

    def run(self) -> T:
        """In a thread."""
        self.ticket(0, 1)
        return self._work(self.ticket)

    def cancel(self) -> None:
        """Ask it to end: at once where it waits, else between two steps."""
        self.ticket.stop()
        if not self.begun:
            self.fail(Stopped("cancelled"))

    def fail(self, error: BaseException) -> None:
        """Nothing comes of it, unless something has already."""
        if not self.outcome.done():
            self.outcome.set_exception(error)
            self.outcome.exception()  # whoever waits hears of it; where nobody does, nothing is amiss


class Desk:
    """Threads that run errands. All but the threads themselves runs in the event loop's thread."""

    def __init__(self, name: str, slots: int, queue: int, seconds: float) -> None:
        """slots: errands at a time. queue: that may wait; half of them of one client. seconds: that one may take."""
        self.slots, self.queue, self.seconds = slots, queue, seconds
        self.running: set[Errand[Any]] = set()
        self._waiting: OrderedDict[str, deque[Errand[Any]]] = OrderedDict()
        self._claims: OrderedDict[str, float] = OrderedDict()
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix=f"darklift-{name}")
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = False

    @property
    def waiting(self) -> int:
        """Errands that have not begun."""
        return sum(len(line) for line in self._waiting.values())

    def check_room(self, client: str) -> None:
        """Refuse what could not wait now. Raises Problem."""
        if self._closing:
            raise Problem("stopping", "the server is stopping: try again in a while")
        share = max(1, self.queue // 2)
        if len(self._waiting.get(client, ())) >= share:
            raise Problem("client-busy", f"{share} pictures of yours are waiting: send more when some are done")
        free, crowded = self.queue - self.waiting, self.waiting >= (self.queue + 1) // 2
        if free <= 0 or (crowded and free <= self._claims_before(client)):
            self._claims[client] = time.monotonic()
            raise Problem("busy", f"{self.queue} pictures are waiting: try again in a while")

    def _claims_before(self, client: str) -> int:
        """How many others were refused before this one, and may still come back."""
        since = time.monotonic() - _CLAIM
        for other, asked in list(self._claims.items()):
            if asked < since:
                del self._claims[other]
        before = list(self._claims)
        return before.index(client) if client in self._claims else len(before)

    def submit(
        self, client: str, work: Callable[[Ticket], T], on_step: Callable[[int, int], None] = lambda done, total: None
    ) -> Errand[T]:
        """Have the work done, ``on_step`` told of its steps in its thread. Raises Problem where there is no room."""
        if len(self.running) >= self.slots:
            self.check_room(client)
        elif self._closing:
            raise Problem("stopping", "the server is stopping: try again in a while")
        self._claims.pop(client, None)
        errand = Errand(client, work, on_step)
        self._waiting.setdefault(client, deque()).append(errand)
        errand.outcome.add_done_callback(lambda _: self._leave(errand))
        self._fill_slots()
        return errand

    def _leave(self, errand: Errand[Any]) -> None:
        """One that was cancelled before its turn makes room in the queue."""
        line = self._waiting.get(errand.client)
        if not errand.begun and line is not None and errand in line:
            line.remove(errand)
            if not line:
                del self._waiting[errand.client]
            self._fill_slots()

    def _fill_slots(self) -> None:
        while len(self.running) < self.slots and self._waiting:
            client, line = self._waiting.popitem(last=False)  # whose turn it is
            errand = line.popleft()
            if line:
                self._waiting[client] = line  # the others come first now
            if not errand.outcome.done():
                self._begin(errand)
        if self.running or self._waiting:
            self._idle.clear()
        else:
            self._idle.set()

    def _begin(self, errand: Errand[Any]) -> None:
        errand.begun = True
        errand.ticket.begin(self.seconds)
        self.running.add(errand)
        thread = asyncio.get_running_loop().run_in_executor(self._pool, errand.run)
        thread.add_done_callback(lambda done: self._end(errand, done))

    def _end(self, errand: Errand[Any], thread: asyncio.Future[Any]) -> None:
        self.running.discard(errand)
        error = thread.exception()
        if error is not None:
            errand.fail(error)
        elif not errand.outcome.done():
            errand.outcome.set_result(thread.result())
        self._fill_slots()

    async def drain(self) -> None:
        """Take nothing more, send away what waits, and wait for what runs."""
        self._closing = True
        for line in self._waiting.values():
            for errand in line:
                errand.fail(Problem("stopping", "the server is stopping: try again in a while"))
        self._waiting.clear()
        self._fill_slots()
        await self._idle.wait()

    def stop(self) -> None:
        """Ask all that runs to end between two steps."""
        for errand in self.running:
            errand.cancel()

    def close(self) -> None:
        """Wait for the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)
