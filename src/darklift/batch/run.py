"""Many pictures through one loaded model, with an account of what became of each; one that fails stops no other.

Nothing is printed here: each :class:`Outcome` tells whoever runs the batch.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from darklift.batch.outputs import make_folder, obstacle
from darklift.batch.paths import STREAM, Job
from darklift.errors import DarkliftError, ImageError, UsageError, one_line
from darklift.figures.heatmap import draw_heatmap
from darklift.image import (
    WRITABLE_EXTENSIONS,
    Picture,
    bytes_will_do,
    check_writable,
    copy_file,
    decode_image,
    encode_image,
    held_bits,
    not_written,
    read_image,
    read_stream,
    result_extension,
    write_image,
)
from darklift.pipeline.enhancer import Enhancer
from darklift.pipeline.render import Enhanced
from darklift.pipeline.settings import Settings

__all__ = ["OnJobStep", "Outcome", "Reading", "Saving", "check_job", "failed", "run_jobs"]

OnJobStep = Callable[[int, int, int], None]
"""Told (number of the job, its steps done, its steps in all) before each job and after each of its steps."""


@dataclass(frozen=True)
class Reading:
    """How photos are read; see :func:`darklift.read_image`."""

    like_camera: bool = True


@dataclass(frozen=True)
class Saving:
    """How results are written; see :func:`darklift.write_image`. keep_times: files get the photo's."""

    quality: int | None = None
    lossless: bool = False
    bits: int | None = None
    overwrite: bool = False
    keep_times: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of one job: either ``error`` says on one line why it failed, or ``before`` and ``enhanced`` are
    there.

    defect: a traceback, where darklift itself is to blame. notes: in words, what the photo's file held and the written
    one does not. unchanged: the written file is the photo's, byte for byte.
    """

    job: Job
    error: str | None = None
    defect: str = ""
    before: Picture | None = None
    enhanced: Enhanced | None = None
    notes: tuple[str, ...] = ()
    unchanged: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        account: dict[str, Any] = {"input": str(self.job.source), "output": str(self.job.target), "error": self.error}
        if self.before is None or self.enhanced is None:
            return account
        height, width = self.before.size
        account |= {"width": width, "height": height}
        brightness = self.enhanced.brightness
        account["brightness"] = None if brightness is None else round(brightness, 4)
        account["share"] = round(self.enhanced.share, 3)
        account["holds_nothing"] = self.enhanced.holds_nothing
        account["unchanged"] = self.unchanged
        account["steps"] = self.enhanced.steps
        account["seconds"] = round(self.enhanced.seconds, 3)
        if self.job.map is not None:
            account["uncertainty"] = str(self.job.map)
        account["notes"] = list(self.notes)
        return account


def check_job(job: Job, overwrite: bool) -> str | None:
    """Why a job is bound to fail, as far as its files tell before any work; None where nothing speaks against it."""
    if job.source != STREAM and not os.path.lexists(job.source):
        return f"cannot read {job.source}: no such file or folder"
    for path in job.outputs:
        if path != STREAM and path.suffix.lower() not in WRITABLE_EXTENSIONS:
            kinds = ", ".join(sorted(WRITABLE_EXTENSIONS))
            return f"cannot write {path}: expected one of {kinds}, choose one with --format"
        problem = None if path == STREAM else obstacle(path, overwrite)
        if problem is not None:
            return f"cannot write {path}: {problem}"
    return None


def run_jobs(
    enhancer: Enhancer,
    jobs: Sequence[Job],
    settings: Settings,
    saving: Saving,
    reading: Reading = Reading(),
    *,
    on_step: OnJobStep | None = None,
) -> Iterator[Outcome]:
    """Do the jobs in their order, telling each outcome as it comes.

    Raises only UsageError, where the settings fit no picture, and KeyboardInterrupt.
    """
    tell = on_step or (lambda number, step, steps: None)
    for number, job in enumerate(jobs):
        tell(number, 0, 1)
        try:
            yield _do(enhancer, job, settings, saving, reading, partial(tell, number))
        except UsageError:
            raise
        except (DarkliftError, MemoryError) as error:
            yield failed(job, str(error) or "there is not enough memory for it")
        except Exception as error:  # noqa: BLE001  # our defect, told in full; the other photos still count
            yield failed(job, f"a defect in darklift, please report it: {error!r}", traceback.format_exc())


def failed(job: Job, message: str, defect: str = "") -> Outcome:
    """The outcome of a job that could not be done."""
    named = message if str(job.source) in message else f"{job.source}: {message}"
    return Outcome(job, error=" ".join(named.splitlines()), defect=defect)


def _do(
    enhancer: Enhancer,
    job: Job,
    settings: Settings,
    saving: Saving,
    reading: Reading,
    on_step: Callable[[int, int], None],
) -> Outcome:
    picture, data = _read(job, reading)
    left_out = _left_out(picture, job, saving)
    bits = held_bits(picture, _container(picture, job), bits=saving.bits)
    enhanced = enhancer.run(picture, settings, uncertainty=job.map is not None, on_step=on_step, bits=bits)
    if job.map is not None and enhanced.uncertainty is not None:  # first: a picture that is there is done in full
        make_folder(job.map.parent)
        heat_map = draw_heatmap(enhanced.uncertainty, "sure", "unsure")
        write_image(heat_map, job.map, overwrite=saving.overwrite, permissions_of=_file(job))
    unchanged = enhanced.unchanged and _bytes_will_do(picture, job, saving)
    try:
        if unchanged:
            _copy(data, job, saving)
        else:
            _save(enhanced.picture, job, saving)
    except BaseException:
        if job.map is not None and not saving.overwrite:
            job.map.unlink(missing_ok=True)
        raise
    notes = () if unchanged else (*picture.metadata.notes, *left_out)
    return Outcome(job, before=picture, enhanced=enhanced, notes=notes, unchanged=unchanged)


def _read(job: Job, reading: Reading) -> tuple[Picture, bytes | None]:
    """The photo, and its bytes where they cannot be read a second time."""
    if job.source != STREAM:
        return read_image(job.source, like_camera=reading.like_camera), None
    try:
        data = read_stream(sys.stdin.buffer)
        return decode_image(data, like_camera=reading.like_camera), data
    except (ImageError, OSError) as error:
        raise ImageError(f"cannot read a photo from standard input (-): {one_line(error)}") from error


def _file(job: Job) -> Path | None:
    """The photo's file, where it came from one."""
    return None if job.source == STREAM else job.source


