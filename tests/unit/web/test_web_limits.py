"""What the server refuses, each by its status, and what it never gives away."""

import io
import struct
import threading
import zlib
from collections.abc import Iterator

import pytest
from PIL import Image

from darklift.errors import UsageError
from darklift.web.limits import Limits
from darklift.web.problems import PROBLEMS
from web_service import API, Serving, dark_photo, serving


@pytest.fixture
def web() -> Iterator[Serving]:
    with serving(pixels=100_000) as made:
        yield made


def is_problem(answer: object, kind: str) -> bool:
    status, title = PROBLEMS[kind]
    document = answer.json()  # type: ignore[attr-defined]
    assert answer.headers["content-type"] == "application/problem+json"  # type: ignore[attr-defined]
    assert document["type"].endswith(f"#{kind}"), document
    assert (document["title"], document["status"]) == (title, status)
    assert document["detail"]
    return answer.status_code == status  # type: ignore[attr-defined]


def huge_header(width: int, height: int) -> bytes:
    """A PNG that says it is large and holds nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "bad-request"),
        (b"GIF87 is no picture", "not-a-picture"),
        (b"%PDF-1.7" + bytes(5000), "not-a-picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not-a-picture"),
        (dark_photo()[:90], "unreadable"),
        (b"\xff\xd8\xff\xe0" + bytes(3_000_000), "too-long"),
        (huge_header(20_000, 20_000), "unreadable"),  # its bytes cannot fill it
        (huge_header(70_000, 70_000), "unreadable"),
        (dark_photo(401, 250), "too-many-pixels"),
    ],
)
def test_bodies_are_refused(web: Serving, body: bytes, kind: str) -> None:
    for address in ("enhance", "uncertainty", "photos"):
        answer = web.http.post(f"{API}/{address}", content=body)
        assert is_problem(answer, kind), address
    assert web.step.count == 0
    assert web.service.budget.used == 0


@pytest.mark.parametrize(
    "choice",
    [
        "steps=0", "steps=9", "steps=two", "strength=1.5", "strength=nan", "exposure=bright", "exposure=99",
        "saturation=101", "lift=all", "deblock=maybe", "seed=1.5", "window=0", "stride=4", "quality=101", "bits=9",
        "lossless=perhaps", "format=exe", "format=heic", "model=nothing", "nothing=1", "steps=1&steps=2", "frame=0",
        "preset=nothing", "coverage=2", "quality=80&format=png&bits=32", "lossless=true&format=jpg",
    ],
)  # fmt: skip
def test_choices_are_refused(web: Serving, choice: str) -> None:
    assert web.http.post(f"{API}/enhance?{choice}", content=dark_photo()).status_code == 422


def test_declared_lengths_are_believed_when_they_are_too_long(web: Serving) -> None:
    answer = web.http.post(f"{API}/enhance", content=b"\xff\xd8", headers={"Content-Length": "999999999999"})
    assert is_problem(answer, "too-long")


@pytest.mark.parametrize(
    ("kind_of_body", "body"),
    [
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=", b"--x--"),
        ("multipart/form-data; boundary=" + "x" * 300, b"--x--"),
        ("multipart/form-data; boundary=x", b"nothing of the kind"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=\"photo\"\r\n\r\nabc"),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"A: b\r\n" * 50 + b"\r\nabc\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nabc\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=\"steps\"\r\n\r\n1\r\n" * 99),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n" + bytes(9999)),
    ],
)  # fmt: skip
def test_forms_that_are_none_are_refused(web: Serving, kind_of_body: str, body: bytes) -> None:
    answer = web.http.post(f"{API}/enhance", content=body, headers={"Content-Type": kind_of_body})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_two_photos_in_a_form_are_refused(web: Serving) -> None:
    files = [("photo", ("a.png", dark_photo())), ("photo", ("b.png", dark_photo()))]
    assert is_problem(web.http.post(f"{API}/enhance", files=files), "bad-request")


def test_frames_count_together() -> None:
    frames = [Image.new("RGB", (100, 100), (seed, 0, 0)) for seed in range(6)]
    stream = io.BytesIO()
    frames[0].save(stream, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    with serving(pixels=50_000) as web:
        assert is_problem(web.http.post(f"{API}/enhance", content=stream.getvalue()), "too-many-pixels")
        assert web.http.post(f"{API}/enhance?frame=1&format=png", content=stream.getvalue()).status_code == 200


def test_what_waits_is_bounded_and_clients_take_turns() -> None:
    with serving(queue=4) as web:
        web.step.may_go.clear()
        clients = {name: web.from_address(name) for name in ("10.0.0.1", "10.0.0.2", "10.0.0.3")}
        first = [clients["10.0.0.1"].post(f"{API}/jobs", content=dark_photo()) for _ in range(3)]
        assert [answer.status_code for answer in first] == [202] * 3  # one runs, two wait
        refused = clients["10.0.0.1"].post(f"{API}/jobs", content=dark_photo())
        assert is_problem(refused, "client-busy")
        assert int(refused.headers["retry-after"]) > 0
        second = [clients["10.0.0.2"].post(f"{API}/jobs", content=dark_photo()) for _ in range(2)]
        assert [answer.status_code for answer in second] == [202] * 2
        refused = clients["10.0.0.3"].post(f"{API}/enhance", content=dark_photo())
        assert is_problem(refused, "busy")
        assert int(refused.headers["retry-after"]) > 0

        order: list[str] = []
        jobs = {
            answer.headers["location"].rsplit("/")[-1]: name
            for name, answer in [*(("one", a) for a in first), *(("two", a) for a in second)]
        }
        held = {name: web.service.jobs.get(name) for name in jobs}
        web.step.may_go.set()

        def ended() -> bool:
            order.extend(jobs[name] for name, job in held.items() if job.ended and name not in seen)
            seen.update(name for name, job in held.items() if job.ended)
            return len(seen) == 5

        seen: set[str] = set()
        web.wait_until(ended)
        assert order == ["one", "one", "two", "one", "two"]
        assert web.step.most == 1


def test_no_more_compute_at_a_time_than_is_allowed_though_jobs_are_cancelled() -> None:
    """Whoever cancels again and again does not get more threads: a slot is free when its thread has ended."""
    with serving(queue=20) as web:
        web.step.may_go.clear()
        for number in range(4):
            job = web.http.post(f"{API}/jobs", content=dark_photo())
            web.step.began.acquire(timeout=0.2) if number else web.step.began.acquire(timeout=10)
            assert web.http.delete(job.headers["location"]).status_code == 202
        last = web.http.post(f"{API}/jobs", content=dark_photo()).headers["location"]
        assert len(web.service.work.running) == 1
        web.step.may_go.set()
        web.http.get(f"{last}/events")
        assert web.http.get(f"{last}/result").status_code == 200
        assert web.step.most == 1
        states = [job.state for job in web.service.jobs.values()]
        assert states == ["cancelled"] * 4 + ["done"]
        assert web.step.count < 4 + 4 + 1  # the first ended after a step, the others before any


def test_a_cancelled_job_tells_so(web: Serving) -> None:
    web.step.may_go.clear()
    address = web.http.post(f"{API}/jobs", content=dark_photo()).headers["location"]
    assert web.step.began.acquire(timeout=10)
    assert is_problem(web.http.get(f"{address}/result"), "not-ready")
    web.http.delete(address)
    assert web.http.get(address).json()["state"] == "running"  # until its step is done
    web.step.may_go.set()
    assert web.http.get(f"{address}/events").text.rstrip().splitlines()[-2] == "event: cancelled"
    assert is_problem(web.http.get(f"{address}/result"), "gone")


def test_computing_takes_so_long_and_no_longer() -> None:
    with serving(timeout=0.05) as web:
        web.step.may_go.clear()
        answers = []
        thread = threading.Thread(target=lambda: answers.append(web.http.post(f"{API}/enhance", content=dark_photo())))
        thread.start()
        assert web.step.began.acquire(timeout=10)
        threading.Event().wait(0.1)
        web.step.may_go.set()
        thread.join()
        assert is_problem(answers[0], "timeout")
        assert web.step.count == 1


def test_what_is_held_is_bounded() -> None:
    photo = dark_photo(200, 100)
    with serving(bytes=1_000_000, held=10_000_000) as web:
        held = [web.http.post(f"{API}/photos", content=photo).headers["location"] for _ in range(9)]
        assert web.service.budget.used <= 5_000_000  # half of it, for one client
        statuses = [web.http.get(address).status_code for address in held]
        assert statuses == sorted(statuses, reverse=True)  # the oldest went
        assert {404, 200} == set(statuses)


def test_nothing_of_other_clients_goes_to_make_room() -> None:
    photo = dark_photo(200, 100)
    with serving(bytes=1_000_000, held=5_000_000) as web:
        one, two, three = (web.from_address(f"10.0.0.{number}") for number in (1, 2, 3))
        mine = [one.post(f"{API}/photos", content=photo) for _ in range(2)]
        theirs = [two.post(f"{API}/photos", content=photo) for _ in range(2)]
        assert {answer.status_code for answer in (*mine, *theirs)} == {201}
        assert is_problem(three.post(f"{API}/photos", content=photo), "busy")
        assert all(one.get(answer.headers["location"]).status_code == 200 for answer in mine)


def test_what_rests_too_long_goes() -> None:
    with serving(minutes=0.001) as web:
        address = web.http.post(f"{API}/photos", content=dark_photo()).headers["location"]
        job = web.http.post(f"{API}/jobs", content=dark_photo()).headers["location"]
        web.http.get(f"{job}/events")

        def gone() -> bool:
            web.service.photos.sweep()
            web.service.jobs.sweep()
            return not len(web.service.photos) + len(web.service.jobs)

        web.wait_until(gone)
        assert web.http.get(address).status_code == 404
        assert web.service.budget.used == 0


def test_a_defect_is_logged_and_not_told(web: Serving, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("/home/somebody/secret.py is broken")

    web.service.enhancers["gain"].run = broken  # type: ignore[method-assign]
    answer = web.http.post(f"{API}/enhance", content=dark_photo())
    assert is_problem(answer, "internal")
    assert "secret" not in answer.text
    assert "secret" in caplog.text


def test_nobody_is_served_while_it_stops(web: Serving) -> None:
    web.http.portal.call(web.service.drain)  # type: ignore[union-attr]
    assert is_problem(web.http.get(f"{API}/health/ready"), "stopping")
    assert is_problem(web.http.post(f"{API}/enhance", content=dark_photo()), "stopping")
    assert web.http.get(f"{API}/health/live").status_code == 200


@pytest.mark.parametrize("wrong", [{"bytes": 0}, {"queue": -1}, {"timeout": 0}, {"minutes": float("nan")}, {"held": 9}])
def test_limits_that_are_none_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        Limits(**wrong)  # type: ignore[arg-type]


def test_what_is_cancelled_while_it_waits_makes_room() -> None:
    with serving(queue=2) as web:
        web.step.may_go.clear()
        jobs = [web.http.post(f"{API}/jobs", content=dark_photo()).headers["location"] for _ in range(2)]
        for _ in range(5):
            web.http.delete(jobs.pop())
            jobs.append(web.http.post(f"{API}/jobs", content=dark_photo()).headers["location"])
        assert web.service.work.waiting == 1


def test_who_was_refused_comes_before_who_was_served() -> None:
    """Else those who get a place come back at once, and take it again."""
    with serving(queue=2) as web:
        clients = [web.from_address(f"10.0.0.{number}") for number in range(4)]
        web.step.may_go.clear()
        held = [clients[number].post(f"{API}/jobs", content=dark_photo()) for number in (0, 0, 1)]
        assert [answer.status_code for answer in held] == [202, 202, 202]  # one runs, two wait
        for late in (2, 3):
            assert is_problem(clients[late].post(f"{API}/jobs", content=dark_photo()), "busy")
        clients[1].delete(held[2].headers["location"])  # now there is a place
        for number in (1, 3):
            assert is_problem(clients[number].post(f"{API}/jobs", content=dark_photo()), "busy")
        assert clients[2].post(f"{API}/jobs", content=dark_photo()).status_code == 202


def test_a_place_is_not_kept_for_long_nor_where_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(queue=2) as web:
        web.step.may_go.clear()
        one, two, three = (web.from_address(f"10.0.0.{number}") for number in range(3))
        held = [client.post(f"{API}/jobs", content=dark_photo()) for client in (one, one, two)]
        assert is_problem(three.post(f"{API}/jobs", content=dark_photo()), "busy")
        two.delete(held[2].headers["location"])
        one.delete(held[1].headers["location"])  # nobody waits now
        assert two.post(f"{API}/jobs", content=dark_photo()).status_code == 202
        assert is_problem(one.post(f"{API}/jobs", content=dark_photo()), "busy")  # the last place is three's
        monkeypatch.setattr("darklift.web.desk._CLAIM", 0.0)
        assert one.post(f"{API}/jobs", content=dark_photo()).status_code == 202


def test_as_many_are_computed_at_a_time_as_are_allowed() -> None:
    with serving(concurrent=2) as web:
        web.step.may_go.clear()
        jobs = [web.http.post(f"{API}/jobs", content=dark_photo(seed=seed)).headers["location"] for seed in range(4)]
        assert web.step.began.acquire(timeout=10)
        assert web.step.began.acquire(timeout=10)
        assert (len(web.service.work.running), web.service.work.waiting) == (2, 2)
        web.step.may_go.set()
        for job in jobs:
            web.http.get(f"{job}/events")
            assert web.http.get(f"{job}/result").status_code == 200
        assert web.step.most == 2
