"""darklift.files: a file appears whole or not at all."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from darklift.files import new_file, write_atomically


def unsupported(*_: object, **__: object) -> None:
    raise OSError(95, "Operation not supported")


def test_folders_are_made_and_files_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c.json"
    write_atomically(path, b"first")
    write_atomically(path, b"second")
    assert path.read_bytes() == b"second"
    assert os.listdir(path.parent) == ["c.json"]


def test_a_relative_path_is_meant_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_atomically(Path("a.txt"), b"here")
    with new_file(Path("b.txt")) as stream:
        stream.write(b"here, too")
    assert [(tmp_path / name).read_bytes() for name in ("a.txt", "b.txt")] == [b"here", b"here, too"]


def test_a_replaced_file_keeps_its_permissions_and_a_link_its_target(tmp_path: Path) -> None:
    real = tmp_path / "real" / "state"
    write_atomically(real, b"old")
    real.chmod(0o640)
    link = tmp_path / "state"
    link.symlink_to(real)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert real.stat().st_mode & 0o777 == 0o640


def has_unnamed() -> bool:
    """Whether files without a name can be had where temporary ones lie."""
    try:
        os.close(os.open(tempfile.gettempdir(), os.O_TMPFILE | os.O_RDWR))
    except (AttributeError, OSError):
        return False
    return True


needs_unnamed = pytest.mark.skipif(not has_unnamed(), reason="this system, or its disk, has no files without names")
posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o7777


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o444, 0o777, 0o4755])
def test_a_new_file_takes_permissions_over_whatever_the_umask(tmp_path: Path, mode: int) -> None:
    model = tmp_path / "model"
    model.touch()
    model.chmod(mode)
    before = os.umask(0o077)
    try:
        with new_file(tmp_path / "a", permissions_of=model) as stream:
            assert os.fstat(stream.fileno()).st_mode & 0o7777 == mode & 0o777, "from the beginning"
            stream.write(b"data")
        with new_file(tmp_path / "b"):
            pass
    finally:
        os.umask(before)
    assert (mode_of(tmp_path / "a"), mode_of(tmp_path / "b")) == (mode & 0o777, 0o600)
    assert (tmp_path / "a").read_bytes() == b"data"


@posix
def test_a_file_that_is_replaced_passes_its_own_permissions_on(tmp_path: Path) -> None:
    for name, mode in (("model", 0o600), ("a", 0o644)):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    with new_file(tmp_path / "a", overwrite=True, permissions_of=tmp_path / "model"):
        pass
    assert mode_of(tmp_path / "a") == 0o644


def test_a_disk_without_permissions_gets_the_file_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").touch()
    monkeypatch.setattr(os, "fchmod", unsupported)
    with new_file(tmp_path / "a", permissions_of=tmp_path / "model") as stream:
        stream.write(b"data")
    with new_file(tmp_path / "b", permissions_of=tmp_path / "gone meanwhile"):
        pass
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "model"]


@pytest.mark.parametrize("overwrite", [True, False])
def test_times_are_taken_over_where_that_is_asked_for(tmp_path: Path, overwrite: bool) -> None:
    model, times = tmp_path / "model", (1_000_000_000_000_000_000, 1_100_000_000_123_456_700)
    model.touch()
    os.utime(model, ns=times)
    target = model if overwrite else tmp_path / "a"
    with new_file(target, overwrite=overwrite, times_of=model) as stream:
        stream.write(b"data")
    found = target.stat()
    assert (found.st_atime_ns, found.st_mtime_ns) == times
    with new_file(tmp_path / "b", permissions_of=model):
        pass
    assert (tmp_path / "b").stat().st_mtime_ns > times[1]


@needs_unnamed
def test_while_it_is_written_nothing_is_there(tmp_path: Path) -> None:
    with new_file(tmp_path / "a") as stream:
        stream.write(b"half")
        stream.flush()
        assert os.listdir(tmp_path) == []
    assert os.listdir(tmp_path) == ["a"]


@needs_unnamed
@pytest.mark.parametrize("mode", [0o600, 0o666])
def test_what_has_no_name_is_copied_where_no_link_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    (tmp_path / "model").touch()
    (tmp_path / "model").chmod(mode)
    monkeypatch.setattr(os, "link", unsupported)
    with new_file(tmp_path / "a", permissions_of=tmp_path / "model") as stream:
        stream.write(b"x" * 100_000)
    assert (tmp_path / "a").read_bytes() == b"x" * 100_000
    assert mode_of(tmp_path / "a") == mode
    assert sorted(os.listdir(tmp_path)) == ["a", "model"]


@needs_unnamed
def test_nothing_is_left_by_a_killed_process(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, signal\n"
        "from darklift.files import new_file\n"
        "with new_file(pathlib.Path('a')) as stream:\n"
        "    stream.write(bytes(100_000))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert os.listdir(tmp_path) == []


def test_where_files_need_names_only_a_temporary_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training clears up ``.*.tmp`` after a kill: the name must stay of this kind."""
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    with new_file(tmp_path / ("x" * 250)) as stream:  # as long a name as there may be
        stream.write(b"half")
        assert [path.parent for path in tmp_path.glob(".*.tmp")] == [tmp_path]
        assert len(os.listdir(tmp_path)) == 1
    assert os.listdir(tmp_path) == ["x" * 250]


@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError("bad")])
def test_an_error_leaves_what_there_was(tmp_path: Path, error: BaseException, overwrite: bool) -> None:
    target = tmp_path / "a"
    if overwrite:
        target.write_bytes(b"old")

    def fail() -> None:
        with new_file(target, overwrite=overwrite) as stream:
            stream.write(b"half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == ({"a": b"old"} if overwrite else {})


@pytest.mark.parametrize("taken", ["file", "folder", "dangling link"])
def test_a_name_that_is_taken_is_refused_before_the_work(tmp_path: Path, taken: str) -> None:
    target = tmp_path / "a"
    {
        "file": target.touch,
        "folder": target.mkdir,
        "dangling link": lambda: target.symlink_to(tmp_path / "nowhere"),
    }[taken]()
    with pytest.raises(FileExistsError, match=str(target)), new_file(target):
        pytest.fail("the work began")
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("links", [True, False])
def test_who_comes_first_keeps_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    if not links:
        monkeypatch.setattr(os, "link", unsupported)
    target = tmp_path / "a"
    monkeypatch.setattr(os, "fsync", lambda _: target.write_bytes(b"another's"))
    with pytest.raises(FileExistsError), new_file(target) as stream:
        stream.write(b"mine")
    assert target.read_bytes() == b"another's"
    assert os.listdir(tmp_path) == ["a"]


def test_without_hard_links_it_works_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", unsupported)
    with new_file(tmp_path / "a") as stream:
        stream.write(b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole"
    monkeypatch.setattr(Path, "replace", unsupported)
    with pytest.raises(OSError, match="not supported"), new_file(tmp_path / "b") as stream:
        stream.write(b"whole")
    assert os.listdir(tmp_path) == ["a"]


def test_it_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[list[str]] = []
    monkeypatch.setattr(os, "fsync", lambda _: found.append([path.name for path in tmp_path.glob("[!.]*")]))
    write_atomically(tmp_path / "a", b"data")
    with new_file(tmp_path / "b") as stream:
        stream.write(b"data")
    assert found == [[], ["a"]]
