"""How much memory there still is, for refusing what cannot fit before it takes the machine down."""

from __future__ import annotations

from pathlib import Path

import psutil

from darklift.errors import ImageError

__all__ = ["free_memory", "require_memory"]

_CGROUP = Path("/sys/fs/cgroup")


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
    return max(0, min(free, limit - used))


def require_memory(needed: float, free: float, what: str, remedy: str) -> None:
    """Raises ImageError where ``what`` takes more bytes than are free, with what to do about it."""
    if needed > free:
        raise ImageError(f"{what} {needed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free: {remedy}")
