"""The desk of a cluster's run: who may do what, what is put down, and what a death costs. Ray is not needed."""

import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from darklift.batch.cluster.desk import Desk, Keeping, News, Order
from darklift.batch.job import Outcome
from darklift.batch.ledger import Ledger
from darklift.batch.manifest import FileState, PhotoFile
from darklift.batch.paths import Job
from darklift.batch.request import Request
from darklift.runtime import ModelCard

CARD = object.__new__(ModelCard)
REQUEST = Request(identify=True)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(tmp_path: Path) -> dict[str, Job]:
    (tmp_path / "out").mkdir(exist_ok=True)
    made = {name: Job(tmp_path / f"{name}.png", tmp_path / "out" / f"{name}.png") for name in "abc"}
    for job in made.values():
        job.source.write_text("photo")
    return made


@pytest.fixture
def desk(tmp_path: Path, clock: Clock) -> Iterator[Desk]:
    desk = Desk(Keeping(str(tmp_path / "out"), REQUEST), clock)
    desk.open()
    for worker, node in (("one", "x"), ("two", "x"), ("three", "y")):
        desk.arrive(worker, node, 100, CARD)
    yield desk
    desk.close()


def begin(desk: Desk, worker: str, job: Job) -> Order:
    return desk.begin(worker, pickle.dumps(job))


def done(order: Order, text: str = "result") -> Outcome:
    assert order.job is not None
    order.job.target.write_text(text)
    photo = PhotoFile.of(order.job.source)
    return Outcome(order.job, size=(1, 1), photo=photo, result=FileState.of(order.job.target))


def names(news: News) -> list[str]:
    return [outcome.job.source.stem for outcome in news.outcomes]


def told(tmp_path: Path) -> list[tuple[str, str]]:
    lines = (tmp_path / "out/.darklift/manifest.jsonl").read_text().splitlines()
    return [(line["output"], line["status"]) for line in map(json.loads, lines)]


def test_what_is_done_is_put_down_before_it_is_news(desk: Desk, jobs: dict[str, Job], tmp_path: Path) -> None:
    order = begin(desk, "one", jobs["a"])
    assert order.job == jobs["a"]
    assert told(tmp_path) == []
    desk.finish("one", done(order))
    assert told(tmp_path) == [("a.png", "done")]
    assert names(desk.news()) == ["a"]
    assert names(desk.news()) == []


def test_a_block_that_is_given_out_again_does_nothing_twice(desk: Desk, jobs: dict[str, Job], tmp_path: Path) -> None:
    desk.finish("one", done(begin(desk, "one", jobs["a"])))
    assert begin(desk, "three", jobs["a"]).job is None
    assert told(tmp_path) == [("a.png", "done")]


def test_whoever_died_at_a_picture_costs_it_one_more_try(desk: Desk, jobs: dict[str, Job], tmp_path: Path) -> None:
    first = begin(desk, "one", jobs["a"])
    assert not first.again
    jobs["a"].target.write_text("was written, and not told of")
    again = begin(desk, "three", jobs["a"])
    assert again.again
    assert again.job is not None
    assert again.job.may_replace, "what the dead one wrote is its own"
    desk.finish("three", done(again))
    assert told(tmp_path) == [("a.png", "done")]


def test_the_second_death_is_the_pictures_failure(desk: Desk, jobs: dict[str, Job], tmp_path: Path) -> None:
    begin(desk, "one", jobs["a"])
    begin(desk, "two", jobs["a"])
    assert begin(desk, "three", jobs["a"]).job is None
    (outcome,) = desk.news().outcomes
    assert outcome.error is not None
    assert "a.png" in outcome.error
    assert "died 2 times" in outcome.error
    assert told(tmp_path) == [("a.png", "failed")]
    assert begin(desk, "three", jobs["a"]).job is None, "and that is that"


def test_one_that_counted_as_dead_and_was_not_changes_nothing(desk: Desk, jobs: dict[str, Job], tmp_path: Path) -> None:
    first, second = begin(desk, "one", jobs["a"]), begin(desk, "three", jobs["a"])
    desk.finish("three", done(second))
    desk.finish("one", done(first))
    assert told(tmp_path) == [("a.png", "done")]
    assert names(desk.news()) == ["a"]


def test_a_result_of_somebody_else_is_not_replaced_after_a_death(desk: Desk, jobs: dict[str, Job]) -> None:
    jobs["a"].target.write_text("theirs")
    begin(desk, "one", jobs["a"])
    again = begin(desk, "three", jobs["a"])
    assert again.job is not None
    assert not again.job.may_replace


