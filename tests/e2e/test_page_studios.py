"""Both pages in a real browser, the static one that computes there and the one that ``darklift web`` serves: what is
downloaded is what ``darklift enhance`` writes.
"""

import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from browsers import drop, serving, until

NIGHT = Path(__file__).resolve().parents[2] / "examples/night.jpg"
PAGES = ("static", "served")
# A slider and its value, or a switch that is turned off; and what says the same on the command line.
CONTROLS = {
    "exposure": ("0.7", "--exposure", "+0.7"),
    "strength": ("0.35", "--strength", "0.35"),
    "steps": ("3", "--steps", "3"),
    "blacks": ("-30", "--blacks", "-30"),
    "shadows": ("40", "--shadows", "40"),
    "highlights": ("-25", "--highlights", "-25"),
    "whites": ("20", "--whites", "20"),
    "saturation": ("-60", "--saturation", "-60"),
    "lift": (None, "--lift", "full"),
    "deblock": (None, "--deblock", "off"),
    "model": ("compact", "--model", "compact"),
}


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    """Where both pages are, each with nano as its first model."""
    pytest.importorskip("starlette", reason="the extra web is not installed")
    from darklift.web.export import export_site

    folder = export_site(tmp_path_factory.mktemp("site") / "page", ["nano", "compact"])
    command = [sys.executable, "-m", "darklift", "web", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server, serving(folder) as static:
        heading = server.stderr.readline()
        found = re.search(r"http://[\d.]+:\d+/", heading)
        assert found, heading
        try:
            yield {"static": static, "served": found[0]}
        finally:
            server.terminate()
            server.communicate(timeout=60)
    assert server.returncode == 0


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A part of the dark photo, as PNG: small, and exact."""
    path = tmp_path_factory.mktemp("photos") / "small.png"
    Image.open(NIGHT).crop((150, 40, 310, 160)).save(path)
    return path


@pytest.fixture
def enhanced(darklift, tmp_path):
    """What the command line makes of a photo."""

    def enhanced(photo, *options):
        path = tmp_path / f"expected{photo.suffix}"
        result = darklift("enhance", photo, "-o", path, "--overwrite", *options)
        assert result.exit_code == 0, result.output
        return path.read_bytes()

    return enhanced


def download(page):
    page.wait_for_selector("#save:enabled")
    with page.expect_download() as coming:
        page.click("#save")
    return coming.value.suggested_filename, Path(coming.value.path()).read_bytes()


def pixels(data):
    return np.asarray(Image.open(BytesIO(data)).convert("RGB"), np.int16)


def choose_model(page, name):
    page.locator("#model").select_option(name)


def test_the_first_screen_shows_what_darklift_makes_of_its_example(enhanced):
    shown = NIGHT.parents[1] / "web/src/page/public/night_enhanced.jpg"
    assert np.abs(pixels(shown.read_bytes()) - pixels(enhanced(NIGHT))).mean() < 1


@pytest.mark.parametrize("which", PAGES)
def test_a_dropped_photo_comes_back_as_the_command_line_writes_it(visit, addresses, which, enhanced):
    page = visit(addresses[which])
    drop(page, [NIGHT])
    page.wait_for_selector("#editor:visible")
    choose_model(page, "nano")
    name, data = download(page)
    assert name == "night_enhanced.jpg"
    expected = enhanced(NIGHT, "--model", "nano")
    if which == "served":
        assert data == expected
    else:  # another encoder of JPEG
        assert np.abs(pixels(data) - pixels(expected)).mean() < 1
    sent = "Photos go to" if which == "served" else "Nothing is sent anywhere."
    assert page.locator("#sends").text_content().startswith(sent)


@pytest.mark.parametrize("which", PAGES)
def test_every_control_does_what_its_option_does(visit, addresses, which, small, enhanced):
    page = visit(addresses[which])
    drop(page, [small])
    page.wait_for_selector("#editor:visible")
    choose_model(page, "nano")
    page.click("#more summary")
    page.wait_for_selector("#save:enabled")
    for name, (value, option, wish) in CONTROLS.items():
        control = page.locator(f"#{name}")
        if name == "model":
            control.select_option(value)
        elif value is None:
            control.uncheck()
        else:
            control.fill(value)
        data = download(page)[1]
        model = () if name == "model" else ("--model", "nano")
        expected = enhanced(small, option, wish, *model)
        if which == "served":
            assert data == expected, name
        else:
            assert np.abs(pixels(data) - pixels(expected)).max() <= 1, name
        page.click("#reset") if name != "model" else choose_model(page, "nano")
    page.wait_for_selector("#save:enabled")


@pytest.mark.parametrize("which", PAGES)
def test_a_large_photo_is_worked_on_as_fast_as_was_chosen(visit, addresses, which, tmp_path, enhanced):
    Image.open(NIGHT).resize((810, 540)).save(tmp_path / "large.png")  # more than fast works on in full
    page = visit(addresses[which])
    page.evaluate("localStorage.setItem('darklift.choices', JSON.stringify({model: 'nano', speed: 'fast'}))")
    page.reload()
    drop(page, [tmp_path / "large.png"])
    found = {"fast": download(page)[1]}
    page.click("#more summary")
    page.locator("#speed").select_option("best")
    found["best"] = download(page)[1]
    for speed, data in found.items():
        expected = enhanced(tmp_path / "large.png", "--model", "nano", "--speed", speed)
        assert (data == expected) if which == "served" else (np.abs(pixels(data) - pixels(expected)).max() <= 1)
    assert np.abs(pixels(found["fast"]) - pixels(found["best"])).max() > 5


@pytest.mark.parametrize("which", PAGES)
def test_photos_of_many_kinds_at_once_and_a_broken_one(visit, addresses, which, tmp_path):
    page = visit(addresses[which])
    page.may_say = ("status of 415", "status of 422", "status of 400")  # Chromium tells of each refused request
    part = Image.open(NIGHT).crop((150, 40, 270, 120))
    turned = part.getexif()
    turned[0x0112], turned[0x010E] = 6, "A night in May"
    part.save(tmp_path / "turned.jpg", exif=turned)
    part.save(tmp_path / "plain.webp", lossless=True)
    part.save(tmp_path / "photo.png")
    Image.new("RGB", (90, 60), (200, 190, 180)).save(tmp_path / "bright.png")
    (tmp_path / "broken.jpg").write_bytes(NIGHT.read_bytes()[:300])
    names = ["turned.jpg", "plain.webp", "photo.png", "bright.png", "broken.jpg"]
    drop(page, [tmp_path / name for name in [*names, *names]])
    until(page, "document.querySelectorAll('#thumbs [data-state=done]').length === 8")
    until(page, "document.querySelectorAll('#thumbs [data-state=failed]').length === 2")
    assert all("broken.jpg" in text for text in page.locator("[role=alert]").all_inner_texts())

    def look_at(number):
        page.locator("#thumbs li").nth(number).click()
        page.wait_for_selector("#save:enabled")
        return download(page)

    name, data = look_at(0)
    assert name == "turned_enhanced.jpg"
    with Image.open(BytesIO(data)) as image:
        assert image.getexif()[0x010E] == "A night in May"
    assert "80 × 120" in page.locator("#title").inner_text()
    assert look_at(1)[0] in ("plain_enhanced.webp", "plain_enhanced.png")
    assert look_at(2)[0] == "photo_enhanced.png"
    assert look_at(3)[1] == (tmp_path / "bright.png").read_bytes()
    assert "bright enough" in page.locator("#notes").inner_text()


@pytest.mark.parametrize("which", PAGES)
def test_why_a_photo_is_left_as_it_is(visit, addresses, which, tmp_path):
    page = visit(addresses[which])
    page.may_move = True  # what is said of a photo stands above the sliders
    for name, colour in (("black.png", (0, 0, 0)), ("bright.png", (200, 190, 180))):
        Image.new("RGB", (90, 60), colour).save(tmp_path / name)
    drop(page, [tmp_path / "black.png"])
    assert download(page)[1] == (tmp_path / "black.png").read_bytes()
    assert page.locator("#notes li").all_inner_texts() == [
        "This photo is black, or holds nothing but noise: it stays as it is. Move Exposure to change it all the same."
    ]
    drop(page, [tmp_path / "bright.png"])
    page.locator("#thumbs li").nth(1).click()
    page.wait_for_selector("#save:enabled")
    assert "bright enough" in page.locator("#notes").inner_text()
    jump = """slider => {
        const top = slider.getBoundingClientRect().top;
        slider.dispatchEvent(new Event('input', {bubbles: true}));
        return slider.getBoundingClientRect().top - top;
    }"""
    assert page.locator("#strength").evaluate(jump) == 0  # as it moves, nothing else does
    page.locator("#strength").fill("0")
    page.wait_for_selector("#save:enabled")
    assert page.locator("#notes").is_hidden()  # it was asked for


@pytest.mark.parametrize("which", PAGES)
def test_an_empty_file_and_one_that_has_gone(visit, addresses, which, tmp_path):
    """Folders that are dropped are files that cannot be read, too. Neither is a fault of the server's."""
    page = visit(addresses[which])
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "gone.jpg").write_bytes(NIGHT.read_bytes())
    page.set_input_files("#file", [NIGHT, tmp_path / "gone.jpg", tmp_path / "empty.jpg"])
    (tmp_path / "gone.jpg").unlink()
    until(page, "document.querySelectorAll('#thumbs [data-state=failed]').length === 2")
    gone, empty = page.locator("[role=alert] p").all_inner_texts()
    assert gone.startswith(("gone.jpg: It is no photo", "gone.jpg: This is no photo"))
    assert empty.startswith("empty.jpg: This is no photo")


