"""Who gets which picture, and what a dead worker costs. The processes are none here; tests/e2e starts real ones."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from darklift.batch import sizing, worker
from darklift.batch.job import Outcome
from darklift.batch.paths import STREAM, Job
from darklift.batch.pool import Pool
from darklift.batch.request import Request
from darklift.cli._console import pace_in_words
from darklift.errors import BatchError, UsageError
from darklift.runtime import ModelCard
from darklift.runtime import processes as module
from darklift.runtime.worker import Refused
from darklift.store.load import Opening


class Process:
    """One that works when it is told to, and can be killed."""

    def __init__(self) -> None:
        self.sentinel = object()
        self.exitcode: int | None = None

    def join(self, timeout: float | None = None) -> None:
        """It has ended already."""

    def is_alive(self) -> bool:
        return self.exitcode is None

    def kill(self) -> None:
        self.exitcode = -9

    def terminate(self) -> None:
        self.exitcode = -15


class Connection:
    """To such a process."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.said: list[Any] = [object.__new__(ModelCard)]

    def send(self, job: Job) -> None:
        self.jobs.append(job)

    def poll(self) -> bool:
        return bool(self.said)

    def recv(self) -> object:
        return self.said.pop(0)

    def close(self) -> None:
        """Nothing is open."""


class Company:
    """All workers of a pool, and what each does when the pool waits for them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, memory: int, weights: dict[str, int]) -> None:
        self.pool = Pool(Request(), 2, 1, memory=memory)
        self.at_once: list[str] = []
        self.killed: list[str] = []
        """Names of photos whose worker dies, once for each time that they are here."""
        monkeypatch.setattr(self.pool, "_start", self.start)
        monkeypatch.setattr(worker, "weight", lambda path: weights.get(path.stem, 10))
        monkeypatch.setattr(module, "wait", self.wait)

    def start(self) -> None:
        self.pool._workers.append(module._Worker(Process(), Connection()))  # type: ignore[arg-type]

    def wait(self, ends: list[object], timeout: float | None = None) -> list[object]:
        workers = self.pool._workers
        fresh = [worker.connection for worker in workers if worker.connection.poll()]
        if fresh:
            return fresh
        busy = [worker for worker in workers if worker.task is not None]
        self.at_once.append("".join(sorted(worker.task.source.stem for worker in busy if worker.task)))
        first = busy[0]
        assert first.task is not None
        if first.task.source.stem in self.killed:
            self.killed.remove(first.task.source.stem)
            first.process.exitcode = -9  # type: ignore[misc]
            return [first.process.sentinel]
        first.connection.said.append(Outcome(first.task, size=(1, 1)))  # type: ignore[attr-defined]
        return [first.connection]


def jobs(names: str, folder: Path) -> Iterator[Job]:
    return (Job(folder / f"{name}.jpg", folder / "out" / f"{name}.jpg") for name in names)


def names(outcomes: list[Outcome]) -> str:
    return "".join(sorted(outcome.job.source.stem for outcome in outcomes if outcome.error is None))


def test_every_worker_has_a_picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    company = Company(monkeypatch, 100, {})
    with company.pool as pool:
        assert names(list(pool(jobs("abcde", tmp_path)))) == "abcde"
        assert names(list(pool(jobs("f", tmp_path)))) == "f", "it can be asked again"
    assert {len(busy) for busy in company.at_once[:4]} == {2}


def test_those_that_would_take_too_much_together_wait(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    company = Company(monkeypatch, 100, {"a": 60, "b": 60, "c": 500, "d": 30, "e": 30})
    with company.pool as pool:
        assert names(list(pool(jobs("abcde", tmp_path)))) == "abcde"
    assert company.at_once == ["a", "b", "c", "de", "e"]


def test_a_picture_whose_worker_died_is_tried_once_more_and_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    company = Company(monkeypatch, 100, {})
    company.killed = ["b"]
    with company.pool as pool:
        assert names(list(pool(jobs("abcd", tmp_path)))) == "abcd"
    assert "b" in company.at_once
    assert len(company.pool._workers) == 0


def test_the_second_time_it_has_failed_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    company = Company(monkeypatch, 100, {})
    company.killed = ["b", "b"]
    with company.pool as pool:
        outcomes = list(pool(jobs("abcd", tmp_path)))
    assert names(outcomes) == "acd"
    (failure,) = (outcome for outcome in outcomes if outcome.error)
    assert failure.job.source.stem == "b"
    assert "SIGKILL" in str(failure.error)
    assert "\n" not in str(failure.error)


def test_the_retry_may_replace_what_the_dead_worker_wrote_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/b.jpg").touch()
    for name, leave in (("a", True), ("b", False)):
        company = Company(monkeypatch, 100, {})
        company.killed = [name]
        with company.pool as pool:
            (outcome,) = pool(jobs(name, tmp_path))
        assert outcome.job.may_replace == leave


def test_workers_that_die_before_they_do_anything_end_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    company = Company(monkeypatch, 100, {})
    company.killed = list("aabbccdd")
    with company.pool as pool:
        assert names(list(pool(jobs("abcde", tmp_path)))) == "e", "a photo that kills its worker stops no other"
    start = company.start

    def stillborn() -> None:
        start()
        process = company.pool._workers[-1].process
        process.exitcode = -9  # type: ignore[misc]
        company.pool._workers[-1].connection.said = [None]  # type: ignore[attr-defined]

    monkeypatch.setattr(company.pool, "_start", stillborn)
    company.pool._card = None
    with pytest.raises(BatchError, match="SIGKILL"):
        company.pool.__enter__()


def test_nothing_is_forgotten_while_no_worker_is_ready(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    company = Company(monkeypatch, 100, {})
    company.killed = ["b", "b"]
    start, born = company.start, []

    def slow_start() -> None:
        """Those that replace a dead one take until everybody else is done, or dead, to open the model."""
        start()
        born.append(company.pool._workers[-1])
        if len(born) > 2:
            born[-1].connection.said = []

    def wait(ends: list[object], timeout: float | None = None) -> list[object]:
        if all(worker.task is None for worker in company.pool._workers):
            for worker in company.pool._workers:
                if not worker.ready:
                    worker.connection.said = [object.__new__(ModelCard)]  # type: ignore[attr-defined]
        return company.wait(ends)

    monkeypatch.setattr(company.pool, "_start", slow_start)
    monkeypatch.setattr(module, "wait", wait)
    with company.pool as pool:
        outcomes = list(pool(jobs("bacde", tmp_path)))
    assert names(outcomes) == "acde"
    assert len(outcomes) == 5


def test_a_model_that_cannot_be_opened_is_told_as_it_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    company = Company(monkeypatch, 100, {})
    start = company.start

    def refuse() -> None:
        start()
        company.pool._workers[-1].connection.said = [Refused("takes 1 to 8 steps", usage=True)]  # type: ignore[attr-defined]

    monkeypatch.setattr(company.pool, "_start", refuse)
    with pytest.raises(UsageError, match="8 steps"):
        company.pool.__enter__()


class TestSizing:
    def test_a_photo_weighs_what_it_holds(self, tmp_path: Path) -> None:
        Image.new("RGB", (4000, 1000)).save(tmp_path / "a.png")
        Image.new("I;16", (4000, 1000)).save(tmp_path / "deep.png")
        (tmp_path / "broken.jpg").write_bytes(b"x" * 1000)
        light = sizing.weight(tmp_path / "broken.jpg")
        assert sizing.weight(tmp_path / "a.png") - light == pytest.approx(24e6, rel=0.01)
        assert sizing.weight(tmp_path / "deep.png") - light == pytest.approx(48e6, rel=0.01)
        assert sizing.weight(tmp_path / "none.jpg") == 0

    @pytest.fixture
    def photos(self, tmp_path: Path) -> list[Job]:
        (tmp_path / "a.jpg").write_bytes(bytes(1_100_000))
        return [Job(tmp_path / "a.jpg", tmp_path / f"{number}.jpg") for number in range(8)]

    @pytest.fixture(autouse=True)
    def _machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sizing, "thread_count", lambda threads: threads or 6)
        monkeypatch.setattr(sizing, "free_memory", lambda: 10**11)
        monkeypatch.setattr(Opening, "runs_on_cpu", lambda opening: opening.device != "cuda")

    @pytest.mark.parametrize(
        ("count", "workers", "opening", "expected"),
        [
            (8, None, Opening(), (6, 1)),
            (4, None, Opening(), (4, 1)),
            (2, None, Opening(), (2, 3)),
            (1, None, Opening(), (1, 6)),
            (8, 2, Opening(), (2, 3)),
            (8, 50, Opening(), (8, 1)),
            (8, None, Opening(threads=2), (2, 1)),
            (8, 1, Opening(threads=2), (1, 2)),
            (8, None, Opening(device="cuda"), (1, 6)),
            (8, 3, Opening(device="cuda"), (3, 2)),
        ],
    )
    def test_processes_and_threads(
        self, photos: list[Job], count: int, workers: int | None, opening: Opening, expected: tuple[int, int]
    ) -> None:
        assert sizing.crew_size(Request(opening=opening), photos[:count], workers) == expected

    def test_little_work_and_little_memory_are_one_process_s(
        self, photos: list[Job], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(sizing, "free_memory", lambda: 1_600_000_000)
        assert sizing.crew_size(Request(), photos) == (3, 2)
        assert sizing.crew_size(Request(), [Job(STREAM, STREAM)]) == (1, 6)
        (tmp_path / "a.jpg").write_bytes(b"small")
        assert sizing.crew_size(Request(), photos) == (1, 6)


@pytest.mark.parametrize(
    ("done", "total", "seconds", "words"),
    [
        (0, 10, 5, ""),
        (5, 10, 10, "0.5/s, 0:10 left"),
        (1, 401, 30, "0.033/s, 3:20:00 left"),
        (40, 40, 8, "5/s, 0:00 left"),
    ],
)
def test_the_pace_is_told(done: float, total: float, seconds: float, words: str) -> None:
    assert pace_in_words(done, total, seconds) == words
