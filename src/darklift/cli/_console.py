"""What people are told: on stderr, so that stdout has nothing but results that were asked for."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import typer

from darklift.errors import DarkliftError, printable

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Bar", "pace_in_words", "progress_bar", "put_out", "say", "stderr", "warn", "watched"]


@cache
def stderr() -> Console:
    """The one console; it looks up ``sys.stderr`` anew each time it writes."""
    from rich.console import Console

    return Console(stderr=True)


def watched() -> bool:
    """Whether stderr is a terminal that can draw (with FORCE_COLOR set, a rich console says so of a file, too)."""
    return sys.stderr.isatty() and stderr().is_interactive


def say(text: str) -> None:
    """One line as it is: no colours guessed, no markup, and no wrapping of ours."""
    stderr().print(printable(text), markup=False, highlight=False, emoji=False, soft_wrap=True)


def warn(message: str) -> None:
    """A line that tells who speaks, as error messages do."""
    say(f"darklift: {message}")


def put_out(text: str) -> None:
    """A result that was asked for, on stdout. Raises DarkliftError where it cannot be written, on a full disk say."""
    try:
        typer.echo(text)
    except OSError as error:
        if error.errno == errno.EPIPE:  # whoever read has seen enough
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter tries again at its end
        raise DarkliftError(f"cannot write to the standard output: {error.strerror}") from error


class Bar:
    """A progress bar. This one shows nothing, for where nobody looks."""

    def update(self, done: float, total: float, text: str) -> None:
        """``done`` of ``total`` is done; ``text`` says what is being worked on."""


def pace_in_words(done: float, total: float, seconds: float) -> str:
    """How many a second, and how long it will take still: "0.42/s, 3:20 left"; nothing before any was done."""
    if done <= 0 or seconds <= 0:
        return ""
    left = round((total - done) * seconds / done)
    hours, minutes = left // 3600, left // 60 % 60
    clock = f"{hours}:{minutes:02}:{left % 60:02}" if hours else f"{minutes}:{left % 60:02}"
    return f"{done / seconds:.2g}/s, {clock} left"


@contextmanager
def progress_bar(*, shown: bool = True) -> Iterator[Bar]:
    """A bar on stderr while the block runs, if somebody watches; it is gone afterwards."""
    if not shown or not watched():
        yield Bar()
        return
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    # stdout is not redirected: it may be a file
    with Progress(*columns, console=stderr(), transient=True, redirect_stdout=False) as progress:
        task = progress.add_task("", total=None, pace="")
        began = time.monotonic()

        class Shown(Bar):
            def update(self, done: float, total: float, text: str) -> None:
                pace = pace_in_words(done, total, time.monotonic() - began)
                progress.update(task, completed=done, total=total, description=escape(printable(text)), pace=pace)

        yield Shown()
