"""The page for everybody: by finger, mouse and keyboard, on any screen, in any language, seen or heard."""

from pathlib import Path

import pytest
from PIL import Image

from browsers import drop, faults, until

NIGHT = Path(__file__).resolve().parents[2] / "examples/night.jpg"
LANGUAGES = {
    "en-GB": "en",
    "de-AT": "de",
    "fr-FR": "fr",
    "es-MX": "es",
    "zh-CN": "zh-Hans",
    "ja-JP": "ja",
    "pt-BR": "en",
}
SCREENS = {"phone": (390, 844), "small": (320, 568), "tablet": (820, 1180), "lying": (844, 390), "desktop": (1440, 900)}


def opened(page, *more):
    drop(page, [NIGHT, *more])
    page.wait_for_selector("#save:enabled")


def scale(page):
    return int(page.locator("#zoom").text_content().rstrip("%"))


def share(page):
    return int(page.locator("#divider").get_attribute("aria-valuenow"))


@pytest.mark.parametrize("look", ["dark", "light", "forced"])
def test_axe_finds_nothing(visit, fake_site, look, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")
    scheme = "dark" if look == "forced" else look
    page = visit(fake_site, color_scheme=scheme, forced_colors="active" if look == "forced" else "none")
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    assert faults(page) == []
    page.evaluate("fake.full = 20000")
    drop(page, [NIGHT, broken])
    page.wait_for_selector("#busy:visible")
    assert faults(page) == []
    page.evaluate("fake.full = 100")
    page.click("[data-do=cancel]")
    assert faults(page) == []
    page.click("#trouble [data-do=again]")
    page.wait_for_selector("#save:enabled")
    page.click("#more summary")
    assert faults(page) == []
    page.locator("#thumbs li").nth(1).click()
    page.wait_for_selector("#trouble:visible")
    assert faults(page) == []
    page.click("#keys")
    assert faults(page) == []


@pytest.mark.parametrize("locale", LANGUAGES)
def test_the_reader_s_language(visit, fake_site, locale):
    page = visit(fake_site, locale=locale)
    assert page.evaluate("document.documentElement.lang") == LANGUAGES[locale]
    assert faults(page) == []
    opened(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    unsaid = (
        "[...document.querySelectorAll('[data-text], [data-label]')].filter(it => !(it.textContent + it.ariaLabel))"
    )
    assert page.evaluate(f"{unsaid}.length") == 0


def test_another_language_and_look_are_kept(visit, fake_site):
    page = visit(fake_site, color_scheme="light")
    page.may_move = True  # words of another length take other room
    page.select_option("#language", "fr")
    assert page.locator("#headline").inner_text() == "Éclaircir les photos sombres"
    page.click("#theme")
    page.click("#theme")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    assert page.evaluate("document.documentElement.lang") == "fr"
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_enlarged_four_times_it_scrolls_one_way_only(visit, fake_site):
    page = visit(fake_site, viewport={"width": 320, "height": 256})
    opened(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("#stage").bounding_box()["width"] >= 300
    page.locator("#save").scroll_into_view_if_needed()
    with page.expect_download():
        page.click("#save")


@pytest.mark.parametrize("screen", SCREENS)
def test_every_screen_shows_all_of_it(visit, fake_site, screen):
    width, height = SCREENS[screen]
    touch = screen != "desktop"
    page = visit(fake_site, viewport={"width": width, "height": height}, has_touch=touch, is_mobile=touch)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("#first [data-do=take]").is_visible() == touch
    opened(page, NIGHT)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    stage = page.locator("#stage").bounding_box()
    assert stage["height"] >= 0.3 * height
    for button in ("#save", "#copy", "#map", "#save-all", ".bar [data-do=fit]"):
        box = page.locator(button).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
        assert min(box["width"], box["height"]) >= 34
    page.locator("#more summary").click()
    page.locator("#deblock").scroll_into_view_if_needed()
    assert page.locator("#deblock").is_visible()


def test_the_divider_moves_by_mouse_and_by_keyboard(visit, fake_site):
    page = visit(fake_site)
    opened(page)
    assert share(page) == 50
    grip = page.locator("#divider .grip").bounding_box()
    x, y = grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 150, y, steps=4)
    page.mouse.up()
    moved = share(page)
    assert 20 < moved < 40
    page.focus("#divider")
    page.keyboard.press("ArrowRight")
    assert share(page) == moved + 2
    page.keyboard.press("Home")
    assert share(page) == 0
    assert page.locator("#divider").get_attribute("aria-valuetext") == "100% after"
    page.keyboard.press("End")
    assert share(page) == 100


def test_zoom_and_place_by_wheel_mouse_and_keyboard(visit, fake_site):
    page = visit(fake_site)
    opened(page)
    fitted = scale(page)
    page.locator("#divider .grip").hover()
    page.mouse.wheel(0, -600)
    assert scale(page) > 2 * fitted
    page.click("[data-do=whole]")
    assert scale(page) == 100
    page.keyboard.press("+")
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert scale(page) > 250
    before = page.locator("#view").screenshot()
    page.focus("#view")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.locator("#view").screenshot() != before
    page.keyboard.press("0")
    assert scale(page) == fitted
    box = page.locator("#view").bounding_box()
    page.mouse.dblclick(box["x"] + 200, box["y"] + 200)
    assert scale(page) == 100


def test_two_fingers_zoom_and_one_moves_the_divider(visit, fake_site):
    page = visit(fake_site, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    opened(page)
    box = page.locator("#view").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touches = page.context.new_cdp_session(page)

    def touch(kind, *places):
        points = [{"x": px, "y": py, "id": number} for number, (px, py) in enumerate(places)]
        touches.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (x + 60, y + 60))
    touch("touchMove", (x + 40, y + 60))
    touch("touchMove", (x - 80, y + 60))
    touch("touchEnd")
    assert share(page) < 40
    fitted = scale(page)
    touch("touchStart", (x - 20, y), (x + 20, y))
    touch("touchMove", (x - 60, y), (x + 60, y))
    touch("touchMove", (x - 90, y), (x + 90, y))
    touch("touchEnd")
    assert scale(page) > 2 * fitted


def test_all_of_it_by_keyboard_only(visit, fake_site):
    page = visit(fake_site, reduced_motion="no-preference")
    page.on("filechooser", lambda chooser: chooser.set_files([NIGHT, NIGHT]))
    press, has_focus = page.keyboard.press, "document.activeElement.matches('{}')"

    def tab_to(selector):
        for _ in range(40):
            if page.evaluate(has_focus.format(selector)):
                return
            press("Tab")
        pytest.fail(f"no way to {selector} by the tabulator")

    tab_to("#first [data-do=open]")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    press("Enter")
    page.wait_for_selector("#save:enabled")
    tab_to("#divider")
    until(page, "document.querySelector('#divider').ariaValueNow === '50'")
    press("ArrowLeft")
    assert share(page) == 48
    tab_to("#strength")
    press("Home")
    assert page.locator("#strength").input_value() == "0"
    press("Backspace")
    assert page.locator("#strength").input_value() == "1"
    tab_to("#lift")
    press(" ")
    assert not page.locator("#lift").is_checked()
    page.wait_for_selector("#save:enabled")
    press("u")
    page.wait_for_selector("#legend:visible")
    press("]")
    assert page.locator("#thumbs li").nth(1).get_attribute("aria-selected") == "true"
    page.wait_for_selector("#save:enabled")
    with page.expect_download():
        press("d")
    with page.expect_download() as coming:
        press("Shift+D")
    assert coming.value.suggested_filename == "darklift.zip"
    press("r")
    assert page.locator("#lift").is_checked()
    press("?")
    assert page.locator("#help").is_visible()
    press("Escape")
    assert page.locator("#help").is_hidden()
    press("Delete")
    press("Delete")
    assert page.locator("#first").is_visible()
    assert page.evaluate(has_focus.format("#first [data-do=open]"))


def test_keys_of_one_letter_can_be_turned_off(visit, fake_site):
    page = visit(fake_site)
    opened(page)
    page.click("#keys")
    page.locator("#help label").click()
    page.click("#help-close")
    page.keyboard.press("u")
    assert page.locator("#map").get_attribute("aria-pressed") == "false"
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    page.click("#keys")
    assert not page.locator("#single-keys").is_checked()


def test_before_alone_is_shown_while_a_key_is_held(visit, fake_site):
    page = visit(fake_site)
    opened(page)
    page.keyboard.down("b")
    assert page.locator("#divider").is_hidden()
    assert page.locator("#tag-after").is_hidden()
    page.keyboard.up("b")
    assert page.locator("#divider").is_visible()


def test_the_example_turns_night_into_day_and_then_waits(visit, fake_site):
    page = visit(fake_site, reduced_motion="no-preference")
    until(page, "document.querySelector('#example').value === '42'")
    page.locator("#example").press("End")
    assert "100%" in page.locator("#pair").get_attribute("style")


def test_the_first_screen_is_painted_within_a_second_and_nothing_moves(visit, fake_site):
    times = []
    for _ in range(3):  # the best of three, as other tests may be running
        page = visit(fake_site)
        times.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
    assert min(times) <= 1000


def test_it_can_be_installed(visit, fake_site):
    page = visit(fake_site)
    manifest = page.evaluate("fetch(document.querySelector('link[rel=manifest]').href).then(it => it.json())")
    for entry in manifest["icons"]:
        answer = page.request.get(fake_site + entry["src"])
        assert answer.ok
        if entry["type"] == "image/png":
            side = int(entry["sizes"].split("x")[0])
            path = Path(__file__).resolve().parents[2] / "web/src/page/public" / entry["src"]
            with Image.open(path) as icon:
                assert icon.size == (side, side)
