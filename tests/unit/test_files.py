"""darklift.files: a file appears whole or not at all."""

import os
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


def test_while_it_is_written_only_a_temporary_is_there(tmp_path: Path) -> None:
    """Training clears up ``.*.tmp`` after a kill: the name must stay of this kind."""
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
