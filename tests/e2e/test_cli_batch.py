"""Many photos with ``darklift enhance``: resuming, sharing, killing, and what ``darklift batch status`` tells."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import psutil
import pytest
from PIL import Image

import mixed_batch

if TYPE_CHECKING:
    from typer.testing import Result

Darklift: TypeAlias = "Callable[..., Result]"
MakePhotos: TypeAlias = Callable[[Sequence[str]], None]

SLOW_DISK = Path(__file__).parent / "slow_disk"
NAMES = tuple(f"in/{name}.png" for name in "abcdefgh")


def results(folder: Path) -> dict[str, bytes]:
    """What there is for people to see."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and ".darklift" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / ".darklift/manifest.jsonl").read_text().splitlines()]


@pytest.mark.usefixtures("loaded_models")
class TestResuming:
    def test_only_what_is_not_done_or_has_changed(
        self, darklift: Darklift, make_photos: MakePhotos, tmp_path: Path
    ) -> None:
        make_photos(["in/a.png", "in/deep/b.png"])
        ask = ("enhance", "in", "-o", "out", "--recursive", "--resume", "--json")
        first = darklift(*ask)
        assert (first.exit_code, len(lines(tmp_path / "out"))) == (0, 2)
        before = results(tmp_path / "out")
        assert sorted(before) == ["a.png", "deep/b.png"]
        second = darklift(*ask)
        assert second.exit_code == 0
        assert [file.get("earlier") for file in json.loads(second.stdout)["files"]] == [True, True]
        Image.new("RGB", (9, 9), (5, 4, 3)).save("in/a.png")
        make_photos(["in/c.png"])
        third = darklift(*ask)
        assert [file["input"] for file in json.loads(third.stdout)["files"] if "width" in file] == [
            "in/a.png",
            "in/c.png",
        ]
        fourth = darklift(*ask, "--exposure", "+1")
        assert all("width" in file for file in json.loads(fourth.stdout)["files"])
        after = results(tmp_path / "out")
        assert after["deep/b.png"] != before["deep/b.png"]
        assert (tmp_path / "in/deep/b.png").read_bytes() == (tmp_path / "in/c.png").read_bytes(), "originals stay"

    def test_without_it_there_is_no_manifest_and_results_are_in_the_way(
        self, darklift: Darklift, make_photos: MakePhotos, tmp_path: Path
    ) -> None:
        make_photos(NAMES[:2])
        assert darklift("enhance", "in", "-o", "out").exit_code == 0
        assert [path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".")] == []
        again = darklift("enhance", "in", "-o", "out")
        assert again.exit_code == 1
        assert "--resume" in again.stderr
        resumed = darklift("enhance", "in", "-o", "out", "--resume")
        assert (resumed.exit_code, "-> out" in resumed.stderr) == (0, False)

    def test_failures_are_remembered_until_they_are_to_be_tried_again(
        self, darklift: Darklift, make_photos: MakePhotos, tmp_path: Path
    ) -> None:
        make_photos(NAMES[:2])
        (tmp_path / "in/bad.jpg").write_bytes(b"no photo")
        ask = ("enhance", "in", "-o", "out", "--resume")
        for options, tried in (([], True), ([], False), (["--retry-failed"], True)):
            result = darklift(*ask, *options)
            assert result.exit_code == 1
            assert ("cannot read in/bad.jpg" in result.stderr) == tried
        assert [line["status"] for line in lines(tmp_path / "out")].count("failed") == 2
        make_photos(["in/bad.jpg"])
        assert darklift(*ask).exit_code == 0

    def test_edited_results_stay_and_are_no_failure_until_other_ones_are_wanted(
        self, darklift: Darklift, make_photos: MakePhotos
    ) -> None:
        make_photos(["in/a.png", "in/b.png"])
        ask = ("enhance", "in", "-o", "out", "--resume")
        darklift(*ask)
        Path("out/a.png").write_text("edited by hand")
        again = darklift(*ask)
        assert (again.exit_code, "1 photo was left out" in again.stderr) == (0, True)
        other = darklift(*ask, "--exposure", "+1")
        assert (other.exit_code, "it is not as darklift wrote it" in other.stderr) == (1, True)
        assert "--resume" not in other.stderr
        assert Path("out/a.png").read_text() == "edited by hand"
        assert darklift(*ask, "--exposure", "+1", "--overwrite").exit_code == 0
        assert Path("out/a.png").read_bytes().startswith(b"\x89PNG")

    def test_a_file_that_has_a_maps_name_is_not_replaced_unless_it_is_one(
        self, darklift: Darklift, make_photos: MakePhotos
    ) -> None:
        make_photos(["in/a.png", "in/b.png"])
        ask = ("enhance", "in", "-o", "out", "--resume")
        darklift(*ask)
        Path("maps").mkdir()
        Path("maps/a.png").write_text("somebody's")
        ask = (*ask, "--uncertainty", "maps/{stem}.png")
        first = darklift(*ask)
        assert (first.exit_code, "1 photo was left out" in first.stderr) == (0, True)
        before = Path("maps/b.png").stat().st_mtime_ns
        second = darklift(*ask, "--exposure", "+1")
        assert (second.exit_code, "cannot write maps/a.png" in second.stderr) == (1, True)
        assert Path("maps/a.png").read_text() == "somebody's"
        assert Path("maps/b.png").stat().st_mtime_ns != before
        assert darklift(*ask, "--exposure", "+1", "--overwrite").exit_code == 0
        assert Path("maps/a.png").read_bytes().startswith(b"\x89PNG")

    def test_existing_results_are_skipped_on_request(
        self, darklift: Darklift, make_photos: MakePhotos, tmp_path: Path
    ) -> None:
        make_photos([*NAMES[:2], "out/a.png"])
        result = darklift("enhance", "in", "-o", "out", "--skip-existing")
        assert result.exit_code == 0
        assert ("-> out/a.png" in result.stderr, "-> out/b.png" in result.stderr) == (False, True)

    def test_a_dry_run_does_nothing_and_tells_all(
        self, darklift: Darklift, make_photos: MakePhotos, tmp_path: Path, loaded_models: list[str]
    ) -> None:
        make_photos(NAMES[:3])
        assert darklift("enhance", "in/a.png", "in/b.png", "-o", "out", "--resume").exit_code == 0
        Image.new("RGB", (9, 9)).save("in/b.png")
        loaded_models.clear()
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        result = darklift("enhance", "in", "-o", "out", "--resume", "--dry-run", "--json")
        files = {file["input"]: file.get("would") for file in json.loads(result.stdout)["files"]}
        assert files == {"in/a.png": None, "in/b.png": "changed", "in/c.png": "new"}
        assert "in/b.png -> out/b.png (changed)" in result.stderr
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
        assert loaded_models == []
        assert darklift("enhance", "in", "-o", "new/", "--dry-run").exit_code == 0
        unknown = darklift("enhance", "in", "-o", "new/", "--dry-run", "--model", "nosuch")
        assert unknown.exit_code in (1, 2)
        assert "nosuch" in unknown.stderr
        assert not (tmp_path / "new").exists()

    def test_a_pipe_leaves_nothing_to_go_on_from(self, darklift: Darklift, make_photos: MakePhotos) -> None:
        make_photos(NAMES[:1])
        result = darklift("enhance", "in/a.png", "-o", "-", "--resume")
        assert result.exit_code == 2

    def test_beside_the_photos(self, darklift: Darklift, make_photos: MakePhotos, tmp_path: Path) -> None:
        make_photos(NAMES[:2])
        for _ in range(2):
            assert darklift("enhance", "in", "--resume").exit_code == 0
        assert len(lines(tmp_path / "in")) == 2
        assert sorted(results(tmp_path / "in")) == ["a.png", "a_enhanced.png", "b.png", "b_enhanced.png"]

    def test_a_full_disk_ends_the_run_with_one_line_and_can_be_resumed(
        self, darklift: Darklift, make_photos: MakePhotos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_photos(NAMES[:3])
        from darklift.image import io

        whole, calls = io.new_file, []

        def full(*arguments: Any, **options: Any) -> Any:
            calls.append(1)
            if len(calls) > 1:
                raise OSError(28, "No space left on device")
            return whole(*arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr(io, "new_file", full)
            result = darklift("enhance", "in", "-o", "out", "--resume")
        assert result.exit_code == 1
        assert "No space left" in result.stderr.splitlines()[-1]
        assert "--resume" in result.stderr.splitlines()[-1]
        assert (sorted(results(tmp_path / "out")), len(calls)) == (["a.png"], 2)
        assert darklift("enhance", "in", "-o", "out", "--resume").exit_code == 0
        assert sorted(results(tmp_path / "out")) == ["a.png", "b.png", "c.png"]

    def test_results_that_are_removed_meanwhile_end_the_run(
        self, darklift: Darklift, make_photos: MakePhotos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import shutil

        from darklift.pipeline.enhancer import Enhancer

        make_photos(NAMES[:3])
        run, calls = Enhancer.run, []

        def remove_then_run(*arguments: Any, **options: Any) -> Any:
            calls.append(1)
            if len(calls) == 2:
                shutil.rmtree(tmp_path / "out")
            return run(*arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr(Enhancer, "run", remove_then_run)
            result = darklift("enhance", "in", "-o", "out", "--resume")
        assert result.exit_code == 1
        assert "removed" in result.stderr.splitlines()[-1]
        assert len(calls) == 2
        assert darklift("enhance", "in", "-o", "out", "--resume").exit_code == 0
        assert sorted(results(tmp_path / "out")) == ["a.png", "b.png", "c.png"]

    @pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root writes everywhere")
    def test_a_folder_that_takes_nothing(self, darklift: Darklift, make_photos: MakePhotos, tmp_path: Path) -> None:
        make_photos(NAMES[:2])
        (tmp_path / "out").mkdir(mode=0o555)
        result = darklift("enhance", "in", "-o", "out", "--resume")
        assert result.exit_code == 1
        assert len(result.stderr.splitlines()) == 1


@pytest.mark.usefixtures("loaded_models")
class TestStatus:
    def test_all_that_can_be(self, darklift: Darklift, make_photos: MakePhotos, tmp_path: Path) -> None:
        make_photos(NAMES[:3])
        (tmp_path / "in/bad.jpg").write_bytes(b"no photo")
        darklift("enhance", "in", "-o", "out", "--resume")
        (tmp_path / "out/b.png").unlink()
        result = darklift("batch", "status", "out")
        assert result.exit_code == 1
        summary, *rest = result.stdout.splitlines()
        assert summary == "2 done, 1 failed, 1 done and gone"
        assert any("in/bad.jpg" in line for line in rest)
        assert any("b.png" in line for line in rest)
        account = json.loads(darklift("batch", "status", "out", "--json").stdout)
        assert {name: len(entries) for name, entries in account.items() if isinstance(entries, list)} == {
            "done": 2,
            "failed": 1,
            "gone": 1,
            "at_work": 0,
            "left": 0,
        }

    def test_names_do_nothing_to_the_terminal_and_damage_is_told(
        self, darklift: Darklift, make_photos: MakePhotos
    ) -> None:
        make_photos(["in/\x1b[31m\n.png"])
        darklift("enhance", "in", "-o", "out", "--resume")
        Path("out/\x1b[31m\n.png").unlink()
        with Path("out/.darklift/manifest.jsonl").open("a") as manifest:
            manifest.write('{"output":"a.png","input":"a.png","status":"of another version","time":1}\n')
        summary, line = darklift("batch", "status", "out").stdout.splitlines()
        assert summary == "0 done, 1 done and gone, 1 unreadable in the manifest"
        assert line.startswith(r"gone: \x1b[31m\n.png, of ")

    def test_where_there_is_none(self, darklift: Darklift, tmp_path: Path) -> None:
        result = darklift("batch", "status", str(tmp_path))
        assert (result.exit_code, "--resume" in result.stderr) == (2, True)


# ------------------------------------------------------------------------------------------ several processes, for real


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small dark photos, a larger one, and a JPEG that is none; and what one process makes of them, in ``alone``."""
    root = tmp_path_factory.mktemp("batch")
    (root / "in").mkdir()
    for number in range(8):
        height, width = (1300, 1000) if number == 7 else (150 + 10 * number, 200)  # the last one takes a while
        pixels = np.random.default_rng(number).integers(0, 30 + number, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / "in" / f"{number}.jpg", quality=95)
    (root / "in/bad.jpg").write_bytes(b"no photo")
    done = subprocess.run(command("in", "-o", "alone", "--workers", "1"), cwd=root, capture_output=True, check=False)
    assert done.returncode == 1
    return root


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "darklift", "enhance", *arguments, "--model", "nano"]


def start(photos: Path, output: Path, *options: str) -> "subprocess.Popen[str]":
    ask = command("in", "-o", str(output), "--resume", *options)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    hears = None if sys.platform == "win32" else lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(  # a shell's background jobs do not hear Ctrl-C, nor do their children
        ask,
        cwd=photos,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=hears,
    )


def workers_of(process: "subprocess.Popen[str]", patience: float = 120) -> list[psutil.Process]:
    """Its worker processes, once one of them is at a picture."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and process.poll() is None:
        children = psutil.Process(process.pid).children()
        workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
        if workers:
            return workers
        time.sleep(0.02)
    raise AssertionError("no workers")


def until(condition: Callable[[], bool], patience: float = 120) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def done(out: Path) -> int:
    """How many are in the manifest."""
    manifest = out / ".darklift/manifest.jsonl"
    return manifest.read_bytes().count(b"\n") if manifest.exists() else 0


def finish(photos: Path, out: Path) -> None:
    """Resume a run, and see that all is there then."""
    with start(photos, out, "--workers", "2") as process:
        _, told = process.communicate(timeout=300)
    assert process.returncode == 1, told
    assert results(out) == results(photos / "alone")


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "out"
    yield folder
    assert not list(folder.rglob(".darklift-*.tmp")), "half a file"


def test_several_processes_make_the_same_bytes_in_the_same_order(photos: Path, out: Path) -> None:
    process = start(photos, out, "--workers", "3")
    _, told = process.communicate(timeout=300)
    assert process.returncode == 1
    assert results(out) == results(photos / "alone")
    reported = [line.split(" -> ")[0] for line in told.splitlines() if " -> " in line]
    assert reported == [f"in/{number}.jpg" for number in range(8)]
    assert "1 of 9 photos failed" in told
    assert [line["status"] for line in lines(out)].count("done") == 8


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX'")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_it_is_stopped_at_once_and_goes_on_later(photos: Path, out: Path, name: str) -> None:
    process = start(photos, out, "--workers", "2")
    until(lambda: done(out) > 0)
    workers = workers_of(process)
    began = time.monotonic()
    os.killpg(process.pid, getattr(signal, name))  # as a terminal does: to all of its processes
    _, told = process.communicate(timeout=60)
    assert time.monotonic() - began < 10, "2 s on a machine that is not busy"
    assert process.returncode == 130
    assert "stopped" in told
    assert "Traceback" not in told
    assert not any(worker.is_running() for worker in workers)
    finish(photos, out)
    assert not list(out.glob(".darklift/claims/*"))


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX'")
def test_killed_at_any_moment_and_resumed_nothing_is_lost_or_done_twice(photos: Path, out: Path) -> None:
    random = np.random.default_rng(0)
    killed = 0
    for _ in range(3):
        with start(photos, out, "--workers", "2") as process:
            before = done(out)
            while process.poll() is None and done(out) == before:
                time.sleep(0.02)
            time.sleep(random.uniform(0, 0.5))
            process.kill()
        killed += process.returncode == -signal.SIGKILL
        complete = results(out)
        assert {name: data for name, data in results(photos / "alone").items() if name in complete} == complete
    assert killed, "it was never killed in the middle"
    finish(photos, out)
    outputs = [line["output"] for line in lines(out) if line["status"] == "done"]
    assert len(outputs) == len(set(outputs)) == 8, "what is in the manifest is not done again"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX'")
def test_a_killed_worker_costs_a_retry(photos: Path, out: Path) -> None:
    process = start(photos, out, "--workers", "2")
    until(lambda: done(out) > 0)
    workers_of(process)[0].kill()
    _, told = process.communicate(timeout=300)
    assert process.returncode == 1
    assert results(out) == results(photos / "alone")
    assert "1 of 9 photos failed" in told


def test_mixed_files_good_and_broken(tmp_path: Path) -> None:
    """``python tests/mixed_batch.py`` does this with 500 files and ten kills."""
    pytest.importorskip("pi_heif", reason="HEIC needs the extra heif")
    good = mixed_batch.make(tmp_path / "in", 14, broken=3, huge=0)
    account = mixed_batch.run(tmp_path / "in", tmp_path / "out", good, kills=1, model="nano")
    assert account.wrong == []
    assert (account.done, account.named, account.redone) == (11, 3, 0)


def test_two_runs_at_once_share_the_work(photos: Path, out: Path) -> None:
    runs = [start(photos, out, "--workers", "1") for _ in range(2)]
    told = [run.communicate(timeout=300)[1] for run in runs]
    assert [run.returncode for run in runs] == [1, 1]
    assert results(out) == results(photos / "alone")
    assert len(lines(out)) == 9, "each was done once"
    assert all("exists" not in text for text in told)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX'")
def test_a_slow_disk_loses_and_doubles_nothing(photos: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that touches the disk takes 20 to 40 ms, as on a share far away; of two runs at once, one is killed."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(SLOW_DISK), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("SLOW_FOLDER", str(out.parent))
    monkeypatch.setenv("SLOW_SECONDS", "0.02")
    first, second = (start(photos, out, "--workers", "1") for _ in range(2))
    until(lambda: done(out) >= 2)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate(timeout=60)
    _, told = second.communicate(timeout=300)
    assert second.returncode == 1, told
    assert "1 of 9 photos failed" in told
    assert results(out) == results(photos / "alone")
    outputs = [line["output"] for line in lines(out) if line["status"] == "done"]
    assert len(set(outputs)) == 8
    assert len(outputs) <= 9, "more than what was at hand was done again"
