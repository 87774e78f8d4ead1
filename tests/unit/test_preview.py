"""A preview is decided by the look at the whole photo: it agrees with what the photo becomes."""

from pathlib import Path

import numpy as np
import pytest

from darklift import Enhancer, Picture, Settings, UsageError, read_image
from darklift.image import Samples
from darklift.pipeline.look import look_at
from darklift.pipeline.plan import decide, plan
from darklift.pipeline.preview import look_of_reduced, reduced

NIGHT = Path(__file__).resolve().parents[2] / "examples" / "night.jpg"


@pytest.fixture(scope="module")
def enhance() -> Enhancer:
    return Enhancer("nano")


def preview(enhance: Enhancer, picture: Picture, side: int, settings: Settings) -> Picture:
    small = reduced(picture, side)
    look = look_of_reduced(enhance.model, look_at(enhance.model, picture), small)
    return enhance.render(small, decide(enhance.model, look, settings)).picture


@pytest.mark.parametrize("settings", [Settings(), Settings(exposure="+1", lift="full"), Settings(shadows=40)])
def test_a_preview_is_as_bright_as_the_photo_will_be(enhance: Enhancer, settings: Settings) -> None:
    picture = read_image(NIGHT)
    whole = reduced(enhance.run(picture, settings).picture, 200)
    small = preview(enhance, picture, 200, settings)
    assert small.size == whole.size
    assert abs(float(small.pixels.mean() - whole.pixels.mean())) < 2 / 255
    assert float(np.abs(small.pixels - whole.pixels).mean()) < 6 / 255


def test_it_asks_for_the_brightness_of_the_whole_though_a_small_copy_looks_otherwise(enhance: Enhancer) -> None:
    picture = read_image(NIGHT)
    small = reduced(picture, 60)
    look = look_at(enhance.model, picture)
    of_whole = decide(enhance.model, look_of_reduced(enhance.model, look, small), Settings())
    assert of_whole.brightness == plan(enhance.model, picture).brightness
    assert of_whole.brightness != plan(enhance.model, small).brightness
    assert of_whole.look.size == small.size


def test_borders_and_transparency_stay(enhance: Enhancer) -> None:
    codes = np.zeros((90, 160, 3), np.uint8)
    codes[15:75] = np.random.default_rng(0).integers(0, 30, (60, 160, 3), dtype=np.uint8)
    opaque = np.full((90, 160), 255, np.uint8)
    opaque[:, :80] = 0
    bordered = preview(enhance, Picture(held=Samples(codes)), 80, Settings())
    assert bordered.size == (45, 80)
    assert float(bordered.pixels[:7].max()) == 0
    assert float(bordered.pixels[20].mean()) > 0.1
    clear = preview(enhance, Picture(held=Samples(codes, opaque)), 80, Settings())
    assert clear.alpha is not None
    assert float(clear.alpha[:, :39].max()) == 0
    assert float(clear.alpha[:, 41:].min()) == 1


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (37, 53)])
def test_any_size_is_reduced(enhance: Enhancer, size: tuple[int, int]) -> None:
    codes = np.random.default_rng(0).integers(0, 40, (*size, 3), dtype=np.uint8)
    made = preview(enhance, Picture(held=Samples(codes)), 20, Settings())
    assert max(made.size) == min(20, max(size))
    assert min(made.size) >= 1


def test_means_keep_what_lies_between_two_codes() -> None:
    codes = np.random.default_rng(0).integers(0, 2, (400, 400, 3), dtype=np.uint8)  # 0 or 1: half a code on average
    small = reduced(Picture(held=Samples(codes)), 10)
    assert small.held.colours.dtype == np.uint16
    assert float(small.pixels.mean()) == pytest.approx(0.5 / 255, rel=0.02)
    assert float(small.pixels.max()) < 0.75 / 255


def test_white_of_fewer_bits_stays_white() -> None:
    ten = Samples(np.full((40, 40, 1), 1023, np.uint16), white=1023)
    assert float(reduced(Picture(gray=True, held=ten), 8).pixels.min()) == 1


def test_what_is_small_enough_stays_the_same() -> None:
    picture = Picture(held=Samples(np.zeros((10, 20, 3), np.uint8)))
    assert reduced(picture, 20) is picture
    with pytest.raises(UsageError, match="side is 0"):
        reduced(picture, 0)
