"""Claims: one of several runs has a picture, and a dead one's is taken over."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from darklift.batch import claims as module
from darklift.batch.claims import Claim, Claims
from darklift.files import new_file


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "a.jpg"


def claim_file(folder: Path) -> Path:
    (file,) = folder.glob("claims/*.json")
    return file


def rewrite(folder: Path, **changes: object) -> None:
    """As if another process had written the claim."""
    file = claim_file(folder)
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_one_has_it_at_a_time(tmp_path: Path, target: Path) -> None:
    with Claims(tmp_path) as mine, Claims(tmp_path) as other:
        claim = mine.take("a.jpg", target)
        assert claim is not None
        assert claim.is_alive()
        assert claim.owns
        assert other.take("a.jpg", target) is None
        assert other.take("b.jpg", target) is not None
        mine.release("a.jpg")
        assert other.take("a.jpg", target) is not None
    assert list(tmp_path.glob("claims/*")) == []


def test_a_file_that_is_there_is_not_of_this_work(tmp_path: Path, target: Path) -> None:
    target.touch()
    with Claims(tmp_path) as mine:
        claim = mine.take("a.jpg", target)
        assert claim is not None
        assert not claim.owns


@pytest.mark.parametrize("changes", [{"pid": 2**22 + 1}, {"began": 1.0}])
def test_a_dead_process_s_claim_is_taken_over(tmp_path: Path, target: Path, changes: dict[str, object]) -> None:
    with Claims(tmp_path) as dead, Claims(tmp_path) as mine:
        assert dead.take("a.jpg", target)
        rewrite(tmp_path, **changes)
        target.touch()
        assert [alive for _, alive in mine.look()] == [False]
        claim = mine.take("a.jpg", target)
        assert claim is not None
        assert claim.pid == os.getpid()
        assert claim.owns, "the dead one made the file that is there"


def test_what_the_dead_left_half_written_is_removed(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)  # a file without a name leaves nothing
    with new_file(target):
        (mine,) = (path.name for path in tmp_path.glob(".darklift-*.tmp"))
    target.unlink()
    _, host, _, _ = mine.split("-")
    dead, alive = (f".darklift-{host}-{pid}-0123abcd.tmp" for pid in (2**22 + 1, os.getpid()))
    far = f".darklift-{'0' * 8}-{2**22 + 1}-0123abcd.tmp"
    for name in (dead, alive, far, ".darklift-other.tmp"):
        (tmp_path / name).touch()
    with Claims(tmp_path) as other:
        assert other.take("a.jpg", target)
        rewrite(tmp_path, pid=2**22 + 1)
        assert other.take("a.jpg", target)
    assert sorted(path.name for path in tmp_path.glob("*.tmp")) == sorted([alive, far, ".darklift-other.tmp"])


def test_another_machine_s_claim_is_taken_over_once_it_is_silent(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    with Claims(tmp_path) as far, Claims(tmp_path) as mine:
        assert far.take("a.jpg", target)
        rewrite(tmp_path, host="elsewhere")
        for beat in range(8):
            now += 20
            os.utime(claim_file(tmp_path), (beat, beat))  # its clock may show what it likes
            assert mine.take("a.jpg", target) is None
        now += 50
        assert mine.take("a.jpg", target) is None
        now += 50
        assert mine.take("a.jpg", target)


def test_signs_of_life(tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BEAT", 0.01)
    with Claims(tmp_path) as mine:
        assert mine.take("a.jpg", target)
        os.utime(claim_file(tmp_path), (0, 0))
        for _ in range(500):
            if claim_file(tmp_path).stat().st_mtime:
                break
            module.threading.Event().wait(0.01)
        assert claim_file(tmp_path).stat().st_mtime > 0


def test_a_claim_that_cannot_be_read_is_somebody_s(tmp_path: Path, target: Path) -> None:
    with Claims(tmp_path) as mine:
        assert mine.take("a.jpg", target)
        claim_file(tmp_path).write_bytes(b'{"output":')
        assert mine.take("a.jpg", target) is None


def test_a_number_used_again_is_another_process() -> None:
    with_us = Claim("a", module._this_host(), os.getpid(), module._began(), True)
    assert with_us.is_alive()
    assert with_us.is_ours()
    assert replace(with_us, began=with_us.began - 100).is_alive() is False
    assert replace(with_us, host="elsewhere").is_alive() is None
