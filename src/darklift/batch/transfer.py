"""From a job's file to pictures, and from results to its target: files, standard input and output."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from darklift.batch.outputs import make_folder
from darklift.batch.paths import STREAM, Job
from darklift.errors import ImageError, one_line
from darklift.image import (
    Frames,
    Picture,
    bytes_will_do,
    check_frames_writable,
    check_writable,
    copy_file,
    decode_frames,
    encode_frames,
    encode_image,
    held_bits,
    not_written,
    read_frames,
    read_stream,
    result_extension,
    write_frames,
    write_image,
)

__all__ = [
    "AS_USUAL",
    "Reading",
    "Saving",
    "bits_to_hold",
    "copy",
    "copying_will_do",
    "read",
    "save",
    "save_frames",
    "save_map",
    "what_is_left_out",
]


@dataclass(frozen=True)
class Reading:
    """How photos are read; see :func:`darklift.read_image`. frame: of several, from 1; None for all."""

    like_camera: bool = True
    frame: int | None = None


AS_USUAL = Reading()
"""All that is in a file, raw ones like the camera."""


@dataclass(frozen=True)
class Saving:
    """How results are written; see :func:`darklift.write_image`. keep_times: files get the photo's."""

    quality: int | None = None
    lossless: bool = False
    bits: int | None = None
    overwrite: bool = False
    keep_times: bool = False

    @property
    def coding(self) -> dict[str, Any]:
        """Of the pixels."""
        return {"quality": self.quality, "lossless": self.lossless, "bits": self.bits}

    def may_replace(self, job: Job) -> bool:
        """Whether the job's files may take the place of others."""
        return self.overwrite or job.may_replace

    def file(self, job: Job) -> dict[str, Any]:
        """Of the file that is written."""
        photo = None if job.source == STREAM else job.source
        return {
            "overwrite": self.may_replace(job),
            "permissions_of": photo,
            "times_of": photo if self.keep_times else None,
        }


def read(job: Job, reading: Reading) -> tuple[Frames, bytes | None]:
    """What the photo's file holds, and its bytes where they cannot be read a second time."""
    if job.source != STREAM:
        return read_frames(job.source, like_camera=reading.like_camera), None
    try:
        data = read_stream(sys.stdin.buffer)
        return decode_frames(data, like_camera=reading.like_camera), data
    except (ImageError, OSError) as error:
        raise ImageError(f"cannot read a photo from standard input (-): {one_line(error)}") from error


def _container(picture: Picture, job: Job) -> str:
    """The format that the result is written in, by name or extension."""
    if job.target != STREAM:
        return job.target.suffix
    return job.format or result_extension(picture.source.container or "PNG")


def what_is_left_out(picture: Picture, frames: Frames | None, job: Job, saving: Saving) -> tuple[str, ...]:
    """What the written file cannot hold, in words; what it must and cannot is refused here, before the work.

    frames: of which the picture is the first, None where it is the only one.
    """
    container = _container(picture, job)
    try:
        if frames is None:
            check_writable(picture, container, **saving.coding)
        else:
            check_frames_writable(picture, frames, container, **saving.coding)
        return not_written(picture, container, bits=saving.bits, several=frames is not None)
    except ImageError as error:
        where = "to standard output (-)" if job.target == STREAM else str(job.target)
        raise ImageError(f"cannot write {where}: {error}") from error


def bits_to_hold(job: Job, saving: Saving, *, several: bool = False) -> Callable[[Picture], int | None]:
    """Tells of a picture how its result is held, as of :func:`darklift.image.held_bits`."""
    return lambda picture: held_bits(picture, _container(picture, job), bits=saving.bits, several=several)


def copying_will_do(picture: Picture, job: Job, saving: Saving) -> bool:
    """Whether a photo that stays as it is may stay the same file."""
    return bytes_will_do(picture, _container(picture, job), **saving.coding)


def copy(data: bytes | None, job: Job, saving: Saving) -> None:
    """Write the photo's own bytes; ``data`` is given where they came through the standard input."""
    if job.target == STREAM:
        _put_out(job.source.read_bytes() if data is None else data)
        return
    make_folder(job.target.parent)
    source = job.source if data is None else data
    copy_file(source, job.target, overwrite=saving.may_replace(job), keep_times=saving.keep_times)


def save(picture: Picture, job: Job, saving: Saving) -> None:
    """Write the result."""
    if job.target == STREAM:
        _put_out(encode_image(picture, _container(picture, job), **saving.coding))
        return
    make_folder(job.target.parent)
    write_image(picture, job.target, **saving.coding, **saving.file(job))


def save_map(picture: Picture, job: Job, saving: Saving) -> None:
    """Write a picture of the job's map."""
    assert job.map is not None
    make_folder(job.map.parent)
    write_image(picture, job.map, **saving.file(job) | {"times_of": None})


def save_frames(pictures: Iterable[Picture], frames: Frames, job: Job, saving: Saving) -> None:
    """Write the results of several pictures, one by one as they are made."""
    if job.target == STREAM:
        container = job.format or result_extension(frames.container)
        _put_out(encode_frames(pictures, container, frames, **saving.coding))
        return
    make_folder(job.target.parent)
    write_frames(pictures, job.target, frames, **saving.coding, **saving.file(job))


def _put_out(data: bytes) -> None:
    stream, rest = sys.stdout.buffer, memoryview(data)
    try:
        while rest:  # with PYTHONUNBUFFERED it is a raw stream, which may write a part at a time
            written: int | None = stream.write(rest)
            if written is None:
                raise BlockingIOError(errno.EAGAIN, "its reader does not wait (it is in non-blocking mode)")
            rest = rest[written:]
        stream.flush()
    except OSError as error:
        raise ImageError(f"cannot write to standard output (-): {one_line(error)}") from error
