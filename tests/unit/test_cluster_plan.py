"""From a folder, a store or a list to jobs, and what a store's manifest is told and tells."""

import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from darklift.batch.cluster import far
from darklift.batch.cluster import ledger as module
from darklift.batch.cluster.ledger import FarLedger, open_ledger
from darklift.batch.cluster.plan import cluster_jobs
from darklift.batch.job import Outcome
from darklift.batch.ledger import Ledger, State
from darklift.batch.manifest import PhotoFile
from darklift.batch.paths import Far, Job
from darklift.batch.request import Request
from darklift.errors import ImageError, UsageError

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: pip install 'darklift[ray]'")

REQUEST = Request(identify=True)


@pytest.fixture
def store() -> Iterator[str]:
    """The address of an empty folder in memory."""
    memory = fsspec.filesystem("memory")
    name = f"/{uuid.uuid4().hex}"
    memory.mkdir(name)
    yield f"memory:/{name}"
    memory.rm(name, recursive=True)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """The address of a server of ``tmp_path``/web."""

    class Silent(SimpleHTTPRequestHandler):
        failures = 0

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

        def do_GET(self) -> None:
            if "cut" in self.path:
                self.send_response(200)
                self.send_header("Content-Length", "100")
                self.end_headers()
                self.wfile.write(b"short")
                self.close_connection = True
            elif "busy" in self.path and Silent.failures < 1:
                Silent.failures += 1
                self.send_error(503)
            else:
                super().do_GET()

    (tmp_path / "web").mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(tmp_path / "web")))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def fill(store: str, *names: str) -> None:
    for name in names:
        far.put_bytes(name.encode(), f"{store}/{name}")


def ends(jobs: list[Job]) -> list[tuple[str, str]]:
    return [(job.input, job.output) for job in jobs]


