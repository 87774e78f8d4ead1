"""What a worker process does for a batch: a job after the other, with the model open."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from darklift.batch.job import Outcome, do_job, failed
from darklift.batch.paths import Job
from darklift.batch.request import Request
from darklift.batch.sizing import weight
from darklift.files import remove_leftovers
from darklift.pipeline.enhancer import Enhancer
from darklift.pipeline.plan import check_settings
from darklift.runtime import ModelCard
from darklift.runtime.processes import Trade
from darklift.runtime.worker import Refused

__all__ = ["Enhancing", "Refused"]


@dataclass(frozen=True)
class Enhancing(Trade[Job, Outcome]):
    """What is asked of all pictures."""

    request: Request

    def open(self) -> tuple[ModelCard, Callable[[Job], Outcome]]:
        """Raises DarkliftError, where none can be done."""
        enhancer = Enhancer(self.request.opening.load())
        check_settings(enhancer.model, self.request.settings)
        return enhancer.model.card, partial(do_job, enhancer, request=self.request)

    def weight(self, task: Job) -> int:
        """The memory that its photo takes, in bytes."""
        return weight(task.source)

    def again(self, task: Job) -> Job:
        """With leave to replace what the first try has written, where nothing was there before."""
        fresh = not any(os.path.lexists(path) for path in task.outputs)
        return replace(task, may_replace=task.may_replace or fresh)

    def tidy(self, task: Job) -> None:
        """Remove what is half written."""
        remove_leftovers(task.target.parent)

    def lost(self, task: Job, how: str) -> Outcome:
        """It has failed."""
        problem = f"the process that was at it died twice ({how}), perhaps for want of memory: try it with --memory"
        return failed(task, problem)
