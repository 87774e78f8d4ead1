"""A run's values in MLflow or Weights & Biases, too, by Accelerate's trackers, however these are set up, also offline.

Each training run is a run there, by the name of its folder. After ``--resume`` it goes on in the same one, whose id is
in ``trackers.json``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from darklift.errors import TrainingError, one_line
from darklift.files import write_atomically
from darklift.image.extras import Extra

__all__ = ["Trackers", "check_trackers"]

_EXTRAS = {"mlflow": Extra("mlflow", "mlflow-skinny", "mlflow"), "wandb": Extra("wandb", "wandb", "wandb")}
_IDS = "trackers.json"
_PROJECT = "darklift"


def check_trackers(names: Sequence[str]) -> None:
    """Raise MissingExtraError where a tracker's package is not installed."""
    for name in names:
        _EXTRAS[name].require(f'train.trackers = ["{name}"]')


class Trackers:
    """The trackers of one run. One that fails later is given up, and that is told: a training is not to end for it."""

    def __init__(
        self,
        names: Sequence[str],
        folder: Path,
        config: Mapping[str, Any],
        *,
        goes_on: bool,
        tell: Callable[[str], None],
    ) -> None:
        """
        Args:
            names: "mlflow", "wandb".
            folder: the run's.
            config: the recipe's values, as a tree; they become a new run's parameters, such as ``train.lr``.
            goes_on: whether the run was begun before.
            tell: told of a tracker that is given up.

        Raises:
            TrainingError: a tracker cannot begin a run.
        """
        self._tell = tell
        self._open: dict[str, Any] = {}
        self._told: dict[str, frozenset[tuple[int, str]]] = {}
        ids = _read_ids(folder) if goes_on else {}
        for name in names:
            try:
                self._open[name] = tracker = _begin(name, folder, ids.get(name))
                if name in ids:
                    self._told[name] = _told_before(name, tracker)
                else:
                    tracker.store_init_configuration(dict(_flat(config)))
            except _failures(name) as error:
                self.close()
                raise TrainingError(f"{name} cannot begin a run ({one_line(error)}){_HINTS[name]}") from error
            ids[name] = _id_of(name, tracker)
        if names:
            write_atomically(folder / _IDS, json.dumps(ids).encode())

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Values by name, as they are after this many steps; what a tracker has of a run that was killed later than its
        last checkpoint, it is not told again.
        """
        for name, tracker in list(self._open.items()):
            told = self._told.get(name, ())
            new = {key: value for key, value in values.items() if (step, key) not in told}
            try:
                if new:
                    tracker.log(new, step=step)
            except _failures(name) as error:
                del self._open[name]
                self._tell(f"{name} failed at step {step}, and is told no more: {one_line(error)}")

    def close(self) -> None:
        """Have them send what they still hold."""
        for name, tracker in self._open.items():
            try:
                tracker.finish()
            except _failures(name) as error:
                self._tell(f"{name} failed at the end: {one_line(error)}")
        self._open.clear()


_HINTS = {
    "mlflow": ": MLFLOW_TRACKING_URI says where it keeps runs",
    "wandb": ": log in with  wandb login, or set WANDB_MODE=offline",
}


def _begin(name: str, folder: Path, known: str | None) -> Any:
    from accelerate.tracking import MLflowTracker, WandBTracker

    run, group = folder.resolve().name, folder.resolve().parent.name
    if name == "mlflow":
        tracker = MLflowTracker(_PROJECT, run_id=known, run_name=run, tags={"group": group})
    else:
        import wandb

        project = os.environ.get("WANDB_PROJECT", _PROJECT)
        quiet = wandb.Settings(console="off", silent=True)
        tracker = WandBTracker(
            project, name=run, group=group, id=known, resume="allow", dir=str(folder), settings=quiet
        )
    tracker.start()
    return tracker


def _id_of(name: str, tracker: Any) -> str:
    return str(tracker.tracker.info.run_id if name == "mlflow" else tracker.tracker.id)


def _told_before(name: str, tracker: Any) -> frozenset[tuple[int, str]]:
    """Steps and names of the values that a run has there. It is asked, as whoever killed the training may have done so
    between its own log and the tracker's. What wandb had not written by then, it needs again.
    """
    if name != "mlflow":
        return frozenset()
    from mlflow import MlflowClient

    client, run = MlflowClient(), _id_of(name, tracker)
    names = client.get_run(run).data.metrics
    return frozenset((point.step, key) for key in names for point in client.get_metric_history(run, key))


def _failures(name: str) -> tuple[type[Exception], ...]:
    """What a tracker raises where it is not our fault."""
    if name == "mlflow":
        from mlflow.exceptions import MlflowException

        return MlflowException, OSError
    import wandb

    return wandb.Error, OSError


def _read_ids(folder: Path) -> dict[str, str]:
    try:
        ids: dict[str, str] = json.loads((folder / _IDS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return ids


def _flat(values: Any, name: str = "") -> list[tuple[str, Any]]:
    """A tree of tables as names with dots. Lists of tables are counted from 0; other lists are texts."""
    if isinstance(values, Mapping):
        parts = list(values.items())
    elif isinstance(values, list | tuple) and any(isinstance(value, Mapping) for value in values):
        parts = list(enumerate(values))
    else:
        return [(name, json.dumps(values) if isinstance(values, list | tuple) else values)]
    return [leaf for key, value in parts for leaf in _flat(value, f"{name}.{key}" if name else str(key))]
