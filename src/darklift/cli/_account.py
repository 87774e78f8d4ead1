"""What becomes of each photo of ``darklift enhance``, as it is told: on the terminal, as JSON, on a contact sheet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from darklift.cli._console import Bar, progress_bar, say, warn
from darklift.pipeline.settings import Settings

if TYPE_CHECKING:
    from darklift.batch.foreign import Skipped
    from darklift.batch.job import OnJobStep, Outcome
    from darklift.batch.ledger import Ledger
    from darklift.batch.paths import Job
    from darklift.batch.request import Request
    from darklift.runtime import ModelCard

__all__ = ["Account"]


class Account:
    """Tells people, ``--json`` and the sheet what became of each job. failed: how many jobs failed."""

    def __init__(
        self, jobs: Sequence[Job], skipped: Sequence[Skipped], sheet: str | None, *, quiet: bool, overwrite: bool
    ) -> None:
        from darklift.figures.sheet import Sheet

        self.failed = 0
        self._files: list[dict[str, Any]] = []
        self._jobs, self._skipped, self._quiet = jobs, skipped, quiet
        self._sheet = None if sheet is None else Sheet(sheet, len(jobs), overwrite=overwrite)
        self._card: ModelCard | None = None

    def run(self, request: Request, ledger: Ledger | None = None) -> None:
        """Do all jobs; the model is opened once it is known that there is something to do."""
        from darklift.batch.job import check_job, failed
        from darklift.batch.outputs import make_folder
        from darklift.batch.run import run_jobs, run_shared
        from darklift.pipeline.enhancer import Enhancer
        from darklift.pipeline.plan import check_settings

        if self._sheet is not None:
            make_folder(self._sheet.paths[0].parent)
            request = replace(request, preview=self._sheet.box)
        problems = {job: check_job(job, request.saving.may_replace(job)) for job in self._jobs}
        for job, problem in problems.items():
            if problem is not None:
                self._take(failed(job, problem), request.settings)
        ready = [job for job, problem in problems.items() if problem is None]
        if not ready:
            return
        enhancer = Enhancer(request.opening.load())
        self._card = enhancer.model.card
        check_settings(enhancer.model, request.settings)
        reached = 0
        try:
            with progress_bar(shown=not self._quiet) as bar:
                moves = _moves(bar, ready)
                crew = partial(run_jobs, enhancer, request=request, on_step=moves)
                for outcome in run_shared(crew, ready, ledger):
                    reached += 1
                    self._take(outcome, request.settings)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"stopped: {reached} of {len(ready)} photos were reached") from None

    def _take(self, outcome: Outcome, settings: Settings) -> None:
        self._files.append(outcome.to_dict())
        if outcome.error is not None:
            self.failed += 1
            warn(outcome.error)
            if outcome.defect:
                say(outcome.defect)
            return
        if self._sheet is not None and outcome.previews is not None:
            left = _left_alone(outcome, settings)
            self._sheet.add(outcome.previews, ": ".join([outcome.job.source.name, *([left] if left else [])]))
        if not self._quiet:
            for line in _told(outcome, settings):
                say(line)

    def finish_sheet(self) -> None:
        """Write the sheet's last page. Raises ImageError."""
        from darklift.figures.sheet import pages_in_words

        pages = () if self._sheet is None else self._sheet.close()
        if pages and not self._quiet:
            say(f"before and after: {pages_in_words(pages)}")

    def tell_skipped(self) -> None:
        """Say which pictures were left out, as they cannot be read."""
        from darklift.batch.foreign import kinds_in_words

        if not self._skipped or self._quiet:
            return
        count, number = len(self._skipped), len(self._skipped) + len(self._jobs)
        names = ", ".join(str(picture.path) for picture in self._skipped[:5]) + (", ..." if count > 5 else "")
        warn(
            f"{count} of {number} pictures cannot be read ({kinds_in_words(self._skipped)}) and were left out: {names}"
        )

    def to_json(self) -> str:
        """The account of all jobs so far."""
        from darklift import __version__

        card = self._card
        model = card and {"name": card.name, "method": card.method, "backend": card.backend}
        skipped = [{"input": str(picture.path), "kind": picture.kind} for picture in self._skipped]
        account = {"darklift": __version__, "model": model, "files": self._files}
        return json.dumps({**account, "failed": self.failed, "skipped": skipped}, indent=2)


def _told(outcome: Outcome, settings: Settings) -> Iterable[str]:
    """What people hear of a photo that was done."""
    job = outcome.job
    if outcome.size is None:
        yield f"{job.source} -> {job.target} (done by another run)"
        return
    height, width = outcome.size
    steps = "1 step" if outcome.steps == 1 else f"{outcome.steps} steps"
    done = "the same bytes" if outcome.unchanged else f"{steps}, {outcome.seconds:.1f} s"
    many = "" if outcome.frames == 1 else f"{outcome.frames} frames, "
    yield f"{job.source} -> {job.target} ({width}x{height}, {many}{done})"
    left = _left_alone(outcome, settings)
    if left:
        yield f"{job.source}: {left}; --exposure +0 enhances it all the same"
    for note in outcome.notes:
        yield f"{job.source}: not kept: {note}"


def _left_alone(outcome: Outcome, settings: Settings) -> str:
    """How much of a photo was left as it was, and why; empty where all was enhanced as asked."""
    if outcome.share >= 0.995 or not settings.strength:
        return ""
    if outcome.holds_nothing and not outcome.share:
        return "holds nothing to bring out, left as it is"
    done = f"enhanced by {outcome.share:.0%} only"
    if outcome.share < 0.005:
        done = "left as it is" if outcome.left_alone else "only its tones and colours were changed, as asked"
    return f"bright enough already, {done}"


def _moves(bar: Bar, jobs: Sequence[Job]) -> OnJobStep:
    """Moves the bar: by steps where there is one photo, else by photos."""
    numbers = {job.target: number for number, job in enumerate(jobs)}

    def on_step(job: Job, step: int, steps: int) -> None:
        if len(jobs) == 1:
            bar.update(step, steps, job.source.name)
        else:
            bar.update(numbers[job.target] + step / steps, len(jobs), job.source.name)

    return on_step
