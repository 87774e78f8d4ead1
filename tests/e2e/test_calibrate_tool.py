"""tools/calibrate.py: a card gets intervals, of which as many errors lie within as is stated."""

import importlib.util
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darklift import Enhancer, Picture
from darklift.runtime.intervals import KNOWN_OF_A_PLACE
from darklift.weights import CATALOGUE

TOOL = Path(__file__).parents[2] / "tools" / "calibrate.py"
spec = importlib.util.spec_from_file_location("calibrate_tool", TOOL)
tool = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = tool
spec.loader.exec_module(tool)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Ten scenes of two dark frames each, with noise."""
    root, rng = tmp_path_factory.mktemp("scenes"), np.random.default_rng(0)
    for number in range(10):
        folder = root / f"{number:03d}"
        folder.mkdir()
        rows, columns = np.mgrid[0:48, 0:64][..., None] if number % 2 else np.mgrid[0:64, 0:48][..., None]
        target = 0.45 + 0.3 * np.sin(rows / (3 + number) + columns / np.array((7, 9, 12)))
        for name, times in (("target", 1), ("low1", 0.1), ("low2", 0.3)):
            noisy = target * times + 0.01 * rng.standard_normal(target.shape)
            Image.fromarray(np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8)).save(folder / f"{name}.png")
    return root


def test_a_card_gets_intervals(scenes, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "nano"
    shutil.copytree(CATALOGUE["nano"].folder, folder)
    before = Enhancer(folder).model.card.intervals
    command = [folder, "--scenes", scenes, "--every", "1", "--test", scenes]
    monkeypatch.setattr(sys, "argv", [str(TOOL), *map(str, command)])
    tool.main()
    assert Enhancer(folder).model.card.intervals == before, "nothing is written unasked"
    sys.argv.append("--write")
    tool.main()
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| sc")]
    whole = next(row for row in rows if row[0] == scenes.name)
    assert whole[1] == "10"
    assert float(whole[2]) > 80
    made = Enhancer(folder)
    assert made.model.card.intervals != before
    assert set(made.model.card.intervals.curves) == set(KNOWN_OF_A_PLACE)
    dark = Picture(np.full((20, 30, 3), 0.05, np.float32))
    assert made.run(dark, uncertainty=True).uncertainty.min() > 0


def test_the_factor_is_a_quantile_of_scenes_and_not_of_pixels():
    """Scores that are alike throughout a scene: the one of rank c·(K + 1) of K scenes."""
    scores = np.repeat(np.arange(1.0, 20.0), 50)[None].repeat(3, axis=0)
    of = np.repeat([f"{number:02d}" for number in range(19)], 50)
    assert tool.factor(scores, of, 0.9) == pytest.approx(18)
    assert tool.factor(scores, of, 0.95) == pytest.approx(19)
    many = np.concatenate([scores, np.full((3, 5000), 1.0)], axis=1)  # one scene of many more pixels
    assert tool.factor(many, np.concatenate([of, np.full(5000, "00")]), 0.9) == pytest.approx(18)


def test_scenes_that_no_training_saw_are_told_of_by_themselves(tmp_path):
    scenes = np.array([f"{number:03d}" for number in range(10)])
    sample = tool.Sample({}, np.zeros((3, 10)), scenes, np.ones(10))
    (tmp_path / "survey.txt").write_text("001\n004\n")
    (tmp_path / "others of it.txt").write_text("004\n007\n")
    parts = tool.parts_of(sample, [tmp_path / "survey.txt", tmp_path / "others of it.txt"])
    assert {name: "".join(part.scenes) for name, part in parts.items()} == {
        "survey": "001004",
        "others of it": "004007",
        "others": "".join(f"{number:03d}" for number in (0, 2, 3, 5, 6, 8, 9)),
    }
    assert "".join(tool.parts_of(sample, [])["every fifth"].scenes) == "002007"


def test_widths_follow_what_errors_do():
    rng = np.random.default_rng(0)
    known = {name: rng.random(4000) for name in KNOWN_OF_A_PLACE}
    spread = 0.02 * 2 ** (2 * known["lift"] - known["held"])
    sample = tool.Sample(known, np.abs(spread * rng.standard_normal((3, 4000))), np.array(["a"] * 4000), np.ones(4000))
    half = tool.widths(tool.fit(sample), sample)
    assert np.corrcoef(np.log(half), np.log(spread))[0, 1] > 0.97
    assert (sample.errors <= half).mean() == pytest.approx(0.9, abs=0.02)
