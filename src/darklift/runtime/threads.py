"""How many threads a network may use, so that several models, or processes, do not fight over the cores."""

from __future__ import annotations

import operator
import os

from darklift.errors import UsageError

__all__ = ["thread_count"]


def thread_count(threads: int | None = None) -> int:
    """The number asked for, but no more than the machine has cores (more would only wait for one another); else what
    OMP_NUM_THREADS says; else the cores that this process may use, not those that the machine has. 0 leaves it to the
    backend, where the system does not tell.

    Raises UsageError for anything but a whole number from 1.
    """
    if threads is not None:
        try:
            count = operator.index(threads)
        except TypeError:
            count = 0
        if count < 1:
            raise UsageError(f"threads is {threads!r}, expected a whole number from 1, or none to use every core")
        return min(count, os.cpu_count() or count)
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdecimal() and len(wanted) < 5:
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
