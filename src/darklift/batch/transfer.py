"""From a job's file to pictures, and from results to its target: files, standard input and output."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

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
    not_written,
    read_frames,
    result_extension,
    write_frames,
    write_image,
)

__all__ = ["Saving", "copy", "copying_will_do", "read", "save", "save_frames", "what_is_left_out"]


@dataclass(frozen=True)
class Saving:
    """How results are written; see :func:`darklift.write_image`."""

    quality: int | None = None
    lossless: bool = False
    bits: int | None = None
    overwrite: bool = False

    @property
    def coding(self) -> dict[str, Any]:
        """Of the pixels."""
        return {"quality": self.quality, "lossless": self.lossless, "bits": self.bits}


class _Kept:
    """A stream to read from that keeps what was read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self.data = stream, bytearray()

    def read(self, size: int) -> bytes:
        """As a stream does."""
        part = self._stream.read(size)
        self.data += part
        return part


def read(job: Job) -> tuple[Frames, bytes | None]:
    """What the photo's file holds, and its bytes where they cannot be read a second time."""
    if job.source != STREAM:
        return read_frames(job.source), None
    stream = _Kept(sys.stdin.buffer)
    try:
        return decode_frames(cast(BinaryIO, stream)), bytes(stream.data)
    except ImageError as error:
        raise ImageError(f"cannot read a photo from standard input (-): {error}") from error


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
        return not_written(picture, container, bits=saving.bits)
    except ImageError as error:
        where = "to standard output (-)" if job.target == STREAM else str(job.target)
        raise ImageError(f"cannot write {where}: {error}") from error


def copying_will_do(picture: Picture, job: Job, saving: Saving) -> bool:
    """Whether a photo that stays as it is may stay the same file."""
    return bytes_will_do(picture, _container(picture, job), **saving.coding)


def copy(data: bytes | None, job: Job, saving: Saving) -> None:
    """Write the photo's own bytes; ``data`` is given where they came through the standard input."""
    if job.target == STREAM:
        _put_out(job.source.read_bytes() if data is None else data)
        return
    make_folder(job.target.parent)
    copy_file(job.source if data is None else data, job.target, overwrite=saving.overwrite)


def save(picture: Picture, job: Job, saving: Saving) -> None:
    """Write the result."""
    if job.target == STREAM:
        _put_out(encode_image(picture, _container(picture, job), **saving.coding))
        return
    make_folder(job.target.parent)
    write_image(picture, job.target, **saving.coding, overwrite=saving.overwrite)


def save_frames(pictures: Iterable[Picture], frames: Frames, job: Job, saving: Saving) -> None:
    """Write the results of several pictures, one by one as they are made."""
    if job.target == STREAM:
        container = job.format or result_extension(frames.container)
        _put_out(encode_frames(pictures, container, frames, **saving.coding))
        return
    make_folder(job.target.parent)
    write_frames(pictures, job.target, frames, **saving.coding, overwrite=saving.overwrite)


def _put_out(data: bytes) -> None:
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        raise ImageError(f"cannot write to standard output (-): {one_line(error)}") from error
