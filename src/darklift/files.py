"""Writing files so that nobody ever finds half of one."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import psutil

__all__ = ["OWN_FOLDER", "append_line", "file_digest", "locked", "new_file", "remove_leftovers", "write_atomically"]

OWN_FOLDER = ".darklift"
"""Holds what darklift keeps for its own use beside results. Its dot hides it from those who look for pictures."""


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

    It is brought to the disk, and given its name in one step. While it is written it has none where the system can do
    that (Linux, on most of its own disks), so that nothing is left of it when the process is killed; elsewhere it lies
    beside the target, under a name that begins with a dot and ends with ``.tmp``, for
    :func:`remove_leftovers`.

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
        with _created(temporary, created_with) as stream:
            if mode is not None:
                with suppress(OSError):  # disks for cameras (FAT, exFAT) and some shares have no permissions
                    os.fchmod(stream.fileno(), mode)  # now without the umask
            yield stream
            stream.flush()
            os.fsync(stream.fileno())  # or a power cut could leave the name with nothing behind it
            if not os.path.lexists(temporary):
                _give_name(stream, temporary)
        if times is not None:
            os.utime(temporary, ns=(times.st_atime_ns, times.st_mtime_ns))
        if overwrite:
            temporary.replace(target)
        else:
            _publish(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _created(temporary: Path, mode: int) -> BinaryIO:
    """A new file without a name, which is gone with its process; where that cannot be had, one of this name."""
    unnamed: int | None = getattr(os, "O_TMPFILE", None)
    if unnamed is not None:
        flags_for_it = unnamed | os.O_RDWR
        with suppress(OSError):  # the disk cannot do it; whatever else it refuses, it refuses once more below
            return open(temporary, "xb", opener=lambda name, _: os.open(Path(name).parent, flags_for_it, mode))
    return open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode))


def _give_name(stream: BinaryIO, name: Path) -> None:
    """Give a file that has none this name; where there are no hard links (Android), to a copy of it."""
    file = stream.fileno()
    try:
        # src_dir_fd means nothing here, but makes Python ask for the file behind the link in /proc, not the link
        os.link(f"/proc/self/fd/{file}", name, src_dir_fd=file, follow_symlinks=True)
    except OSError:
        mode = stat.S_IMODE(os.fstat(file).st_mode)
        with (
            open(file, "rb", closefd=False) as written,
            open(name, "xb", opener=lambda path, flags: os.open(path, flags, mode)) as copy,
        ):
            os.fchmod(copy.fileno(), mode)
            written.seek(0)
            shutil.copyfileobj(written, copy)
            copy.flush()
            os.fsync(copy.fileno())


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


def file_digest(path: Path) -> str:
    """A file's SHA-256, in hexadecimal. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def append_line(path: Path, line: bytes, lock: Path) -> None:
    """Put a line at the end of a file that is there: whole or not at all, and on the disk when this returns.

    Others may do the same at the same time. What somebody who was killed left of a line stays a line of its own.

    line: without its end. lock: see :func:`locked`. Raises OSError, with the file as it was.
    """
    with locked(lock):
        file = os.open(path, os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0))
        try:
            _append(file, line + b"\n")
        finally:
            os.close(file)


def _append(file: int, line: bytes) -> None:
    before = os.fstat(file).st_size
    if before:
        os.lseek(file, before - 1, os.SEEK_SET)
        if os.read(file, 1) != b"\n":
            line = b"\n" + line
    try:
        written = 0
        while written < len(line):
            written += os.write(file, line[written:])
        os.fsync(file)
    except OSError:
        os.ftruncate(file, before)
        raise
