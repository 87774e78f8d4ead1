"""``darklift web`` as a process of its own: the same bytes as the command line, and an end to everything."""

import http.client
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import httpx2
import numpy as np
import pytest
from PIL import Image

from heif_files import heif_file
from raw_files import dng_file, mosaic, raw_scene

if TYPE_CHECKING:
    from typer.testing import Result

NIGHT = Path(__file__).resolve().parents[2] / "examples" / "night.jpg"
API = "/api/v1"
Darklift: TypeAlias = "Callable[..., Result]"
PATIENCE = 60.0
"""Seconds after which a test gives up."""


class Web:
    """A running server."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.port = process, port
        self.address = f"http://127.0.0.1:{port}"
        self.http = httpx2.Client(base_url=self.address, timeout=PATIENCE)
        self.log: list[str] = []
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr:
            self.log.extend(iter(self.process.stderr.readline, ""))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._listener.join()
        self.http.close()

    def metric(self, name: str) -> float:
        (line,) = (line for line in self.http.get("/metrics").text.splitlines() if line.startswith(f"{name} "))
        return float(line.rsplit(" ", 1)[1])

    def wait_until(self, true: Callable[[], bool], seconds: float = PATIENCE) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"it took more than {seconds} seconds: {self.log[-5:]}"
            time.sleep(0.02)

    def idle(self) -> bool:
        return self.metric('darklift_running{desk="work"}') + self.metric("darklift_held_bytes") == 0

    def raw(self, *parts: bytes, answer: bool = True) -> bytes:
        """What comes back for bytes that are sent as they are."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            for part in parts:
                connection.sendall(part)
            received = b""
            while answer and (part := connection.recv(65536)):
                received += part
            return received

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def running(*options: str, **popen: object) -> Iterator[Web]:
    command = [sys.executable, "-m", "darklift", "web", "--port", "0", "--model", "nano", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **popen)  # type: ignore[call-overload]
    assert process.stderr is not None
    found = re.search(r"http://127\.0\.0\.1:(\d+)/", first := process.stderr.readline())
    if not found:
        process.kill()
        pytest.fail(first + process.communicate()[1])
    web = Web(process, int(found[1]))
    try:
        yield web
    finally:
        web.close()


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with running() as made:
        yield made