@pytest.mark.parametrize("which", PAGES)
def test_the_map_of_uncertainty(visit, addresses, which, small):
    page = visit(addresses[which])
    drop(page, [small])
    page.wait_for_selector("#save:enabled")
    page.click("#map")
    page.wait_for_selector("#legend:visible")
    assert page.locator("#map").get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize("which", PAGES)
def test_a_reload_in_the_middle(visit, addresses, which, small, enhanced):
    page = visit(addresses[which])
    drop(page, [NIGHT])
    page.wait_for_selector("#busy:visible")
    page.locator("#strength").fill("0.5")
    choose_model(page, "nano")
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    drop(page, [small])
    expected = enhanced(small, "--model", "nano", "--strength", "0.5")
    assert np.abs(pixels(download(page)[1]) - pixels(expected)).max() <= 1


def test_the_static_page_works_offline_after_its_first_visit(browser, small, tmp_path):
    from darklift.web.export import export_site

    folder = export_site(tmp_path / "page", ["nano"])
    page = browser.new_context(locale="en-GB").new_page()
    with serving(folder) as address:
        page.goto(address)
        page.wait_for_selector("html[data-ready=yes]")
        page.evaluate("navigator.serviceWorker.ready")
    page.reload()  # nobody serves it any more
    page.wait_for_selector("html[data-ready=yes]")
    drop(page, [small])
    assert download(page)[0] == "small_enhanced.png"
    page.context.close()


