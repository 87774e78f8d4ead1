"""What is held between requests: in memory only, so much of it, and so long.

Whatever holds bytes of a client's takes them from one :class:`Budget`: uploads as they arrive, photos, results.
"""

from __future__ import annotations

import secrets
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from darklift.web.problems import Problem

__all__ = ["Budget", "Shelf", "Taken"]

T = TypeVar("T")
_RESTED = 60.0
"""Seconds without use, after which something makes room for another client's."""


@dataclass(eq=False)
class Taken:
    """Bytes that were taken of a budget, by one client, until they are given back."""

    budget: Budget
    client: str
    bytes: int = 0

    def more(self, count: int) -> None:
        """Take so many more. Raises Problem where there are none."""
        self.budget.take(self.client, count)
        self.bytes += count

    def become(self, count: int) -> None:
        """Be so many in all. More than there are is let pass: they are there already."""
        self.budget.change(self.client, count - self.bytes)
        self.bytes = count

    def give_back(self) -> None:
        """All of them; once is enough."""
        self.become(0)


class Budget:
    """Bytes for all clients, half of them for any one."""

    def __init__(self, bytes: int) -> None:
        self.bytes = bytes
        self.used = 0
        self.make_room: Callable[[str, int], None] = lambda client, count: None
        """Asked to give back some, for so many more bytes of a client."""
        self._of: defaultdict[str, int] = defaultdict(int)

    def of(self, client: str) -> int:
        """Bytes that a client has."""
        return self._of.get(client, 0)

    def lacks(self, client: str, count: int) -> bool:
        """Whether so many more are not to be had."""
        return self.used + count > self.bytes or self.of(client) + count > max(self.bytes // 2, 1)

    def take(self, client: str, count: int) -> None:
        """Raises Problem "busy" or "client-busy" where there are none."""
        if self.lacks(client, count):
            self.make_room(client, count)
        if self.used + count > self.bytes:
            raise Problem("busy", "the server holds as many photos as it can: try again in a while", retry_after=30)
        if self.lacks(client, count):
            raise Problem("client-busy", "the server holds as many photos of yours as it can: delete some")
        self.change(client, count)

    def change(self, client: str, count: int) -> None:
        """So many more, or fewer."""
        self.used += count
        self._of[client] += count
        if not self._of[client]:
            del self._of[client]


@dataclass(eq=False)
class _Held(Generic[T]):
    value: T
    taken: Taken
    used: float = field(default_factory=time.monotonic)


class Shelf(Generic[T]):
    """Things under names that nobody guesses, until they have rested for too long."""

    def __init__(self, budget: Budget, seconds: float, *, may_go: Callable[[T], bool] = lambda value: True) -> None:
        """may_go: whether a thing may be removed to make room, or for its age."""
        self._budget, self._seconds, self._may_go = budget, seconds, may_go
        self._held: dict[str, _Held[T]] = {}

    def __len__(self) -> int:
        return len(self._held)

    def values(self) -> list[T]:
        """All that is held."""
        return [held.value for held in self._held.values()]

    def put(self, value: T, taken: Taken) -> str:
        """Hold it. taken: the bytes that it takes; they are given back when it goes. Returns its name."""
        name = secrets.token_urlsafe(18)
        self._held[name] = _Held(value, taken)
        return name

    def get(self, name: str) -> T:
        """Raises Problem "not-found"."""
        held = self._held.get(name)
        if held is None:
            raise Problem("not-found", "there is nothing of that name, or no more: send it again")
        held.used = time.monotonic()
        return held.value

    def remove(self, name: str) -> T:
        """Hold it no longer. Raises Problem "not-found"."""
        value = self.get(name)
        self._held.pop(name).taken.give_back()
        return value

    def sweep(self) -> None:
        """Remove what has not been used for too long."""
        for name, held in list(self._held.items()):
            if self._rested(held) > self._seconds and self._may_go(held.value):
                self.remove(name)

    def make_room(self, client: str, count: int) -> None:
        """Remove a client's own things, the longest unused first, then those of others that rest, until so many more
        bytes can be taken, or nothing is left that may go.
        """
        resting = sorted(self._held.items(), key=lambda pair: (pair[1].taken.client != client, pair[1].used))
        for name, held in resting:
            if not self._budget.lacks(client, count):
                return
            own = held.taken.client == client
            if self._may_go(held.value) and (own or self._rested(held) > _RESTED):
                self.remove(name)

    @staticmethod
    def _rested(held: _Held[T]) -> float:
        return time.monotonic() - held.used
