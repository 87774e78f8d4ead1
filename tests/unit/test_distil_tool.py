"""tools/distil.py: targets that models could have made."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from darklift import Enhancer, read_image, write_image
from darklift.exposure import Exposure
from darklift.image import Picture

TOOL = Path(__file__).parents[2] / "tools" / "distil.py"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("pairs"), np.random.default_rng(0)
    for name in "ab":
        good = rng.random((24, 32, 3), dtype=np.float32)
        for side, gain in (("low", 0.1), ("high", 0.8)):
            (folder / side).mkdir(exist_ok=True)
            write_image(Picture(good * np.float32(gain)), folder / side / f"{name}.png")
    (folder / "validation.txt").write_text("b\n")
    return folder


def run(*arguments):
    command = [sys.executable, TOOL, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_target_is_part_models_part_truth_and_validation_stays_as_it_is(pairs, tmp_path):
    sides = (pairs / "low", pairs / "high")
    done = run(*sides, "-o", tmp_path, "--models", "nano", "--share", 0.5, "--leave-out", pairs / "validation.txt")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]
    truth = [read_image(pairs / "high" / f"{name}.png").pixels for name in "ab"]
    made = Enhancer("nano")(read_image(pairs / "low" / "a.png"), exposure=Exposure(mean=float(truth[0].mean())))
    mixed, kept = (read_image(tmp_path / f"{name}.png").pixels for name in "ab")
    np.testing.assert_allclose(mixed, (made.pixels + truth[0]) / 2, atol=0.51 / 255)
    np.testing.assert_array_equal(kept, truth[1])


def test_what_is_there_stays(pairs, tmp_path):
    (tmp_path / "a.png").write_bytes(b"made before")
    assert run(pairs / "low", pairs / "high", "-o", tmp_path, "--models", "nano").returncode == 0
    assert (tmp_path / "a.png").read_bytes() == b"made before"
    assert (tmp_path / "b.png").exists()


def test_a_share_of_nothing_is_refused(pairs, tmp_path):
    done = run(pairs / "low", pairs / "high", "-o", tmp_path / "out", "--models", "nano", "--share", 0)
    assert done.returncode == 2
    assert "expected more than 0" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_list_that_names_other_pairs_is_refused_since_it_would_teach_the_validation(pairs, tmp_path):
    (tmp_path / "names.txt").write_text("b.png\n")
    names = ("--leave-out", tmp_path / "names.txt")
    done = run(pairs / "low", pairs / "high", "-o", tmp_path / "out", "--models", "nano", *names)
    assert done.returncode == 1
    assert "match none of the 2 pairs: b.png" in done.stderr
    assert not (tmp_path / "out").exists()
