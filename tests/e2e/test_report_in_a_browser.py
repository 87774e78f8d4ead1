"""The report in a real browser: nothing is logged, charts are drawn, tables sort, the slider and the magnifier work."""

import numpy as np
import pytest

from browsers import Heard, chromium, needs_chromium
from darklift.evaluation.study import Study
from darklift.image import from_array
from evaluations import evaluation

pytest.importorskip("altair", reason="the extra report is not installed")
pytestmark = needs_chromium


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    from darklift.report import Gallery, write_report

    study = Study([evaluation(), evaluation("nano", level=19.0), evaluation("identity", level=10.0)])
    path = tmp_path_factory.mktemp("report") / "report.html"
    with Gallery() as gallery:
        for name in "abcd":
            gallery.add_pair(name, flat(0.1), flat(0.9))
            for run in range(3):
                gallery.add(run, name, flat(0.9 - 0.2 * run), flat(0.9))
        runs = {entry: number for number, entry in enumerate(study.entries)}
        write_report(path, study, gallery, runs, title="A report")
    heard = Heard()
    with chromium() as browser:
        opened = browser.new_context(offline=True).new_page()
        heard.listen(opened)
        opened.goto(path.as_uri())
        opened.wait_for_selector("body[data-ready=yes]", timeout=60_000)
        yield opened
    assert not heard.said


def flat(level):
    return from_array(np.full((60, 90, 3), level, np.float32))


def column(page, table, number):
    return page.locator(f"#{table} tbody tr > :nth-child({number})").all_inner_texts()


def test_charts_are_drawn_and_their_choice_changes_them(page):
    for name in ("spread", "scatter", "speed"):
        assert page.locator(f"#{name} svg.marks").count() == 1
    before = page.locator("#scatter svg.marks").screenshot()
    page.locator("#scatter select").last.select_option(label="identity")
    page.wait_for_timeout(300)
    assert page.locator("#scatter svg.marks").screenshot() != before


def test_tables_sort_by_mouse_and_by_keyboard(page):
    head = page.locator("#images thead th").nth(1)
    head.click()
    rising = column(page, "images", 2)
    assert rising == sorted(rising, key=float)
    head.press("Enter")
    assert column(page, "images", 2) == rising[::-1]
    assert head.get_attribute("aria-sort") == "descending"


def test_the_slider_moves_the_border_and_a_name_opens_its_picture(page):
    page.locator("#slider").fill("20")
    assert "80%" in page.locator("#over").evaluate("it => it.style.clipPath")
    page.locator("#left").select_option(label="nano")
    page.locator("#images button", has_text="c").click()
    assert page.locator("#image").input_value() == "c"
    assert "nano 21.00" in page.locator("#caption").inner_text()
    before = page.locator("#under").get_attribute("src")
    page.locator("#right").select_option(label="error of identity")
    assert page.locator("#under").get_attribute("src") != before


def test_the_magnifier_shows_what_is_below_it(page):
    page.locator("#left").select_option(label="dark photo")
    page.locator("#right").select_option(label="ground truth")
    page.locator("#magnify").check()
    page.locator("#stage").scroll_into_view_if_needed()
    page.locator("#slider").fill("50")
    box = page.locator("#stage").bounding_box()

    def middle(share):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + 0.5 * box["height"])
        return page.locator("#glass").evaluate("it => it.getContext('2d').getImageData(120, 120, 1, 1).data[0]")

    assert middle(0.25) == pytest.approx(round(0.1 * 255), abs=3)
    assert middle(0.75) == pytest.approx(round(0.9 * 255), abs=3)
