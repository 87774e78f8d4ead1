"""The page in a real browser, on a studio that only brightens: what comes in, what is shown, what goes out."""

import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from browsers import drop, faults, paste, until

NIGHT = Path(__file__).resolve().parents[2] / "examples/night.jpg"


@pytest.fixture
def page(visit, fake_site):
    return visit(fake_site)


@pytest.fixture
def photos(tmp_path):
    """Ten photos, of which the second and the last are broken."""
    paths = [tmp_path / f"photo {number}.jpg" for number in range(10)]
    for number, path in enumerate(paths):
        level = np.full((40, 60 + number, 3), 5 * number, np.uint8)
        Image.fromarray(level).save(path)
    paths[1].write_bytes(b"This is no photo.")
    paths[9].write_bytes(NIGHT.read_bytes()[:40])
    return paths


def finished(page):
    page.wait_for_selector("#save:enabled")


def saved(page, button="#save"):
    """The name and the bytes of a download."""
    with page.expect_download() as coming:
        page.click(button)
    return coming.value.suggested_filename, Path(coming.value.path()).read_bytes()


def mean(data):
    return float(np.asarray(Image.open(BytesIO(data)).convert("RGB"), np.float64).mean())


@pytest.mark.parametrize("way", ["choose", "drop", "paste", "sample"])
def test_a_photo_comes_in_and_its_result_goes_out(page, way):
    if way == "choose":
        with page.expect_file_chooser() as chooser:
            page.click("#first [data-do=open]")
        assert chooser.value.is_multiple()
        chooser.value.set_files(NIGHT)
    elif way == "sample":
        page.click("[data-do=sample]")
    else:
        (drop if way == "drop" else paste)(page, [NIGHT])
    finished(page)
    until(page, "document.querySelector('#said').textContent.startsWith('night.jpg is ready')")
    name, data = saved(page)
    assert name == "night_enhanced.jpg"
    assert Image.open(BytesIO(data)).size == (600, 400)
    assert mean(data) > mean(NIGHT.read_bytes()) + 40
    assert "night.jpg" in page.title()


def test_what_holds_no_photo_is_said(page):
    drop(page, [])
    assert "no photo" in page.locator("[role=alert]").inner_text()
    page.locator("[role=alert] button").click()
    assert page.locator("[role=alert]").count() == 0


def test_a_broken_photo_is_named_and_can_be_removed(page, photos):
    drop(page, [photos[1]])
    page.wait_for_selector("#trouble:visible")
    assert "photo 1.jpg" in page.locator("#trouble-title").inner_text()
    assert "JPEG or PNG" in page.locator("#trouble-text").inner_text()
    assert page.locator("#save").is_disabled()
    page.click("#trouble [data-do=remove]")
    assert page.locator("#first").is_visible()


def test_a_fault_of_our_own_is_told_with_its_text(page, tmp_path):
    path = tmp_path / "crash.jpg"
    path.write_bytes(NIGHT.read_bytes())
    drop(page, [path])
    page.wait_for_selector("#trouble:visible")
    assert "a fault of the fake" in page.locator("#trouble-text").inner_text()


def test_ten_at_once_are_done_one_after_the_other_but_for_broken_ones(page, photos):
    page.evaluate("fake.full = 60")
    drop(page, photos)
    until(page, "document.querySelectorAll('#thumbs [data-state=done]').length === 8")
    until(page, "document.querySelectorAll('#thumbs [data-state=failed]').length === 2")
    states = [it.get_attribute("data-state") for it in page.locator("#thumbs li").all()]
    assert [number for number, state in enumerate(states) if state == "failed"] == [1, 9]
    alerts = page.locator("[role=alert]").all_inner_texts()
    assert len(alerts) == 2
    assert "photo 1.jpg" in alerts[0]
    assert "photo 9.jpg" in alerts[1]
    assert page.locator("#count").inner_text() == "8 of 10 photos done"
    page.wait_for_selector("#save-all:enabled")
    name, data = saved(page, "#save-all")
    with zipfile.ZipFile(BytesIO(data)) as packed:
        assert packed.testzip() is None
        assert packed.namelist() == [f"photo {number}_enhanced.jpg" for number in (0, 2, 3, 4, 5, 6, 7, 8)]
        sizes = [Image.open(BytesIO(packed.read(name))).size for name in packed.namelist()]
    assert name == "darklift.zip"
    assert sizes == [(60 + number, 40) for number in (0, 2, 3, 4, 5, 6, 7, 8)]
    page.locator("#thumbs li").nth(4).click()
    finished(page)
    assert "photo 4.jpg" in page.locator("#title").inner_text()


