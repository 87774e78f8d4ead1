"""Many pictures through one loaded model, with an account of what became of each; one that fails stops no other.

Nothing is printed here: each :class:`Outcome` tells whoever runs the batch.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from darklift.batch.outputs import obstacle
from darklift.batch.paths import STREAM, Job
from darklift.batch.transfer import (
    AS_USUAL,
    Reading,
    Saving,
    bits_to_hold,
    copy,
    copying_will_do,
    read,
    save,
    save_frames,
    save_map,
    what_is_left_out,
)
from darklift.errors import DarkliftError, ImageError, UsageError, printable
from darklift.figures.heatmap import draw_heatmap
from darklift.image import (
    WRITABLE_EXTENSIONS,
    FloatArray,
    Frames,
    Picture,
    check_recognised,
    foreign_kind,
    luma,
)
from darklift.pipeline.enhancer import Enhancer
from darklift.pipeline.render import Enhanced
from darklift.pipeline.settings import Settings
from darklift.pipeline.tiling import Tile

__all__ = ["OnJobStep", "Outcome", "check_job", "failed", "run_jobs"]

OnJobStep = Callable[[int, int, int], None]
"""Told (number of the job, its steps done, its steps in all) before each job and after each of its steps."""


_BLACK = np.float32(1 / 255)
"""Unit: less than this is shown as nothing."""


@dataclass(frozen=True)
class Outcome:
    """What became of one job: either ``error`` says on one line why it failed, or ``before`` and ``enhanced`` are
    there.

    frames: how many pictures came of the file. Of several, ``before`` and ``enhanced`` are those in the middle, with
    the time of all.

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
    frames: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        account: dict[str, Any] = {"input": str(self.job.source), "output": str(self.job.target), "error": self.error}
        if self.before is None or self.enhanced is None:
            return account
        height, width = self.before.size
        account |= {"width": width, "height": height, "frames": self.frames}
        brightness = self.enhanced.brightness
        account["brightness"] = None if brightness is None else round(brightness, 4)
        account["share"] = round(self.enhanced.share, 3)
        account["holds_nothing"] = self.enhanced.holds_nothing
        account["unchanged"] = self.unchanged
        account["steps"] = self.enhanced.steps
        account["seconds"] = round(self.enhanced.seconds, 3)
        if self.job.map is not None:
            account["uncertainty"] = str(self.job.map)
            account["coverage"] = self.enhanced.coverage
        account["notes"] = list(self.notes)
        return account


def check_job(job: Job, overwrite: bool) -> str | None:
    """Why a job is bound to fail, as far as its files tell before any work; None where nothing speaks against it."""
    if job.source != STREAM and not os.path.lexists(job.source):
        return f"cannot read {job.source}: no such file or folder"
    for path in job.outputs:
        if path != STREAM and path.suffix.lower() not in WRITABLE_EXTENSIONS:
            if job.source != STREAM and (problem := _no_picture(job.source)) is not None:
                return problem  # which is why its ending is none
            kinds = ", ".join(sorted(WRITABLE_EXTENSIONS))
            return f"cannot write {path}: expected one of {kinds}, choose one with --format"
        problem = None if path == STREAM else obstacle(path, overwrite)
        if problem is not None:
            return f"cannot write {path}: {problem}"
    return None


def _no_picture(path: Path) -> str | None:
    try:
        check_recognised(path)
    except ImageError as error:
        kind = foreign_kind(path)
        return str(error) if kind is None else f"cannot read {path}: {kind} is not read here, convert it to PNG or TIFF"
    return None


