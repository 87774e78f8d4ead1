"""How much memory there still is, to refuse what cannot fit before it takes the machine down, and how much is taken."""

from __future__ import annotations

import ctypes
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from darklift.errors import ImageError, UsageError

__all__ = ["Peak", "free_memory", "give_back", "memory_size", "peak_memory", "require_memory"]

_CGROUP = Path("/sys/fs/cgroup")
_PROCESS = Path("/proc/self")
_BETWEEN_LOOKS = 0.01  # seconds
_UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def memory_size(wish: int | str) -> int:
    """Bytes: a whole number of them, or a number with its unit, such as "2GB", "1.5 GB" or "800 MiB".

    Raises UsageError for anything else.
    """
    problem = UsageError(f"memory is {wish!r}, expected a number and one of {', '.join(_UNITS)}: for example 2GB")
    if isinstance(wish, str):
        number = re.fullmatch(rf"\s*([0-9]+(?:\.[0-9]+)?)\s*({'|'.join(_UNITS)})\s*", wish, re.ASCII)
        if number is None:
            raise problem
        wish = int(float(number[1]) * _UNITS[number[2]])
    if isinstance(wish, bool) or not isinstance(wish, int) or wish < 1:
        raise problem
    return wish


def free_memory(cgroup: Path = _CGROUP) -> int:
    """Bytes that this process can still take: what the machine has free, or its container (cgroup v2) if that is less.

    cgroup: the folder of the container's limits; where there is none, the machine's figure counts.
    """
    free = int(psutil.virtual_memory().available)
    try:
        limit = int((cgroup / "memory.max").read_text())  # "max" where there is no limit
        used = int((cgroup / "memory.current").read_text())
    except (OSError, ValueError):
        return free
    return max(0, min(free, limit - used + _dropped_at_need(cgroup)))


def _dropped_at_need(cgroup: Path) -> int:
    """Bytes that count as used, though the system only keeps files in them that it can read again."""
    try:
        stated = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        return int(stated["inactive_file"])
    except (OSError, ValueError, KeyError):
        return 0


def require_memory(needed: float, free: float, what: str, remedy: str) -> None:
    """Raises ImageError where ``what`` takes more bytes than are free, with what to do about it."""
    if needed > free:
        raise ImageError(f"{what} {needed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free: {remedy}")


@dataclass
class Peak:
    """The most bytes of memory that the whole process held at a time; None as long as that is not known."""

    bytes: int | None = None


@contextmanager
def peak_memory(process: Path = _PROCESS) -> Iterator[Peak]:
    """Tell the peak of this process within the block, once it is over.

    By Linux's own mark, which is begun anew: it costs nothing, and misses nothing. Elsewhere a thread looks again and
    again, and misses what comes and goes between two looks. Of two such blocks at once the mark tells only the later.

    process: the folder of the process's marks.
    """
    peak = Peak()
    try:
        (process / "clear_refs").write_text("5")
    except OSError:
        with _looked_at(peak):
            yield peak
    else:
        yield peak
        with suppress(OSError):
            mark = re.search(r"^VmHWM:\s*(\d+) kB$", (process / "status").read_text(), re.MULTILINE)
            peak.bytes = None if mark is None else 1024 * int(mark[1])


@contextmanager
def _looked_at(peak: Peak) -> Iterator[None]:
    over = threading.Event()

    def look() -> None:
        process, last = psutil.Process(), False
        with suppress(psutil.Error):
            while not last:
                last = over.wait(_BETWEEN_LOOKS)
                peak.bytes = max(peak.bytes or 0, int(process.memory_info().rss))

    thread = threading.Thread(target=look, name="darklift-peak", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def give_back() -> None:
    """Let the system have what this process has freed, of which glibc keeps tens of megabytes; elsewhere, nothing."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Any:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, TypeError, AttributeError):  # Windows, and C libraries that have none
        return None
