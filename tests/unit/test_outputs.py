"""Folders of results from other programs: matched by name, and what is missing or of another size."""

import numpy as np
import pytest

from darklift.cli._methods import row_names
from darklift.cli._scoring import Row
from darklift.data import match_pairs
from darklift.errors import DataError, ModelError
from darklift.evaluation.baselines import BASELINES
from darklift.evaluation.method import evaluate_method, without_obstacles
from darklift.evaluation.outputs import open_outputs
from darklift.image import from_array, write_image
from darklift.pipeline.settings import DEFAULTS


def flat(path, value, size=(16, 20), dtype=np.uint8):
    path.parent.mkdir(exist_ok=True)
    write_image(from_array(np.full((*size, 3), value, dtype)), path, overwrite=True)


@pytest.fixture
def pairs(tmp_path):
    for name in ("1", "00690"):
        flat(tmp_path / "low" / f"{name}.png", 20)
        flat(tmp_path / "high" / f"{name}.png", 100)
    return match_pairs(tmp_path / "low", tmp_path / "high")


def test_results_are_matched_by_name_and_scored(pairs, tmp_path):
    flat(tmp_path / "made" / "1_enhanced.tif", 110 * 257, dtype=np.uint16)
    flat(tmp_path / "made" / "low00690.png", 120)
    theirs = open_outputs("theirs", tmp_path / "made")
    assert without_obstacles(pairs, [theirs]) == (pairs, ())
    evaluation = evaluate_method(theirs, pairs)
    differences = {"1": 10, "00690": 20}
    for result in evaluation.results:
        assert result.scores["psnr"] == pytest.approx(20 * np.log10(255 / differences[result.name]))
    assert (evaluation.model, evaluation.backend, evaluation.steps) == ("theirs", "files", None)


def test_what_is_missing_or_does_not_fit_is_left_out_for_every_method(pairs, tmp_path):
    flat(tmp_path / "made" / "1.png", 100)
    theirs = open_outputs("theirs", tmp_path / "made")
    kept, left_out = without_obstacles(pairs, [BASELINES["identity"], theirs])
    assert [pair.name for pair in kept] == ["1"]
    assert [pair.name for pair in left_out] == ["00690"]
    assert "no picture named 00690" in left_out[0].reason
    flat(tmp_path / "made" / "00690.png", 100, size=(20, 16))
    (odd,) = without_obstacles(pairs, [open_outputs("theirs", tmp_path / "made")])[1]
    assert "16x20 and 20x16" in odd.reason
    (tmp_path / "made" / "00690.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (broken,) = without_obstacles(pairs, [open_outputs("theirs", tmp_path / "made")])[1]
    assert "00690.png" in broken.reason
    (tmp_path / "made" / "1.png").unlink()
    with pytest.raises(DataError, match="none of 2 pairs"):
        without_obstacles(pairs, [open_outputs("theirs", tmp_path / "made")])


def test_a_pair_that_cannot_be_scored_is_left_out_and_a_result_that_does_not_fit_is_told(pairs, tmp_path):
    flat(tmp_path / "high" / "1.png", 100, size=(20, 16))
    evaluation = evaluate_method(BASELINES["identity"], pairs)
    assert [result.name for result in evaluation.results] == ["00690"]
    assert [pair.name for pair in evaluation.left_out] == ["1"]
    with pytest.raises(DataError, match="none of 1 pairs"):
        evaluate_method(BASELINES["identity"], [pair for pair in pairs if pair.name == "1"])
    for name, size in (("1", (16, 20)), ("00690", (8, 8))):
        flat(tmp_path / "made" / f"{name}.png", 100, size=size)
    with pytest.raises(ModelError, match="theirs made 8x8 of 00690, which is 20x16"):
        evaluate_method(open_outputs("theirs", tmp_path / "made"), pairs)


def test_rows_have_names_that_a_folder_can_have():
    def named(*names):
        return row_names([Row(name, BASELINES["identity"], DEFAULTS, variation) for name, variation in names])

    alone = ("compact", "runs/a/best.safetensors", "runs/b/best.safetensors", "..", "a:b", "compact")
    assert named(*((name, "") for name in alone)) == ("compact", "best", "best-2", "results", "a_b", "compact-2")
    assert named(("x", ""), ("x", ""), ("x-2", ""), ("X", "")) == ("x", "x-2", "x-2-2", "X-3"), "no two alike"
    varied = [("compact", "steps=1 seed=0"), ("a/best.safetensors", "steps=9"), ("b/best.safetensors", "steps=9")]
    assert named(*varied) == ("compact steps_1 seed_0", "best steps_9", "best steps_9-2")


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    with pytest.raises(DataError, match="gone"):
        open_outputs("theirs", tmp_path / "gone")
    (tmp_path / "two").mkdir()
    for name in ("1.png", "1_enhanced.png"):
        flat(tmp_path / "two" / name, 9)
    with pytest.raises(DataError, match="several pictures of one name"):
        open_outputs("theirs", tmp_path / "two")


def test_transparency_changes_no_score(pairs, tmp_path):
    """Some programs count an alpha channel that is opaque throughout as a fourth colour, 1.25 dB better."""
    for folder, channels in (("plain", 3), ("opaque", 4)):
        pixels = np.random.default_rng(0).integers(80, 120, (16, 20, 4), dtype=np.uint8)
        pixels[..., 3] = 255
        (tmp_path / folder).mkdir()
        for pair in pairs:
            write_image(
                from_array(np.ascontiguousarray(pixels[..., :channels])), tmp_path / folder / f"{pair.name}.png"
            )
    plain, opaque = (evaluate_method(open_outputs(name, tmp_path / name), pairs) for name in ("plain", "opaque"))
    assert plain.mean == opaque.mean
