"""The last steps of a run in two numbers: what the console, the log and TensorBoard call the mean loss."""

from __future__ import annotations

from collections import deque

from darklift.train.loop import StepReport

__all__ = ["RECENT_STEPS", "Recent"]

RECENT_STEPS = 100


class Recent:
    """Means over the last :data:`RECENT_STEPS` steps, or over as many as there were since the run began or went on."""

    def __init__(self) -> None:
        self._reports: deque[StepReport] = deque(maxlen=RECENT_STEPS)

    def add(self, report: StepReport) -> None:
        """One more step."""
        self._reports.append(report)

    @property
    def loss(self) -> float:
        """Of one step's losses, which jump from batch to batch."""
        return sum(report.loss for report in self._reports) / len(self._reports)

    @property
    def seconds(self) -> float:
        """A step."""
        return sum(report.seconds for report in self._reports) / len(self._reports)
