"""The folder of a run or a sweep: made, locked against a second one, and removed again if nothing was begun in it."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from darklift.errors import TrainingError
from darklift.train.launch import is_first

__all__ = ["STATE", "hold_alone", "run_folder"]

STATE = "state.pt"
"""The file in it that a run is resumed from."""
_LOCK = ".lock"


@contextlib.contextmanager
def run_folder(folder: Path) -> Iterator[None]:
    """Hold the folder for one run; the system frees the lock when its holder dies.

    Raises TrainingError where another run holds it, where it cannot be made, and where the disk fills up meanwhile.
    """
    # Of several processes, the first one holds it.
    holding = hold_alone(folder, f"another process is training in {folder}") if is_first() else contextlib.nullcontext()
    with holding, _told_of_a_full_disk(folder):
        yield


@contextlib.contextmanager
def hold_alone(folder: Path, held: str) -> Iterator[None]:
    """Make the folder and lock it; it is removed again if nothing came into it. Raises TrainingError, also where
    another process holds it, which says that it is ``held``.
    """
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"cannot make the run folder {folder} ({error.strerror}): choose another") from error
    lock = FileLock(folder / _LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise TrainingError(f"{held}: wait for it, or choose another --run folder") from None
    try:
        yield
    finally:
        lock.release()
        if is_new and [path.name for path in folder.iterdir()] == [_LOCK]:
            (folder / _LOCK).unlink()
            folder.rmdir()


@contextlib.contextmanager
def _told_of_a_full_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        saved = (folder / STATE).exists()
        hint = "what was saved before is whole: go on from it with --resume" if saved else "nothing was saved yet"
        place = error.filename or folder
        raise TrainingError(f"cannot write {place} ({error.strerror}): make room; {hint}") from error
