"""Draws the pictures of the web page in docs/pictures/, by a real browser on the page that ``darklift web`` serves.

Needs Playwright for Python and Chromium:  python tools/page_pictures.py http://127.0.0.1:8000/
The photos are scikit-image's, darkened as examples/make_night.py does: "Coffee cup" by Rachel Michetti (CC0), "Chelsea"
by Stéfan van der Walt (CC0), Eileen Collins and a rocket (NASA and SpaceX, public domain).
"""

import io
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright
from skimage import data

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from make_night import CAMERA

from darklift.data.synthesis import underexpose
from darklift.diffusion import random_generator

PICTURES = Path(__file__).parents[1] / "docs/pictures"
NIGHT = Path(__file__).parents[1] / "examples/night.jpg"
QUALITY = 85


def main(address: str) -> None:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as started, tempfile.TemporaryDirectory() as folder:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        photos = [NIGHT, *darkened(Path(folder))]
        page = opened(browser, address, 1280, 800, "dark")
        page.wait_for_timeout(3000)  # until night has turned into day
        keep(page, "page_first")
        page.set_input_files("#file", photos)
        page.locator("#thumbs [data-state=done]").nth(3).wait_for()
        page.wait_for_timeout(3000)
        keep(page, "page_editor")
        page = opened(browser, address, 1280, 800, "light")
        page.set_input_files("#file", [NIGHT])
        page.wait_for_selector("#save:enabled")
        page.click("#more summary")
        page.click("#map")
        page.wait_for_selector("#legend:visible")
        page.wait_for_timeout(1500)
        keep(page, "page_map")
        phone = opened(browser, address, 390, 844, "dark", phone=True)
        phone.wait_for_timeout(3000)
        first = shot(phone)
        phone.set_input_files("#file", photos[:3])
        phone.locator("#thumbs [data-state=done]").nth(2).wait_for()
        phone.wait_for_timeout(3000)
        side_by_side([first, shot(phone)], "page_phone")
        browser.close()


def darkened(folder: Path) -> list[Path]:
    paths = []
    for name, photo in {"cat": data.chelsea(), "portrait": data.astronaut(), "rocket": data.rocket()}.items():
        night = underexpose(np.ascontiguousarray(photo.transpose(2, 0, 1)), CAMERA, random_generator(0, name))
        paths.append(folder / f"{name}.jpg")
        Image.fromarray(night.transpose(1, 2, 0)).save(paths[-1], quality=92)
    return paths


def opened(browser: Any, address: str, width: int, height: int, scheme: str, phone: bool = False) -> Any:
    size = {"width": width, "height": height}
    choices = {"is_mobile": phone, "has_touch": phone, "device_scale_factor": 2 if phone else 1}
    page = browser.new_context(viewport=size, color_scheme=scheme, locale="en-GB", **choices).new_page()
    page.goto(address)
    page.wait_for_selector("html[data-ready=yes]")
    return page


def shot(page: Any) -> Image.Image:
    page.evaluate("document.activeElement.blur()")
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def keep(page: Any, name: str) -> None:
    shot(page).save(PICTURES / f"{name}.jpg", quality=QUALITY)


def side_by_side(images: list[Image.Image], name: str) -> None:
    width, height = images[0].size
    sheet = Image.new("RGB", (len(images) * width + (len(images) - 1) * 40, height), "white")
    for number, image in enumerate(images):
        sheet.paste(image, (number * (width + 40), 0))
    sheet.save(PICTURES / f"{name}.jpg", quality=QUALITY)


if __name__ == "__main__":
    main(sys.argv[1])
