"""A photo through standard input and output, as one link of a chain of programs."""

import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from typer.testing import Result

Darklift: TypeAlias = "Callable[..., Result]"
MakePhotos: TypeAlias = Callable[[Sequence[str]], None]

pytestmark = pytest.mark.usefixtures("loaded_models")


@pytest.fixture
def piped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Darklift:
    """Runs ``darklift`` with these bytes as its standard input."""
    from typer.testing import CliRunner

    from darklift.cli import app

    monkeypatch.chdir(tmp_path)
    return lambda data, *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments], input=data)


def night(container: str = "PNG", **options: object) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 13, (18, 26, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, container, **options)
    return file.getvalue()


def pixels_of(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image).astype(int)


@pytest.mark.parametrize("container", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_what_comes_in_goes_out_in_its_own_format(piped: Darklift, container: str) -> None:
    data = night(container)
    result = piped(data, "enhance", "-", "--lift", "full")
    assert result.exit_code == 0
    with Image.open(io.BytesIO(result.stdout_bytes)) as image:
        assert (image.format, image.size) == (container, (26, 18))
    assert pixels_of(result.stdout_bytes).mean() == pytest.approx(10 * pixels_of(data).mean(), rel=0.05)
    assert "26x18" in result.stderr


def test_a_stream_is_the_file_of_the_same_photo(piped: Darklift) -> None:
    data = night()
    Path("night.png").write_bytes(data)
    piped(b"", "enhance", "night.png", "-o", "bright.png", "--seed", "3")
    streamed = piped(data, "enhance", "-", "-o", "-", "--seed", "3", "--quiet")
    assert streamed.stderr == ""
    assert streamed.stdout_bytes == Path("bright.png").read_bytes()
    from_file = piped(b"", "enhance", "night.png", "-o", "-", "--seed", "3")
    assert from_file.stdout_bytes == streamed.stdout_bytes


def test_a_format_and_its_options_reach_the_stream(piped: Darklift) -> None:
    small, large = (
        piped(night(), "enhance", "-", "--format", "jpg", "--quality", quality).stdout_bytes for quality in (20, 95)
    )
    assert small[:3] == large[:3] == b"\xff\xd8\xff"
    assert len(small) < len(large)


def test_a_stream_can_go_into_a_file_and_be_accounted_for(piped: Darklift) -> None:
    result = piped(night(), "enhance", "-", "-o", "out/bright.webp", "--sheet", "sheet.png", "--json")
    assert result.exit_code == 0
    (account,) = json.loads(result.stdout)["files"]
    assert (account["input"], account["output"], account["error"]) == ("-", "out/bright.webp", None)
    assert Path("out/bright.webp").exists()
    assert Path("sheet.png").exists()


def test_a_file_called_dash_goes_by_its_path(piped: Darklift) -> None:
    Path("-").write_bytes(night())
    assert piped(b"not read", "enhance", "./-", "-o", "bright.png").exit_code == 0
    assert Path("bright.png").exists()


@pytest.mark.parametrize("data", [b"", b"not a picture", night()[:60]])
def test_what_is_no_photo_is_one_line_and_nothing_comes_out(piped: Darklift, data: bytes) -> None:
    result = piped(data, "enhance", "-")
    assert (result.exit_code, result.stdout_bytes) == (1, b"")
    (line,) = result.stderr.splitlines()
    assert line.startswith("darklift: ")


def test_a_closed_stream_is_told(piped: Darklift, monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in ("stdin", "stdout"):
        command = [sys.executable, "-c", f"import sys; sys.{stream} = None; from darklift.cli import main; main()"]
        done = subprocess.run([*command, "enhance", "-"], capture_output=True, input=night(), check=False, timeout=60)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("-", "night.png"),
        ("-", "-"),
        ("night.png", "other.png", "-o", "-"),
        ("folder", "-o", "-"),
        ("-", "-o", "folder/"),
        ("-", "-o", "{stem}.png"),
        ("-", "-o", "bright"),
        ("-", "-o", "bright.jpg", "--format", "png"),
        ("-", "--json"),
        ("night.png", "-o", "-", "--json"),
    ],
    ids=" ".join,
)
def test_a_request_that_makes_no_sense_is_refused(
    piped: Darklift, make_photos: MakePhotos, arguments: Sequence[str]
) -> None:
    make_photos(["night.png", "other.png", "folder/night.png"])
    result = piped(night(), "enhance", *arguments)
    assert (result.exit_code, result.stdout_bytes) == (2, b"")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_service_that_is_stopped_ends_as_ctrl_c_does(name: str, tmp_path: Path) -> None:
    """It waits for a photo that does not come."""
    command = [sys.executable, "-m", "darklift", "enhance", "-", "-o", str(tmp_path / "bright.png")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        process.stdin.write("\x89PNG"[1:])  # no more than a beginning, so that it reads on
        process.stdin.flush()
        time.sleep(4)
        process.send_signal(getattr(signal, name))
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.count("\n") == 1
    assert "stopped" in said
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of a file's length")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [("enhance", "-", "--format", "png"), ("datasets", "--json")])
def test_what_does_not_fit_on_the_disk_is_told(tmp_path: Path, arguments: tuple[str, ...], unbuffered: str) -> None:
    """An unbuffered stream writes a part, and counts on somebody to write the rest."""
    import os
    import resource

    with open(tmp_path / "out", "wb") as output:
        done = subprocess.run(
            [sys.executable, "-m", "darklift", *arguments],
            input=night(),
            stdout=output,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered, "PYTHONDONTWRITEBYTECODE": "1"},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500)),
            check=False,
            timeout=60,
        )
    assert done.returncode != 0
    assert b"cannot write to" in done.stderr
