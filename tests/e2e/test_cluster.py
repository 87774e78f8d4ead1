"""``darklift cluster``: what a worker does, and whole runs on a Ray cluster of this machine, where Ray is installed."""

import importlib.util
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import psutil
import pytest
from PIL import Image

from darklift.batch.cluster import far
from darklift.batch.cluster.crew import Cluster
from darklift.batch.cluster.desk import Desk, Keeping, News
from darklift.batch.cluster.plan import cluster_jobs
from darklift.batch.cluster.worker import Brief, Worker
from darklift.batch.request import Request
from ray_nodes import Nodes, nodes

if TYPE_CHECKING:
    from typer.testing import Result

Darklift: TypeAlias = "Callable[..., Result]"
MakePhotos: TypeAlias = Callable[[Sequence[str]], None]

PATIENCE = 400.0
"""Seconds after which a test gives up: a machine may have other things to do."""
needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None,
    reason="Ray is not installed (pip install 'darklift[ray]'; half a gigabyte, so make test does without)",
)
needs_fsspec = pytest.mark.skipif(importlib.util.find_spec("fsspec") is None, reason="fsspec is not installed")


class Column(list[bytes]):
    """Of an Arrow table, as far as a worker uses it."""

    def to_pylist(self) -> list[bytes]:
        return list(self)


def work(source: str, results: str, request: Request | None = None, visible: tuple[Path, ...] = ()) -> News:
    """Have one worker do all, with a desk that it reaches without Ray."""
    request = Request(identify=True) if request is None else request
    desk = Desk(Keeping(results, request))
    desk.open()
    worker = Worker(
        lambda: (lambda name, *args: getattr(desk, name)(*args), "node", "here"), Brief.of(request, visible)
    )
    jobs = cluster_jobs(source, results, recursive=True)
    worker({"job": Column(pickle.dumps(job) for job in jobs)})
    desk.close()
    return desk.news()


