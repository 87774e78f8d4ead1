"""Writing files so that nobody ever finds half of one."""

from __future__ import annotations

import os
import platform
import re
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import psutil

__all__ = ["locked", "new_file", "remove_leftovers", "write_atomically"]


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file, or replace the one that is there: readers see the old file or the new one, nothing between.

    Missing folders are made. Raises OSError, with the target as it was.
    """
    Path(os.path.realpath(path)).parent.mkdir(parents=True, exist_ok=True)
    with new_file(path, overwrite=True) as stream:
        stream.write(data)


@contextmanager
def new_file(
    path: Path, *, overwrite: bool = False, permissions_of: Path | None = None, times_of: Path | None = None
) -> Iterator[BinaryIO]:
    """An empty stream to write and seek in. What it holds at the end becomes the file; after an error nothing does.

    It is written beside the target, under a name that begins with a dot and ends with ``.tmp`` (only a killed process
    leaves one behind, for :func:`remove_leftovers`), brought to the disk, and given its name in one step.

    Args:
        path: the target, in a folder that exists.
        overwrite: replace a file that is there already; the new one keeps its permissions. Where ``path`` is a link, it
            stays one, and the file behind it is replaced.
        permissions_of: the file that a new one takes over who may read, write and execute it from; by default the
            process's own rule (umask). Where the disk, or the system, has no such permissions, it goes without.
        times_of: the file whose times of access and change it gets.

    Raises:
        FileExistsError: the name is taken and ``overwrite`` is false; seen at the start, or at the end where somebody
            was faster. The other file is never touched.
        OSError: any other refusal by the disk.
    """
    if not overwrite and os.path.lexists(path):
        raise FileExistsError(f"{path} exists already")
    target = Path(os.path.realpath(path)) if overwrite else path
    mode = _mode_of(target if overwrite and target.exists() else permissions_of)
    times = None if times_of is None else times_of.stat()
    # fits in wherever the target's name does
    temporary = target.parent / f".darklift-{_host()}-{os.getpid()}-{os.urandom(4).hex()}.tmp"
    try:
        created_with = 0o666 if mode is None else mode  # so that nobody may read it now who may not in the end
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, created_with)) as stream:
            if mode is not None:
                with suppress(OSError):  # disks for cameras (FAT, exFAT) and some shares have no permissions
                    temporary.chmod(mode)  # now without the umask
            yield stream
            stream.flush()
            os.fsync(stream.fileno())  # or a power cut could leave the name with nothing behind it
        if times is not None:
            os.utime(temporary, ns=(times.st_atime_ns, times.st_mtime_ns))
        if overwrite:
            temporary.replace(target)
        else:
            _publish(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _mode_of(path: Path | None) -> int | None:
    """The permissions to take over; None where there are none to be had.

    Windows knows only whether a file may be written, and would let nobody replace or remove one that may not.
    """
    if path is None or os.name == "nt":
        return None
    try:
        return stat.S_IMODE(path.stat().st_mode) & 0o777
    except OSError:  # gone meanwhile
        return None


def _publish(temporary: Path, target: Path) -> None:
    """Give the finished file its name unless another has taken it meanwhile (FileExistsError)."""
    try:
        os.link(temporary, target)  # unlike a renaming, this never replaces a file
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: take the name with an empty file of our own, then replace that
        target.open("xb").close()
        try:
            temporary.replace(target)
        except BaseException:
            target.unlink()
            raise


_TEMPORARY = re.compile(r"\.darklift-([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.tmp")


def _host() -> str:
    """This machine, in 8 letters."""
    return f"{zlib.crc32(platform.node().encode()):08x}"


def remove_leftovers(folder: Path) -> None:
    """Remove what processes of this machine that were killed have left half written in a folder."""
    with suppress(OSError):
        for name in os.listdir(folder):
            found = _TEMPORARY.fullmatch(name)
            if found and found[1] == _host() and not psutil.pid_exists(int(found[2])):
                with suppress(OSError):
                    (folder / name).unlink()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Nobody else is in such a block for this file while ours runs, on this machine or another that shares the disk.

    The file is made where there is none, in a folder that exists. A disk that has no locks goes without. Raises
    OSError where the file cannot be made.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        with suppress(OSError):
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(file, msvcrt.LK_LOCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)  # which gives the lock back
