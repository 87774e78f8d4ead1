"""Who works on which picture, where several runs share one folder of results: a small file for each, taken atomically.

A claim whose holder has died is taken over: at once where that was a process of this machine, and where it was another
machine's, once it has given no sign of life for a while. Claims only spare work that somebody does already. Results are
written atomically whoever makes them, so two that hold one claim (a machine was asleep, say) do no harm.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import psutil

from darklift.batch.manifest import FileState
from darklift.errors import BatchError
from darklift.files import locked, new_file, remove_leftovers

__all__ = ["Claim", "Claims"]

_FOLDER = "claims"
_LOCK = "claims.lock"
_BEAT = 10.0
"""Seconds from one sign of life to the next."""
_SILENCE = 60.0
"""Seconds without one after which a claim of another machine counts as left behind."""
_SAME_START = 10.0
"""Seconds by which a process's start may seem to move when the clock is set."""


@dataclass(frozen=True)
class Claim:
    """Somebody works on a picture."""

    output: str
    """The result, as the manifest names it."""
    host: str
    """The machine, or container."""
    pid: int
    began: float
    """When the process ``pid`` had begun, in seconds since 1970: another of that number later is somebody else."""
    owns: bool
    """Whatever file has the result's name is of this work, or may be replaced by it: when work began there was none, or
    an earlier result of the same picture.
    """

    def is_ours(self) -> bool:
        """Whether this process holds it."""
        return (self.host, self.pid) == (_this_host(), os.getpid())

    def is_alive(self) -> bool | None:
        """Whether the holder is; None where that cannot be known from here."""
        if self.host != _this_host():
            return None
        try:
            process = psutil.Process(self.pid)
            same = abs(float(process.create_time()) - self.began) < _SAME_START
            return bool(same and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False
        except psutil.Error:
            return True


@dataclass(frozen=True)
class _Held:
    """A claim of ours: its file, and the result's as it was then."""

    path: Path
    target: Path
    before: FileState | None


class Claims:
    """The claims on one folder's results. Use it in a ``with`` block, which gives back what is still held at its end.

    While it is open, a thread of its own gives the signs of life.
    """

    def __init__(self, folder: Path) -> None:
        """folder: the manifest's."""
        self._folder = folder / _FOLDER
        self._lock = folder / _LOCK
        self._held: dict[str, _Held] = {}
        self._seen: dict[Path, tuple[int, float]] = {}
        self._closed = threading.Event()
        self._pulse = threading.Thread(target=self._beat, name="darklift-claims", daemon=True)

    def __enter__(self) -> Claims:
        """Raises BatchError."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BatchError(f"cannot create {self._folder}: {error.strerror}") from error
        self._pulse.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        for output, held in list(self._held.items()):
            if FileState.of(held.target) == held.before:
                self.release(output)
            else:  # the result is there, and nobody will put it down: whoever comes next shall know whose it is
                self.abandon(output)

    def take(self, output: str, target: Path, *, may_replace: bool = False) -> Claim | None:
        """Claim a result, by its name in the manifest, that shall be written to ``target``.

        may_replace: a file that is there is an earlier result of the same picture. None where somebody else works on
        it. Raises BatchError where claims cannot be written.
        """
        path = self._path(output)
        left = self._take_away_if_left(path, target)
        before = FileState.of(target)
        owns = may_replace or (not os.path.lexists(target) if left is None else left.owns)
        claim = Claim(output, _this_host(), os.getpid(), _began(), owns)
        try:
            with new_file(path) as stream:
                stream.write(json.dumps(asdict(claim)).encode())
        except FileExistsError:
            return None
        except FileNotFoundError as error:
            raise BatchError(f"{self._folder.parent.parent} was removed while darklift wrote into it") from error
        except OSError as error:
            raise BatchError(f"cannot write {path}: {error.strerror}") from error
        self._held[output] = _Held(path, target, before)
        return claim

    def release(self, output: str) -> None:
        """Give a claim back: its picture is in the manifest, or shall be done by somebody else."""
        held = self._held.pop(output, None)
        if held is not None:
            with suppress(OSError):
                held.path.unlink()

    def abandon(self, output: str) -> None:
        """Leave a claim to whoever comes after this process: its result may be there, and could not be put down."""
        self._held.pop(output, None)

    def clear(self, output: str, target: Path) -> None:
        """Take away the claim of a holder who has died, and what it has left half written."""
        self._take_away_if_left(self._path(output), target)

    def look(self) -> Iterator[tuple[Claim, bool]]:
        """All claims, and whether their holders may be alive."""
        with suppress(OSError):
            for path in sorted(self._folder.glob("*.json")):
                claim = _read(path)
                if claim is not None:
                    yield claim, claim.is_alive() is not False

    def _path(self, output: str) -> Path:
        return self._folder / f"{hashlib.sha256(output.encode(errors='surrogateescape')).hexdigest()[:32]}.json"

    def _take_away_if_left(self, path: Path, target: Path) -> Claim | None:
        """Remove a claim whose holder has died, and return it; None where there is none, or another is at it."""
        if not self._is_left(path):
            return None
        with locked(self._lock):
            if not self._is_left(path):  # somebody was faster, and the claim there now is a new one
                return None
            claim = _read(path)
            path.unlink(missing_ok=True)
        remove_leftovers(target.parent)
        return claim

    def _is_left(self, path: Path) -> bool:
        claim = _read(path)
        alive = None if claim is None else claim.is_alive()
        if alive is not None:
            return not alive
        try:
            beat = path.stat().st_mtime_ns
        except OSError:
            return False  # given back
        last, since = self._seen.get(path, (beat, time.monotonic()))
        if last != beat:
            since = time.monotonic()
        self._seen[path] = (beat, since)
        return time.monotonic() - since > _SILENCE  # by our clock alone: another machine's may be wrong

    def _beat(self) -> None:
        while not self._closed.wait(_BEAT):
            for held in list(self._held.values()):
                with suppress(OSError):
                    os.utime(held.path)


def _read(path: Path) -> Claim | None:
    try:
        return Claim(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


@cache
def _this_host() -> str:
    """This machine since it was started, and this container: where a process number means one process."""
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    with suppress(OSError):
        parts.append(os.readlink("/proc/self/ns/pid"))
    return "/".join(parts)


@cache
def _began() -> float:
    return float(psutil.Process().create_time())
