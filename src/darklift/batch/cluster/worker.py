"""What an actor of the cluster does: open the model once, then one picture after the other, as the desk says.

A block of Ray's holds paths; pictures are read and written here, and never go through Ray's object store.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from darklift import __version__
from darklift.batch.cluster.desk import Order
from darklift.batch.cluster.far import fetch, put
from darklift.batch.job import Outcome, do_job, failed
from darklift.batch.manifest import PhotoFile
from darklift.batch.paths import Job
from darklift.batch.request import Request
from darklift.batch.sizing import weight
from darklift.errors import DarkliftError, ImageError, UsageError
from darklift.files import remove_leftovers
from darklift.pipeline.enhancer import Enhancer
from darklift.pipeline.plan import check_settings
from darklift.runtime.memory import free_memory

__all__ = ["Ask", "Brief", "Worker"]

Ask = Callable[..., Any]
"""Asks the desk: the name of a method and its arguments, for its answer."""

_BEAT = 4.0
"""Seconds from one sign of life to the next."""
_PAUSE = 0.2
"""Seconds before the desk is asked once more."""


@dataclass(frozen=True)
class Brief:
    """What holds for all workers. version, model: of the driver; visible: what every node must see."""

    request: Request
    version: str
    model: Mapping[str, str]
    visible: tuple[Path, ...] = ()

    @classmethod
    def of(cls, request: Request, visible: tuple[Path, ...]) -> Brief:
        """Of the driver. Raises ModelError, UsageError."""
        return cls(request, __version__, request.opening.identity(), visible)

    def check(self, node: str) -> None:
        """Whether this machine does what the driver's would. Raises DarkliftError."""
        if __version__ != self.version:
            raise DarkliftError(
                f"{node} has darklift {__version__}, and the driver {self.version}: install the same on every node"
            )
        for path in self.visible:
            if not os.path.lexists(path):
                raise DarkliftError(
                    f"{node} does not see {path}: share the disk with all nodes, or use a store (s3://)"
                )
        if self.request.opening.identity() != self.model:
            raise DarkliftError(
                f"{node} has another model called {self.request.opening.model}: copy the driver's there"
            )


class Worker:
    """Opens the model, and is then called with batches of jobs, as Ray Data does with a class."""

    def __init__(self, connect: Callable[[], tuple[Ask, str, str]], brief: Brief) -> None:
        """connect: gives a way to the desk, the worker's node, and what people call that."""
        self._ask, node, shown = connect()
        self._id, self._request = uuid.uuid4().hex, brief.request
        self._enhancer: Enhancer | None = None
        room = free_memory()
        try:
            brief.check(shown)
            self._enhancer = Enhancer(self._request.opening.load())
            check_settings(self._enhancer.model, self._request.settings)
            self._ask("arrive", self._id, node, room, self._enhancer.model.card)
        except DarkliftError as error:
            self._ask("refuse", str(error), isinstance(error, UsageError))
        except Exception as error:  # noqa: BLE001  # it would end as a traceback of Ray's, and be tried for ever
            self._ask("refuse", f"{shown} cannot open the model: {error!r}", False)
        threading.Thread(target=self._beat, name="darklift-beat", daemon=True).start()

    def __call__(self, batch: Any) -> dict[str, list[int]]:
        """Do the jobs of a batch, which are pickled in its column "job" (an Arrow table's). All that came of them goes
        to the desk.
        """
        jobs: list[bytes] = batch["job"].to_pylist()
        for packed in jobs:
            if self._enhancer is not None:
                self._one(self._enhancer, packed)
        return {"done": [len(jobs)]}

    def _one(self, enhancer: Enhancer, packed: bytes) -> None:
        order: Order = self._ask("begin", self._id, packed)
        while order.wait:
            time.sleep(_PAUSE)
            order = self._ask("begin", self._id, packed)
        if order.job is None:
            return
        try:
            if order.again and order.job.destination is None:
                remove_leftovers(order.job.target.parent)
            outcome = do_far_job(enhancer, order.job, self._request, self._wait_for_room)
        except UsageError as error:  # the settings fit no picture
            self._ask("refuse", str(error), True)
            return
        except Exception as error:  # noqa: BLE001  # our defect, told in full; the other photos still count
            problem = f"a defect in darklift, please report it: {error!r}"
            outcome = failed(order.job, problem, traceback.format_exc())
        self._ask("finish", self._id, outcome)

    def _wait_for_room(self, path: Path) -> None:
        while not self._ask("make_room", self._id, weight(path)):
            time.sleep(_PAUSE)

    def _beat(self) -> None:
        while True:
            time.sleep(_BEAT)
            self._ask("beat", self._id)


def do_far_job(
    enhancer: Enhancer, job: Job, request: Request, on_read: Callable[[Path], None] = lambda path: None
) -> Outcome:
    """:func:`darklift.batch.job.do_job`, of photos that are fetched first, and results that are put away afterwards.

    on_read: is called with the photo's file, before it is opened. Raises UsageError, as ``do_job`` does.
    """
    try:
        with _near(job) as near:
            on_read(near.source)
            outcome = do_job(enhancer, near, request)
            if outcome.error is not None:
                told = outcome.error.replace(str(near.source), job.input).replace(str(near.target), job.output)
                outcome = replace(outcome, error=told)
            elif job.destination is not None:
                outcome = replace(outcome, result=put(near.target, job.destination))
    except ImageError as error:
        return failed(job, str(error))
    photo = outcome.photo
    if photo is not None and job.origin is not None and job.origin.state is not None:
        photo = PhotoFile(photo.size, job.origin.state.mtime_ns, photo.sha256)
    return replace(outcome, job=job, photo=photo)


@contextmanager
def _near(job: Job) -> Iterator[Job]:
    """The job with files here at both its ends. Raises ImageError, where the photo cannot be fetched."""
    if job.origin is None and job.destination is None:
        yield job
        return
    with tempfile.TemporaryDirectory(prefix="darklift-") as folder:
        near = job
        if job.origin is not None:
            near = replace(near, source=Path(folder) / f"photo{job.source.suffix}", origin=None)
            changed = fetch(job.origin.address, near.source)
            if changed:
                os.utime(near.source, ns=(changed, changed))
        if job.destination is not None:
            near = replace(near, target=Path(folder) / f"result{job.target.suffix}", destination=None)
        yield near
