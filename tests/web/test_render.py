"""What the page makes of a photo in the browser is what ``darklift enhance`` makes of it, pixel by pixel.

The networks run on two builds of ONNX Runtime, whose sums round otherwise: a value that lies between two codes may tip
to the other side. So no pixel may be off by more than one code, and few may be off at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darklift import Enhancer, Picture, Settings
from darklift.image import from_array, read_image
from darklift.image.arrays import assemble
from darklift.pipeline.render import Enhanced
from darklift.weights import find_model
from shared import SHARED, needs_pictures
from web_engine import WEB, ask, needs_node, rgba_of, told, wishes_of
from web_pictures import picture_of

needs_packages = pytest.mark.skipif(
    not (WEB / "node_modules/onnxruntime-web").is_dir(), reason="no ONNX Runtime Web: run npm ci in web/"
)
pytestmark = [needs_node, needs_packages]

REAL = SHARED / "data" / "real"
MEMORY = 2_000_000_000
DEFAULTS, FAST = Settings(), Settings(speed="fast")
TIPPED = 2e-4
"""Share of the values that may be off by one code. Measured: 2e-5 at the most."""
SHOWN = (
    "dark_jpeg", "night_jpeg", "backlit", "blocks", "gray", "opaque", "cut_out", "half_seen", "transparent",
    "transparent_margins", "letterbox", "scan_jpeg", "black", "one_pixel", "one_row", "two_by_three", "odd",
)  # fmt: skip
WISHES = (
    Settings(steps=3),
    Settings(steps=8, seed=-5),
    Settings(exposure="+0.7", lift="full"),
    Settings(exposure=-1.5),
    Settings(exposure="mean=0.5", strength=0.6),
    Settings(strength=0),
    Settings(blacks=-40, shadows=50, highlights=-30, whites=20, saturation=35),
    Settings(saturation=-100, strength=0.4),
    Settings(deblock="off", uncertainty=True),
    Settings(uncertainty=True, coverage=0.95, exposure="+1"),
)


@dataclass(frozen=True)
class Job:
    picture: Picture
    settings: Settings = DEFAULTS
    side: int | None = None


@pytest.mark.parametrize(("model", "names"), [("nano", SHOWN), ("compact", ("dark_jpeg", "half_seen", "one_pixel"))])
def test_pictures_of_every_kind(model: str, names: tuple[str, ...], tmp_path: Path) -> None:
    check(model, {name: Job(picture_of(name)) for name in names}, tmp_path)


@pytest.mark.parametrize("name", ["half_seen", "gray_in_colour_jpeg"])
def test_every_choice(name: str, tmp_path: Path) -> None:
    check("nano", {str(wish): Job(picture_of(name), wish) for wish in WISHES}, tmp_path)


def test_tiles_join_as_they_do_in_python(tmp_path: Path) -> None:
    scene = np.asarray(assemble(picture_of("large"), np.uint8, gray=False, alpha=False))
    best = Settings(speed="best")
    jobs = {"wide": Job(from_array(scene[:620, :1700]), best), "four": Job(from_array(scene[:1030, :1030]), best)}
    made = check("nano", jobs, tmp_path)
    assert [(one["scale"], one["tiles"]) for one in made] == [(1, 2), (1, 4)]


def test_large_photos_are_worked_on_as_small_copies(tmp_path: Path) -> None:
    scene = np.asarray(assemble(picture_of("large"), np.uint8, gray=False, alpha=False))
    wide = np.concatenate([scene, scene[:, ::-1]], axis=1)
    jobs = {
        "in tiles": Job(from_array(scene)),
        "in one tile": Job(from_array(scene[:637, :641]), FAST),
        "of a quarter": Job(from_array(wide[:1203, :3001]), FAST),
    }
    made = check("nano", jobs, tmp_path)
    assert [(one["scale"], one["tiles"]) for one in made] == [(2, 4), (2, 1), (4, 1)]


@pytest.mark.parametrize(
    ("name", "times"),
    [("blocks", 2), ("cut_out", 4), ("half_seen", 6), ("letterbox", 3), ("gray", 5), ("scan_jpeg", 4)],
)
def test_large_photos_of_every_kind(name: str, times: int, tmp_path: Path) -> None:
    picture = picture_of(name)
    values = assemble(picture, np.uint8, gray=picture.gray, alpha=picture.has_alpha)
    large = from_array(values.repeat(times, axis=0).repeat(times, axis=1))
    (made,) = check("nano", {name: Job(large, FAST.changed(uncertainty=True))}, tmp_path)
    assert made["scale"] > 1


@needs_pictures(REAL)
@pytest.mark.parametrize("model", ["nano", "compact"])
def test_photos(model: str, tmp_path: Path) -> None:
    paths = sorted(REAL.glob("*.*"))[:: 12 if model == "nano" else 30]
    check(model, {path.stem: Job(read_image(path), Settings(uncertainty=True)) for path in paths}, tmp_path)


def test_a_quick_look_is_as_bright_as_all_of_it(tmp_path: Path) -> None:
    """Of a photo that is looked at small: its channels' means are those of the full result, within two codes."""
    jobs = {name: Job(picture_of(name), side=160) for name in ("night_jpeg", "backlit", "cut_out", "letterbox")}
    for (name, job), small in zip(jobs.items(), ask_for("nano", jobs, tmp_path), strict=True):
        full = assemble(
            Enhancer("nano", precision="fp32", threads=1).run(job.picture, bits=8).picture,
            np.float32,
            gray=False,
            alpha=True,
        )
        shown = small["pixels"].reshape(small["height"], small["width"], 4)
        assert max(shown.shape[:2]) == 160
        assert np.abs(mean_of(shown / 255) - mean_of(full)).max() < 2 / 255, name


def mean_of(rgba: np.ndarray) -> np.ndarray:
    """Of what is seen."""
    return np.average(rgba[:, :, :3].reshape(-1, 3), axis=0, weights=rgba[:, :, 3].ravel())


def check(model: str, jobs: dict[str, Job], folder: Path) -> list[dict[str, Any]]:
    made, enhance = ask_for(model, jobs, folder), Enhancer(model, precision="fp32", threads=1)
    for (name, job), got in zip(jobs.items(), made, strict=True):
        expected = enhance.run(job.picture, job.settings, bits=8)
        check_pixels(name, got, expected)
        if job.settings.uncertainty:
            assert expected.uncertainty is not None
            np.testing.assert_allclose(got["doubt"], expected.uncertainty.ravel(), rtol=2e-3, atol=1e-5, err_msg=name)
    return made


def check_pixels(name: str, got: dict[str, Any], expected: Enhanced) -> None:
    values = rgba_of(expected.picture).astype(int)
    off = np.abs(got["pixels"].reshape(values.shape).astype(int) - values)
    assert off.max() <= 1, f"{name}: {off.max()} codes off"
    assert (off > 0).mean() <= max(TIPPED, 1 / off.size), f"{name}: {(off > 0).mean():.1e} of the values are off"


def ask_for(model: str, jobs: dict[str, Job], folder: Path) -> list[dict[str, Any]]:
    asked = []
    for number, job in enumerate(jobs.values()):
        pixels = folder / f"{number}.rgba"
        pixels.write_bytes(rgba_of(job.picture).tobytes())
        asked.append({"picture": told(job.picture, pixels), "settings": wishes_of(job.settings), "side": job.side})
    made: list[dict[str, Any]] = ask("enhance.ts", {"model": str(find_model(model)), "memory": MEMORY, "jobs": asked})
    return made