def test_a_static_page_leaves_its_neighbours_alone(browser, tmp_path):
    """Pages on one host share their storage, and those below a page are within its service worker's reach."""
    from darklift.web.export import export_site

    folder = tmp_path / "host"
    export_site(folder, ["nano"])
    export_site(folder / "below", ["nano", "compact"])
    (folder / "news.txt").write_text("old")
    page = browser.new_context(locale="en-GB").new_page()
    with serving(folder) as address:
        for path in ("", "below/"):
            page.goto(f"{address}{path}")
            page.wait_for_selector("html[data-ready=yes]")
            page.evaluate("navigator.serviceWorker.ready")
        page.goto(address)
        assert page.evaluate("fetch('news.txt', {cache: 'no-store'}).then(it => it.text())") == "old"
        (folder / "news.txt").write_text("new")
        assert page.evaluate("fetch('news.txt', {cache: 'no-store'}).then(it => it.text())") == "new"
        until(page, "caches.keys().then(names => names.length === 2)")
    for path in ("", "below/"):  # nobody serves them any more
        page.goto(f"{address}{path}")
        page.wait_for_selector("html[data-ready=yes]")
    page.context.close()


def test_the_static_page_works_from_disk(visit, small, tmp_path):
    from darklift.web.export import export_site

    folder = export_site(tmp_path / "page", ["nano"])
    page = visit((folder / "index.html").as_uri())
    assert page.locator("[data-do=sample]").is_hidden()
    drop(page, [small])
    assert download(page)[0] == "small_enhanced.png"