def large(folder: Path, width: int = 900, height: int = 600) -> bytes:
    """A photo that takes a while."""
    codes = np.random.default_rng(0).integers(0, 30, (height // 8, width // 8, 3), dtype=np.uint8)
    Image.fromarray(codes).resize((width, height), Image.Resampling.BICUBIC).save(folder / "large.jpg", quality=90)
    return (folder / "large.jpg").read_bytes()


def deep_png(path: Path) -> None:
    cv = pytest.importorskip("imagecodecs")
    light = np.random.default_rng(0).integers(0, 3000, (60, 90, 3), dtype=np.uint16)
    path.write_bytes(cv.png_encode(light))


def heic(path: Path) -> None:
    pytest.importorskip("pi_heif")
    path.write_bytes(heif_file())


def raw(path: Path) -> None:
    pytest.importorskip("rawpy")
    pytest.importorskip("tifffile")
    path.write_bytes(dng_file(mosaic(raw_scene((96, 128)), 0.05)))


def animation(path: Path) -> None:
    frames = [Image.open(NIGHT).resize((64, 48)).rotate(turn) for turn in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)


def jpeg(path: Path) -> None:
    path.write_bytes(NIGHT.read_bytes())


@pytest.mark.parametrize(
    ("make", "name", "result", "options"),
    [
        (jpeg, "night.jpg", "out.jpg", {}),
        (jpeg, "night.jpg", "out.png", {"format": "png", "exposure": "+0.7", "blacks": "-20", "seed": "3"}),
        (jpeg, "night.jpg", "out.webp", {"format": "webp", "quality": "80", "steps": "2", "lift": "full"}),
        (deep_png, "night.png", "out.png", {}),
        (heic, "night.heic", "out.jpg", {}),
        (raw, "night.dng", "out.jpg", {"like-camera": "false"}),
        (raw, "night.dng", "out.tif", {"format": "tif", "bits": "16"}),
        (animation, "night.webp", "out.webp", {"saturation": "15"}),
    ],
)
def test_what_comes_back_is_what_the_command_line_writes(
    web: Web,
    darklift: Darklift,
    make: Callable[[Path], None],
    name: str,
    result: str,
    options: dict[str, str],
) -> None:
    make(Path(name))
    typed = [f"--{key}={value}" for key, value in options.items() if key not in ("format", "like-camera")]
    typed += ["--no-like-camera"] if "like-camera" in options else []
    assert darklift("enhance", name, "-o", result, "--model", "nano", *typed).exit_code == 0
    photo = Path(name).read_bytes()
    plain = web.http.post(f"{API}/enhance", params=options, content=photo)
    form = web.http.post(f"{API}/enhance", data=options, files={"photo": (name, photo)})
    assert plain.status_code == 200, plain.text
    assert plain.content == Path(result).read_bytes()
    assert form.content == plain.content


def test_nothing_is_written_to_the_disk(tmp_path: Path) -> None:
    """A file that grows at all ends in an error."""

    def no_file_grows() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    photo = large(tmp_path)
    padded = photo + bytes(3_000_000)  # longer than what others keep in memory of a form
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    with running(preexec_fn=no_file_grows, env=environment) as web:
        assert web.http.post(f"{API}/enhance", files={"photo": padded}).status_code == 200
        held = web.http.post(f"{API}/photos", files={"photo": padded}).json()["id"]
        assert web.http.get(f"{API}/photos/{held}/preview?side=200").status_code == 200
        assert web.http.get(f"{API}/photos/{held}/original").status_code == 200
        for make, name in ((heic, "a.heic"), (raw, "a.dng"), (deep_png, "a.png")):
            make(tmp_path / name)
            answer = web.http.post(f"{API}/enhance", content=(tmp_path / name).read_bytes())
            assert answer.status_code == 200, answer.text


def test_a_job_tells_of_its_steps_and_its_result_is_the_same(web: Web) -> None:
    started = web.http.post(f"{API}/jobs?steps=3", content=NIGHT.read_bytes())
    address = started.headers["location"]
    told = []
    with web.http.stream("GET", f"{address}/events") as events:
        for line in events.iter_lines():
            if line.startswith("data: "):
                told.append(json.loads(line[6:]))
    assert [facts["done"] for facts in told if facts["state"] == "running"] == [0, 1, 2, 3]
    assert told[-1]["state"] == "done"
    result = web.http.get(f"{address}/result").content
    assert result == web.http.post(f"{API}/enhance?steps=3", content=NIGHT.read_bytes()).content
    web.http.delete(address)


def test_a_cancelled_job_ends_between_two_steps(web: Web, tmp_path: Path) -> None:
    photo = large(tmp_path)
    address = web.http.post(f"{API}/jobs?steps=8", content=photo).headers["location"]
    with web.http.stream("GET", f"{address}/events") as events:
        for line in events.iter_lines():
            if line.startswith("data: ") and json.loads(line[6:])["done"] >= 1:
                break
    assert web.http.delete(address).status_code == 202
    web.wait_until(lambda: web.http.get(address).json()["state"] == "cancelled")
    facts = web.http.get(address).json()
    assert facts["done"] < facts["total"]
    assert web.metric('darklift_running{desk="work"}') == 0
    web.http.delete(address)


def test_nobody_computes_for_who_has_hung_up(web: Web, tmp_path: Path) -> None:
    photo = large(tmp_path)
    head = f"POST {API}/enhance?steps=8 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(photo)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", web.port)) as connection:
        connection.sendall(head.encode() + photo)
        web.wait_until(lambda: web.metric('darklift_running{desk="work"}') == 1)
    web.wait_until(web.idle)
    web.wait_until(lambda: any(f"POST {API}/enhance 499" in line for line in web.log))


