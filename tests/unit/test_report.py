"""The report of a study: what it holds, that it fetches nothing, that no name can break out of it, and its size."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("altair", reason="the extra report is not installed")
pytest.importorskip("vl_convert", reason="the extra report is not installed")

from darklift.evaluation.study import Study
from darklift.evaluation.tables import study_table
from darklift.image import from_array
from darklift.report import Gallery, write_report
from darklift.report.build import render_report
from darklift.report.charts import drawing_code
from evaluations import evaluation, seeded

NASTY = "</script><script>alert(1)</script><!--"


def picture(level, size=(40, 60)):
    ramp = np.linspace(0, 1, size[1], dtype=np.float32)
    return from_array(np.broadcast_to((level * ramp)[None, :, None], (*size, 3)).astype(np.float32).copy())


@pytest.fixture
def gallery():
    with Gallery(side=32) as made:
        for name in "abcd":
            made.add_pair(name, picture(0.1), picture(1.0))
            for run in range(3):
                made.add(run, name, picture(0.9 - 0.2 * run), picture(1.0))
        yield made


@pytest.fixture
def study():
    ones = [seeded(0), evaluation("nano", level=19.0), evaluation("identity", level=10.0, steps=1)]
    return Study(ones, {"a": "kitchen", "b": "kitchen"})


def numbered(study):
    return {entry: number for number, entry in enumerate(study.entries)}


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])


def test_the_page_holds_every_figure_and_the_pictures(tmp_path, study, gallery):
    path = tmp_path / "report.html"
    write_report(path, study, gallery, numbered(study), title="Four pairs", command="darklift evaluate")
    page = path.read_text(encoding="utf-8")
    data = data_of(page)
    assert data["labels"] == ["compact", "nano", "identity"]
    assert data["scores"]["psnr"] == [[20, 21, 22, 23], [19, 20, 21, 22], [10, 11, 12, 13]]
    assert data["scenes"][0] == data["scenes"][1] == "kitchen"
    assert set(data["charts"]) == {"spread", "scatter", "speed"}
    assert {view["name"] for view in data["views"]} == set("abcd")
    assert all(len(view["made"]) == len(view["errors"]) == 3 for view in data["views"])
    assert page.count('<td data-value="303000000">303</td>') == 3
    assert f"{study.over_pictures(study.entries[0], study.metrics[0]).mean:.2f}" in page
    assert path.stat().st_size < 1_500_000


def test_the_page_fetches_nothing(study):
    page = render_report(study, [], title="t")
    ours = page.replace(re.search(r"<script>(const.*?)</script>", page, re.S)[1], "")
    assert "default-src 'none'" in ours
    assert not re.findall(r'(?:src|href)="(?!data:)', ours)
    assert "url(" not in ours


def test_no_name_breaks_out_of_the_page():
    ones = [evaluation(names=[NASTY, "b"]), replace(evaluation("x", names=[NASTY, "b"]), model=NASTY, stain=NASTY)]
    page = render_report(Study(ones), [], title=NASTY, command=NASTY)
    assert NASTY not in page
    assert "<script>alert" not in page
    assert data_of(page)["names"] == [NASTY, "b"]
    assert page.count("<script") == 3


def test_pictures_keep_to_their_number_and_bytes(study, gallery):
    runs = numbered(study)
    assert len(gallery.pick(study, runs, count=2, budget=10**9)) == 2
    one = gallery.pick(study, runs, count=4, budget=10**9)[0]
    assert [view.name for view in gallery.pick(study, runs, count=4, budget=one.size + 1)] == [one.name]
    assert gallery.pick(study, runs, count=4, budget=0) == ()


def test_each_entrys_worst_comes_first_and_the_best_is_not_forgotten(study, gallery):
    picked = gallery.pick(study, numbered(study), count=4, budget=10**9)
    assert picked[0].name == "a"  # scores rise from a to d
    assert "d" in {view.name for view in picked[:2]}


def test_a_picture_that_is_missing_is_not_shown(study, gallery):
    other = Study([evaluation(names="abcde"), evaluation("nano", names="abcde")])
    names = {view.name for view in gallery.pick(other, numbered(other), count=9, budget=10**9)}
    assert names == set("abcd")


def test_the_temporary_pictures_are_removed():
    gallery = Gallery()
    folder = Path(gallery._folder.name)
    gallery.add_pair("a", picture(0.1), picture(1.0))
    assert len(list(folder.iterdir())) == 2
    gallery.close()
    assert not folder.exists()


def test_a_stain_stands_above_every_number(study):
    stained = Study([replace(evaluation(), stain="chosen on these pictures")])
    page = render_report(stained, [], title="t")
    assert page.index("chosen on these pictures") < page.index("<table")
    assert 'role="note"' not in render_report(study, [], title="t")


def test_too_few_scenes_have_no_interval_and_it_is_said(study):
    page = render_report(study, [], title="t")
    assert "Too few scenes (3) for an interval" in page
    assert "bootstrap" not in page.replace(drawing_code(), "")
    assert 'class="unclear"' not in page
    wide = Study([evaluation(names="abcdef"), evaluation("nano", 19.0, "abcdef")])
    page = render_report(wide, [], title="t")
    assert "Too few" not in page
    assert "bootstrap draws of images" in page
    assert "-1.00 … -1.00" in page


def test_three_rows_are_ranked_as_in_the_other_tables(study):
    page = render_report(study, [], title="t")
    table = page[page.index('id="ranks"') :].split("</table>")[0]
    rows = [re.findall(r"<t[hd][^>]*>([^<]*)<", row) for row in table.split("<tr>")[1:]]
    markdown = [line.strip("| ").replace("*", "").split(" | ") for line in study_table(study).splitlines()]
    start = next(number for number, row in enumerate(markdown) if row[0] == "mean rank")
    assert rows == [markdown[start], *markdown[start + 2 : start + 7]]
    assert rows[1][0] == "compact"
    assert "Nemenyi" in page.split('id="ranks"')[1]
    two = Study([seeded(0), evaluation("nano", level=19.0)])
    assert 'id="ranks"' not in render_report(two, [], title="t")


def test_a_write_that_fails_leaves_nothing(tmp_path, study, gallery):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        write_report(tmp_path / "file" / "report.html", study, gallery, numbered(study), title="t")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
