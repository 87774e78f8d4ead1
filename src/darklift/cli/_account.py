"""What becomes of each photo of ``darklift enhance``, as it is told: on the terminal, as JSON, on a contact sheet."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from darklift.cli._console import Bar, progress_bar, say, warn
from darklift.errors import BatchError
from darklift.pipeline.settings import Settings

if TYPE_CHECKING:
    from darklift.batch.foreign import Skipped
    from darklift.batch.job import OnJobStep, Outcome
    from darklift.batch.ledger import Ledger
    from darklift.batch.manifest import Entry
    from darklift.batch.paths import Job
    from darklift.batch.request import Request
    from darklift.batch.run import Crew
    from darklift.runtime import ModelCard

__all__ = ["Account", "told"]


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

    def run(
        self,
        request: Request,
        ledger: Ledger | None = None,
        *,
        skip_existing: bool = False,
        workers: int | None = None,
        cluster: Crew | None = None,
    ) -> None:
        """Do what is to do; the model is opened once it is known that there is something.

        cluster: who does it, where that is no process of ours; it keeps the ledger by itself.
        """
        from darklift.batch.outputs import make_folder
        from darklift.batch.run import run_shared

        if self._sheet is not None:
            make_folder(self._sheet.paths[0].parent)
            request = replace(request, preview=self._sheet.box)
        request = replace(request, identify=ledger is not None)
        ready = self._find_ready(request, ledger, skip_existing)
        if not ready:
            return
        reached = 0
        shared = ledger if cluster is None else None
        further = "" if ledger is None else "; --resume goes on from here"
        try:
            with self._crew(request, ready, workers, cluster) as (crew, on_done):
                for outcome in run_shared(crew, ready, shared, on_done=on_done):
                    reached += 1
                    self._take(outcome, request.settings)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"stopped: {reached} of {len(ready)} photos were reached{further}") from None
        except BatchError as error:
            raise BatchError(f"{error} ({reached} of {len(ready)} photos were reached{further})") from error

    def note_card(self, card: ModelCard) -> None:
        """Which model works, for ``--json``."""
        self._card = card

    def foretell(self, request: Request, ledger: Ledger | None, *, skip_existing: bool) -> None:
        """Say what :meth:`run` would do, and do nothing."""
        if ledger is not None:
            ledger.read()
        for job in self._find_ready(request, ledger, skip_existing):
            why = "new" if ledger is None else ledger.standing(job).state.value
            self._files.append({"input": job.input, "output": job.output, "error": None, "would": why})
            if not self._quiet:
                say(f"would do {job.input} -> {job.output} ({why})")

    def _find_ready(self, request: Request, ledger: Ledger | None, skip_existing: bool) -> list[Job]:
        """The jobs that are to do; of the others it is told why they are not."""
        from darklift.batch.job import check_job, failed
        from darklift.batch.ledger import State

        is_there = _is_there if ledger is None else ledger.is_there
        obstacle = check_job if ledger is None else ledger.obstacle
        ready, there, earlier = [], 0, []
        for job in self._jobs:
            entry = None if ledger is None else ledger.settled(job)
            if entry is not None:
                earlier.append(entry)
                account = {"input": job.input, "output": job.output, "error": entry.error, "earlier": True}
                self._files.append(account)
                continue
            job = job if ledger is None else ledger.with_leave(job)
            may_replace = request.saving.may_replace(job)
            left = ledger is not None and ledger.resumes and ledger.standing(job).state is State.NEW
            if (skip_existing or (left and not may_replace)) and is_there(job):
                there += 1
                continue
            problem = obstacle(job, may_replace)
            if problem is None:
                ready.append(job)
            else:
                self._take(failed(job, problem), request.settings)
        self._tell_earlier(earlier, there)
        return ready

    def _tell_earlier(self, earlier: Sequence[Entry], there: int) -> None:
        bad = [entry for entry in earlier if entry.error is not None]
        self.failed += len(bad)
        if self._quiet:
            return
        if len(bad) < len(earlier):
            say(f"{_photos(len(earlier) - len(bad))} done earlier")
        if bad:
            names = ", ".join(entry.input for entry in bad[:5]) + (", ..." if len(bad) > 5 else "")
            say(f"{len(bad)} failed earlier, --retry-failed tries again: {names}")
        if there:
            say(f"{_photos(there)} left out, as there is a result: --overwrite makes it anew")

    @contextmanager
    def _crew(
        self, request: Request, jobs: Sequence[Job], workers: int | None, cluster: Crew | None
    ) -> Iterator[tuple[Crew, Callable[[Outcome], None]]]:
        """Who does the jobs, and who is to hear of each: this process, several, or a cluster."""
        from darklift.batch.pool import Pool
        from darklift.batch.run import run_jobs
        from darklift.batch.sizing import crew_size
        from darklift.pipeline.enhancer import Enhancer
        from darklift.pipeline.plan import check_settings

        if cluster is not None:
            with progress_bar(shown=not self._quiet) as bar:
                bar.update(0, len(jobs), "on the cluster")
                yield cluster, _counts(bar, len(jobs))
            return
        workers, threads = crew_size(request, jobs, workers)
        if workers == 1:
            enhancer = Enhancer(request.opening.load())
            self._card = enhancer.model.card
            check_settings(enhancer.model, request.settings)
            with progress_bar(shown=not self._quiet) as bar:
                yield partial(run_jobs, enhancer, request=request, on_step=_moves(bar, jobs)), lambda outcome: None
            return
        with Pool(request, workers, threads) as pool, progress_bar(shown=not self._quiet) as bar:
            self._card = pool.card
            bar.update(0, len(jobs), f"{workers} at once")
            yield pool, _counts(bar, len(jobs))

    def _take(self, outcome: Outcome, settings: Settings) -> None:
        self._files.append(outcome.to_dict())
        if outcome.error is not None:
            self.failed += 1
            warn(outcome.error)
            for line in outcome.defect.splitlines():
                say(line)
            return
        if self._sheet is not None and outcome.previews is not None:
            left = _left_alone(outcome, settings)
            self._sheet.add(outcome.previews, ": ".join([outcome.job.source.name, *([left] if left else [])]))
        if not self._quiet:
            for line in told(outcome, settings):
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

    def to_json(self, error: str | None = None) -> str:
        """The account of all jobs so far. error: why there will be no further ones, where the whole is refused."""
        from darklift import __version__

        card = self._card
        model = card and {"name": card.name, "method": card.method, "backend": card.backend}
        skipped = [{"input": str(picture.path), "kind": picture.kind} for picture in self._skipped]
        account = {"darklift": __version__, "model": model, "files": self._files}
        return json.dumps({**account, "failed": self.failed, "skipped": skipped, "error": error}, indent=2)


def told(outcome: Outcome, settings: Settings) -> Iterable[str]:
    """The lines that people hear of a photo that was done."""
    source, target = outcome.job.in_words
    if outcome.size is None:
        yield f"{source} -> {target} (done by another run)"
        return
    height, width = outcome.size
    steps = "1 step" if outcome.steps == 1 else f"{outcome.steps} steps"
    worked = "" if outcome.scale == 1 else f" at 1/{outcome.scale} of its size"
    done = "the same bytes" if outcome.unchanged else f"{steps}{worked}, {outcome.seconds:.1f} s"
    many = "" if outcome.frames == 1 else f"{outcome.frames} frames, "
    yield f"{source} -> {target} ({width}x{height}, {many}{done})"
    left = _left_alone(outcome, settings)
    if left:
        yield f"{source}: {left}; --exposure +0 enhances it all the same"
    for note in outcome.notes:
        yield f"{source}: not kept: {note}"


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


def _counts(bar: Bar, total: int) -> Callable[[Outcome], None]:
    """Moves the bar by photos that are done, in whichever order."""
    numbers = itertools.count(1)
    return lambda outcome: bar.update(next(numbers), total, outcome.job.source.name)


def _is_there(job: Job) -> bool:
    return all(os.path.lexists(path) for path in job.outputs)


def _photos(count: int) -> str:
    return "1 photo was" if count == 1 else f"{count} photos were"