@pytest.mark.usefixtures("loaded_models")
class TestWorker:
    @needs_fsspec
    def test_from_store_to_store_as_from_folder_to_folder(
        self, darklift: Darklift, make_photos: MakePhotos, tmp_path: Path
    ) -> None:
        make_photos(["in/a.png", "in/deep/_DSC1.jpg"])
        (tmp_path / "in/bad.png").write_bytes(b"no photo")
        assert darklift("enhance", "in", "-o", "one", "--recursive").exit_code == 1
        assert sorted(Path(o.job.output).name for o in work("in", "two").outcomes) == ["_DSC1.jpg", "a.png", "bad.png"]
        store = "memory://cluster-test"
        for path in Path("in").rglob("*.*"):
            far.put_bytes(path.read_bytes(), f"{store}/{path}")
        news = work(f"{store}/in", f"{store}/out")
        assert news.error is None
        for name in ("a.png", "deep/_DSC1.jpg"):
            made = (tmp_path / "one" / name).read_bytes()
            assert made == (tmp_path / "two" / name).read_bytes()
            assert made == far.read(f"{store}/out/{name}")
        (failure,) = [outcome.error for outcome in news.outcomes if outcome.error]
        assert f"{store}/in/bad.png" in failure
        assert "/tmp" not in failure
        entries = Keeping(f"{store}/out", Request(identify=True)).open().read().manifest.entries
        assert sorted(entries) == ["a.png", "bad.png", "deep/_DSC1.jpg"]
        assert entries["a.png"].input == f"{store}/in/a.png"
        result, photo = entries["a.png"].result, entries["a.png"].photo
        assert result == far.state(f"{store}/out/a.png")
        assert photo is not None
        assert photo.mtime_ns == getattr(far.state(f"{store}/in/a.png"), "mtime_ns", None)

    @needs_fsspec
    def test_a_photo_that_cannot_be_fetched_costs_itself_alone(self, make_photos: MakePhotos, tmp_path: Path) -> None:
        make_photos(["a.png"])
        (tmp_path / "list.txt").write_text("a.png\nmemory://nowhere/b.png\n")
        news = work(f"{tmp_path}/list.txt", f"{tmp_path}/out")
        assert [outcome.error is None for outcome in news.outcomes] == [True, False]
        assert "memory://nowhere/b.png" in str(news.outcomes[1].error)
        assert (tmp_path / "out/a.png").exists()

    def test_a_node_that_differs_is_named(
        self, make_photos: MakePhotos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_photos(["in/a.png"])
        request = Request(identify=True)
        news = work(f"{tmp_path}/in", f"{tmp_path}/out", visible=(tmp_path / "unshared",))
        assert news.error is not None
        assert "here does not see" in news.error.message
        assert "unshared" in news.error.message
        brief = Brief(request, "0.0", request.opening.identity())
        with pytest.raises(Exception, match=r"here has darklift .* driver 0\.0"):
            brief.check("here")
        brief = Brief(request, Brief.of(request, ()).version, {"sha256": "other"})
        with pytest.raises(Exception, match="another model called default"):
            brief.check("here")


def test_without_ray_one_line_says_what_to_install(
    darklift: Darklift, make_photos: MakePhotos, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_photos(["in/a.png"])
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.data", None)
    result = darklift("cluster", "in", "out")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "pip install 'darklift[ray]'" in result.stderr
    assert not Path("out").exists()


def test_a_dry_run_needs_no_cluster(darklift: Darklift, make_photos: MakePhotos, tmp_path: Path) -> None:
    make_photos(["in/a.png", "in/b.png", "out/b.png"])
    result = darklift("cluster", "in", "out", "--dry-run", "--skip-existing", "--json")
    assert result.exit_code == 0
    assert [(file["output"], file["would"]) for file in json.loads(result.stdout)["files"]] == [
        (f"{tmp_path}/out/a.png", "new")
    ]
    assert not Path("out/.darklift").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--cpus-per-worker", "1.5"], "--cpus-per-worker"),
        (["--cpus-per-worker", "0"], "--gpus-per-worker"),
        (["--format", "nope"], "--format"),
    ],
)
def test_a_request_that_cannot_be_is_refused_before_ray_is_asked(
    options: list[str], said: str, darklift: Darklift, make_photos: MakePhotos
) -> None:
    make_photos(["in/a.png"])
    result = darklift("cluster", "in", "out", *options)
    assert result.exit_code == 2
    assert said in result.stderr


def make(folder: Path, count: int) -> list[str]:
    """Photos that take nano some tenths of a second; of all but one, which is broken, the names."""
    good = []
    for number in range(count):
        rng = np.random.default_rng(number)
        path = folder / f"{number % 2}" / f"_DSC{number:03}.{('jpg', 'png')[number % 2]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 30, (300, 400, 3), dtype=np.uint8)).save(path)
        if number == 3:
            path.write_bytes(b"no photo")
        else:
            good.append(path.relative_to(folder).as_posix())
    return good


