"""Trainings that tell MLflow and Weights & Biases, offline, and go on in the same runs there."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import darklift
from darklift.errors import MissingExtraError, TrainingError
from darklift.train import trackers
from darklift.train.journal import Journal
from darklift.train.trackers import Trackers, check_trackers

pytestmark = pytest.mark.filterwarnings("default")  # what MLflow calls warns of itself
STEPS = 60
NO_MLFLOW = "the extra mlflow is not installed: pip install 'darklift[mlflow]'"
NO_WANDB = "the extra wandb is not installed: pip install 'darklift[wandb]'"


def command(do: str, data: Path, tracker: str, folder: Path, *more: str) -> list[str]:
    sets = [f"data.root={data}", "data.validation.limit=1", "data.validation.every=30", f"train.steps={STEPS}"]
    sets += ["train.log_every=1", "train.save_minutes=0.01", f'train.trackers=["{tracker}"]', *more]
    options = [part for change in sets for part in ("--set", change)]
    return [sys.executable, "-m", "darklift", do, "compact_tiny", *options, "--run", str(folder)]


def variables(tmp_path: Path) -> dict[str, str]:
    own = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db", "WANDB_MODE": "offline"}
    return {**os.environ, **own, "PYTHONPATH": str(Path(darklift.__file__).parents[1])}


def log_of(folder: Path) -> list[dict[str, float]]:
    lines = (folder / "log.jsonl").read_text().splitlines() if (folder / "log.jsonl").exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def end_early(wanted: list[str], environment: dict[str, str], folder: Path, how: int) -> int:
    """End it once it has been saved and has gone on; the last step that was logged."""
    with subprocess.Popen(wanted, env=environment, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 480
        while not ((folder / "state.pt").exists() and len(log_of(folder)) > 20):
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(how)
        process.communicate(timeout=240)
    return int(max(line["step"] for line in log_of(folder)))


def expected(folder: Path) -> Counter[tuple[int, str]]:
    return Counter((int(line["step"]), name) for line in log_of(folder) for name in line if name != "step")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_mlflow_is_told_everything_once_in_one_run(paired_data: Path, tmp_path: Path, how: int) -> None:
    mlflow = pytest.importorskip("mlflow", reason=NO_MLFLOW)
    folder, environment = tmp_path / "group" / "mine", variables(tmp_path)
    wanted = command("train", paired_data, "mlflow", folder)
    assert end_early(wanted, environment, folder, how) < STEPS
    done = subprocess.run([*wanted, "--resume"], env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr

    client = mlflow.MlflowClient(environment["MLFLOW_TRACKING_URI"])
    (run,) = client.search_runs([client.get_experiment_by_name("darklift").experiment_id])
    assert (run.info.run_name, run.data.tags["group"], run.info.status) == ("mine", "group", "FINISHED")
    assert run.data.params["train.steps"] == str(STEPS)
    assert run.data.params["data.sources.0.kind"] == "pairs"
    history = [(name, point) for name in run.data.metrics for point in client.get_metric_history(run.info.run_id, name)]
    assert Counter((point.step, name) for name, point in history) == expected(folder)
    told = {(point.step, name): point.value for name, point in history if name != "seconds"}
    for line in log_of(folder):
        for name in line.keys() - {"step", "seconds", "core_seconds"}:
            assert told[int(line["step"]), name] == pytest.approx(line[name], abs=1e-6)


def records(path: Path) -> Iterator[bytes]:
    """What a ``.wandb`` file holds: LevelDB's log format (blocks of 32 KB) after seven bytes of its own."""
    data, place, whole = path.read_bytes(), 7, b""
    while place + 7 <= len(data):
        if 32768 - place % 32768 < 7:  # no header fits into the rest of a block
            place += 32768 - place % 32768
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        whole += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # full, or last
            if len(data) >= place:
                yield whole
            whole = b""


