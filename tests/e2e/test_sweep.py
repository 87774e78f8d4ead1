"""A sweep of real trainings: its table, and how it goes on after Ctrl-C, or after it was killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TextIO

import psutil
import pytest

from darklift.errors import TrainingError
from darklift.train import trials
from darklift.train.folder import hold_alone
from darklift.train.sweep import plan_sweep

RECIPE = "compact_tiny"


def command(data: Path, folder: Path, *more: str) -> list[str]:
    sets = [f"data.root={data}", "data.validation.limit=1", "train.log_every=1", *more]
    options = [part for change in sets for part in ("--set", change)]
    return [sys.executable, "-m", "darklift", "sweep", RECIPE, *options, "--run", str(folder)]


def test_a_stopped_sweep_goes_on_and_tells_what_was_best(paired_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    wanted = command(paired_data, folder, "train.steps=80", "train.lr=1e-3,2e-3", "data.validation.every=80")
    with subprocess.Popen(wanted, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 120
        while not list(folder.glob("*/log.jsonl")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "0 of 2 runs are done; the same command goes on" in said
    (first,) = (path for path in folder.iterdir() if path.is_dir())
    assert (first / "state.pt").exists(), "it did not save"

    done = subprocess.run(wanted, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    steps = [json.loads(line)["step"] for line in (first / "log.jsonl").read_text().splitlines()]
    assert len([step for step in steps if step == 1]) == 1, "it began anew"
    assert max(steps) == 80
    rows = [line for line in done.stdout.splitlines() if "train.lr=" in line]
    assert len(rows) == 2
    results = json.loads((folder / "results.json").read_text())
    assert f"{results[0]['mean']['choice']:.2f}" in rows[0]
    assert results[0]["mean"]["choice"] >= results[1]["mean"]["choice"]


def test_a_run_that_cannot_begin_is_told_in_a_line(paired_data: Path, tmp_path: Path) -> None:
    wanted = command(tmp_path / "nowhere", tmp_path / "sweep", "train.steps=2", "data.validation.every=2")
    done = subprocess.run(wanted, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "nowhere" in done.stderr
    assert not (tmp_path / "sweep").exists()


def test_the_run_of_a_killed_sweep_saves_and_ends(paired_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    with subprocess.Popen(command(paired_data, folder, "train.steps=100000"), stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not list(folder.glob("*/log.jsonl")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        runs = psutil.Process(process.pid).children()
        process.kill()
    _, left = psutil.wait_procs(runs, timeout=30)
    for one in left:
        one.kill()
    assert runs
    assert not left
    assert list(folder.glob("*/state.pt")), "it did not save"


def test_what_the_run_of_a_killed_sweep_still_says_is_not_taken_for_ours(paired_data: Path, tmp_path: Path) -> None:
    recipe = Path(trials.__file__).parents[1] / "recipes" / f"{RECIPE}.toml"
    sweep = plan_sweep(recipe, [f"data.root={paired_data}"], 1, tmp_path)
    folder, over = sweep.trials[0].folder, threading.Event()

    def go_on_telling(log: TextIO) -> None:
        while not over.wait(0.01):
            print("step 175/100000", file=log, flush=True)

    refused = "others were not begun: another process is training in .*: wait for it"
    with hold_alone(folder, "held"), (tmp_path / f".{folder.name}.log").open("a") as log:
        orphan = threading.Thread(target=go_on_telling, args=(log,))
        orphan.start()
        try:
            with pytest.raises(TrainingError, match=refused):
                trials.run_sweep(sweep, recipe)
        finally:
            over.set()
            orphan.join()
