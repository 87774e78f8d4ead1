"""A study as Markdown, LaTeX and CSV: the figures of the study, safely written."""

import csv
import io
import json
import shutil
import subprocess

import pytest

from darklift.evaluation.metrics import DEFAULT_METRICS
from darklift.evaluation.study import Study
from darklift.evaluation.tables import TABLES, study_csv, study_latex, study_table
from evaluations import PSNR, evaluation, seeded


@pytest.fixture
def study():
    ones = [seeded(0), seeded(1, level=22.0), evaluation("na_no|50%", level=19.0), evaluation("identity", level=10.0)]
    return Study(ones, {"a": "kitchen", "b": "kitchen", "c": "hall", "d": "hall"})


def rows(text):
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in text.splitlines() if line[:1] == "|"]


def test_every_mean_stands_with_its_error_and_every_difference_with_its_interval():
    names = "abcdef"
    seeds = [seeded(0, names=names), seeded(1, names=names, level=22.0)]
    study = Study([*seeds, evaluation("na_no|50%", 19.0, names), evaluation("identity", 10.0, names)])
    table = rows(study_table(study))
    first = study.over_pictures(study.entries[0], PSNR)
    assert table[2][:3] == ["compact", "2", f"{first.mean:.2f} ± {first.error:.2f}"]
    difference = study.difference(study.entries[1], PSNR)
    interval = f"{difference.low:+.2f} … {difference.high:+.2f}"
    assert [r"na_no\|50%", "PSNR", f"{difference.mean:+.2f}", interval, "< .1%", "0 of 6"] in table
    ranks = study.ranking(PSNR)
    assert ["identity", f"{ranks.mean_ranks['identity']:.2f}"] in [row[:2] for row in table]


def test_too_few_scenes_have_no_interval_and_it_is_said(study):
    text = study_table(study)
    assert [r"na_no\|50%", "PSNR", "-2.00", "–", "–", "0 of 4"] in rows(text)
    assert "Too few scenes (2) for an interval: of fewer than 6" in " ".join(text.split())
    assert "bootstrap" not in text
    better_by = json.loads(json.dumps(study.to_dict()))["entries"][1]["better_by"]["psnr"]
    assert (better_by["low"], better_by["high"], better_by["probability"]) == (None, None, None)
    assert "Too few images (4)" in study_table(Study([evaluation(), evaluation("nano")]))
    enough = [evaluation(names="abcdef"), evaluation("nano", names="abcdef")]
    assert "Too few" not in study_table(Study(enough))


def test_a_name_cannot_break_a_table(study):
    text = study_table(study)
    cells = {
        name: [line.replace(r"\|", "").count("|") for line in text.splitlines() if line.startswith(f"| {name}")]
        for name in ("na", "identity")
    }
    assert cells["na"] == cells["identity"] != []
    assert r"na_no\|50%" in text
    assert r"na\_no|50\%" in study_latex(study)


def test_what_was_drawn_and_what_is_missing_is_said():
    ones = [evaluation(names="abcdefg"), evaluation("nano", names="bcdefgh")]
    text = " ".join(study_table(Study(ones)).split())
    assert "over 6 images ± standard error" in text
    assert "bootstrap draws of images" in text
    assert "Without h: not scored for compact" in text
    assert "6 images of 5 scenes" in " ".join(study_table(Study(ones, {"b": "x", "c": "x"})).split())


def test_one_evaluation_has_no_comparison():
    text = study_table(Study([evaluation()]))
    assert "against" not in text
    assert "rank" not in text


def test_csv_holds_every_single_score(study):
    table = list(csv.DictReader(io.StringIO(study_csv(study))))
    assert len(table) == 4 * 4
    assert [row["seed"] for row in table[:2]] == ["0", "1"]
    assert {row["scene"] for row in table} == {"kitchen", "hall"}
    one = next(row for row in table if row["method"] == "identity" and row["image"] == "c")
    assert float(one["psnr"]) == 12.0
    assert one["peak_bytes"] == "302000000"
    assert set(one) == {
        "method",
        "seed",
        "image",
        "scene",
        "seconds",
        "peak_bytes",
        *(metric.name for metric in DEFAULT_METRICS),
    }


def test_latex_marks_the_best_of_each_column_and_only_it(study):
    lines = [line for line in study_latex(study).splitlines() if line.endswith(r"\\")]
    columns = list(zip(*(line.removesuffix(r" \\").split(" & ") for line in lines), strict=True))
    for column in columns[1:-2]:
        assert sum("textbf" in cell for cell in column) == 1
    assert columns[-1] == ("peak MB", "303", "303", "303")
    assert columns[0][1:] == ("compact", r"na\_no|50\%", "identity")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(study, tmp_path):
    body = study_latex(study)
    document = f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}\n{body}\\end{{document}}\n"
    (tmp_path / "table.tex").write_text(document, encoding="utf-8")
    subprocess.run(["pdflatex", "-halt-on-error", "table.tex"], cwd=tmp_path, check=True, capture_output=True)


def test_files_are_told_by_their_endings(study):
    assert set(TABLES) == {".md", ".csv", ".tex"}
    assert all(write(study) for write in TABLES.values())