def test_several_of_one_name_have_names_of_their_own_in_a_zip(page):
    page.evaluate("fake.full = 60")
    drop(page, [NIGHT, NIGHT])
    until(page, "document.querySelectorAll('#thumbs [data-state=done]').length === 2")
    page.wait_for_selector("#save-all:enabled")
    with zipfile.ZipFile(BytesIO(saved(page, "#save-all")[1])) as packed:
        assert packed.namelist() == ["night_enhanced.jpg", "night_enhanced-2.jpg"]


def test_work_is_cancelled_and_taken_up_again(page):
    page.evaluate("fake.full = 20000")
    drop(page, [NIGHT])
    page.wait_for_selector("#busy:visible")
    until(page, "document.querySelector('#progress').value > 0")
    page.click("[data-do=cancel]")
    assert page.locator("#trouble-title").inner_text() == "Stopped"
    assert page.locator("#busy").is_hidden()
    page.evaluate("fake.full = 100")
    page.click("#trouble [data-do=again]")
    finished(page)


def test_a_reload_in_the_middle_keeps_choices_and_begins_anew(page):
    page.evaluate("fake.full = 20000")
    drop(page, [NIGHT])
    until(page, "document.querySelector('#progress').value > 0")
    page.locator("#strength").fill("0.4")
    page.locator("label", has_text="Keep black").click()
    page.locator("#model").select_option("compact")
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    assert page.locator("#first").is_visible()
    drop(page, [NIGHT])
    finished(page)
    assert page.locator("#strength").input_value() == "0.4"
    assert not page.locator("#lift").is_checked()
    assert page.locator("#model").input_value() == "compact"
    page.click("#reset")
    assert page.locator("#strength").input_value() == "1"
    assert page.locator("#model").input_value() == "compact"


def test_the_page_works_where_nothing_can_be_stored(browser, fake_site):
    page = browser.new_context(locale="en-GB").new_page()
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError'); }})"
    )
    page.goto(fake_site)
    page.wait_for_selector("html[data-ready=yes]")
    page.select_option("#language", "de")
    drop(page, [NIGHT])
    finished(page)
    page.context.close()


def test_a_quick_look_comes_first_and_only_the_last_choice_counts(page, tmp_path):
    path = tmp_path / "large.png"
    Image.open(NIGHT).resize((1800, 1200)).save(path)
    page.evaluate("fake.full = 1500")
    drop(page, [path])
    page.wait_for_selector("#tag-after:text-is('After, quick look')")
    assert page.locator("#save").is_disabled()
    finished(page)
    assert page.locator("#tag-after").inner_text() == "After"
    for stops in ("1", "2", "-3"):
        page.locator("#exposure").fill(stops)
    page.wait_for_selector("#tag-after:text-is('After, quick look')")
    finished(page)
    darker = mean(saved(page)[1])
    page.locator("#exposure").press("Delete")
    finished(page)
    assert page.locator("output[for=exposure]").inner_text() == "auto"
    assert darker < mean(saved(page)[1]) - 20


def test_a_photo_made_in_the_background_is_made_sharp_when_it_is_zoomed_into(page, tmp_path):
    paths = [tmp_path / "one.png", tmp_path / "two.png"]
    for path in paths:
        Image.open(NIGHT).resize((2400, 1600)).save(path)
    page.evaluate("fake.full = 100")
    drop(page, paths)
    until(page, "document.querySelectorAll('#thumbs [data-state=done]').length === 2")
    page.keyboard.press("]")
    finished(page)
    page.keyboard.press("1")
    until(page, "fake.made === 3")
    finished(page)
    page.keyboard.press("+")
    page.keyboard.press("[")
    page.keyboard.press("0")
    page.wait_for_timeout(300)
    assert page.evaluate("fake.made") == 3
    page.keyboard.press("1")  # it was put aside while the other one was looked at
    until(page, "fake.made === 4")
    finished(page)
    assert Image.open(BytesIO(saved(page)[1])).size == (2400, 1600)


def test_the_map_lies_over_the_result_with_its_legend(page):
    drop(page, [NIGHT])
    finished(page)
    before = page.locator("#view").screenshot()
    page.click("#map")
    page.wait_for_selector("#legend:visible")
    assert page.locator("#map").get_attribute("aria-pressed") == "true"
    assert page.locator("#view").screenshot() != before
    assert faults(page) == []
    page.click("#map")
    assert page.locator("#legend").is_hidden()


def test_the_result_is_copied_as_png(visit, fake_site):
    page = visit(fake_site, permissions=["clipboard-read", "clipboard-write"])
    drop(page, [NIGHT])
    finished(page)
    page.click("#copy")
    until(page, "document.querySelector('#said').textContent === 'Copied.'")
    size = page.evaluate(
        """async () => {
            const [item] = await navigator.clipboard.read();
            const {width, height} = await createImageBitmap(await item.getType('image/png'));
            return [width, height];
        }"""
    )
    assert size == [600, 400]