def lines(results: Path) -> list[dict[str, Any]]:
    path = results / ".darklift/manifest.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_for(count: int, results: Path, process: subprocess.Popen[Any]) -> None:
    """Until so many photos are in the manifest."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and len(lines(results)) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert process.poll() is None, "it ended too early"


def start(command: str, *arguments: object) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    call = [sys.executable, "-m", "darklift", command, *map(str, arguments), "--model", "nano"]
    pipe = subprocess.PIPE
    return subprocess.Popen(call, stdout=pipe, stderr=pipe, text=True, env=environment)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    with nodes(3) as cluster:
        yield cluster


@needs_ray
class TestOnRay:
    def check(self, photos: Path, results: Path, good: list[str]) -> None:
        """All are there, each once, and as one process makes them."""
        times = Counter(line["output"] for line in lines(results))
        assert set(times.values()) == {1}
        assert sorted(line["output"] for line in lines(results) if line["status"] == "done") == sorted(good)
        alone = start("enhance", photos, "-o", f"{results}-alone/", "--recursive", "--workers", 1)
        alone.communicate()
        for name in good:
            assert (results / name).read_bytes() == Path(f"{results}-alone", name).read_bytes()

    def test_a_node_that_is_killed_costs_nothing(self, cluster: Nodes, tmp_path: Path) -> None:
        photos, results = tmp_path / "in", tmp_path / "out"
        good = make(photos, 40)
        ask = (photos, results, "--recursive", "--resume", "--json")
        with start("cluster", *ask, "--address", cluster.address) as process:
            wait_for(12, results, process)
            cluster.kill_one()
            printed, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1
        assert "Traceback" not in said
        account = json.loads(printed)
        assert account["model"]["name"] == "nano"
        assert [file["input"] for file in account["files"] if file["error"]] == [f"{photos}/1/_DSC003.png"]
        assert len(account["files"]) == 40
        self.check(photos, results, good)
        again = start("cluster", *ask, "--address", "nothing is asked of it")
        printed, _ = again.communicate()
        assert [file.get("earlier") for file in json.loads(printed)["files"]] == [True] * 40

    def test_an_actor_that_is_killed_costs_nothing(self, cluster: Nodes, tmp_path: Path) -> None:
        photos, results = tmp_path / "in", tmp_path / "out"
        good = make(photos, 24)
        with start("cluster", photos, results, "--recursive", "--quiet", "--address", cluster.address) as process:
            wait_for(8, results, process)
            (victim, *_) = actors(cluster)
            victim.kill()
            process.communicate(timeout=PATIENCE)
        self.check(photos, results, good)

    def test_it_ends_when_it_is_told_to_and_goes_on(self, cluster: Nodes, tmp_path: Path) -> None:
        photos, results = tmp_path / "in", tmp_path / "out"
        good = make(photos, 24)
        ask = (photos, results, "--recursive", "--resume", "--address", cluster.address)
        for number in (signal.SIGINT, signal.SIGTERM):
            with start("cluster", *ask) as process:
                wait_for(len(lines(results)) + 4, results, process)
                began = time.monotonic()
                process.send_signal(number)
                _, said = process.communicate(timeout=60)
                took = time.monotonic() - began
            assert process.returncode == 130
            assert "--resume goes on" in said
            assert took < 30  # on a machine that does much else, too
            assert list(results.rglob("*.tmp")) == []
        with start("cluster", *ask) as process:
            process.communicate(timeout=PATIENCE)
        self.check(photos, results, good)

    def test_what_cannot_be_is_told_on_one_line(self, cluster: Nodes, tmp_path: Path) -> None:
        make(tmp_path / "in", 1)
        ask = (tmp_path / "in", tmp_path / "out", "--recursive", "--address")
        for address, options, code, fact in (
            (cluster.address, ["--workers", "9"], 2, "not 9"),
            (cluster.address, ["--gpus-per-worker", "1"], 2, "0 GPUs"),
            (cluster.address, ["--steps", "900"], 2, "900"),
            ("127.0.0.1:9", [], 2, "127.0.0.1:9"),
        ):
            with start("cluster", *ask, address, *options) as process:
                _, said = process.communicate(timeout=PATIENCE)
            ours = [line for line in said.splitlines() if line.startswith("darklift: ")]
            assert process.returncode == code
            assert len(ours) == 1
            assert fact in ours[0]
            assert "Traceback" not in said


def actors(cluster: Nodes) -> list[psutil.Process]:
    """The processes of this cluster that do photos."""
    inside = psutil.Process(cluster.process.pid).children(recursive=True)
    return [process for process in inside if process.cmdline()[:1] and "MapWorker" in process.cmdline()[0]]


@pytest.mark.skipif(sys.platform == "win32", reason="Ray's cluster of several nodes is for Linux and macOS")
def test_nothing_to_do_asks_nothing_of_ray(tmp_path: Path) -> None:
    assert list(Cluster(Keeping(str(tmp_path), Request()), "nowhere:1")([])) == []
