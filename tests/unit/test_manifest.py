"""The manifest of a batch: what is on the disk after each picture, whatever happens to the process."""

import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darklift.batch.manifest import Entry, FileState, Manifest, PhotoFile
from darklift.errors import BatchError

PHOTO = PhotoFile(3, 5_000_000_000, "ab" * 32)
ENTRY = Entry("a/b.jpg", "/photos/b.jpg", "done", 100.5, PHOTO, FileState(7, 8), None, 1.25, 0.9, 0.4, {"settings": {}})


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    made = Manifest(tmp_path / "bright")
    made.create()
    return made


def test_a_line_holds_all_that_is_asked_of_it_as_plain_json() -> None:
    line = json.loads(ENTRY.to_json())
    files = {"input": "/photos/b.jpg", "size": 3, "mtime_ns": 5_000_000_000, "sha256": "ab" * 32, "output": "a/b.jpg"}
    account = {"status": "done", "seconds": 1.25, "share": 0.9, "aim": 0.4, "settings": {}}
    assert line.items() >= {**files, **account}.items()


@given(st.text(), st.text(), st.floats(allow_nan=False, allow_infinity=False), st.none() | st.just(PHOTO))
def test_a_line_is_read_as_it_was_written(name: str, error: str, seconds: float, photo: PhotoFile | None) -> None:
    entry = replace(ENTRY, output=name, error=error, seconds=seconds, photo=photo)
    text = entry.to_json()
    assert "\n" not in text
    assert Entry.from_json(text.encode()) == entry


def test_a_name_that_is_no_text_survives(manifest: Manifest) -> None:
    odd = os.fsdecode(b"caf\xe9.jpg")
    manifest.append(replace(ENTRY, output=odd))
    again = Manifest(manifest.results)
    again.create()
    assert list(again.entries) == [odd]


def test_the_last_line_about_a_result_counts(manifest: Manifest) -> None:
    for status in ("failed", "done"):
        manifest.append(replace(ENTRY, status=status))
    assert [entry.status for entry in manifest.entries.values()] == ["done"]


def test_every_line_is_on_the_disk_at_once(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_size))
    manifest.append(ENTRY)
    manifest.append(ENTRY)
    size = manifest.path.stat().st_size
    assert synced == [size // 2, size]


@pytest.mark.parametrize("cut", [2, 10, 40])
def test_half_a_last_line_is_survived(manifest: Manifest, cut: int) -> None:
    manifest.append(ENTRY)
    manifest.append(replace(ENTRY, output="killed.jpg"))
    os.truncate(manifest.path, manifest.path.stat().st_size - cut)
    again = Manifest(manifest.results)
    again.create()
    assert list(again.entries) == ["a/b.jpg"]
    again.append(replace(ENTRY, output="next.jpg"))
    assert list(again.entries) == ["a/b.jpg", "next.jpg"]
    assert again.damaged == 1
    third = Manifest(manifest.results)
    third.create()
    assert third.entries == again.entries


@pytest.mark.parametrize(
    "line", [b"{}", b"[1]", b"null", b"\xff\xfe", b'{"output": 1, "photo": 3, "result": 4}', b'"x"', b"[" * 100_000]
)
def test_a_line_that_is_none_is_counted_and_no_more(manifest: Manifest, line: bytes) -> None:
    manifest.path.write_bytes(line + b"\n" + ENTRY.to_json().encode() + b"\n")
    manifest.refresh()
    assert (manifest.damaged, list(manifest.entries)) == (1, ["a/b.jpg"])


@pytest.mark.parametrize(
    "other",
    [
        {"output": 5},
        {"output": ["a"]},
        {"input": None},
        {"status": "of another version"},
        {"status": "failed"},
        {"error": 5},
        {"time": "now"},
        {"size": "1"},
        {"result": {"size": None, "mtime_ns": 1}},
        {"share": "all"},
        {"versions": []},
        {"host": 7},
    ],
)
def test_a_value_of_another_kind_makes_it_none(other: dict[str, object]) -> None:
    assert Entry.from_json(json.dumps(json.loads(ENTRY.to_json()) | other).encode()) is None


def test_what_others_append_is_seen(manifest: Manifest) -> None:
    other = Manifest(manifest.results)
    other.create()
    other.append(ENTRY)
    assert not manifest.entries
    manifest.refresh()
    assert manifest.entries == {"a/b.jpg": ENTRY}


def test_many_at_once_lose_nothing(manifest: Manifest) -> None:
    def write(writer: int) -> None:
        own = Manifest(manifest.results)
        for number in range(30):
            own.append(replace(ENTRY, output=f"{writer}-{number}"))

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    manifest.refresh()
    assert (len(manifest.entries), manifest.damaged) == (120, 0)


def test_a_full_disk_leaves_it_as_it_was(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest.append(ENTRY)
    before, write = manifest.path.read_bytes(), os.write

    def half(file: int, data: bytes) -> int:
        if len(data) > 20:
            return write(file, data[:20])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", lambda file, data: half(file, data[:21] if len(data) > 21 else data[:1]))
    with pytest.raises(BatchError, match="No space left"):
        manifest.append(ENTRY)
    assert manifest.path.read_bytes() == before


def test_one_that_was_removed_is_not_made_again(manifest: Manifest) -> None:
    manifest.path.unlink()
    with pytest.raises(BatchError, match="removed"):
        manifest.append(ENTRY)
    assert not manifest.path.exists()


def test_one_that_another_has_taken_the_place_of_is_read_anew(manifest: Manifest) -> None:
    manifest.append(ENTRY)
    (manifest.folder / "new").write_text(replace(ENTRY, output="other.jpg").to_json() + "\n")
    (manifest.folder / "new").replace(manifest.path)
    manifest.refresh()
    assert list(manifest.entries) == ["other.jpg"]


def test_where_none_can_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BatchError, match="manifest"):
        Manifest(tmp_path / "file").create()


class TestPhotoFile:
    def test_a_touched_file_is_still_the_same(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jpg"
        path.write_bytes(b"abc")
        photo = PhotoFile.of(path)
        assert photo is not None
        os.utime(path, (1, 1))
        assert photo.is_still(path, at=time.time() + 60)

    def test_other_bytes_of_the_same_size_are_not(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jpg"
        path.write_bytes(b"abc")
        photo = PhotoFile.of(path)
        assert photo is not None
        times = path.stat()
        path.write_bytes(b"abd")
        assert not photo.is_still(path, at=time.time() + 60)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert not photo.is_still(path, at=times.st_mtime), "within a tick of the disk's clock, the bytes decide"
        path.unlink()
        assert not photo.is_still(path, at=time.time() + 60)

    def test_a_pipe_is_not_read(self, tmp_path: Path) -> None:
        if not hasattr(os, "mkfifo"):
            pytest.skip("no named pipes here")
        os.mkfifo(tmp_path / "pipe")
        assert PhotoFile.of(tmp_path / "pipe") is None
        assert PhotoFile.of(tmp_path) is None
