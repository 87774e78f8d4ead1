"""Two things at once, where there is more than one core for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from darklift.image import FloatArray
from darklift.pipeline.tiling import Tile
from darklift.runtime.threads import thread_count

__all__ = ["put_beside"]


def put_beside(
    pieces: Iterable[tuple[Tile, FloatArray]], put: Callable[[Tile, FloatArray], None], threads: int | None
) -> None:
    """Put each piece while the next is made, where there is more than one core for it; one after the other.

    threads: as of :func:`~darklift.runtime.threads.thread_count`.
    """
    if thread_count(threads) < 2:
        for piece in pieces:
            put(*piece)
        return
    with ThreadPoolExecutor(1) as beside:
        last: Future[None] | None = None
        for piece in pieces:
            if last is not None:
                last.result()
            last = beside.submit(put, *piece)
        if last is not None:
            last.result()
