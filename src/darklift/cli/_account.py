"""What becomes of each photo of ``darklift enhance``, as it is told: on the terminal, as JSON, on a contact sheet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from darklift.cli._console import Bar, progress_bar, say, warn
from darklift.pipeline.settings import Settings
from darklift.store.load import Opening

if TYPE_CHECKING:
    from darklift.batch.foreign import Skipped
    from darklift.batch.paths import Job
    from darklift.batch.run import OnJobStep, Outcome
    from darklift.batch.transfer import Reading, Saving
    from darklift.pipeline.render import Enhanced
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

    def run(self, opening: Opening, settings: Settings, saving: Saving, reading: Reading) -> None:
        """Do all jobs; the model is opened once it is known that there is something to do."""
        from darklift.batch.outputs import make_folder
        from darklift.batch.run import check_job, failed, run_jobs
        from darklift.pipeline.enhancer import Enhancer
        from darklift.pipeline.plan import check_settings

        if self._sheet is not None:
            make_folder(self._sheet.paths[0].parent)
        problems = {job: check_job(job, saving.overwrite) for job in self._jobs}
        for job, problem in problems.items():
            if problem is not None:
                self._take(failed(job, problem), settings)
        ready = [job for job, problem in problems.items() if problem is None]
        if not ready:
            return
        enhancer = Enhancer(opening.load())
        self._card = enhancer.model.card
        check_settings(enhancer.model, settings)
        reached = 0
        try:
            with progress_bar(shown=not self._quiet) as bar:
                for outcome in run_jobs(enhancer, ready, settings, saving, reading, on_step=_moves(bar, ready)):
                    reached += 1
                    self._take(outcome, settings)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"stopped: {reached} of {len(ready)} photos were reached") from None

    def _take(self, outcome: Outcome, settings: Settings) -> None:
        self._files.append(outcome.to_dict())
        if outcome.error is not None:
            self.failed += 1
            warn(outcome.error)
            for line in outcome.defect.splitlines():
                say(line)
            return
        self._show(outcome, settings)
        if not self._quiet:
            for line in _told(outcome, settings):
                say(line)

    def _show(self, outcome: Outcome, settings: Settings) -> None:
        """Put it onto the sheet."""
        assert outcome.before is not None
        assert outcome.enhanced is not None
        if self._sheet is not None:
            left = _left_alone(outcome.enhanced, settings)
            caption = ": ".join([outcome.job.source.name, *([left] if left else [])])
            self._sheet.add((outcome.before, outcome.enhanced.picture), caption)

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

    def to_json(self, error: str | None = None) -> str:
        """The account of all jobs so far. error: why there will be no further ones, where the whole is refused."""
        from darklift import __version__

        card = self._card
        model = card and {"name": card.name, "method": card.method, "backend": card.backend}
        skipped = [{"input": str(picture.path), "kind": picture.kind} for picture in self._skipped]
        account = {"darklift": __version__, "model": model, "files": self._files}
        return json.dumps({**account, "failed": self.failed, "skipped": skipped, "error": error}, indent=2)


def _told(outcome: Outcome, settings: Settings) -> Iterable[str]:
    """What people hear of a photo that was done."""
    assert outcome.before is not None
    assert outcome.enhanced is not None
    job, enhanced = outcome.job, outcome.enhanced
    height, width = outcome.before.size
    steps = "1 step" if enhanced.steps == 1 else f"{enhanced.steps} steps"
    done = "the same bytes" if outcome.unchanged else f"{steps}, {enhanced.seconds:.1f} s"
    many = "" if outcome.frames == 1 else f"{outcome.frames} frames, "
    source, target = job.in_words
    yield f"{source} -> {target} ({width}x{height}, {many}{done})"
    left = _left_alone(enhanced, settings)
    if left:
        yield f"{source}: {left}; --exposure +0 enhances it all the same"
    for note in outcome.notes:
        yield f"{source}: not kept: {note}"


def _left_alone(enhanced: Enhanced, settings: Settings) -> str:
    """How much of a photo was left as it was, and why; empty where all was enhanced as asked."""
    if enhanced.share >= 0.995 or not settings.strength:
        return ""
    if enhanced.holds_nothing and not enhanced.share:
        return "holds nothing to bring out, left as it is"
    done = f"enhanced by {enhanced.share:.0%} only"
    if enhanced.share < 0.005:
        done = "left as it is" if enhanced.unchanged else "only its tones and colours were changed, as asked"
    return f"bright enough already, {done}"


def _moves(bar: Bar, jobs: Sequence[Job]) -> OnJobStep:
    """Moves the bar: by steps where there is one photo, else by photos."""

    def on_step(number: int, step: int, steps: int) -> None:
        name = jobs[number].source.name
        if len(jobs) == 1:
            bar.update(step, steps, name)
        else:
            bar.update(number + step / steps, len(jobs), name)

    return on_step
