"""Animations and files of several pages on the command line: all of them, or one."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from darklift import Enhancer, read_frames

if TYPE_CHECKING:
    from typer.testing import Result

Darklift: TypeAlias = "Callable[..., Result]"
TIMES = [100, 250, 40]

pytestmark = pytest.mark.usefixtures("loaded_models")


def frames(light: int = 10) -> list[Image.Image]:
    rows, columns = np.mgrid[0:40, 0:60]
    stripes = [light + 5 * np.sin((rows + columns + 9 * number) / 5) for number in range(len(TIMES))]
    return [Image.fromarray(np.stack([each, each - 1, each + 1], axis=2).astype(np.uint8)) for each in stripes]


def saved(path: Path, light: int = 10, **options: object) -> Path:
    first, *others = frames(light)
    moving = {} if path.suffix == ".tif" else {"duration": TIMES, "loop": 2}
    first.save(path, save_all=True, append_images=others, **moving, **options)
    return path


def shown(path: Path) -> tuple[list[npt.NDArray[np.uint8]], list[float]]:
    image = Image.open(io.BytesIO(path.read_bytes()))
    pixels, times = [], []
    for number in range(image.n_frames):
        image.seek(number)
        image.load()
        pixels.append(np.asarray(image.convert("RGB")))
        times.append(image.info.get("duration", 0))
    return pixels, times


@pytest.mark.parametrize(
    ("name", "result"), [("a.png", "a.png"), ("a.webp", "a.webp"), ("a.avif", "a.avif"), ("a.gif", "a.png")]
)
def test_an_animation_comes_out_as_one(darklift: Darklift, tmp_path: Path, name: str, result: str) -> None:
    saved(tmp_path / name)
    done = darklift("enhance", name, "-o", "out/", "--json", "--sheet", "sheet.png")
    assert done.exit_code == 0, done.stderr
    (account,) = json.loads(done.stdout)["files"]
    assert (account["frames"], account["unchanged"], account["width"]) == (3, False, 60)
    assert "3 frames" in done.stderr
    pixels, times = shown(tmp_path / "out" / result)
    assert times == TIMES
    assert min(frame.mean() for frame in pixels) > 45
    assert (tmp_path / "sheet.png").exists()


def test_pages_come_out_as_pages(darklift: Darklift, tmp_path: Path) -> None:
    saved(tmp_path / "scan.tif")
    assert darklift("enhance", "scan.tif").exit_code == 0
    pixels, _ = shown(tmp_path / "scan_enhanced.tif")
    assert [frame.shape for frame in pixels] == [(40, 60, 3)] * 3
    assert min(frame.mean() for frame in pixels) > 45


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.avif", "a.tif"])
@pytest.mark.parametrize("reason", ["bright", "strength"])
def test_what_is_left_as_it_is_is_the_same_file(darklift: Darklift, tmp_path: Path, name: str, reason: str) -> None:
    data = saved(tmp_path / name, 102 if reason == "bright" else 10).read_bytes()
    done = darklift("enhance", name, "-o", "out/", "--json", *(["--strength", "0"] if reason == "strength" else []))
    (account,) = json.loads(done.stdout)["files"]
    assert (account["unchanged"], account["frames"]) == (True, 3)
    assert (tmp_path / "out" / name).read_bytes() == data


def test_one_frame_alone(darklift: Darklift, tmp_path: Path) -> None:
    saved(tmp_path / "a.gif")
    assert darklift("enhance", "a.gif", "--frame", "2", "--strength", "0", "-o", "two.png").exit_code == 0
    one, _ = shown(tmp_path / "two.png")
    everything, _ = shown(tmp_path / "a.gif")
    assert len(one) == 1
    np.testing.assert_array_equal(one[0], everything[1])
    saved(tmp_path / "a.webp")
    assert darklift("enhance", "a.webp", "--frame", "1", "--strength", "0", "-o", "one.webp").exit_code == 0
    assert len(shown(tmp_path / "one.webp")[0]) == 1  # not the whole file's bytes


def test_what_cannot_be_is_said_on_one_line(darklift: Darklift, tmp_path: Path) -> None:
    saved(tmp_path / "a.gif")
    saved(tmp_path / "a.tif")
    for arguments, facts in (
        (["a.gif", "-o", "a.jpg"], ["3 frames", "JPEG", "WebP", "--frame"]),
        (["a.tif", "-o", "b.png"], ["3 pages", "PNG", "TIFF", "--frame"]),
        (["a.gif", "-o", "b.png", "--frame", "4"], ["frame 4", "3 frames"]),
        (["a.gif", "-o", "b.png", "--uncertainty", "u.png"], ["3", "--frame"]),
    ):
        done = darklift("enhance", *arguments)
        assert done.exit_code == 1
        (line,) = done.stderr.strip().splitlines()
        assert all(fact in line for fact in facts), line
        assert not (tmp_path / arguments[2]).exists()
    assert darklift("enhance", "a.gif", "--frame", "0").exit_code == 2


def test_the_others_go_on(darklift: Darklift, tmp_path: Path) -> None:
    saved(tmp_path / "a.gif")
    frames()[0].save(tmp_path / "b.png")
    done = darklift("enhance", "a.gif", "b.png", "-o", "out/", "--format", "jpg", "--json")
    assert done.exit_code == 1
    assert [bool(file["error"]) for file in json.loads(done.stdout)["files"]] == [True, False]


def test_from_standard_input_to_standard_output(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from darklift.cli import app

    data = saved(tmp_path / "a.webp", lossless=True).read_bytes()
    done = CliRunner().invoke(app, ["enhance", "-"], input=data)
    assert done.exit_code == 0, done.stderr
    image = Image.open(io.BytesIO(done.stdout_bytes))
    assert (image.format, image.n_frames, image.info["loop"]) == ("WEBP", 3, 2)
    assert CliRunner().invoke(app, ["enhance", "-", "--strength", "0"], input=data).stdout_bytes == data


def test_the_enhancer_takes_a_path(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png")
    result = Enhancer()(path)
    assert result == tmp_path / "a_enhanced.png"
    assert list(read_frames(result).reel.durations) == TIMES