def test_an_upload_that_breaks_off_leaves_nothing(web: Web) -> None:
    head = f"POST {API}/enhance HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900000\r\n\r\n".encode()
    web.raw(head, NIGHT.read_bytes(), answer=False)
    web.wait_until(web.idle)


def test_a_download_that_breaks_off_leaves_nothing(web: Web, tmp_path: Path) -> None:
    """Not even a part of it, and no slot."""
    photo = large(tmp_path, 2400, 1600)
    address = f"{API}/enhance?strength=0&format=bmp"
    head = f"POST {address} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(photo)}\r\n\r\n"
    with socket.socket() as connection:
        connection.settimeout(PATIENCE)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", web.port))
        connection.sendall(head.encode() + photo)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        assert web.metric("darklift_held_bytes") > 1_000_000
    web.wait_until(web.idle)


def test_what_is_no_http_or_too_much_of_it_is_refused(web: Web) -> None:
    assert web.raw(b"\x16\x03\x01 nothing of the kind\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    many = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nA: " + b"b" * 100_000 + b"\r\n\r\n"
    answer = web.raw(many)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"application/problem+json" in answer
    assert b"HTTP/1.1 403 " in web.raw(b"GET / HTTP/1.0\r\n\r\n")
    assert any(" GET other 431 " in line for line in web.log)


def test_a_refusal_can_be_read_though_the_upload_goes_on(web: Web) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", web.port, timeout=PATIENCE)) as connection:
        connection.request("POST", f"{API}/enhance", body=b"no picture" * 200_000)
        answer = connection.getresponse()
        assert answer.status == 415
        assert json.loads(answer.read())["status"] == 415


def test_more_than_was_declared_is_no_part_of_it(web: Web) -> None:
    head = (
        f"POST {API}/enhance HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\nConnection: close\r\n\r\n".encode()
    )
    assert web.raw(head, NIGHT.read_bytes()).startswith(b"HTTP/1.1 422 ")


def test_slow_clients_are_sent_away() -> None:
    with running("--upload-timeout", "1") as web:
        start = time.monotonic()
        assert web.raw(b"GET / HT").startswith(b"HTTP/1.1 408 ")
        head = f"POST {API}/enhance HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900000\r\n\r\n".encode()
        assert web.raw(head, NIGHT.read_bytes()[:20_000]).startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - start < 20
        assert web.idle()


def test_a_drip_is_too_slow_though_it_never_stops() -> None:
    with running("--upload-timeout", "1") as web, socket.create_connection(("127.0.0.1", web.port)) as connection:
        head = f"POST {API}/enhance HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900000\r\n\r\n".encode()
        connection.sendall(head)
        connection.settimeout(0.2)
        end, received = time.monotonic() + 20, b""
        while not received and time.monotonic() < end:
            connection.sendall(b"\xff")
            try:
                received = connection.recv(1000)
            except TimeoutError:
                continue
        assert received.startswith(b"HTTP/1.1 4")  # 408, or 415 had it sent enough
        assert b" 408 " in received


def test_a_signal_lets_what_runs_come_to_its_end(tmp_path: Path) -> None:
    with running() as web:
        job = web.http.post(f"{API}/jobs?steps=4", content=large(tmp_path)).headers["location"]
        web.wait_until(lambda: web.http.get(job).json()["state"] == "running")
        waiting = web.http.post(f"{API}/jobs", content=NIGHT.read_bytes()).headers["location"]
        web.process.send_signal(signal.SIGTERM)
        web.wait_until(lambda: web.http.get(f"{API}/health/ready").status_code == 503)
        refused = web.http.post(f"{API}/enhance", content=NIGHT.read_bytes())
        assert (refused.status_code, refused.json()["type"].partition("#")[2]) == (503, "stopping")
        assert web.http.get(waiting).json()["problem"]["status"] == 503
        with web.http.stream("GET", f"{job}/events") as events:
            assert "event: done" in "".join(events.iter_text())
        assert web.http.get(f"{job}/result").status_code == 200
        assert web.process.wait(PATIENCE) == 0


def test_a_second_signal_ends_it(tmp_path: Path) -> None:
    with running() as web:
        job = web.http.post(f"{API}/jobs?steps=8", content=large(tmp_path)).headers["location"]
        web.wait_until(lambda: web.http.get(job).json()["done"] >= 1)
        web.process.send_signal(signal.SIGINT)
        web.wait_until(lambda: web.http.get(f"{API}/health/ready").status_code == 503)
        started = time.monotonic()
        assert web.end(signal.SIGINT) == 130
        assert time.monotonic() - started < 20
        assert not any("Traceback" in line for line in web.log)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_without_work_ends_at_once(number: signal.Signals) -> None:
    with running() as web:
        assert web.http.get(f"{API}/health/live").status_code == 200
        started = time.monotonic()
        assert web.end(number) == 0
        assert time.monotonic() - started < 10


def test_a_token_opens_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a secret\n")
    with running("--token-file", str(tmp_path / "token")) as web:
        assert web.http.get(f"{API}/models").status_code == 401
        assert web.http.get(f"{API}/models", headers={"Authorization": "Bearer a secret"}).status_code == 200
        assert not any("secret" in line for line in web.log)
    with running(env={**os.environ, "DARKLIFT_TOKEN": "another"}) as web:
        assert web.http.get(f"{API}/models", headers={"Authorization": "Bearer another"}).status_code == 200
        assert web.http.get(f"{API}/models").status_code == 401


def test_an_allowed_origin_gets_in() -> None:
    with running("--allow-origin", "https://photos.example") as web:
        assert web.http.get(f"{API}/models", headers={"Origin": "https://photos.example"}).status_code == 200
        assert web.http.get(f"{API}/models", headers={"Origin": "https://evil.example"}).status_code == 403
        assert web.http.get(f"{API}/models", headers={"Host": "photos.example"}).status_code == 200


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--host", "no such host"], 2, "--host no such host is no address"),
        (["--host", "192.0.2.1"], 1, "cannot listen on 192.0.2.1, port 0"),
        (["--model", "nothing"], 2, "there is no model"),
        (["--model", "nano", "--model", "nano"], 2, "two models are called nano"),
        (["--max-bytes", "many"], 2, "memory is 'many'"),
        (["--hold", "1MB"], 2, "expected twice the longest photo"),
        (["--token-file", "nowhere"], 2, "--token-file nowhere cannot be read"),
        (["--allow-origin", "*"], 2, "--allow-origin * is no origin"),
    ],
)
def test_a_wrong_request_is_one_line(options: list[str], code: int, said: str) -> None:
    command = [sys.executable, "-m", "darklift", "web", "--port", "0", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_port_in_use_is_one_line(web: Web) -> None:
    command = [sys.executable, "-m", "darklift", "web", "--port", str(web.port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"darklift: cannot listen on 127.0.0.1, port {web.port} (Address already in use)")
    assert len(done.stderr.splitlines()) == 1


def test_a_proxy_is_believed_who_its_clients_are_and_nobody_else() -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.9"}
    with running("--proxy", "127.0.0.1") as web:
        assert web.http.get(f"{API}/models", headers=forwarded).status_code == 200
        web.wait_until(lambda: any(" 203.0.113.9 GET " in line for line in web.log))
    with running() as web:
        assert web.http.get(f"{API}/models", headers=forwarded).status_code == 200
        web.wait_until(lambda: any(" 127.0.0.1 GET " in line for line in web.log))
        assert not any("203.0.113.9" in line for line in web.log)
