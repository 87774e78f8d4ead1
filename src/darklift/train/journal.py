"""What a run writes down on its way: a line of JSON for each report, the same values for TensorBoard and trackers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from darklift.files import write_atomically
from darklift.train.loop import StepReport
from darklift.train.trackers import Trackers

__all__ = ["LOG", "Journal", "as_record", "read_log"]

LOG = "log.jsonl"


def read_log(folder: Path) -> list[dict[str, float]]:
    """What a run wrote down: ``step`` and values by name, line by line; nothing where there is no log. Lines that are
    none, as the last one of a run that was killed, are left out.
    """
    records = (_parsed(line) for line in _lines(folder / LOG))
    return [record for record in records if record is not None]


def as_record(value: object) -> dict[str, float] | None:
    """The value, where it is numbers by name with ``step`` among them; None where a file holds something else."""
    if not isinstance(value, dict) or "step" not in value:
        return None
    return value if all(isinstance(number, int | float) for number in value.values()) else None


def _lines(log: Path) -> list[str]:
    try:
        return log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    except FileNotFoundError:
        return []


def _parsed(line: str) -> dict[str, float] | None:
    try:
        return as_record(json.loads(line))
    except (ValueError, RecursionError):
        return None


class Journal:
    """The record of a run that has done ``step`` steps; what a killed run wrote of later steps is taken away, because
    these are done again.
    """

    def __init__(self, folder: Path, step: int, trackers: Trackers) -> None:
        self._log = folder / LOG
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
        kept = [line for line in _lines(self._log) if (record := _parsed(line)) is not None and record["step"] <= step]
        write_atomically(self._log, "".join(kept).encode())
