"""What a run writes down on its way: a line of JSON for each report, the same values for TensorBoard and trackers."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from darklift.files import write_atomically
from darklift.train.loop import StepReport
from darklift.train.trackers import Trackers

__all__ = ["Journal", "read_log"]

_LOG = "log.jsonl"


def read_log(folder: Path) -> list[dict[str, float]]:
    """What a run wrote down: ``step`` and values by name, line by line. A last line that was cut short is left out."""
    records = []
    for line in (folder / _LOG).read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            records.append(json.loads(line))
    return records


class Journal:
    """The record of a run that has done ``step`` steps; what a killed run wrote of later steps is taken away, because
    these are done again.
    """

    def __init__(self, folder: Path, step: int, trackers: Trackers) -> None:
        self._log = folder / _LOG
        self._trackers = trackers
        self._forget_after(step)
        self._board = SummaryWriter(str(folder), purge_step=step)

    def close(self) -> None:
        """Let TensorBoard's writer, a thread of its own, and trackers write out what they still hold."""
        self._board.close()
        self._trackers.close()

    def report(self, report: StepReport) -> None:
        """The losses of this one step, their mean over the last steps (``loss_mean``), its learning rate, the
        gradient's norm, how long it took, and a core's time so far.
        """
        values = {"loss": report.loss, "loss_mean": report.loss_mean}
        values |= {f"loss/{part}": value for part, value in report.losses.items()}
        values |= {"lr": report.lr, "grad_norm": report.grad_norm, "seconds": report.seconds}
        values["core_seconds"] = report.core_seconds
        self.record(report.step, values)

    def record(self, step: int, values: Mapping[str, float]) -> None:
        """Values by name, as they are after this many steps."""
        for name, value in values.items():
            self._board.add_scalar(name, value, step)
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **{k: round(v, 6) for k, v in values.items()}}) + "\n")
        self._trackers.log(step, values)

    def _forget_after(self, step: int) -> None:
        if not self._log.exists():
            return
        kept = []
        for line in self._log.read_text(encoding="utf-8").splitlines(keepends=True):
            with contextlib.suppress(json.JSONDecodeError):  # the last line, cut short
                if json.loads(line)["step"] <= step:
                    kept.append(line)
        write_atomically(self._log, "".join(kept).encode())
