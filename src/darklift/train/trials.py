"""Runs a sweep's trials one after another, each as ``darklift train`` in a process of its own.

A process of its own gives each trial all memory back, and what goes wrong in one leaves the others alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from darklift.errors import TrainingError
from darklift.train.folder import hold_alone
from darklift.train.journal import read_log
from darklift.train.sweep import Sweep, Trial

__all__ = ["end_with_the_sweep", "run_sweep"]

CONSOLE = "console.log"
"""What a trial would have said in a terminal, in its folder."""
_LOOK_EVERY = 0.5  # seconds


def run_sweep(
    sweep: Sweep,
    recipe: Path,
    *,
    on_step: Callable[[Trial, int], None] | None = None,
    on_done: Callable[[Trial, Mapping[str, float]], None] | None = None,
    on_failure: Callable[[Trial, str], None] | None = None,
) -> int:
    """Run what is not done yet, and return how many trials failed; these can be tried again by the same call.

    A failed trial does not stop the others, unless it is the first of all: what is wrong with it is most likely wrong
    with every one. Ctrl-C (and SIGTERM) lets the trial at hand save, and raises KeyboardInterrupt.

    Args:
        on_step: told the trial at hand and its last step that was logged, twice a second.
        on_done: told each trial that is done, those of earlier calls too, and its scores.
        on_failure: told each trial that failed, and why: the last line that it said.

    Raises:
        TrainingError: the first trial failed, or another process runs this sweep.
    """
    failed, any_done = 0, False
    with hold_alone(sweep.folder, f"another process runs the sweep in {sweep.folder}"):
        for trial in sweep.trials:
            scores = trial.scores()
            if scores is None:
                try:
                    _train(trial, recipe, on_step)
                    scores = trial.finish()
                except TrainingError as error:
                    if not any_done:
                        raise TrainingError(f"the first run failed, so the others were not begun: {error}") from error
                    failed += 1
                    if on_failure is not None:
                        on_failure(trial, str(error))
                    continue
            any_done = True
            sweep.write()
            if on_done is not None:
                on_done(trial, scores)
    return failed


def _train(trial: Trial, recipe: Path, on_step: Callable[[Trial, int], None] | None) -> None:
    """Train to the end. Raises TrainingError, with what was said last, if that failed."""
    command = [sys.executable, "-m", "darklift", "train", str(recipe), "--run", str(trial.folder)]
    command += [part for change in trial.all_changes for part in ("--set", change)]
    if trial.is_begun:
        command.append("--resume")
    command.append("--end-with-stdin")  # whose other end this process holds, see end_with_the_sweep
    console = trial.folder.parent / f".{trial.folder.name}.log"  # a new run wants its folder to itself
    console.unlink(missing_ok=True)  # where this process was killed before, its trial may still be writing to that file
    # In a group of its own: a terminal's Ctrl-C comes to this process alone, which passes it on and waits.
    with (
        console.open("xb") as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True) as process,
        _passed_on(process) as stop,
    ):
        while process.poll() is None:
            time.sleep(_LOOK_EVERY)
            if on_step is not None:
                on_step(trial, _last_step(trial.folder))
    said = _last_line(console, process.returncode)
    if trial.folder.is_dir():
        os.replace(console, trial.folder / CONSOLE)
    else:  # nothing was begun, and the line tells why
        console.unlink()
    if stop:
        raise KeyboardInterrupt
    if process.returncode != 0:
        raise TrainingError(said)


def end_with_the_sweep() -> None:
    """In a trial's process: once the sweep's is gone, however it ended, this one gets a SIGTERM, saves and ends."""

    def wait() -> None:
        os.read(0, 1)  # nothing is ever written to it: the system closes it with the sweep
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="darklift-sweep", daemon=True).start()


@contextlib.contextmanager
def _passed_on(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Stop signals go on to the process, which saves; they are collected meanwhile."""
    seen: list[int] = []

    def pass_on(number: int, _: object) -> None:
        seen.append(number)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _last_step(folder: Path) -> int:
    return int(max((record["step"] for record in read_log(folder)), default=0))


def _last_line(console: Path, code: int) -> str:
    lines = [line for line in console.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("darklift: ").strip() if lines else f"it ended with {code} and said nothing"
