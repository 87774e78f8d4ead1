"""A hot folder: what comes in is told of once, when it is whole, whichever way it came."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darklift.batch.arrivals import arrivals, is_being_written
from darklift.batch.job import Outcome
from darklift.batch.ledger import Ledger
from darklift.batch.manifest import FileState, PhotoFile
from darklift.batch.paths import Job
from darklift.batch.request import Request
from darklift.batch.watch import HotFolder, watch
from darklift.errors import BatchError, UsageError

pytest.importorskip("watchfiles", reason="watchfiles is not installed: pip install 'darklift[watch]'")

SETTLE = 0.3
PATIENCE = 20.0
"""Seconds after which a test gives up."""


@pytest.fixture
def hot(tmp_path: Path) -> HotFolder:
    (tmp_path / "in").mkdir()
    return HotFolder(tmp_path / "in", tmp_path / "out", recursive=True, settle=SETTLE)


def crew(jobs: Iterator[Job]) -> Iterator[Outcome]:
    """The result is the photo; one that says "broken" fails."""
    for job in jobs:
        photo, text = PhotoFile.of(job.source), job.source.read_text()
        if text == "broken":
            yield Outcome(job, error=f"{job.source} is broken", photo=photo)
            continue
        job.target.parent.mkdir(parents=True, exist_ok=True)
        job.target.write_text(text)
        yield Outcome(job, size=(1, 1), photo=photo, result=FileState.of(job.target))


class Watched:
    """Watches in a thread of its own until the end of the block."""

    def __init__(self, hot: HotFolder) -> None:
        self.outcomes: list[Outcome] = []
        self.error: BaseException | None = None
        self._hot = hot
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        with Ledger(self._hot.results, Request(identify=True), resume=True) as ledger:
            try:
                for outcome in watch(self._hot, crew, ledger, stopped=self._stopped.is_set):
                    self.outcomes.append(outcome)
            except Exception as error:  # noqa: BLE001  # for the test to look at
                self.error = error

    def __enter__(self) -> "Watched":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def wait_for(self, count: int) -> list[str]:
        """The names of the photos that were done, in their order, once there are so many."""
        deadline = time.monotonic() + PATIENCE
        while len(self.outcomes) < count and self.error is None and time.monotonic() < deadline:
            time.sleep(0.02)
        return [outcome.job.source.name for outcome in self.outcomes]


def quiet(seconds: float = 3 * SETTLE) -> None:
    time.sleep(seconds)


def test_what_is_there_comes_first_then_what_comes_in(hot: HotFolder) -> None:
    (hot.folder / "a.jpg").write_text("a")
    with Watched(hot) as watched:
        assert watched.wait_for(1) == ["a.jpg"]
        (hot.folder / "new").mkdir()
        (hot.folder / "new" / "b.jpg").write_text("b")
        assert watched.wait_for(2) == ["a.jpg", "b.jpg"]
    assert (hot.results / "new" / "b.jpg").read_text() == "b"


def test_a_file_in_pieces_is_read_once_and_whole(hot: HotFolder) -> None:
    with Watched(hot) as watched:
        with (hot.folder / "a.jpg").open("w") as stream:
            for piece in ("one ", "two ", "three"):
                stream.write(piece)
                stream.flush()
                quiet(2 * SETTLE)  # longer than a file must rest, but it is open
            if sys.platform == "linux":  # which tells who writes
                assert watched.outcomes == []
        assert watched.wait_for(1) == ["a.jpg"]
        quiet()
        assert len(watched.outcomes) == 1
    assert (hot.results / "a.jpg").read_text() == "one two three"


def test_a_file_that_goes_on_after_a_pause_is_done_again(hot: HotFolder) -> None:
    """An upload that stalls, closed in between."""
    with Watched(hot) as watched:
        (hot.folder / "a.jpg").write_text("one ")
        watched.wait_for(1)
        with (hot.folder / "a.jpg").open("a") as stream:
            stream.write("two")
        assert watched.wait_for(2) == ["a.jpg", "a.jpg"]
    assert (hot.results / "a.jpg").read_text() == "one two"


def test_what_is_renamed_in_counts_under_its_last_name(hot: HotFolder) -> None:
    with Watched(hot) as watched:
        for temporary in ("a.jpg.part", ".b.jpg"):
            (hot.folder / temporary).write_text(temporary)
        quiet()
        assert watched.outcomes == []
        (hot.folder / "a.jpg.part").rename(hot.folder / "a.jpg")
        (hot.folder / ".b.jpg").rename(hot.folder / "b.jpg")
        assert sorted(watched.wait_for(2)) == ["a.jpg", "b.jpg"]
    assert (hot.results / "b.jpg").read_text() == ".b.jpg"


def test_many_at_once_are_each_done_once(hot: HotFolder) -> None:
    names = {f"{number:03}.jpg" for number in range(100)}
    with Watched(hot) as watched:
        for name in names:
            (hot.folder / name).write_text(name)
        watched.wait_for(100)
        quiet()
    assert sorted(o.job.source.name for o in watched.outcomes) == sorted(names)
    assert {path.name for path in hot.results.glob("*.jpg")} == names


def test_what_the_manifest_knows_is_left_until_its_file_changes(hot: HotFolder) -> None:
    for name, text in (("a.jpg", "a"), ("broken.jpg", "broken"), ("gone.jpg", "gone")):
        (hot.folder / name).write_text(text)
    with Watched(hot) as watched:
        watched.wait_for(3)
    (hot.results / "gone.jpg").unlink()  # taken away by whoever wanted it
    with Watched(hot) as watched:
        quiet()
        assert watched.outcomes == []
        (hot.folder / "broken.jpg").write_text("mended")
        assert watched.wait_for(1) == ["broken.jpg"]
    assert sorted(path.name for path in hot.results.glob("*.jpg")) == ["a.jpg", "broken.jpg"]


def test_one_name_for_two_results_is_refused_once(hot: HotFolder) -> None:
    hot = replace(hot, extension=".png", every=0.1)
    (hot.folder / "a.jpg").write_text("jpg")
    with Watched(hot) as watched:
        watched.wait_for(1)
        (hot.folder / "a.webp").write_text("webp")
        assert watched.wait_for(2) == ["a.jpg", "a.webp"]
        quiet()
        first, second = watched.outcomes
    assert first.error is None
    assert second.error is not None
    assert "a.jpg" in second.error
    assert (hot.results / "a.png").read_text() == "jpg"


def test_a_name_that_was_refused_counts_again_once_its_file_changes(hot: HotFolder) -> None:
    hot = replace(hot, extension=".png", every=0.1)
    (hot.folder / "a.jpg").write_text("jpg")
    with Watched(hot) as watched:
        watched.wait_for(1)
        (hot.folder / "a.webp").write_text("webp")
        watched.wait_for(2)
        (hot.folder / "a.jpg").unlink()
        (hot.folder / "a.webp").write_text("another day's")
        watched.wait_for(3)
    assert [outcome.error is None for outcome in watched.outcomes] == [True, False, True]
    assert (hot.results / "a.png").read_text() == "another day's"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_no_text_does_not_end_it(hot: HotFolder) -> None:
    hot = replace(hot, every=600)
    with Watched(hot) as watched:
        quiet()
        odd = Path(os.fsdecode(os.fsencode(hot.folder) + b"/M\xfcller.jpg"))
        odd.write_text("from Windows")
        assert watched.wait_for(1) == [odd.name]
        (hot.folder / "b.jpg").write_text("and another")
        watched.wait_for(2)
    assert (hot.results / odd.name).read_text() == "from Windows"


def test_where_the_system_reports_nothing_looking_is_left(hot: HotFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> Iterator[set[tuple[int, str]]]:
        raise RuntimeError("no more of the system's watchers")

    monkeypatch.setattr("watchfiles.watch", refuse)
    (hot.folder / "a.jpg").write_text("a")
    with Watched(replace(hot, every=0.2)) as watched:
        watched.wait_for(1)
    assert (hot.results / "a.jpg").read_text() == "a"


def test_a_link_to_its_own_result_is_named_and_does_not_end_it(hot: HotFolder) -> None:
    (hot.folder / "a.jpg").write_text("a")
    with Watched(hot) as watched:
        watched.wait_for(1)
        (hot.results / "a.jpg").write_text("brighter")
        (hot.folder / "a.jpg").unlink()
        (hot.folder / "a.jpg").symlink_to(hot.results / "a.jpg")
        watched.wait_for(2)
        (hot.folder / "b.jpg").write_text("b")
        watched.wait_for(3)
    assert "a link to its own result" in str(watched.outcomes[1].error)
    assert [(hot.results / name).read_text() for name in ("a.jpg", "b.jpg")] == ["brighter", "b"]


def test_a_result_that_somebody_has_edited_is_named_and_stays(hot: HotFolder) -> None:
    (hot.folder / "a.jpg").write_text("a")
    with Watched(hot) as watched:
        watched.wait_for(1)
        (hot.results / "a.jpg").write_text("edited by hand")
        (hot.folder / "a.jpg").write_text("another photo")
        watched.wait_for(2)
    assert "not as darklift wrote it" in str(watched.outcomes[1].error)
    assert (hot.results / "a.jpg").read_text() == "edited by hand"


def test_results_inside_the_folder_are_no_photos(tmp_path: Path) -> None:
    hot = HotFolder(tmp_path, tmp_path / "out", recursive=True, settle=SETTLE, every=0.2)
    with Watched(hot) as watched:
        (tmp_path / "a.jpg").write_text("a")
        watched.wait_for(1)
        quiet()
        assert len(watched.outcomes) == 1


def test_looking_at_the_whole_folder_finds_what_was_not_reported(hot: HotFolder) -> None:
    with Watched(replace(hot, every=0.2, notify=False)) as watched:
        quiet()
        (hot.folder / "a.jpg").write_text("a")
        assert watched.wait_for(1) == ["a.jpg"]


def test_a_folder_that_is_removed_ends_it_with_its_name(hot: HotFolder) -> None:
    with Watched(hot) as watched:
        quiet()
        hot.folder.rmdir()
        watched.wait_for(1)
    assert isinstance(watched.error, BatchError)
    assert str(hot.folder) in str(watched.error)


def test_a_folder_that_cannot_be_watched_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path / "none", tmp_path):
        with pytest.raises(UsageError, match=str(folder)):
            HotFolder(folder, tmp_path).check()


@pytest.mark.skipif("sys.platform != 'linux'", reason="only Linux tells who writes")
def test_linux_tells_who_is_writing(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    with path.open("w"):
        assert is_being_written(path)
    with path.open():
        assert not is_being_written(path)
    assert not is_being_written(tmp_path / "none.jpg")


def test_an_empty_file_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    (tmp_path / "b.jpg").write_text("b")
    found = arrivals(tmp_path, tmp_path / "out", lambda path: True, settle=0.1)
    deadline, whole = time.monotonic() + 1.5, []
    while time.monotonic() < deadline:
        whole += next(found)
    assert [path.name for path in whole] == ["b.jpg"]


@pytest.fixture
def service(tmp_path: Path) -> Iterator["Service"]:
    (tmp_path / "in").mkdir()
    started = Service(tmp_path)
    yield started
    started.end()


class Service:
    """``darklift watch in out`` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "darklift", "watch", "in", "out", "--model", "nano", "--settle", "0.3"]
        self.process = subprocess.Popen(
            command, cwd=folder, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )

    def wait_for(self, count: int) -> None:
        """Until the manifest has so many lines."""
        manifest = self.folder / "out" / ".darklift" / "manifest.jsonl"
        deadline = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < deadline:
            if manifest.exists() and manifest.read_bytes().count(b"\n") >= count:
                return
            time.sleep(0.05)
        raise AssertionError(f"no {count} photos were done")

    def end(self) -> tuple[int, float, str]:
        """SIGTERM; its exit code, the seconds that it took, and what it had said."""
        began = time.monotonic()
        self.process.terminate()
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, time.monotonic() - began, said


