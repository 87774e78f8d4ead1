"""How the speed benchmarks measure: in turn, several times, and memory in processes of their own.

What is compared runs in turn, so that a slow minute meets all of it, and in the opposite order every other round, so
that nothing always comes after the same. Tables give the median, and the fastest and slowest run beside it.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class Spread:
    """Several measurements of one thing."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def over(self, other: Spread) -> float:
        """The median of the ratios, round by round: both met the same minutes."""
        return statistics.median(mine / its for mine, its in zip(self.values, other.values, strict=True))

    def range(self, digits: int = 3) -> str:
        return f"{min(self.values):.{digits}g}–{max(self.values):.{digits}g}"


def in_turn(works: Mapping[str, Callable[[], Result]], rounds: int) -> dict[str, list[Result]]:
    """What each gives, ``rounds`` times in turn."""
    results: dict[str, list[Result]] = {name: [] for name in works}
    for number in range(rounds):
        for name in works if number % 2 == 0 else reversed(works):
            results[name].append(works[name]())
    return results


def time_in_turn(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Spread]:
    """Seconds of each, ``rounds`` times in turn; once before, unmeasured, to get ready."""
    in_turn(works, 1)
    seconds = in_turn({name: partial(time_once, work) for name, work in works.items()}, rounds)
    return {name: Spread(tuple(values)) for name, values in seconds.items()}


def time_alone(work: Callable[[], object], rounds: int) -> Spread:
    """Seconds of one thing that has no rival."""
    return time_in_turn({"": work}, rounds)[""]


def apart(function: Callable[..., Result], *arguments: object) -> Result:
    """What the function gives in a new process of its own, where :func:`peak_memory` is its own, too."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def peak_memory() -> float:
    """The most memory that this process has used so far, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss counts the parent process in, on Linux
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def print_seconds(title: str, seconds: Mapping[str, Spread]) -> None:
    """A table of what was measured in turn; the first row is what the others are held against."""
    first = next(iter(seconds.values()))
    print_table(
        (title, "s (median)", "fastest–slowest", "against the first"),
        [(name, f"{it.median:.4g}", it.range(), f"{first.over(it):.2f}x") for name, it in seconds.items()],
    )


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """In Markdown: the first column is words, the others are numbers."""
    print(f"\n| {' | '.join(head)} |\n|---|" + "--:|" * (len(head) - 1))
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def size_of(text: str) -> tuple[int, int]:
    """``600x400`` is (600, 400): width and height."""
    width, height = map(int, text.split("x"))
    return width, height


def time_once(work: Callable[[], object]) -> float:
    """Seconds of one run, unprepared."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
