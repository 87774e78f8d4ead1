"""Many pictures through one loaded model, with an account of what became of each; one that fails stops no other."""

from __future__ import annotations

import os
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darklift.batch.paths import Job
from darklift.cli._console import Bar, progress_bar, say, warn
from darklift.cli._options import make_folder, obstacle
from darklift.errors import DarkliftError, ImageError, UsageError
from darklift.figures.heatmap import draw_heatmap
from darklift.figures.sheet import MAX_ROWS, fitting_side, preview, write_sheet
from darklift.image import SUPPORTED_EXTENSIONS, Picture, is_image_path, read_image, write_image

if TYPE_CHECKING:
    from PIL import Image

    from darklift.pipeline.enhancer import Enhancer, Window
    from darklift.pipeline.exposure import Exposure
    from darklift.pipeline.render import OnStep

__all__ = ["Batch", "Saving", "Wishes"]


@dataclass(frozen=True)
class Wishes:
    """How to enhance; see :class:`darklift.Enhancer`."""

    preset: str | None
    steps: int | None
    exposure: Exposure | None
    strength: float
    seed: int
    window: Window | None


@dataclass(frozen=True)
class Saving:
    """How to write; see :func:`darklift.write_image`."""

    quality: int | None
    lossless: bool
    overwrite: bool


class Batch:
    """Jobs, and what became of them.

    files: an account of each picture that was reached, plain values. failed: how many of them failed.
    """

    def __init__(self, jobs: Sequence[Job], wishes: Wishes, saving: Saving, *, quiet: bool, with_sheet: bool) -> None:
        self.files: list[dict[str, Any]] = []
        self.failed = 0
        self._wishes, self._saving, self._quiet = wishes, saving, quiet
        self._side = fitting_side(min(len(jobs), MAX_ROWS), 2) if with_sheet else 0
        self._rows: list[tuple[str, Image.Image, Image.Image]] = []
        self.ready = [job for job in jobs if self._accepts(job)]
        """The jobs that can be done as far as their files tell; the others have failed already."""

    def _accepts(self, job: Job) -> bool:
        try:
            _check_job(job, self._saving.overwrite)
        except ImageError as error:
            self._fail(job, str(error))
            return False
        return True

    def run(self, enhancer: Enhancer) -> None:
        """Do all jobs that are ready. Raises only UsageError (the request fits no picture) and KeyboardInterrupt."""
        count = len(self.ready)
        with progress_bar(shown=not self._quiet) as bar:
            for number, job in enumerate(self.ready):
                try:
                    bar.update(number, count, job.source.name)
                    self._do(enhancer, job, _moves(bar, number, count, job.source.name))
                except UsageError:
                    raise
                except KeyboardInterrupt:
                    raise KeyboardInterrupt(f"stopped: {number} of {count} pictures were reached") from None
                except (DarkliftError, MemoryError) as error:
                    self._fail(job, str(error) or "there is not enough memory for it")
                except Exception as error:  # noqa: BLE001  # our defect, told in full; the other pictures still count
                    self._fail(job, f"a defect in darklift, please report it: {error!r}", traceback.format_exc())

    def _do(self, enhancer: Enhancer, job: Job, on_step: OnStep) -> None:
        picture = read_image(job.source)
        wishes, saving = self._wishes, self._saving
        result = enhancer.run(
            picture,
            preset=wishes.preset,
            steps=wishes.steps,
            exposure=wishes.exposure,
            strength=wishes.strength,
            seed=wishes.seed,
            window=wishes.window,
            uncertainty=job.map is not None,
            on_step=on_step,
        )
        if job.map is not None and result.uncertainty is not None:  # first: a picture that is there is done in full
            make_folder(job.map.parent)
            heatmap = draw_heatmap(result.uncertainty, "sure", "unsure")
            write_image(heatmap, job.map, overwrite=saving.overwrite)
        make_folder(job.target.parent)
        try:
            write_image(
                result.picture, job.target, quality=saving.quality, lossless=saving.lossless, overwrite=saving.overwrite
            )
        except BaseException:
            if job.map is not None and not saving.overwrite:
                job.map.unlink(missing_ok=True)
            raise
        height, width = picture.size
        self._account(
            job,
            width=width,
            height=height,
            brightness=None if result.brightness is None else round(result.brightness, 4),
            share=round(result.share, 3),
            steps=result.steps,
            seconds=round(result.seconds, 3),
            **({} if job.map is None else {"uncertainty": str(job.map)}),
            notes=list(picture.metadata.notes),
        )
        self._keep_row(job, picture, result.picture)
        if not self._quiet:
            steps = "1 step" if result.steps == 1 else f"{result.steps} steps"
            say(f"{job.source} -> {job.target} ({width}x{height}, {steps}, {result.seconds:.1f} s)")
            if result.share < 0.995 and wishes.strength:
                done = f"only {result.share:.0%} enhanced" if result.share >= 0.005 else "left so"
                say(f"{job.source}: nearly good as it is, {done}: --exposure +0 enhances it all the same")
            for note in picture.metadata.notes:
                say(f"{job.source}: not kept: {note}")

    def _account(self, job: Job, *, error: str | None = None, **facts: Any) -> None:
        self.files.append({"input": str(job.source), "output": str(job.target), "error": error, **facts})

    def _fail(self, job: Job, message: str, details: str = "") -> None:
        if str(job.source) not in message:
            message = f"{job.source}: {message}"
        self.failed += 1
        self._account(job, error=message)
        warn(message)
        if details:
            say(details)

    def _keep_row(self, job: Job, before: Picture, after: Picture) -> None:
        if self._side and len(self._rows) < MAX_ROWS:
            self._rows.append((job.source.name, preview(before, self._side), preview(after, self._side)))

    def write_sheet(self, path: str) -> None:
        """A sheet of what was done, the first hundred of it; nothing where all failed. Raises ImageError."""
        if not self._rows:
            return
        names, befores, afters = zip(*self._rows, strict=True)
        make_folder(Path(path).parent)
        rows = list(zip(befores, afters, strict=True))
        write_sheet(rows, path, captions=names if len(names) > 1 else (), overwrite=self._saving.overwrite)
        if not self._quiet:
            done = len(self.files) - self.failed
            say(f"before and after: {path}" + (f" (the first {MAX_ROWS} pictures)" if done > MAX_ROWS else ""))


def _moves(bar: Bar, number: int, count: int, name: str) -> OnStep:
    """Told the steps of picture ``number``, moves the bar: by steps where there is one picture, else by pictures."""

    def on_step(step: int, steps: int) -> None:
        if count == 1:
            bar.update(step, steps, name)
        else:
            bar.update(number + step / steps, count, name)

    return on_step


def _check_job(job: Job, overwrite: bool) -> None:
    """Find out before the work what would come of it. Raises ImageError."""
    if not os.path.lexists(job.source):
        raise ImageError(f"cannot read {job.source}: no such file or folder")
    if not is_image_path(job.target):
        kinds = ", ".join(sorted(SUPPORTED_EXTENSIONS))
        raise ImageError(f"cannot write {job.target}: expected one of {kinds}, choose one with --format")
    for path in job.outputs:
        problem = obstacle(path, overwrite)
        if problem is not None:
            raise ImageError(f"cannot write {path}: {problem}")
