"""What a worker process does: open the model once, then one job after the other, until its pool is gone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import NoReturn

from darklift.batch.job import do_job
from darklift.batch.request import Request
from darklift.errors import DarkliftError, UsageError
from darklift.pipeline.enhancer import Enhancer
from darklift.pipeline.plan import check_settings

__all__ = ["Refused", "serve"]


@dataclass(frozen=True)
class Refused:
    """Why no job can be done: the model cannot be opened, or cannot do what the settings ask for."""

    message: str
    usage: bool

    def to_error(self) -> DarkliftError:
        """To be raised in the pool's process."""
        return UsageError(self.message) if self.usage else DarkliftError(self.message)


def serve(pool: Connection, request: Request) -> None:
    """Send the model's card, then an :class:`~darklift.batch.job.Outcome` for each job that comes; or ``Refused``."""
    _live_as_long_as_the_pool()
    try:
        enhancer = Enhancer(request.opening.load())
        check_settings(enhancer.model, request.settings)
        pool.send(enhancer.model.card)
        while True:
            pool.send(do_job(enhancer, pool.recv(), request))
    except DarkliftError as error:
        pool.send(Refused(str(error), isinstance(error, UsageError)))
    except (EOFError, OSError):  # the pool has closed its end
        return


def _live_as_long_as_the_pool() -> None:
    """Ctrl-C and a closed terminal reach every process of a command: the pool hears them, and ends its workers."""
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_end_with_the_pool, name="darklift-pool", daemon=True).start()


def _stop(*_: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it may come twice, from a service's end and the pool's
    sys.exit(1)  # not at once: what is half written is removed on the way


def _end_with_the_pool() -> None:
    """A pool that was killed closes nothing in time: work that nobody asks for any more would go on."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
