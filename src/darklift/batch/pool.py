"""Jobs on several processes: while one decodes, the network of another runs, so all cores are busy; and a picture comes
out as it would alone.
"""

from __future__ import annotations

from dataclasses import replace

from darklift.batch.job import Outcome
from darklift.batch.paths import Job
from darklift.batch.request import Request
from darklift.batch.worker import Enhancing
from darklift.runtime.processes import Processes

__all__ = ["Pool"]


class Pool(Processes[Job, Outcome]):
    """A crew (:data:`darklift.batch.run.Crew`) of worker processes. Use it in a ``with`` block."""

    def __init__(self, request: Request, workers: int, threads: int, memory: int | None = None) -> None:
        """
        Args:
            request: what is asked of all pictures.
            workers: how many processes.
            threads: for the model in each.
            memory: bytes for all together; None is what is free now.
        """
        request = replace(request, opening=replace(request.opening, threads=threads))
        super().__init__(Enhancing(request), workers, threads, memory)