def run_jobs(
    enhancer: Enhancer,
    jobs: Sequence[Job],
    settings: Settings,
    saving: Saving,
    reading: Reading = AS_USUAL,
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
            with enhancer.within_memory():
                outcome = _do(enhancer, job, settings, saving, reading, partial(tell, number))
            yield outcome
        except UsageError:
            raise
        except (DarkliftError, MemoryError) as error:
            yield failed(job, str(error) or "there is not enough memory for it")
        except Exception as error:  # noqa: BLE001  # our defect, told in full; the other photos still count
            yield failed(job, f"a defect in darklift, please report it: {error!r}", traceback.format_exc())


def failed(job: Job, message: str, defect: str = "") -> Outcome:
    """The outcome of a job that could not be done."""
    source, _ = job.in_words
    message = printable(message)
    return Outcome(job, error=message if source in message else f"{source}: {message}", defect=defect)


def _do(
    enhancer: Enhancer,
    job: Job,
    settings: Settings,
    saving: Saving,
    reading: Reading,
    on_step: Callable[[int, int], None],
) -> Outcome:
    frames, data = read(job, reading)
    if len(frames) > 1 and reading.frame is None:
        return _do_frames(enhancer, job, frames, data, settings, saving, on_step)
    picture = frames.picture(1 if reading.frame is None else reading.frame)
    left_out = what_is_left_out(picture, None, job, saving)
    bits = bits_to_hold(job, saving)(picture)
    enhanced = enhancer.run(picture, settings, uncertainty=job.map is not None, on_step=on_step, bits=bits)
    if job.map is not None and enhanced.uncertainty is not None:  # first: a picture that is there is done in full
        save_map(_drawn(enhanced.uncertainty, enhanced), job, saving)
    unchanged = enhanced.unchanged and len(frames) == 1 and copying_will_do(picture, job, saving)
    try:
        if unchanged:
            copy(data, job, saving)
        else:
            save(enhanced.picture, job, saving)
    except BaseException:
        if job.map is not None and not saving.overwrite:
            job.map.unlink(missing_ok=True)
        raise
    notes = () if unchanged else (*picture.metadata.notes, *left_out)
    return Outcome(job, before=picture, enhanced=enhanced, notes=notes, unchanged=unchanged)


def _drawn(uncertainty: FloatArray, enhanced: Enhanced) -> Picture:
    """The map for people. Of intervals, how much of what is shown they are: all of it where they reach down to black,
    so that nobody knows whether anything is there.
    """
    if enhanced.coverage is None:
        return draw_heatmap(uncertainty, "sure", "unsure")
    percent = np.empty_like(uncertainty)
    for strip in Tile(0, 0, *uncertainty.shape).strips():
        shown = luma(enhanced.picture.part(*strip.window))
        percent[strip.window] = 100 * uncertainty[strip.window] / np.maximum(shown, _BLACK)
    note = f"± so much of what is shown holds for {enhanced.coverage:.0%}"
    return draw_heatmap(percent, "seen", "invented", ends=(0, 100), unit="%", note=note)


def _do_frames(
    enhancer: Enhancer,
    job: Job,
    frames: Frames,
    data: bytes | None,
    settings: Settings,
    saving: Saving,
    on_step: Callable[[int, int], None],
) -> Outcome:
    if job.map is not None:
        raise ImageError(f"--uncertainty draws a map of one picture, and it has {len(frames)}: add --frame 1")
    first = frames.picture(1)
    left_out = what_is_left_out(first, frames, job, saving)
    planned = enhancer.plan_frames(frames, settings)
    account = _Several(len(frames))
    unchanged = copying_will_do(first, job, saving) and planned.changes_nothing()
    made = account.listen(planned.render(on_step=on_step, bits=bits_to_hold(job, saving, several=True)))
    if unchanged:
        for _ in made:  # only for the account: no network runs
            pass
        copy(data, job, saving)
    else:
        save_frames(made, frames, job, saving)
    notes = () if unchanged else (*account.notes, *left_out)
    return Outcome(job, None, "", account.before, account.enhanced(), notes, unchanged, frames=len(frames))


class _Several:
    """Listens to what becomes of several pictures, and keeps the one in the middle."""

    def __init__(self, count: int) -> None:
        self._middle = count // 2
        self._seconds = 0.0
        self._shares: list[float] = []
        self._nothing = True
        self._shown: Enhanced | None = None
        self.before: Picture | None = None
        self.notes: dict[str, None] = {}

    def listen(self, made: Iterable[tuple[Picture, Enhanced]]) -> Iterator[Picture]:
        """Pass on the results."""
        for number, (before, enhanced) in enumerate(made):
            self._seconds += enhanced.seconds
            self._shares.append(enhanced.share)
            self._nothing = self._nothing and enhanced.holds_nothing
            self.notes |= dict.fromkeys(before.metadata.notes)
            if number == self._middle:
                self.before, self._shown = before, enhanced
            yield enhanced.picture

    def enhanced(self) -> Enhanced:
        """The one in the middle, with the time of all and the mean of their shares."""
        assert self._shown is not None
        share = sum(self._shares) / len(self._shares)
        return replace(self._shown, seconds=self._seconds, share=share, holds_nothing=self._nothing)
