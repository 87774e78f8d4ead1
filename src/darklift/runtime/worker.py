"""What a worker process does: open the model once, then one task after the other, until whoever started it is gone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, NoReturn

from darklift.errors import DarkliftError, UsageError

if TYPE_CHECKING:
    from darklift.runtime.processes import Trade

__all__ = ["Refused", "serve"]


@dataclass(frozen=True)
class Refused:
    """Why no task can be done: the model cannot be opened, or cannot do what the settings ask for."""

    message: str
    usage: bool

    def to_error(self) -> DarkliftError:
        """To be raised in the process that started the workers."""
        return UsageError(self.message) if self.usage else DarkliftError(self.message)


def serve(chief: Connection, trade: Trade[Any, Any]) -> None:
    """Send the model's card, then a result for each task that comes; or :class:`Refused`."""
    _live_as_long_as_the_chief()
    try:
        card, do = trade.open()
        chief.send(card)
        while True:
            chief.send(do(chief.recv()))
    except DarkliftError as error:
        chief.send(Refused(str(error), isinstance(error, UsageError)))
    except (EOFError, OSError):  # the other end is closed
        return


def _live_as_long_as_the_chief() -> None:
    """Ctrl-C and a closed terminal reach every process of a command: the first one hears them, and ends its workers."""
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_end_with_the_chief, name="darklift-chief", daemon=True).start()


def _stop(*_: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it may come twice, from a service's end and the chief's
    sys.exit(1)  # not at once: what is half written is removed on the way


def _end_with_the_chief() -> None:
    """One that was killed closes nothing in time: work that nobody asks for any more would go on."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
