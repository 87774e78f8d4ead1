"""Trainings that are watched: in this process, or in processes of their own, alone or in a group."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import darklift
from darklift.train import Recipe, StepReport, train
from darklift.train.config import dump_recipe
from darklift.train.run import Progress


class Watch(Progress):
    """Remembers the losses of every step, and does something after some of them."""

    def __init__(self, **after: Callable[[], object]) -> None:
        self.losses: dict[int, dict[str, float]] = {}
        self.reports: list[StepReport] = []
        self.notes: list[str] = []
        self._after = {int(name.removeprefix("step")): action for name, action in after.items()}

    def note(self, message: str) -> None:
        self.notes.append(message)

    def step(self, report: StepReport, steps: int) -> None:
        self.losses[report.step] = dict(report.losses)
        self.reports.append(report)
        self._after.get(report.step, bool)()


def run(recipe: Recipe, folder: Path, *, resume: bool = False, **after: Callable[[], object]) -> Watch:
    watch = Watch(**after)
    train(recipe, folder, resume=resume, progress=watch)
    return watch


def interrupt(number: int = signal.SIGINT) -> Callable[[], object]:
    return lambda: signal.raise_signal(number)


DRIVER = """
import json, os, signal, sys, time
from pathlib import Path
from darklift.errors import TrainingError
from darklift.train import load_recipe, train
from darklift.train.run import Progress

class Told(Progress):
    def step(self, report, steps):
        print(json.dumps({"step": report.step, "losses": dict(report.losses)}), flush=True)
        time.sleep(float(os.environ.get("PAUSE", 0)))
        if os.environ.get("STOP_AFTER") == str(report.step):
            signal.raise_signal(signal.SIGINT)

try:
    for folder in map(Path, sys.argv[1:]):
        train(load_recipe(folder.with_suffix(".toml")), folder, resume="RESUME" in os.environ, progress=Told())
except KeyboardInterrupt as stop:
    print(json.dumps({"stopped": str(stop)}))
    sys.exit(130)
"""


@contextmanager
def driver(recipes: Mapping[Path, Recipe], **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A process of its own, and process group of its own, that trains each recipe in its folder, one after another.

    It does not outlive the test.
    """
    for folder, recipe in recipes.items():
        folder.with_suffix(".toml").write_bytes(dump_recipe(recipe))
    environment = {**os.environ, **variables, "PYTHONPATH": str(Path(darklift.__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, *map(str, recipes)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def told(process: subprocess.Popen[str], until: int | None = None) -> list[dict[str, Any]]:
    """What a driver prints, until it has done so many steps or ends."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(json.loads(line))
        if lines[-1].get("step") == until:
            return lines
    return lines


def losses_of(lines: list[dict[str, Any]]) -> dict[int, dict[str, float]]:
    return {line["step"]: line["losses"] for line in lines if "losses" in line}


def group_of_two() -> tuple[dict[str, str], dict[str, str]]:
    """The variables by which two processes of this machine find each other (gloo)."""
    group = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": _free_port()}
    return {**group, "RANK": "0", "LOCAL_RANK": "0"}, {**group, "RANK": "1", "LOCAL_RANK": "1"}


def _free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])
