"""Photos that come into a folder: each is told of once it is there whole, those first that are there already."""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from darklift.batch.manifest import FileState
from darklift.batch.paths import identity, walk
from darklift.errors import BatchError, UsageError
from darklift.image import is_image_path
from darklift.image.extras import Extra

__all__ = ["arrivals", "is_being_written"]

_log = logging.getLogger(__name__)
_WATCHFILES = Extra("watchfiles", "watchfiles", "watch")
_TICK = 0.25
"""Seconds between two looks at what has not come in whole."""
_TRIES = 5
"""How often watchfiles is started in vain before only looking is left: the system may give no more of its kind."""
_AT_ONCE = 32
"""Photos that are told of together at most: what comes in meanwhile waits no longer than for these."""


def arrivals(
    folder: Path,
    skip: Path,
    wanted: Callable[[Path], bool],
    *,
    recursive: bool = False,
    settle: float = 2.0,
    every: float = 60.0,
    notify: bool = True,
) -> Iterator[list[Path]]:
    """Photos that are there whole, some at a time, without end; the list is empty where only time has passed.

    A file counts as whole once its size and time have not changed for ``settle`` seconds and, where the system tells
    (Linux, on its own disks), nobody has it open for writing. One that changes later is told of again.

    Args:
        folder: where they come in. Hidden files, and those without a picture's name, are not looked at: what is renamed
            when it is whole (``.part``, ``.crdownload``) counts from then on.
        skip: a folder that is not looked into: that of the results.
        wanted: whether anything is left to do about a photo. It is asked when the file is seen, and when it is whole;
            after a no, not until the file has changed.
        recursive: look into the folders inside, too.
        settle: seconds.
        every: seconds between two looks at the whole folder, for what the system did not report.
        notify: have the system report what changes; without, or where it cannot, only those looks find it.

    Raises:
        MissingExtraError: there is no watchfiles.
        BatchError: the folder was removed, or cannot be read.
    """
    folder, skip = folder.absolute(), identity(skip)
    coming: dict[Path, tuple[FileState | None, float]] = {}
    settled: set[int] = set()
    looked = -every
    for changed in _changes(folder, recursive) if notify else _nothing():
        if not os.path.isdir(folder):
            raise BatchError(f"{folder} was removed while darklift watched it")
        now = time.monotonic()
        reported = (path for path in changed or () if _belongs(path, folder, skip))
        seen: Iterable[Path] = (found for path in reported for found in _come_with(path, recursive, skip))
        if changed is None or now - looked >= every:
            seen, looked = _all(folder, recursive, skip), now
        for path in seen:
            if path in coming or not is_image_path(path):
                continue
            known = hash((path, FileState.of(path)))  # a number for each photo that was ever here, as there may be many
            if known in settled:
                continue
            if wanted(path):
                coming[path] = None, now
            else:
                settled.add(known)
        yield [path for path in _whole(coming, settle) if wanted(path)]


def _whole(coming: dict[Path, tuple[FileState | None, float]], settle: float) -> list[Path]:
    """Take out of ``coming`` what has come in whole; what is gone again, too."""
    whole: list[Path] = []
    for path, (before, since) in list(coming.items()):
        state, now = FileState.of(path), time.monotonic()
        if state is None:
            del coming[path]
        elif state != before:
            coming[path] = state, now
        elif state.size and now - since >= settle and not is_being_written(path):
            del coming[path]
            whole.append(path)
            if len(whole) == _AT_ONCE:
                break
    return whole


def is_being_written(path: Path) -> bool:
    """Whether some process has the file open for writing, as far as the system tells; False where it does not.

    Linux tells who asks for a lease on reading. It is given back at once.
    """
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Whoever would write while we hold the lease is made to wait, and we are told by a signal: one without effect.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:  # another's file, or a disk without leases: EACCES, EINVAL
        return error.errno == errno.EAGAIN
    finally:
        os.close(file)
    return False


def _all(folder: Path, recursive: bool, skip: Path) -> list[Path]:
    try:
        return list(walk(folder, recursive, skip))
    except UsageError as error:
        raise BatchError(str(error)) from error


def _come_with(path: Path, recursive: bool, skip: Path) -> Iterable[Path]:
    """Of a folder all that is in it: the system reports only what came in after it began to watch that one."""
    if not (recursive and path.is_dir()):
        return (path,)
    with suppress(UsageError):  # it is gone again
        return list(walk(path, recursive, skip))
    return ()


def _belongs(path: Path, folder: Path, skip: Path) -> bool:
    """Whether :func:`walk` would find it."""
    inside = path.relative_to(folder)
    hidden = any(part.startswith(".") for part in inside.parts)
    return not hidden and not any(identity(place) == skip for place in (path, *path.parents))


def _changes(folder: Path, recursive: bool) -> Iterator[list[Path] | None]:
    """What the system reports, after a tick at the latest. What it reports while nobody asks is kept.

    None where it may be anything: watchfiles ends where it is told of a name that is not UTF-8, and is started anew.
    """
    watchfiles = _WATCHFILES.load("watching a folder")
    tick = int(_TICK * 1000)
    begin = partial(
        watchfiles.watch,
        folder,
        watch_filter=None,
        debounce=tick,
        rust_timeout=tick,
        yield_on_timeout=True,
        recursive=recursive,
        ignore_permission_denied=True,
    )
    with suppress(OSError):  # no more folders can be watched, or not on this disk
        tries = _TRIES
        while tries:
            try:
                for number, changes in enumerate(begin()):
                    tries = _TRIES
                    yield [Path(path) for _, path in changes] if number else None
            except RuntimeError as error:  # WatchfilesRustInternalError, which it keeps to itself
                _log.debug("watchfiles has ended: %s", error)
                tries -= 1
                time.sleep(_TICK)
    yield from _nothing()


def _nothing() -> Iterator[list[Path]]:
    while True:
        yield []
        time.sleep(_TICK)
