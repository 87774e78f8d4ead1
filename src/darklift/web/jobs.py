"""A job: work that a client asked for and comes back for. All of it runs in the event loop's thread."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Literal, TypeAlias

from darklift.web.desk import Errand
from darklift.web.problems import Problem, Stopped, problem_of
from darklift.web.shelf import Taken
from darklift.web.work import Result

__all__ = ["KEEP_ALIVE", "Job", "State"]

State: TypeAlias = Literal["waiting", "running", "done", "failed", "cancelled"]
_OWN = 8192
"""Bytes that a job takes beside its photo and result, or fewer: so there is an end to failed ones, too."""
KEEP_ALIVE = 15.0
"""Seconds without news, after which a comment keeps the connection open."""


class Job:
    """Its state, and how far it is."""

    def __init__(self, client: str, taken: Taken) -> None:
        """taken: the bytes that it holds: first the photo's, then the result's. Raises Problem."""
        taken.more(_OWN)
        self.client = client
        self.state: State = "waiting"
        self.done, self.total = 0, 1
        self.result: Result | None = None
        self.problem: Problem | None = None
        self.fetched = False
        self._taken = taken
        self._errand: Errand[Result] | None = None
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in ("done", "failed", "cancelled")

    def on_step(self, done: int, total: int) -> None:
        """Called in the thread that computes."""
        self._loop.call_soon_threadsafe(self._told, done, total)

    def follow(self, errand: Errand[Result]) -> None:
        """The errand that does it."""
        self._errand = errand
        errand.outcome.add_done_callback(self._end)

    def cancel(self) -> None:
        """Ask it to end; it has ended once its state says so."""
        if self._errand is not None:
            self._errand.cancel()

    def require_result(self) -> Result:
        """Raises Problem where there is none, or none yet."""
        if self.result is not None:
            return self.result
        if self.problem is not None:
            raise self.problem
        raise Problem("not-ready", f"the job is {self.state}: come back when it is done")

    def to_dict(self) -> dict[str, Any]:
        """What is told of it, plain values."""
        facts: dict[str, Any] = {"state": self.state, "done": self.done, "total": self.total}
        if self.result is not None:
            facts["result"] = self.result.to_dict()
        if self.problem is not None and self.state == "failed":
            facts["problem"] = self.problem.to_dict()
        return facts

    async def events(self) -> AsyncIterator[bytes]:
        """Server-sent events from now on: ``progress`` whenever there is some, at last one named as the state."""
        last: dict[str, Any] | None = None
        while True:
            news, facts, ended = self._news, self.to_dict(), self.ended
            if facts != last:
                name = self.state if ended else "progress"
                yield f"event: {name}\ndata: {json.dumps(facts)}\n\n".encode()
                last = facts
            if ended:
                return
            try:
                await asyncio.wait_for(news.wait(), KEEP_ALIVE)
            except TimeoutError:
                yield b": still at it\n\n"

    def _told(self, done: int, total: int) -> None:
        if not self.ended:
            self.state, self.done, self.total = "running", done, total
            self._wake()

    def _end(self, outcome: asyncio.Future[Result]) -> None:
        error = outcome.exception()
        if error is None:
            self.result = outcome.result()
            self.state, self.done = "done", self.total
        else:
            self.problem = problem_of(error)
            self.state = "cancelled" if isinstance(error, Stopped) else "failed"
        self._errand = None
        self._taken.become(_OWN + (0 if self.result is None else len(self.result.data)))
        self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