class TestJobs:
    def test_a_folder_is_what_it_is_for_enhance(self, tmp_path: Path) -> None:
        for name in ("_DSC1.JPG", "a.webp", "b.txt", ".hidden.png", "deep/c.avif"):
            (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "in" / name).touch()
        photos, out = tmp_path / "in", tmp_path / "out"
        jobs = cluster_jobs(str(photos), str(out), recursive=True)
        assert ends(jobs) == [(f"{photos}/{name}", f"{out}/{name}") for name in ("_DSC1.JPG", "a.webp", "deep/c.avif")]
        assert all(job.origin is None and job.destination is None for job in jobs)
        jobs = cluster_jobs(str(photos), "s3://bucket/out/", recursive=True, extension=".png")
        assert [job.output for job in jobs] == [f"s3://bucket/out/{name}.png" for name in ("_DSC1", "a", "deep/c")]

    def test_a_store_keeps_its_names_and_folders(self, store: str, tmp_path: Path) -> None:
        fill(store, "10 b.jpg", "9 a.jpg", "_DSC1.png", "no.txt", ".darklift/x.png", "deep/c.heic")
        jobs = cluster_jobs(store, str(tmp_path))
        assert [job.output for job in jobs] == [f"{tmp_path}/{name}" for name in ("9 a.jpg", "10 b.jpg", "_DSC1.png")]
        assert jobs[0].input == f"{store}/9 a.jpg"
        assert jobs[0].origin is not None
        assert jobs[0].origin.state is not None
        assert jobs[0].origin.state.size == 7
        deep = cluster_jobs(store, f"{store}/out", recursive=True)[-1]
        assert ends([deep]) == [(f"{store}/deep/c.heic", f"{store}/out/deep/c.jpg")]

    def test_results_inside_the_folder_of_photos_are_no_photos(self, store: str) -> None:
        fill(store, "a.jpg", "out/a.jpg")
        assert [job.input for job in cluster_jobs(store, f"{store}/out", recursive=True)] == [f"{store}/a.jpg"]

    def test_a_list_has_paths_and_addresses(self, tmp_path: Path) -> None:
        photos = tmp_path / "photos.txt"
        photos.write_text("# these\n\na/b.jpg\nhttps://x.org/p/%C3%A4.jpg?size=2\ns3://bucket/c d.png\n/abs/e.tif\n")
        jobs = cluster_jobs(str(photos), "/out")
        assert ends(jobs) == [
            (f"{tmp_path}/a/b.jpg", "/out/a/b.jpg"),
            ("https://x.org/p/%C3%A4.jpg?size=2", "/out/x.org/p/ä.jpg"),
            ("s3://bucket/c d.png", "/out/bucket/c d.png"),
            ("/abs/e.tif", "/out/abs/e.tif"),
        ]

    def test_a_list_may_come_from_the_web(self, web: str, tmp_path: Path) -> None:
        (tmp_path / "web/list").write_text(f"{web}/a.jpg\n")
        (job,) = cluster_jobs(f"{web}/list", "/out")
        host = web.removeprefix("http://").replace(":", "_")
        assert ends([job]) == [(f"{web}/a.jpg", f"/out/{host}/a.jpg")]
        (tmp_path / "web/list").write_text("a.jpg\n")
        with pytest.raises(UsageError, match=r"line 1.*a\.jpg.*no address"):
            cluster_jobs(f"{web}/list", "/out")

    @pytest.mark.parametrize(
        ("source", "results", "said"),
        [
            ("-", "out", "not -"),
            ("none.txt", "out", r"none\.txt"),
            ("http://127.0.0.1:1/list.txt", "out", "127.0.0.1:1"),
            ("empty.txt", "out", "no picture"),
            ("binary.txt", "out", "no list"),
            ("up.txt", "out", r"up\.txt, line 1.*\.\./a\.jpg"),
            ("twice.txt", "out", r"both be written to"),
            ("nostore://x", "out", "nostore"),
            ("http://[x/list.txt", "out", r"http://\[x/list.txt is no address"),
            ("bracket.txt", "out", r"bracket\.txt, line 2: http://\[x/a.jpg is no address"),
            ("memory://nothing", "out", "no picture"),
            ("twice.txt", "https://x.org/out", "https://x.org/out"),
            ("twice.txt", "sftp://x.org/out", "s3://"),
        ],
    )
    def test_what_cannot_be_is_refused_on_one_line(
        self, source: str, results: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(far, "_TRIES", 1)
        Path("empty.txt").write_text("# nothing\n")
        Path("binary.txt").write_bytes(b"a\0b")
        Path("up.txt").write_text("../a.jpg")
        Path("bracket.txt").write_text("a.jpg\nhttp://[x/a.jpg\n")
        Path("twice.txt").write_text("a.jpg\na.heic")
        with pytest.raises(UsageError, match=said) as refusal:
            cluster_jobs(source, results)
        assert "\n" not in str(refusal.value)


class TestFetching:
    def test_what_comes_is_the_file(self, web: str, store: str, tmp_path: Path) -> None:
        (tmp_path / "web/a b.jpg").write_bytes(b"photo")
        changed = far.fetch(f"{web}/a b.jpg", tmp_path / "got")
        assert (tmp_path / "got").read_bytes() == b"photo"
        assert changed // 10**9 == int((tmp_path / "web/a b.jpg").stat().st_mtime)
        state = far.put(tmp_path / "got", f"{store}/x/y.jpg")
        assert state.size == 5
        far.fetch(f"{store}/x/y.jpg", tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == b"photo"

    def test_a_server_that_is_busy_is_asked_again(
        self, web: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(far.time, "sleep", lambda seconds: None)
        (tmp_path / "web/busy.jpg").write_bytes(b"photo")
        far.fetch(f"{web}/busy.jpg", tmp_path / "got")
        assert (tmp_path / "got").read_bytes() == b"photo"

    @pytest.mark.parametrize(("name", "said"), [("none.jpg", "404"), ("cut.jpg", "5 bytes came, 100")])
    def test_what_does_not_come_whole_is_named(self, web: str, name: str, said: str, tmp_path: Path) -> None:
        with pytest.raises(ImageError, match=rf"{web}/{name}.*{said}"):
            far.fetch(f"{web}/{name}", tmp_path / "got")
        with pytest.raises(ImageError, match=r"memory://none\.jpg"):
            far.fetch("memory://none.jpg", tmp_path / "got")


class TestManifestOfAStore:
    @pytest.fixture
    def job(self, store: str) -> Job:
        fill(store, "in/a.jpg")
        (job,) = cluster_jobs(f"{store}/in", f"{store}/out")
        return job

    @staticmethod
    def do(ledger: Ledger, job: Job) -> Outcome:
        taken = ledger.take(job)
        assert isinstance(taken, Job)
        assert taken.destination is not None
        assert taken.origin is not None
        assert taken.origin.state is not None
        far.put_bytes(b"result", taken.destination)
        photo = PhotoFile(taken.origin.state.size, taken.origin.state.mtime_ns, "sha")
        outcome = Outcome(taken, size=(1, 1), photo=photo, result=far.state(taken.destination))
        ledger.record(outcome)
        return outcome

    def test_it_says_what_is_left_to_do(self, store: str, job: Job) -> None:
        results = f"{store}/out"
        with open_ledger(results, REQUEST, resume=True) as ledger:
            assert isinstance(ledger, FarLedger)
            assert ledger.standing(job).state is State.NEW
            self.do(ledger, job)
            assert ledger.take(job) == ledger.manifest.entries["a.jpg"], "done once in a run"
        with open_ledger(results, REQUEST, resume=True) as ledger:
            assert ledger.standing(job).state is State.DONE
            assert ledger.with_leave(job).may_replace
            assert ledger.obstacle(job, overwrite=False) is not None
        assert job.origin is not None
        assert job.origin.state is not None
        changed = replace(job, origin=Far(job.origin.address, replace(job.origin.state, size=1)))
        silent = replace(job, origin=Far(job.origin.address))
        with open_ledger(results, REQUEST, resume=True) as ledger:
            assert ledger.standing(changed).state is State.CHANGED
            assert ledger.standing(silent).state is State.DONE
        fsspec.filesystem("memory").rm(f"{results.removeprefix('memory:/')}/a.jpg")
        with open_ledger(results, REQUEST, resume=True) as ledger:
            assert ledger.standing(job).state is State.NEW

    def test_its_parts_are_small_and_the_last_line_counts(
        self, store: str, job: Job, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_LINES", 2)
        with open_ledger(f"{store}/out", REQUEST) as ledger:
            for number in range(5):
                ledger.manifest.append(replace(ledger._entry(Outcome(job)), time=float(number), seconds=float(number)))
        parts = [name for name, _ in far.listing(f"{store}/out/.darklift", recursive=False)]
        assert len(parts) == 3
        text = b"".join(far.read(f"{store}/out/.darklift/{name}") for name in sorted(parts))
        assert [json.loads(line)["seconds"] for line in text.splitlines()] == [0, 1, 2, 3, 4]
        fill(store, "out/.darklift/of-a-folder.jsonl")
        ledger = open_ledger(f"{store}/out", REQUEST).read()
        assert ledger.manifest.entries["a.jpg"].seconds == 4
        assert ledger.manifest.damaged == 1
        assert not Path("manifest.jsonl").exists()

    def test_a_line_is_in_the_store_after_a_second(self, store: str, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
        with open_ledger(f"{store}/out", REQUEST) as ledger:
            self.do(ledger, job)
            ledger.flush()
            assert len(open_ledger(f"{store}/out", REQUEST).read().manifest.entries) == 1
            self.do(ledger, replace(job, target=Path("b.jpg")))
            ledger.flush()
            assert len(open_ledger(f"{store}/out", REQUEST).read().manifest.entries) == 1, "not twice in a second"
            monkeypatch.setattr(module, "_EVERY", 0.0)
            ledger.flush()
            assert len(open_ledger(f"{store}/out", REQUEST).read().manifest.entries) == 2
