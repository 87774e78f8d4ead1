"""How messages about pictures put things."""

from collections.abc import Iterable

__all__ = ["one_line", "one_of"]


def one_line(error: object) -> str:
    """The words of an error or warning from elsewhere, fit for the end of a one-line message."""
    return " ".join(str(error).split()) or type(error).__name__


def one_of(names: Iterable[str]) -> str:
    """``"A, B or C"``; at least one name is needed."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