def photo(path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 20, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_the_command_serves_until_it_is_told_to_end(service: Service) -> None:
    photo(service.folder / "in" / "a.png")
    service.wait_for(1)
    with Image.open(service.folder / "out" / "a.png") as image:
        assert image.size == (64, 48)
    (service.folder / "in" / "broken.png").write_bytes(b"\x89PNG and nothing more")
    photo(service.folder / "b.png")
    (service.folder / "b.png").rename(service.folder / "in" / "b.png")
    service.wait_for(3)
    assert (service.folder / "out" / "b.png").exists()
    code, seconds, said = service.end()
    assert code == 0
    assert seconds < 5  # 2 on a machine that does nothing else
    assert "broken.png" in said
    assert "1 failed" in said
    assert [path.name for path in service.folder.joinpath("out").glob(".darklift*.tmp")] == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_another_start_goes_on_from_the_manifest(service: Service) -> None:
    photo(service.folder / "in" / "a.png")
    service.wait_for(1)
    before = (service.folder / "out" / "a.png").stat()
    service.end()
    again = Service(service.folder)
    photo(service.folder / "in" / "b.png")
    again.wait_for(2)
    again.end()
    assert (service.folder / "out" / "b.png").exists()
    assert (service.folder / "out" / "a.png").stat().st_mtime_ns == before.st_mtime_ns


def test_results_within_the_folder_never_come_in_also_when_theirs_is_reported(hot: HotFolder) -> None:
    inside = replace(hot, results=hot.folder / "out")
    (hot.folder / "a.jpg").write_text("a")
    with Watched(inside) as watched:
        assert watched.wait_for(1) == ["a.jpg"]
        inside.results.chmod(0o700)
        (hot.folder / "b.jpg").write_text("b")
        assert watched.wait_for(2) == ["a.jpg", "b.jpg"]
        quiet()
        assert watched.wait_for(0) == ["a.jpg", "b.jpg"]
    assert sorted(path.name for path in inside.results.iterdir() if path.is_file()) == ["a.jpg", "b.jpg"]
