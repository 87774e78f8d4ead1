"""What a batch still has to do, by its manifest, its claims and the disk."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from darklift.batch.job import Outcome
from darklift.batch.ledger import Ledger, State
from darklift.batch.manifest import Entry, FileState, PhotoFile
from darklift.batch.paths import Job
from darklift.batch.request import Request
from darklift.batch.run import run_shared
from darklift.batch.transfer import Reading, Saving
from darklift.errors import BatchError
from darklift.pipeline.settings import Settings
from darklift.store.load import Opening

REQUEST = Request(identify=True)


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    (tmp_path / "in").mkdir()
    made = [Job(tmp_path / "in" / name, tmp_path / "out" / name) for name in ("a.png", "b.png", "c.png")]
    for job in made:
        job.source.write_text(f"photo {job.source.name}")
        os.utime(job.source, (1, 1))
    return made


def ledger(jobs: list[Job], request: Request = REQUEST, **options: bool) -> Ledger:
    return Ledger(jobs[0].target.parent, request, **options)


def work(job: Job) -> Outcome:
    """The result is the photo, upper case; a photo that says "broken" fails."""
    photo = PhotoFile.of(job.source)
    text = job.source.read_text()
    if "broken" in text:
        return Outcome(job, error=f"{job.source} is broken", photo=photo)
    if job.target.exists() and not job.may_replace:
        return Outcome(job, error=f"{job.target} exists", photo=photo)
    job.target.write_text(text.upper())
    return Outcome(job, size=(1, 1), photo=photo, result=FileState.of(job.target), seconds=1.0)


def crew(jobs: Iterator[Job]) -> Iterator[Outcome]:
    return map(work, jobs)


def run(jobs: list[Job], request: Request = REQUEST, **options: bool) -> list[Outcome]:
    with ledger(jobs, request, **options) as open_ledger:
        left = [job for job in jobs if open_ledger.settled(job) is None]
        return list(run_shared(crew, [open_ledger.with_leave(job) for job in left], open_ledger))


def done(outcomes: list[Outcome]) -> str:
    """The names of what was done, in order."""
    return "".join(outcome.job.source.stem for outcome in outcomes)


def states(jobs: list[Job], request: Request = REQUEST) -> list[State]:
    with ledger(jobs, request) as opened:
        return [opened.standing(job).state for job in jobs]


def test_what_is_done_is_not_done_again(jobs: list[Job]) -> None:
    assert states(jobs) == [State.NEW] * 3
    assert done(run(jobs[:2])) == "ab"
    assert states(jobs) == [State.DONE, State.DONE, State.NEW]
    assert done(run(jobs, resume=True)) == "c"
    assert run(jobs, resume=True) == []
    assert not list(jobs[0].target.parent.glob(".darklift/claims/*"))


def test_a_photo_that_has_changed_is_done_again_over_its_own_result(jobs: list[Job]) -> None:
    run(jobs)
    jobs[1].source.write_text("another b")
    assert states(jobs) == [State.DONE, State.CHANGED, State.DONE]
    (outcome,) = run(jobs, resume=True)
    assert outcome.error is None
    assert jobs[1].target.read_text() == "ANOTHER B"


def test_a_photo_that_was_only_touched_or_moved_is_not(jobs: list[Job], tmp_path: Path) -> None:
    run(jobs)
    os.utime(jobs[0].source, (5, 5))
    moved = tmp_path / "moved.png"
    jobs[1].source.rename(moved)
    assert states([jobs[0], replace(jobs[1], source=moved), jobs[2]]) == [State.DONE] * 3


def test_a_result_that_is_gone_is_made_again(jobs: list[Job]) -> None:
    run(jobs)
    jobs[2].target.unlink()
    assert done(run(jobs, resume=True)) == "c"


def test_a_map_that_is_wanted_later_is_made(jobs: list[Job]) -> None:
    run(jobs)
    wanting = [replace(jobs[0], map=jobs[0].target.with_name("map.png")), *jobs[1:]]
    assert states(wanting) == [State.NEW, State.DONE, State.DONE]
    assert [outcome.error for outcome in run(wanting, resume=True)] == [None]


def test_a_result_that_somebody_has_edited_is_not_replaced(jobs: list[Job]) -> None:
    run(jobs)
    jobs[0].target.write_text("edited by hand")
    (outcome,) = run(jobs, resume=True)
    assert outcome.error is not None
    assert jobs[0].target.read_text() == "edited by hand"


@pytest.mark.parametrize(
    "request_",
    [
        Request(Settings(exposure="+1"), identify=True),
        Request(saving=Saving(quality=80), identify=True),
        Request(reading=Reading(like_camera=False), identify=True),
        Request(opening=Opening("nano"), identify=True),
        Request(opening=Opening(precision="bf16"), identify=True),
    ],
)
def test_other_wishes_are_worked_on_again(jobs: list[Job], request_: Request) -> None:
    run(jobs)
    assert states(jobs, request_) == [State.CHANGED] * 3
    assert [outcome.error for outcome in run(jobs, request_, resume=True)] == [None] * 3
    assert states(jobs, request_) == [State.DONE] * 3


@pytest.mark.parametrize(
    "request_",
    [
        Request(Settings(), Opening("compact", threads=1, memory="1GB")),
        Request(saving=Saving(overwrite=True, keep_times=True)),
    ],
)
def test_what_changes_no_pixel_is_no_other_wish(jobs: list[Job], request_: Request) -> None:
    run(jobs)
    assert states(jobs, request_) == [State.DONE] * 3


def test_a_setting_that_an_older_darklift_did_not_know_had_its_default() -> None:
    wish = {**REQUEST.wish, "settings": {k: v for k, v in REQUEST.wish["settings"].items() if k != "lift"}}
    assert REQUEST.wishes(wish)
    assert not Request(Settings(lift="full")).wishes(wish)
    assert not REQUEST.wishes({})
    assert not REQUEST.wishes({**wish, "settings": {"of the future": 1}})


def test_what_failed_is_tried_again_on_request_or_once_it_has_changed(jobs: list[Job]) -> None:
    jobs[1].source.write_text("broken")
    assert [outcome.error is None for outcome in run(jobs)] == [True, False, True]
    assert states(jobs)[1] == State.FAILED
    assert run(jobs, resume=True) == []
    assert done(run(jobs, resume=True, retry_failed=True)) == "b"
    jobs[1].source.write_text("mended")
    assert done(run(jobs, resume=True)) == "b"


def test_two_runs_at_once_share_the_work(jobs: list[Job]) -> None:
    with ledger(jobs) as first, ledger(jobs) as second:
        one = run_shared(crew, jobs, first)
        outcomes = [next(one)]  # the first run has done a, and put it down
        taken = second.take(jobs[1])  # the second is at b
        assert isinstance(taken, Job)
        assert isinstance(second.take(jobs[0]), Entry)
        second.record(work(taken))
        outcomes += list(one)
    assert [(outcome.job.source.stem, outcome.elsewhere) for outcome in outcomes] == [
        ("a", False),
        ("b", True),
        ("c", False),
    ]


def test_one_that_another_run_is_at_is_waited_for(jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    with ledger(jobs) as first, ledger(jobs) as second:
        taken = second.take(jobs[0])
        assert isinstance(taken, Job)
        assert first.take(jobs[0]) is None
        monkeypatch.setattr(time, "sleep", lambda _: second.record(work(taken)))
        outcomes = list(run_shared(crew, jobs, first))
    assert done(outcomes) == "abc"
    assert [outcome.elsewhere for outcome in outcomes] == [True, False, False]


def test_one_that_was_given_back_is_done(jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    with ledger(jobs) as first, ledger(jobs) as second:
        second.take(jobs[0])
        monkeypatch.setattr(time, "sleep", lambda _: second.release(jobs[0]))
        assert done(list(run_shared(crew, jobs, first))) == "abc"


def test_a_result_of_a_run_that_died_before_it_could_say_so_is_made_again(jobs: list[Job]) -> None:
    with ledger(jobs) as died:
        assert died.take(jobs[0])
        jobs[0].target.write_text("half of the story")
        die(died)
        assert [outcome.error for outcome in run(jobs, resume=True)] == [None] * 3
    assert jobs[0].target.read_text() == "PHOTO A.PNG"


def test_a_claim_of_a_run_that_died_once_it_had_said_so_is_cleared_up(jobs: list[Job]) -> None:
    with ledger(jobs) as died:
        assert died.take(jobs[0])
        died.manifest.append(died._entry(work(jobs[0])))
        die(died)
        assert done(run(jobs, resume=True)) == "bc"
        assert not list(died.manifest.folder.glob("claims/*"))


def die(died: Ledger) -> None:
    """Make its claims those of a process that is gone."""
    for claim in died.manifest.folder.glob("claims/*"):
        claim.write_text(claim.read_text().replace(f'"pid": {os.getpid()}', f'"pid": {2**22 + 1}'))


@pytest.mark.parametrize("died_while", ["it was made", "it was put down"])
def test_also_where_it_took_the_place_of_an_earlier_one(
    jobs: list[Job], died_while: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(jobs)
    jobs[0].source.write_text("changed")
    with ledger(jobs, resume=True) as died:
        taken = died.take(jobs[0])
        assert isinstance(taken, Job)
        outcome = work(taken)
        if died_while == "it was put down":
            with monkeypatch.context() as patch:
                patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
                with pytest.raises(BatchError, match="No space left"):
                    died.record(outcome)
    die(died)
    jobs[0].source.write_text("changed again")
    assert [outcome.error for outcome in run(jobs, resume=True)] == [None]
    assert jobs[0].target.read_text() == "CHANGED AGAIN"


def test_a_strangers_file_is_not_replaced(jobs: list[Job]) -> None:
    jobs[0].target.parent.mkdir()
    jobs[0].target.write_text("a stranger's")
    assert [outcome.error is None for outcome in run(jobs, resume=True)] == [False, True, True]
    assert jobs[0].target.read_text() == "a stranger's"


def test_outcomes_are_told_in_order_and_put_down_at_once(jobs: list[Job]) -> None:
    put_down: list[list[str]] = []

    def backwards(given: Iterator[Job]) -> Iterator[Outcome]:
        for outcome in [work(job) for job in given][::-1]:
            put_down.append(sorted(open_ledger.manifest.entries))
            yield outcome

    with ledger(jobs) as open_ledger:
        assert done(list(run_shared(backwards, jobs, open_ledger))) == "abc"
    assert put_down == [[], ["c.png"], ["b.png", "c.png"]]


def test_a_full_disk_ends_it_and_is_no_fault_of_the_photo(jobs: list[Job]) -> None:
    def full(given: Iterator[Job]) -> Iterator[Outcome]:
        return (Outcome(job, error=f"{job.target}: no space left", hopeless=True) for job in given)

    with ledger(jobs) as open_ledger:
        told = run_shared(full, jobs, open_ledger)
        assert next(told).hopeless
        with pytest.raises(BatchError, match="no space left"):
            next(told)
    assert states(jobs) == [State.NEW] * 3