def test_what_another_run_is_at_is_held_until_it_is_done(desk: Desk, jobs: dict[str, Job], tmp_path: Path) -> None:
    with Ledger(tmp_path / "out", REQUEST) as other:
        taken = other.take(jobs["a"])
        assert isinstance(taken, Job)
        assert begin(desk, "one", jobs["a"]).job is None
        assert [job.source.stem for job in desk.news().held] == ["a"]
        assert desk.free([jobs["a"], jobs["b"]]) == [jobs["b"]]
        other.record(done(Order(taken)))
    assert desk.free([jobs["a"]]) == []
    (outcome,) = desk.news().outcomes
    assert outcome.elsewhere


def test_what_was_begun_and_never_ended_is_free_again(desk: Desk, jobs: dict[str, Job]) -> None:
    begin(desk, "one", jobs["a"])
    assert desk.free([jobs["a"]]) == [jobs["a"]]
    assert begin(desk, "two", jobs["a"]).again


class TestMemory:
    def test_pictures_of_one_node_that_are_too_large_together_wait(self, desk: Desk, jobs: dict[str, Job]) -> None:
        for worker, name in (("one", "a"), ("two", "b"), ("three", "c")):
            assert begin(desk, worker, jobs[name]).job is not None
        assert desk.make_room("one", 60)
        assert not desk.make_room("two", 60)
        assert desk.make_room("three", 60), "another node's memory is another"
        desk.finish("one", Outcome(jobs["a"], error="a.png: broken"))
        assert begin(desk, "one", jobs["a"]).wait, "nobody begins while one waits"
        assert desk.make_room("two", 60)

    def test_one_that_is_too_large_for_the_node_is_done_alone(self, desk: Desk, jobs: dict[str, Job]) -> None:
        begin(desk, "one", jobs["a"])
        assert desk.make_room("one", 500)
        assert begin(desk, "two", jobs["b"]).job is not None
        assert not desk.make_room("two", 1)
        desk.finish("one", Outcome(jobs["a"], error="a.png: broken"))
        assert desk.make_room("two", 1)

    def test_two_that_are_too_large_do_not_wait_for_each_other(self, desk: Desk, jobs: dict[str, Job]) -> None:
        begin(desk, "one", jobs["a"])
        begin(desk, "two", jobs["b"])
        assert desk.make_room("one", 500)
        assert not desk.make_room("two", 500)
        desk.finish("one", Outcome(jobs["a"], error="a.png: broken"))
        assert desk.make_room("two", 500)

    def test_the_dead_take_no_memory(self, desk: Desk, jobs: dict[str, Job], clock: Clock) -> None:
        begin(desk, "one", jobs["a"])
        assert desk.make_room("one", 500)
        clock.now = 60.0
        begin(desk, "two", jobs["b"])
        assert desk.make_room("two", 500)
        assert (desk.news().workers, desk.news().at_work) == (1, 1)


def test_a_worker_that_cannot_work_ends_it_for_all(desk: Desk, jobs: dict[str, Job]) -> None:
    desk.refuse("node has another darklift", usage=False)
    desk.refuse("and another", usage=True)
    assert begin(desk, "one", jobs["a"]).job is None
    error = desk.news().error
    assert error is not None
    assert "another darklift" in error.message
    assert not error.usage


def test_results_that_were_removed_end_it(desk: Desk, jobs: dict[str, Job], tmp_path: Path) -> None:
    order = begin(desk, "one", jobs["a"])
    outcome = done(order)
    (tmp_path / "out/.darklift").rename(tmp_path / "gone")
    desk.finish("one", outcome)
    error = desk.news().error
    assert error is not None
    assert "removed" in error.message
    (tmp_path / "gone").rename(tmp_path / "out/.darklift")


def test_a_manifest_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    desk = Desk(Keeping(str(tmp_path / "out"), REQUEST))
    desk.open()
    error = desk.news().error
    assert error is not None
    assert "manifest" in error.message


def test_the_full_disk_is_nobodys_failure(desk: Desk, jobs: dict[str, Job], tmp_path: Path) -> None:
    order = begin(desk, "one", jobs["a"])
    assert order.job is not None
    desk.finish("one", Outcome(order.job, error="a.png: no space left", hopeless=True))
    assert told(tmp_path) == []
    assert desk.news().outcomes[0].hopeless
