"""``darklift enhance --uncertainty`` with a bundled model: a map of intervals, the same picture with and without."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

LEGEND = 64 + 22


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """Noise, and a flat black hole in it."""
    codes = np.random.default_rng(0).integers(10, 40, (60, 400, 3), dtype=np.uint8)
    codes[10:50, 250:390] = 1
    Image.fromarray(codes).save(tmp_path / "night.png")
    return tmp_path / "night.png"


def test_a_map_of_what_was_seen(darklift, night: Path, tmp_path: Path) -> None:
    made = darklift("enhance", "night.png", "-m", "nano", "--uncertainty", "maps/{stem}.png", "--json")
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)["files"][0]
    assert told["uncertainty"] == "maps/night.png"
    assert told["coverage"] == 0.9
    with Image.open(tmp_path / "maps/night.png") as image:
        assert image.size == (400, 60 + LEGEND)
        green = np.asarray(image)[:60, :, 1].astype(float)  # rises through the colours
    assert green[15:45, 300:380].mean() > green[:, 50:200].mean() + 30
    assert darklift("enhance", "night.png", "-m", "nano", "-o", "plain.png").exit_code == 0
    assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "night_enhanced.png").read_bytes()


def test_more_coverage_is_a_yellower_map(darklift, night: Path, tmp_path: Path) -> None:
    for stated in ("0.9", "0.95"):
        ending = ("--uncertainty", f"{stated}.png", "--coverage", stated, "--overwrite")
        assert darklift("enhance", "night.png", "-m", "nano", *ending).exit_code == 0
    one, other = (np.asarray(Image.open(tmp_path / f"{stated}.png"))[:60, :, 1].astype(int) for stated in (0.9, 0.95))
    assert (other >= one).all()
    assert other.mean() > one.mean()


def test_a_coverage_that_was_not_calibrated_is_a_wrong_request(darklift, night: Path, tmp_path: Path) -> None:
    refused = darklift("enhance", "night.png", "-m", "nano", "--uncertainty", "map.png", "--coverage", "0.5")
    assert refused.exit_code == 2
    assert "0.9, 0.95" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["night.png"]


def test_a_coverage_without_a_map_is_a_wrong_request(darklift, night: Path, tmp_path: Path) -> None:
    refused = darklift("enhance", "night.png", "-m", "nano", "--coverage", "0.95")
    assert refused.exit_code == 2
    assert "give --uncertainty, too" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["night.png"]