def scanned(path: Path) -> tuple[str, dict[str, Any], Counter[tuple[int, str]]]:
    """The id, the config, and steps with names of values, of a run of Weights & Biases that was kept offline."""
    from wandb.proto.wandb_internal_pb2 import Record

    run, config, told = "", {}, Counter[tuple[int, str]]()
    for data in records(path):
        record = Record.FromString(data)
        run = record.run.run_id or run
        config |= {item.key: json.loads(item.value_json) for item in record.config.update}
        if record.HasField("history"):
            names = [item.key or item.nested_key[0] for item in record.history.item]
            told.update((record.history.step.num, name) for name in names if not name.startswith("_"))
    return run, config, told


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_weights_and_biases_is_told_everything_in_one_run(paired_data: Path, tmp_path: Path, how: int) -> None:
    pytest.importorskip("wandb", reason=NO_WANDB)
    folder, environment = tmp_path / "mine", variables(tmp_path)
    wanted = command("train", paired_data, "wandb", folder)
    assert end_early(wanted, environment, folder, how) < STEPS
    done = subprocess.run([*wanted, "--resume"], env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    parts = [scanned(path) for path in sorted(folder.glob("wandb/offline-run-*/*.wandb"))]
    assert len(parts) == 2
    assert len({run for run, _, _ in parts}) == 1
    assert parts[0][1]["train.steps"] == STEPS
    both = parts[0][2] + parts[1][2]
    lost = expected(folder).keys() - both.keys()
    assert not both.keys() - expected(folder).keys()
    if how == signal.SIGKILL:  # wandb had not written its last values, of which some were before the checkpoint
        assert all(step < min(again for again, _ in parts[1][2]) for step, _ in lost)
    else:
        assert not lost
        assert set(both.values()) == {1}


def test_each_run_of_a_sweep_is_one_there(paired_data: Path, tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason=NO_MLFLOW)
    environment = variables(tmp_path)
    wanted = command("sweep", paired_data, "mlflow", tmp_path / "study", "train.lr=1e-3,2e-3", "train.steps=30")
    wanted = [part for part in wanted if part != f"train.steps={STEPS}"]
    wanted = [part for place, part in enumerate(wanted) if wanted[place : place + 2] != ["--set", "--set"]]
    done = subprocess.run(wanted, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    client = mlflow.MlflowClient(environment["MLFLOW_TRACKING_URI"])
    runs = client.search_runs([client.get_experiment_by_name("darklift").experiment_id])
    assert {run.data.tags["group"] for run in runs} == {"study"}
    assert {run.data.params["train.lr"] for run in runs} == {"0.001", "0.002"}
    results = json.loads((tmp_path / "study" / "results.json").read_text())
    assert {round(run.data.metrics["validation/choice"], 4) for run in runs} == {
        round(setting["mean"]["choice"], 4) for setting in results
    }


def test_without_an_account_the_way_out_is_told(paired_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason=NO_WANDB)
    environment = {**variables(tmp_path), "WANDB_MODE": "online", "HOME": str(tmp_path), "WANDB_API_KEY": ""}
    done = subprocess.run(
        command("train", paired_data, "wandb", tmp_path / "mine"),
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert "WANDB_MODE=offline" in done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(("name", "package"), [("mlflow", "mlflow-skinny"), ("wandb", "wandb")])
def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, name: str, package: str) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda module: None)
    with pytest.raises(MissingExtraError, match=rf"needs {package}.*pip install 'darklift\[{name}\]'"):
        check_trackers([name])


class Recorder:
    """A tracker that remembers, and fails from a step on."""

    def __init__(self, fails_at: int = 99) -> None:
        self.told: list[tuple[int, dict[str, float]]] = []
        self.config: dict[str, object] = {}
        self.finished, self.fails_at = False, fails_at

    def store_init_configuration(self, values: dict[str, object]) -> None:
        self.config = values

    def log(self, values: dict[str, float], step: int) -> None:
        if step >= self.fails_at:
            raise OSError(28, "No space left on device")
        self.told.append((step, values))

    def finish(self) -> None:
        self.finished = True

    def has(self) -> frozenset[tuple[int, str]]:
        return frozenset((step, name) for step, values in self.told for name in values)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder()
    monkeypatch.setattr(trackers, "_begin", lambda name, folder, known: made)
    monkeypatch.setattr(trackers, "_id_of", lambda name, tracker: "id-1")
    monkeypatch.setattr(trackers, "_told_before", lambda name, tracker: made.has())
    monkeypatch.setattr(trackers, "_failures", lambda name: (OSError,))
    return made


def test_what_was_told_before_a_crash_is_not_told_again(tmp_path: Path, recorder: Recorder) -> None:
    def journal(step: int) -> Journal:
        config = {"train": {"lr": 0.1, "crops": [[0, 8]]}, "data": {"sources": [{"name": "a"}]}}
        return Journal(tmp_path, step, Trackers(["mlflow"], tmp_path, config, goes_on=step > 0, tell=print))

    first = journal(0)
    for step in (1, 2, 3):
        first.record(step, {"loss": step})
    first.close()
    assert recorder.config == {"train.lr": 0.1, "train.crops": "[[0, 8]]", "data.sources.0.name": "a"}
    assert recorder.finished
    recorder.config = {}
    again = journal(2)
    for step in (3, 4):
        again.record(step, {"loss": step, "lr": 1})
    again.close()
    assert recorder.config == {}
    told = [(1, {"loss": 1}), (2, {"loss": 2}), (3, {"loss": 3}), (3, {"lr": 1}), (4, {"loss": 4, "lr": 1})]
    assert recorder.told == told
    assert [line["step"] for line in log_of(tmp_path)] == [1, 2, 3, 4]
    begun_anew = journal(0)
    begun_anew.record(1, {"loss": 1})
    begun_anew.close()
    assert recorder.told == [*told, (1, {"loss": 1})]


def test_a_tracker_that_fails_later_ends_no_training(tmp_path: Path, recorder: Recorder) -> None:
    notes: list[str] = []
    recorder.fails_at = 2
    told = Trackers(["wandb"], tmp_path, {}, goes_on=False, tell=notes.append)
    for step in (1, 2, 3):
        told.log(step, {"loss": 0.5})
    told.close()
    assert recorder.told == [(1, {"loss": 0.5})]
    assert notes == ["wandb failed at step 2, and is told no more: No space left on device"]


def test_one_that_cannot_begin_is_told_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, folder: Path, known: str | None) -> None:
        raise OSError(111, "Connection refused")

    monkeypatch.setattr(trackers, "_begin", refuse)
    monkeypatch.setattr(trackers, "_failures", lambda name: (OSError,))
    with pytest.raises(TrainingError, match=r"mlflow cannot begin a run \(Connection refused\): MLFLOW_TRACKING_URI"):
        Trackers(["mlflow"], tmp_path, {}, goes_on=False, tell=print)
