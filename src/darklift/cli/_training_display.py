"""How a training run looks: a bar on a terminal, a line now and then elsewhere. Imports torch, so import it late."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as RichProgress

from darklift.cli._console import say, stderr, watched
from darklift.train import StepReport
from darklift.train.launch import is_first
from darklift.train.loop import RECENT_STEPS
from darklift.train.run import Progress

__all__ = ["training_display"]


@contextmanager
def training_display(line_every: int) -> Iterator[Progress]:
    """Shows on stderr what :func:`darklift.train.train` tells; of several processes, the first one does. line_every:
    steps between lines where no terminal is.
    """
    if not is_first():
        yield Progress()
    elif not watched():
        yield _Lines(line_every)
    else:
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        # refreshed rarely, for the cores have better things to do
        with RichProgress(
            *columns, console=stderr(), transient=True, redirect_stdout=False, refresh_per_second=2
        ) as progress:
            yield _Drawn(progress)


class _Averages:
    """The last steps in a few words; ``loss_mean`` is what the log and TensorBoard call so."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=RECENT_STEPS)

    def describe(self, report: StepReport, steps: int) -> str:
        self._seconds.append(report.seconds)
        seconds = sum(self._seconds) / len(self._seconds)
        remaining = timedelta(seconds=round(seconds * (steps - report.step)))
        return f"loss_mean {report.loss_mean:.4f}  lr {report.lr:.1e}  {seconds:.2f} s/step  ETA {remaining}"


class _Lines(Progress):
    def __init__(self, every: int) -> None:
        self._every, self._averages = every, _Averages()

    def step(self, report: StepReport, steps: int) -> None:
        text = self._averages.describe(report, steps)
        if report.step % self._every == 0 or report.step == steps:
            say(f"step {report.step}/{steps}  {text}")

    def note(self, message: str) -> None:
        say(message)


class _Drawn(Progress):
    def __init__(self, progress: RichProgress) -> None:
        self._progress, self._averages = progress, _Averages()
        self._task = progress.add_task("starting", total=None)

    def step(self, report: StepReport, steps: int) -> None:
        text = self._averages.describe(report, steps)
        self._progress.update(self._task, completed=report.step, total=steps, description=text)

    def note(self, message: str) -> None:
        say(message)
