"""tools/distil.py: targets that models could have made."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from darklift import Enhancer, Exposure, Picture, read_image, write_image
from darklift.weights import CATALOGUE

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
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png", "distil.json"]
    truth = [read_image(pairs / "high" / f"{name}.png").pixels for name in "ab"]
    made = Enhancer("nano")(read_image(pairs / "low" / "a.png"), exposure=Exposure(mean=float(truth[0].mean())))
    mixed, kept = (read_image(tmp_path / f"{name}.png").pixels for name in "ab")
    np.testing.assert_allclose(mixed, (made.pixels + truth[0]) / 2, atol=0.51 / 255)
    np.testing.assert_array_equal(kept, truth[1])


def test_an_interrupted_run_goes_on_and_another_command_is_refused(pairs, tmp_path):
    sides = (pairs / "low", pairs / "high")
    assert run(*sides, "-o", tmp_path, "--models", "nano").returncode == 0
    (tmp_path / "a.png").write_bytes(b"made before")
    (tmp_path / "b.png").unlink()
    assert run(*sides, "-o", tmp_path, "--models", "nano").returncode == 0
    assert (tmp_path / "a.png").read_bytes() == b"made before"
    assert (tmp_path / "b.png").exists()
    names = ("--leave-out", pairs / "validation.txt")
    done = run(*sides, "-o", tmp_path, "--models", "nano", "--share", 0.5, *names)
    assert done.returncode == 2
    assert "share, left_out" in done.stderr


def test_files_of_unknown_making_are_not_taken_for_targets(pairs, tmp_path):
    (tmp_path / "a.png").write_bytes(b"somebody's")
    done = run(pairs / "low", pairs / "high", "-o", tmp_path, "--models", "nano")
    assert done.returncode == 2
    assert "no distil.json" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_model_that_changed_under_its_name_is_another_model(pairs, tmp_path):
    model, output = tmp_path / "model", tmp_path / "out"
    shutil.copytree(CATALOGUE["nano"].folder, model)
    assert run(pairs / "low", pairs / "high", "-o", output, "--models", model).returncode == 0
    card = json.loads((model / "model.json").read_text())
    (model / "model.json").write_text(json.dumps(card | {"info": {"weights": "changed"}}))
    done = run(pairs / "low", pairs / "high", "-o", output, "--models", model)
    assert done.returncode == 2
    assert "other models" in done.stderr


@pytest.mark.parametrize("record", ["", "[]", "null", "{"])
def test_a_damaged_record_is_a_line(pairs, tmp_path, record):
    (tmp_path / "distil.json").write_text(record)
    done = run(pairs / "low", pairs / "high", "-o", tmp_path, "--models", "nano")
    assert done.returncode == 2
    assert str(tmp_path / "distil.json") in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("side", ["low", "high"])
def test_the_pairs_themselves_are_never_written_into(pairs, side):
    done = run(pairs / "low", pairs / "high", "-o", pairs / side, "--models", "nano")
    assert done.returncode == 2
    assert str(pairs / side) in done.stderr


def test_a_file_in_the_place_of_the_folder_is_a_line(pairs, tmp_path):
    (tmp_path / "file").touch()
    for output in (tmp_path / "file", tmp_path / "file" / "below"):
        done = run(pairs / "low", pairs / "high", "-o", output, "--models", "nano")
        assert done.returncode == 2
        assert "can be written" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_pair_of_two_sizes_is_a_line(pairs, tmp_path):
    for side, rows in (("low", 1), ("high", 24)):
        (tmp_path / side).mkdir()
        write_image(Picture(np.full((rows, 32, 3), 0.5, np.float32)), tmp_path / side / "a.png")
    done = run(tmp_path / "low", tmp_path / "high", "-o", tmp_path / "out", "--models", "nano")
    assert done.returncode == 1
    assert "32x1 and 32x24" in done.stderr


def test_a_share_of_nothing_is_refused(pairs, tmp_path):
    done = run(pairs / "low", pairs / "high", "-o", tmp_path / "out", "--models", "nano", "--share", 0)
    assert done.returncode == 2
    assert "--share is 0" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("names", "code", "expected"),
    [
        pytest.param("c.png\n", 1, "c.png", id="other pairs: would teach the validation"),
        pytest.param("a\nb\n", 2, "all of the 2 pairs", id="all pairs"),
    ],
)
def test_a_list_that_cannot_be_meant_is_refused(pairs, tmp_path, names, code, expected):
    (tmp_path / "names.txt").write_text(names)
    left_out = ("--leave-out", tmp_path / "names.txt")
    done = run(pairs / "low", pairs / "high", "-o", tmp_path / "out", "--models", "nano", *left_out)
    assert done.returncode == code
    assert expected in done.stderr
    assert not (tmp_path / "out").exists()