def _container(picture: Picture, job: Job) -> str:
    """The format that the result is written in, by name or extension."""
    if job.target != STREAM:
        return job.target.suffix
    return job.format or result_extension(picture.source.container or "PNG")


def _left_out(picture: Picture, job: Job, saving: Saving) -> tuple[str, ...]:
    """What the written file cannot hold, in words; what it must and cannot is refused here, before the work."""
    container = _container(picture, job)
    try:
        check_writable(picture, container, quality=saving.quality, lossless=saving.lossless, bits=saving.bits)
        return not_written(picture, container, bits=saving.bits)
    except ImageError as error:
        where = "to standard output (-)" if job.target == STREAM else str(job.target)
        raise ImageError(f"cannot write {where}: {error}") from error


def _bytes_will_do(picture: Picture, job: Job, saving: Saving) -> bool:
    return bytes_will_do(
        picture, _container(picture, job), quality=saving.quality, lossless=saving.lossless, bits=saving.bits
    )


def _copy(data: bytes | None, job: Job, saving: Saving) -> None:
    """Write the photo's own bytes; ``data`` is given where they came through the standard input."""
    if job.target == STREAM:
        _put_out(job.source.read_bytes() if data is None else data)
        return
    make_folder(job.target.parent)
    source = job.source if data is None else data
    copy_file(source, job.target, overwrite=saving.overwrite, keep_times=saving.keep_times)


def _save(picture: Picture, job: Job, saving: Saving) -> None:
    if job.target != STREAM:
        make_folder(job.target.parent)
        write_image(
            picture,
            job.target,
            quality=saving.quality,
            lossless=saving.lossless,
            bits=saving.bits,
            overwrite=saving.overwrite,
            permissions_of=_file(job),
            times_of=_file(job) if saving.keep_times else None,
        )
        return
    _put_out(
        encode_image(
            picture, _container(picture, job), quality=saving.quality, lossless=saving.lossless, bits=saving.bits
        )
    )


def _put_out(data: bytes) -> None:
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        raise ImageError(f"cannot write to standard output (-): {one_line(error)}") from error
