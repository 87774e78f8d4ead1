"""How many processes a batch is worth, and how much memory a photo takes, roughly and before it is read."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from darklift.batch.paths import STREAM, Job
from darklift.batch.request import Request
from darklift.runtime.memory import free_memory
from darklift.runtime.threads import thread_count
from darklift.store.load import Opening

__all__ = ["crew_size", "weight"]

_LEAST = 500_000_000
"""Bytes that a process takes for a photo of some megapixels: the program, one tile, and what is on its way."""
_HELD_TWICE = 6
"""Bytes a pixel of 8-bit RGB that is held as photo and as result."""
_PACKED = 60
"""Bytes of such a pair for each byte of a file whose size in pixels is not known: of a strongly compressed HEIC."""
_WORTH_IT = 2_000_000
"""Bytes of photos' files: with less to do, several processes would take longer to start than one to do it."""


def crew_size(request: Request, jobs: Sequence[Job], workers: int | None = None) -> tuple[int, int]:
    """How many processes shall do the jobs, and on how many threads each.

    workers: as many as asked for, but no more than there are jobs. None is one for each core of those that the run may
    use (``Opening.threads``), fewer where memory is scarce; and one for all that another process could not speed up: a
    model on a GPU, a checkpoint, a few small photos. Raises UsageError.
    """
    cores = thread_count(request.opening.threads) or os.cpu_count() or 1
    if workers is None:
        workers = cores if _is_worth_it(request.opening, jobs) else 1
        workers = max(1, min(workers, free_memory() // _LEAST))
    workers = max(1, min(workers, len(jobs)))
    return workers, max(1, cores // workers)


def _is_worth_it(opening: Opening, jobs: Sequence[Job]) -> bool:
    if len(jobs) < 2 or jobs[0].source == STREAM or sum(_size(job.source) for job in jobs) < _WORTH_IT:
        return False
    return opening.runs_on_cpu()


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):
        return 0


def weight(path: Path) -> int:
    """Bytes. Looks at the file's header; 0 for a file that cannot be read at all, which takes nothing."""
    size = _size(path)
    if not size:
        return 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is not decoded here, however large it says it is
            with Image.open(path) as image:
                width, height = image.size
                deep = image.mode in ("I", "F") or image.mode.startswith("I;16")
    except Exception:  # noqa: BLE001  # not Pillow's, or damaged: reading it will tell
        return _LEAST + _PACKED * size
    return _LEAST + width * height * _HELD_TWICE * (2 if deep else 1)
