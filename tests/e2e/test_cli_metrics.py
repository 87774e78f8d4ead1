"""``darklift metrics``, and evaluations by other scores, as people see them."""

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from darklift.evaluation.metrics import METRICS

if TYPE_CHECKING:
    from conftest import Darklift


def test_every_metric_is_listed_with_what_it_needs(darklift: "Darklift") -> None:
    options = ["--metric-weights", "none"]
    text = darklift("metrics", *options).stdout
    values = json.loads(darklift("metrics", *options, "--json").stdout)
    bases = [metric for metric in METRICS if metric.name == metric.base]
    assert [entry["name"] for entry in values] == [metric.name for metric in bases]
    for metric, entry in zip(bases, values, strict=True):
        for fact in (metric.name, metric.heading, metric.range, metric.reference):
            assert fact in text
            assert fact in entry.values()
    missing = {entry["name"] for entry in values if entry["missing"]}
    assert missing == {"lpips_alex", "lpips_vgg", "dists"}
    assert "no weights in none: darklift metrics add FILE..." in text
    assert "pip download --no-deps lpips==0.1.4" in text


def test_what_is_no_file_of_weights_is_one_line(darklift: "Darklift") -> None:
    Path("notes.txt").write_text("x", encoding="utf-8")
    with zipfile.ZipFile("other.whl", "w") as package:
        package.writestr("a.txt", "x")
    for name, code, message in (
        ("gone", 2, "no file gone"),
        ("notes.txt", 1, "notes.txt"),
        ("other.whl", 1, "other.whl"),
    ):
        result = darklift("metrics", "add", name, "--metric-weights", "folder")
        assert (result.exit_code, result.stdout) == (code, "")
        assert message in result.stderr
        assert result.stderr.count("\n") == 1
    assert not Path("folder").exists()


@pytest.mark.usefixtures("loaded_models")
def test_an_evaluation_by_other_scores(darklift: "Darklift", paired_data: Path) -> None:
    pairs = ["--low", str(paired_data / "low"), "--high", str(paired_data / "high"), "--metric-weights", "none"]
    result = darklift("evaluate", *pairs, "--metrics", "ssim_gray,lpips_alex,ms_ssim", "--json", "scores.json")
    assert result.exit_code == 0, result.stderr
    head, _, row = (line for line in result.stdout.splitlines() if line.startswith("|"))
    said = dict(zip(*([cell.strip() for cell in line.strip("|").split("|")] for line in (head, row)), strict=True))
    assert 0 < float(said["SSIM gray GT-mean"]) <= 1
    assert (said["LPIPS Alex"], said["MS-SSIM"]) == ("no weights", "–"), "pairs are smaller than 161 pixels"
    assert "PSNR" not in head
    scores = json.loads(Path("scores.json").read_text(encoding="utf-8"))
    assert set(scores["mean"]) == {"ssim_gray", "ssim_gray_gt_mean", "ms_ssim", "ms_ssim_gt_mean"}
    wrong = darklift("evaluate", *pairs, "--metrics", "ssim_grey")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "did you mean 'ssim_gray'?" in wrong.stderr
