"""One picture from its file to its result: the one door for whoever has jobs done, in this process, in workers, or on
other machines. Nothing is printed here: an :class:`Outcome` tells what became of it.
"""

from __future__ import annotations

import errno
import os
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from darklift.batch.doubt_map import draw_doubt
from darklift.batch.manifest import FileState, PhotoFile
from darklift.batch.outputs import obstacle
from darklift.batch.paths import STREAM, Job
from darklift.batch.request import Request
from darklift.batch.transfer import (
    bits_to_hold,
    copy,
    copying_will_do,
    read,
    save,
    save_frames,
    save_map,
    what_is_left_out,
)
from darklift.errors import IN_THE_WAY, DarkliftError, ImageError, UsageError, printable
from darklift.figures.sheet import preview
from darklift.image import WRITABLE_EXTENSIONS, Frames, Picture, check_recognised, foreign_kind
from darklift.pipeline.enhancer import Enhancer
from darklift.pipeline.render import Enhanced

__all__ = ["NOT_AS_WRITTEN", "THERE_ALREADY", "OnJobStep", "Outcome", "check_job", "do_job", "failed"]

OnJobStep = Callable[[Job, int, int], None]
"""Told (job, its steps done, its steps in all) before each job and after each of its steps."""

THERE_ALREADY = "it exists already: --resume or --skip-existing leaves it, --overwrite replaces it"
"""What is said of a result that is not to be replaced."""
NOT_AS_WRITTEN = "it is not as darklift wrote it: --skip-existing leaves it, --overwrite replaces it"
"""The same, where earlier results may be replaced."""
_NOT_THE_PHOTO = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""Of a disk that takes nothing more, whichever photo comes next."""


@dataclass(frozen=True)
class Outcome:
    """What became of one job, in plain values that go from process to process: ``error`` says on one line why it
    failed; where it is None, the job was done and all the rest is known.

    Of several frames, the one in the middle stands for all, with the time of all and the mean of their shares.
    """

    job: Job
    error: str | None = None
    defect: str = ""
    """A traceback, where darklift itself is to blame."""
    hopeless: bool = False
    """It failed by no fault of its photo, and so would the next one: the disk is full, or takes nothing."""
    size: tuple[int, int] | None = None
    """The photo's height and width."""
    frames: int = 1
    """How many pictures came of the file."""
    brightness: float | None = None
    """The mean coded value asked of the model; None where it takes none."""
    share: float = 1.0
    """How much of what the model made is in the result."""
    holds_nothing: bool = False
    """The photo is black, or a lens cap's noise."""
    left_alone: bool = False
    """The result is the photo itself: no pixel was changed."""
    unchanged: bool = False
    """The written file is the photo's, byte for byte."""
    steps: int = 0
    scale: int = 1
    """Pixels along one of the small copy that was worked on."""
    seconds: float = 0.0
    """Without reading and writing files."""
    coverage: float | None = None
    """Of the map's intervals; None where it shows none."""
    notes: tuple[str, ...] = ()
    """In words, what the photo's file held and the written one does not."""
    photo: PhotoFile | None = None
    """The file as it was read, where the request asks for it."""
    result: FileState | None = None
    """The file that was written; None for the standard output."""
    previews: tuple[Image.Image, Image.Image] | None = None
    """Small pictures before and after, where the request asks for them."""
    elsewhere: bool = False
    """Another run has done it at the same time: only ``error``, share, brightness and seconds are known."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        account: dict[str, Any] = {"input": self.job.input, "output": self.job.output, "error": self.error}
        if self.elsewhere:
            account["elsewhere"] = True
        if self.size is None:
            return account
        account |= {"width": self.size[1], "height": self.size[0], "frames": self.frames}
        account["brightness"] = None if self.brightness is None else round(self.brightness, 4)
        account["share"] = round(self.share, 3)
        account |= {"holds_nothing": self.holds_nothing, "unchanged": self.unchanged}
        account |= {"steps": self.steps, "scale": self.scale, "seconds": round(self.seconds, 3)}
        if self.job.map is not None:
            account["uncertainty"] = str(self.job.map)
            account["coverage"] = self.coverage
        account["notes"] = list(self.notes)
        return account


def check_job(job: Job, overwrite: bool, *, there: str = THERE_ALREADY) -> str | None:
    """Why a job is bound to fail, as far as its files tell before any work; None where nothing speaks against it.

    there: what is said of a result that is not to be replaced.
    """
    is_file = job.source != STREAM and job.origin is None
    if is_file and not os.path.lexists(job.source):
        return f"cannot read {job.source}: no such file or folder"
    for path in job.outputs:
        if path != STREAM and path.suffix.lower() not in WRITABLE_EXTENSIONS:
            if is_file and (problem := _no_picture(job.source)) is not None:
                return problem  # which is why its ending is none
            kinds = ", ".join(sorted(WRITABLE_EXTENSIONS))
            shown = job.output if path == job.target else path
            return f"cannot write {shown}: expected one of {kinds}, choose one with --format"
        problem = None if path == STREAM or job.destination is not None else obstacle(path, overwrite)
        if problem is not None:
            return f"cannot write {path}: {there if problem == IN_THE_WAY else problem}"
    return None


def _no_picture(path: Path) -> str | None:
    try:
        check_recognised(path)
    except ImageError as error:
        kind = foreign_kind(path)
        return str(error) if kind is None else f"cannot read {path}: {kind} is not read here, convert it to PNG or TIFF"
    return None


def do_job(enhancer: Enhancer, job: Job, request: Request, *, on_step: OnJobStep | None = None) -> Outcome:
    """Read a picture, enhance it, and write the result, whole or not at all.

    enhancer: with the model of ``request.opening``. Raises only UsageError, where the settings fit no picture, and
    KeyboardInterrupt; all else is in the outcome.
    """
    tell: Callable[[int, int], None] = (lambda step, of: None) if on_step is None else partial(on_step, job)
    tell(0, 1)
    photo = PhotoFile.of(job.source) if request.identify and job.source != STREAM else None  # before it is read
    try:
        with enhancer.within_memory():
            done = _do(enhancer, job, request, tell)
    except UsageError:
        raise
    except (DarkliftError, MemoryError) as error:
        done = failed(job, str(error) or "there is not enough memory for it", hopeless=_is_hopeless(error))
    except Exception as error:  # noqa: BLE001  # our defect, told in full; the other photos still count
        done = failed(job, f"a defect in darklift, please report it: {error!r}", traceback.format_exc())
    written = None if done.error is not None or job.target == STREAM else FileState.of(job.target)
    return replace(done, photo=photo, result=written)


def failed(job: Job, message: str, defect: str = "", *, hopeless: bool = False) -> Outcome:
    """The outcome of a job that could not be done."""
    source, _ = job.in_words
    message = printable(message)
    named = message if source in message else f"{source}: {message}"
    return Outcome(job, error=named, defect=defect, hopeless=hopeless)


def _is_hopeless(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in _NOT_THE_PHOTO:
            return True
        error = error.__cause__
    return False


def _do(enhancer: Enhancer, job: Job, request: Request, on_step: Callable[[int, int], None]) -> Outcome:
    saving = request.saving
    frames, data = read(job, request.reading)
    if len(frames) > 1 and request.reading.frame is None:
        return _do_frames(enhancer, job, frames, data, request, on_step)
    picture = frames.picture(1 if request.reading.frame is None else request.reading.frame)
    left_out = what_is_left_out(picture, None, job, saving)
    bits = bits_to_hold(job, saving)(picture)
    wish = request.settings.changed(uncertainty=job.map is not None)
    in_place = request.preview is None  # which shows the photo beside the result
    enhanced = enhancer.run(picture, wish, on_step=on_step, bits=bits, in_place=in_place)
    if job.map is not None and enhanced.uncertainty is not None:  # first: a picture that is there is done in full
        save_map(draw_doubt(enhanced.uncertainty, enhanced), job, saving)
    unchanged = enhanced.unchanged and len(frames) == 1 and copying_will_do(picture, job, saving)
    try:
        if unchanged:
            copy(data, job, saving)
        else:
            save(enhanced.picture, job, saving)
    except BaseException:
        if job.map is not None and not saving.may_replace(job):
            job.map.unlink(missing_ok=True)
        raise
    notes = () if unchanged else (*enhanced.picture.metadata.notes, *left_out)
    return _told(job, request, picture, enhanced, notes, unchanged)


def _told(
    job: Job,
    request: Request,
    before: Picture,
    enhanced: Enhanced,
    notes: tuple[str, ...],
    unchanged: bool,
    frames: int = 1,
) -> Outcome:
    box = request.preview
    return Outcome(
        job,
        size=before.size,
        frames=frames,
        brightness=enhanced.brightness,
        share=enhanced.share,
        holds_nothing=enhanced.holds_nothing,
        left_alone=enhanced.unchanged,
        unchanged=unchanged,
        steps=enhanced.steps,
        scale=enhanced.scale,
        seconds=enhanced.seconds,
        coverage=enhanced.coverage,
        notes=notes,
        previews=None if box is None else (preview(before, box), preview(enhanced.picture, box)),
    )


def _do_frames(
    enhancer: Enhancer,
    job: Job,
    frames: Frames,
    data: bytes | None,
    request: Request,
    on_step: Callable[[int, int], None],
) -> Outcome:
    saving = request.saving
    if job.map is not None:
        raise ImageError(f"--uncertainty draws a map of one picture, and it has {len(frames)}: add --frame 1")
    first = frames.picture(1)
    left_out = what_is_left_out(first, frames, job, saving)
    planned = enhancer.plan_frames(frames, request.settings)
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
    return _told(job, request, account.before(), account.enhanced(), notes, unchanged, len(frames))


class _Several:
    """Listens to what becomes of several pictures, and keeps the one in the middle."""

    def __init__(self, count: int) -> None:
        self._middle = count // 2
        self._seconds = 0.0
        self._shares: list[float] = []
        self._nothing = True
        self._shown: tuple[Picture, Enhanced] | None = None
        self.notes: dict[str, None] = {}

    def listen(self, made: Iterable[tuple[Picture, Enhanced]]) -> Iterator[Picture]:
        """Pass on the results."""
        for number, (before, enhanced) in enumerate(made):
            self._seconds += enhanced.seconds
            self._shares.append(enhanced.share)
            self._nothing = self._nothing and enhanced.holds_nothing
            self.notes |= dict.fromkeys(enhanced.picture.metadata.notes)
            if number == self._middle:
                self._shown = before, enhanced
            yield enhanced.picture

    def before(self) -> Picture:
        """The photo in the middle."""
        assert self._shown is not None
        return self._shown[0]

    def enhanced(self) -> Enhanced:
        """The one in the middle, with the time of all and the mean of their shares."""
        assert self._shown is not None
        share = sum(self._shares) / len(self._shares)
        return replace(self._shown[1], seconds=self._seconds, share=share, holds_nothing=self._nothing)
