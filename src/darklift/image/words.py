"""How messages about pictures put things."""

from collections.abc import Iterable

__all__ = ["one_of"]


def one_of(names: Iterable[str]) -> str:
    """``"A, B or C"``; at least one name is needed."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
