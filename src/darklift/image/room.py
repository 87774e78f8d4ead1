"""The memory that a picture will take, told by its header; whoever reads files may refuse it before any is taken."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

__all__ = ["Room", "ask_for_room", "guarded"]


@dataclass(frozen=True, slots=True)
class Room:
    """What a picture takes at the least.

    Attributes:
        size: (rows, columns) in pixels.
        held: bytes, once it is decoded.
        decoding: bytes at the peak while it is decoded, what is then held included.
    """

    size: tuple[int, int]
    held: int
    decoding: int


_guard: ContextVar[Callable[[Room], None] | None] = ContextVar("guard", default=None)


@contextmanager
def guarded(check: Callable[[Room], None]) -> Iterator[None]:
    """Meanwhile, ``check`` hears of each picture between its header and its pixels, and may raise: of what this thread
    decodes. Within another ``guarded``, after that one's check.
    """
    outer = _guard.get()

    def both(room: Room) -> None:
        if outer is not None:
            outer(room)
        check(room)

    before = _guard.set(both)
    try:
        yield
    finally:
        _guard.reset(before)


def ask_for_room(room: Room) -> None:
    """For decoders, once they know what they will take and before they take it."""
    check = _guard.get()
    if check is not None:
        check(room)
