"""How many threads a network may use, so that several models, or processes, do not fight over the cores."""

from __future__ import annotations

import math
import operator
import os
from contextlib import suppress
from pathlib import Path

from darklift.errors import UsageError

__all__ = ["thread_count"]


def thread_count(threads: int | None = None) -> int:
    """The number asked for, but no more than the machine has cores (more would only wait for one another); else what
    OMP_NUM_THREADS says; else the cores that this process may use, or its container (cgroup v2), not those that the
    machine has. 0 leaves it to the backend, where the system does not tell.

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
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    return min(cores, _container_cores() or cores)


def _container_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """How many cores' worth of time the container may take, rounded up; 0 where it has no limit."""
    with suppress(OSError, ValueError):
        quota, period = (cgroup / "cpu.max").read_text().split()  # "max 100000" where there is no limit
        return max(1, math.ceil(int(quota) / int(period)))
    return 0
