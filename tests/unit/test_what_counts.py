"""What is seen of a photo decides what is done to it: not what transparency hides, not bars around it; and what holds
nothing, or no colour, is given none.
"""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from darklift import Enhancer, Picture, Settings, Source, Tile, read_image
from darklift.diffusion import SamplerPreset
from darklift.image import from_array, from_pil
from darklift.pipeline.border import inside_of_border
from darklift.pipeline.clip import look_together, plan_frame
from darklift.runtime import Footprint, Model, ModelCard
from seen import holds_nothing, view_of_planes
from shared import SHARED, needs_pictures

FloatArray = npt.NDArray[np.float32]
PRESET = SamplerPreset(2, "cosine", 100, spacing="trailing", predicts="x0", max_steps=8)


class Exposing:
    """Wants a mean of 0.4 of any photo."""

    inputs = ("thumbnail",)
    outputs = ("brightness",)

    def __call__(self, feeds: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        return {"brightness": np.full(1, 0.4, np.float32)}


class Lifting:
    """Looks around each pixel, at the place in the photo and at all that is known of the photo."""

    inputs = ("x", "abar", "low", "box", "thumbnail", "statistics", "brightness")
    outputs = ("x0", "uncertainty")

    def __call__(self, feeds: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        low = feeds["low"]
        around = (low + np.roll(low, 3, axis=2) + np.roll(low, 2, axis=3)) / 3
        whole = feeds["thumbnail"].mean() + feeds["statistics"].sum() + feeds["box"].mean()
        tint = np.array([1.0, 1.1, 1.2], np.float32).reshape(1, 3, 1, 1)
        x0 = 3 * tint * around + 0.05 * whole + 0.1 * feeds["x"] - 1
        return {"x0": x0.astype(np.float32), "uncertainty": np.ones_like(x0)}


def enhancer(*, sees_whole: bool = False) -> Enhancer:
    card = ModelCard("lifting", "none", Footprint(8, sees_whole=sees_whole), {"default": PRESET}, True)
    return Enhancer(Model(card, {"step": Lifting(), "exposure": Exposing()}))


def scene(height: int = 72, width: int = 96, light: float = 0.2) -> FloatArray:
    """Something to see all over, (H, W, 3) in codes of 8 bits, up to about twice as bright as ``light``."""
    rng = np.random.default_rng(height + width)
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [1.1 + 0.6 * np.sin(rows / 9 + channel) * np.cos(columns / 7) for channel in range(3)]
    pixels = np.stack(waves, axis=2) * light + 0.02 * rng.random((height, width, 3))
    coded: FloatArray = (np.rint(pixels.clip(0.02, 1) * 255) / 255).astype(np.float32)
    return coded


def disc(height: int = 72, width: int = 96, soft: float = 4.0) -> FloatArray:
    """Alpha of a round cut-out with a soft rim."""
    rows, columns = np.mgrid[0:height, 0:width]
    alpha: FloatArray = ((20 - np.hypot(rows - 30, columns - 50)) / soft).clip(0, 1).astype(np.float32)
    return alpha


class TestHidden:
    def hidden_as(self, pixels: FloatArray, alpha: FloatArray, hidden: FloatArray | float) -> Picture:
        return Picture(np.where((alpha > 0)[:, :, None], pixels, np.float32(hidden)), alpha=alpha)

    @settings(max_examples=15, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.sampled_from(["black", "white", "garbage"]), st.booleans())
    def test_whatever_lies_hidden_the_result_is_the_same(self, seed: int, what: str, sees_whole: bool) -> None:
        made, pixels, alpha = enhancer(sees_whole=sees_whole), scene(light=0.08), disc()
        garbage = np.random.default_rng(seed).random(pixels.shape, dtype=np.float32)
        other = self.hidden_as(pixels, alpha, {"black": 0.0, "white": 1.0, "garbage": garbage}[what])
        expected = made.run(self.hidden_as(pixels, alpha, 0.5))
        result = made.run(other)
        visible = alpha > 0
        np.testing.assert_array_equal(result.picture.pixels[visible], expected.picture.pixels[visible])
        np.testing.assert_array_equal(result.picture.pixels[~visible], other.pixels[~visible])
        assert (result.share, result.brightness) == (expected.share, expected.brightness)
        assert result.picture.pixels[alpha == 1].mean() > 1.5 * pixels[alpha == 1].mean()

    @pytest.mark.parametrize("hidden", [0.0, 1.0])
    def test_a_well_lit_cut_out_is_left_as_it_is(self, hidden: float) -> None:
        picture = self.hidden_as(scene(light=0.37), disc(), hidden)
        result = enhancer().run(picture)
        assert (result.share, result.unchanged) == (0, True)
        np.testing.assert_array_equal(result.picture.pixels, picture.pixels)

    def test_margins_that_are_hidden_change_nothing(self) -> None:
        pixels, alpha = scene(light=0.08), disc()
        wider = ((30, 11), (7, 60))
        around = Picture(np.pad(pixels, (*wider, (0, 0))), alpha=np.pad(alpha, wider))
        bare = enhancer().run(Picture(pixels, alpha=alpha)).picture.pixels
        expected = np.where((alpha > 0)[:, :, None], bare, pixels)
        np.testing.assert_array_equal(enhancer().run(around).picture.pixels[30:-11, 7:-60], expected)

    def test_alpha_that_hides_nothing_does_nothing(self) -> None:
        pixels = scene(light=0.08)
        opaque = enhancer().run(Picture(pixels, alpha=np.ones(pixels.shape[:2], np.float32)))
        np.testing.assert_array_equal(opaque.picture.pixels, enhancer().run(Picture(pixels)).picture.pixels)

    @pytest.mark.parametrize("changes", [{}, {"exposure": 0}, {"exposure": "mean=0.5", "blacks": 100}])
    def test_a_photo_that_is_transparent_throughout_keeps_its_values(self, changes: dict[str, Any]) -> None:
        hidden = Picture(scene(light=0.08), alpha=np.zeros((72, 96), np.float32))
        result = enhancer().run(hidden, **changes)
        assert result.unchanged
        np.testing.assert_array_equal(result.picture.pixels, hidden.pixels)

    def test_a_frame_that_is_transparent_throughout_keeps_its_values(self) -> None:
        pixels = scene(light=0.3)
        shown, hidden = (Picture(pixels, alpha=np.full(pixels.shape[:2], a, np.float32)) for a in (1, 0))
        made = enhancer()
        together = look_together(made.model, [shown, hidden])
        first, second = (
            made.render(frame, plan_frame(made.model, frame, together, Settings(exposure="+1"))).picture.pixels
            for frame in (shown, hidden)
        )
        assert first.mean() > 1.2 * pixels.mean()
        np.testing.assert_array_equal(second, pixels)

    def test_half_transparent_photos_are_enhanced_like_others(self) -> None:
        pixels = scene(light=0.08)
        half = enhancer().run(Picture(pixels, alpha=np.full(pixels.shape[:2], 0.5, np.float32))).picture.pixels
        np.testing.assert_allclose(half, enhancer().run(Picture(pixels)).picture.pixels, atol=2 / 255)

    @pytest.mark.parametrize("matte", [0.0, 1.0])
    def test_a_soft_rim_mixed_with_what_lay_behind_has_no_say(self, matte: float) -> None:
        pixels, alpha = scene(240, 320, light=0.08), np.zeros((240, 320), np.float32)
        rows, columns = np.mgrid[0:240, 0:320]
        alpha[:] = ((90 - np.hypot(rows - 120, columns - 160)) / 12).clip(0, 1)
        mixed = (pixels * alpha[:, :, None] + np.float32(matte) * (1 - alpha[:, :, None])).astype(np.float32)
        looks = [enhancer().plan(Picture(image, alpha=alpha)).look.overview for image in (pixels, mixed)]
        np.testing.assert_allclose(looks[1].statistics, looks[0].statistics, atol=0.01)
        np.testing.assert_allclose(looks[1].thumbnail, looks[0].thumbnail, atol=0.03)

    def test_nothing_visible_is_nothing_to_bring_out(self) -> None:
        pixels = scene(light=0.08)
        result = enhancer().run(Picture(pixels, alpha=np.zeros(pixels.shape[:2], np.float32)))
        assert (result.unchanged, result.holds_nothing) == (True, True)
        np.testing.assert_array_equal(result.picture.pixels, pixels)

    def test_a_part_has_the_pixels_of_the_whole(self) -> None:
        picture, made = self.hidden_as(scene(light=0.08), disc(), 0.0), enhancer()
        plan = made.plan(picture)
        whole = made.render(picture, plan).picture.pixels
        for part in (Tile(0, 0, 5, 5), Tile(10, 20, 30, 40), Tile(0, 40, 72, 9)):
            np.testing.assert_array_equal(made.render(picture, plan, part).picture.pixels, whole[part.window])


def barred(pixels: FloatArray, sides: str, share: float, colour: float) -> tuple[FloatArray, Tile]:
    """The photo with bars at some of t, b, l, r, and where it lies between them."""
    height, width = pixels.shape[:2]
    wide = [round(share * (height if side in "tb" else width)) * (side in sides) for side in "tblr"]
    framed = np.pad(pixels, ((wide[0], wide[1]), (wide[2], wide[3]), (0, 0)), constant_values=np.float32(colour))
    return framed, Tile(wide[0], wide[2], height, width)


def noisy_frame(
    sides: str, colour: float | tuple[int, ...], spread: int, pixels: FloatArray | None = None
) -> tuple[FloatArray, Tile, npt.NDArray[np.bool_]]:
    """The photo with bars of colour ± spread (codes), where it lies, and where the bars are."""
    framed, place = barred(scene(light=0.1) if pixels is None else pixels, sides, 0.2, 0)
    border = np.ones(framed.shape[:2], np.bool_)
    border[place.window] = False
    noise = np.random.default_rng(1).integers(-spread, spread + 1, framed.shape)
    framed[border] = ((np.array(colour) + noise).clip(0, 255) / 255).astype(np.float32)[border]
    return framed, place, border


def found_in(framed: FloatArray, quality: int | None) -> Tile:
    """What is found to be inside, in a JPEG of this quality or as it is."""
    if quality is None:
        return inside_of_border(view_of_planes(framed.transpose(2, 0, 1)))
    file = io.BytesIO()
    Image.fromarray(np.rint(framed * 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
    return inside_of_border(view_of_planes(from_pil(Image.open(file)).pixels.transpose(2, 0, 1)))


def apart(found: Tile, place: Tile) -> int:
    """Pixels between two parts' sides, at most."""
    ends = [(t.top, t.left, t.top + t.height, t.left + t.width) for t in (found, place)]
    return int(np.abs(np.subtract(*ends)).max())


class TestBorders:
    @pytest.mark.parametrize("sides", ["t", "tb", "lr", "tblr", "bl"])
    @pytest.mark.parametrize("share", [0.05, 0.25])
    @pytest.mark.parametrize("colour", [0.0, 1.0, 51 / 255])
    @pytest.mark.parametrize("sees_whole", [False, True])
    def test_the_inside_is_that_of_the_bare_photo(
        self, sides: str, share: float, colour: float, sees_whole: bool
    ) -> None:
        made, pixels = enhancer(sees_whole=sees_whole), scene(light=0.08)
        framed, place = barred(pixels, sides, share, colour)
        result = made.run(Picture(framed), uncertainty=True)
        bare = made.run(Picture(pixels)).picture.pixels
        np.testing.assert_array_equal(result.picture.pixels[place.window], bare)
        border = np.ones(framed.shape[:2], np.bool_)
        border[place.window] = False
        assert (result.picture.pixels[border] == np.float32(colour)).all()
        assert result.uncertainty is not None
        assert result.uncertainty.shape == framed.shape[:2]

    @pytest.mark.parametrize("quality", [75, 90])
    @pytest.mark.parametrize("sides", ["t", "tb", "tblr"])
    def test_jpeg_rings_at_the_edge(self, sides: str, quality: int) -> None:
        framed, place = barred(scene(230, 310, light=0.1), sides, 0.11, 0)
        assert apart(found_in(framed, quality), place) <= 1

    @pytest.mark.parametrize("sides", ["tb", "lr", "tblr"])
    @pytest.mark.parametrize(("colour", "spread"), [(3, 3), (16, 3), (246, 3), ((232, 222, 200), 2)])
    def test_borders_with_noise(self, sides: str, colour: float | tuple[int, ...], spread: int) -> None:
        framed, place, border = noisy_frame(sides, colour, spread)
        found = inside_of_border(view_of_planes(framed.transpose(2, 0, 1)))
        assert found == place
        result = enhancer().run(Picture(framed)).picture.pixels
        np.testing.assert_array_equal(result[border], framed[border])
        np.testing.assert_array_equal(
            result[place.window], enhancer().run(Picture(framed[place.window])).picture.pixels
        )

    @pytest.mark.parametrize("quality", [75, 85, 95])
    @pytest.mark.parametrize("colour", [16, 246])
    def test_borders_with_noise_in_a_jpeg(self, colour: int, quality: int) -> None:
        framed, place, _ = noisy_frame("tblr", colour, 3, scene(230, 310, light=0.1))
        assert apart(found_in(framed, quality), place) <= 1

    def test_borders_with_noise_in_16_bits_and_under_alpha_that_hides_nothing(self) -> None:
        framed, place, _ = noisy_frame("tblr", 16, 3)
        deep = from_array(np.rint(framed * 65535).astype(np.uint16))
        opaque = Picture(framed, alpha=np.ones(framed.shape[:2], np.float32))
        for picture in (deep, opaque):
            assert enhancer().plan(picture).look.inside == place

    @pytest.mark.parametrize(("mat", "line"), [(255, 0), (0, 255), (246, 20)])
    @pytest.mark.parametrize("quality", [None, 85])
    def test_a_thin_line_belongs_to_the_frame(self, mat: int, line: int, quality: int | None) -> None:
        pixels = scene(230, 310, light=0.1)
        framed = np.pad(pixels, ((3, 3), (3, 3), (0, 0)), constant_values=np.float32(line / 255))
        framed = np.pad(framed, ((30, 30), (25, 25), (0, 0)), constant_values=np.float32(mat / 255))
        assert apart(found_in(framed, quality), Tile(33, 28, 230, 310)) <= 1

    @pytest.mark.parametrize(("ground", "ink"), [(255, 0), (0, 255)])
    @pytest.mark.parametrize("quality", [None, 90])
    def test_a_caption_belongs_to_its_strip(self, ground: int, ink: int, quality: int | None) -> None:
        framed = np.pad(scene(230, 310, light=0.1), ((0, 44), (0, 0), (0, 0)), constant_values=np.float32(ground / 255))
        image = Image.fromarray(np.rint(framed * 255).astype(np.uint8))
        ImageDraw.Draw(image).text((20, 246), "By the river at night", fill=(ink,) * 3)
        assert apart(found_in(np.asarray(image, np.float32) / 255, quality), Tile(0, 0, 230, 310)) <= 1

    def test_noise_at_one_side_alone_is_a_photo_s(self) -> None:
        for colour in (3, 246):
            framed, _, _ = noisy_frame("t", colour, 3)
            assert inside_of_border(view_of_planes(framed.transpose(2, 0, 1))) == Tile(0, 0, *framed.shape[:2])

    def test_what_is_out_of_focus_is_no_border(self) -> None:
        """Dark gaps at both sides of a blurred wall: equally dark, equally flat, equally straight."""
        framed, place, _ = noisy_frame("lr", 8, 2, scene(light=0.2))
        blurred = framed.copy()
        for column in range(framed.shape[1]):
            near = slice(max(column - 8, 0), column + 9)
            blurred[:, column] = framed[:, near].mean(axis=1)
        assert place.width < framed.shape[1]
        assert inside_of_border(view_of_planes(blurred.transpose(2, 0, 1))) == Tile(0, 0, *framed.shape[:2])

    def test_the_night_around_lit_windows_is_no_border(self) -> None:
        night = np.random.default_rng(5).integers(0, 3, (120, 160, 3)).astype(np.float32) / 255
        for left in (20, 100):
            night[40:90, left : left + 32] = scene(50, 32, 0.6)
        assert inside_of_border(view_of_planes(night.transpose(2, 0, 1))) == Tile(0, 0, 120, 160)

    def test_a_part_across_the_edge(self) -> None:
        made, (framed, _) = enhancer(), barred(scene(light=0.08), "tblr", 0.2, 0)
        plan = made.plan(Picture(framed))
        whole = made.render(Picture(framed), plan).picture.pixels
        for part in (Tile(0, 0, 40, 50), Tile(0, 0, 3, 3), Tile(80, 100, 20, 30), Tile(20, 30, 10, 10)):
            np.testing.assert_array_equal(made.render(Picture(framed), plan, part).picture.pixels, whole[part.window])

    def test_several_together_may_have_different_bars(self) -> None:
        pixels, made = scene(light=0.08), enhancer(sees_whole=True)
        framed, place = barred(pixels, "tb", 0.25, 0)
        others = Picture(scene(*framed.shape[:2], light=0.1))
        first, second = made.run_batch([Picture(framed), others])
        np.testing.assert_array_equal(first.picture.pixels[place.window], made.run(Picture(pixels)).picture.pixels)
        np.testing.assert_array_equal(second.picture.pixels, made.run(others).picture.pixels)

    def test_what_is_no_border(self) -> None:
        sky = scene(120, 160, light=0.1)
        rows, columns = np.mgrid[0:120, 0:160]
        skyline = np.where((rows > 40 + 30 * np.sin(columns / 25))[:, :, None], sky, 0)  # a black sky, and houses
        noisy = sky.copy()
        noisy[:40] = np.random.default_rng(0).integers(0, 4, (40, 160, 3)) / 255  # a sky with a sensor's noise
        blocks = sky.copy()
        blocks[:48] = (((rows // 16 + columns // 16) % 3 + 2) / 255)[:48, :, None]  # as phones' files hold it
        fading = sky * (rows / 120)[:, :, None] ** 3
        for pixels in (sky, skyline, noisy, blocks, np.rint(fading * 255) / 255, np.zeros((50, 60, 3))):
            planes = pixels.astype(np.float32).transpose(2, 0, 1)
            assert inside_of_border(view_of_planes(planes)) == Tile(0, 0, *planes.shape[1:])


def coded(array: npt.NDArray[np.generic]) -> Picture:
    return from_array(array.astype(np.uint8))


def noise(mean: float, sigma: float, size: tuple[int, int] = (180, 320)) -> npt.NDArray[np.float64]:
    return np.random.default_rng(4).normal(mean, sigma, (*size, 3)).clip(0, 255)


class TestNothing:
    @pytest.mark.parametrize(
        "frame",
        [
            np.zeros((180, 320, 3)),
            np.full((180, 320, 3), 16),
            np.zeros((3, 2, 3)),
            noise(1.2, 1),
            noise(0, 4),
            noise(5, 4),
        ],
        ids=["black", "video black", "tiny", "cap", "cap at high ISO", "cap over a pedestal"],
    )
    def test_it_stays_as_it_is(self, frame: npt.NDArray[np.float64]) -> None:
        picture = coded(frame)
        result = enhancer().run(picture)
        assert (result.share, result.unchanged, result.holds_nothing) == (0, True, True)
        np.testing.assert_array_equal(result.picture.pixels, picture.pixels)
        asked = enhancer().run(picture, exposure="+0")
        assert (asked.share, asked.unchanged, asked.holds_nothing) == (1, False, True)

    def test_a_jpeg_of_a_lens_cap(self) -> None:
        for quality in (75, 90):
            file = io.BytesIO()
            Image.fromarray(noise(3, 3).astype(np.uint8)).save(file, "JPEG", quality=quality)
            assert enhancer().run(from_pil(Image.open(file))).unchanged

    def test_a_time_stamp_is_nothing_to_bring_out(self) -> None:
        frame = np.zeros((180, 320, 3))
        frame[160:168, 200:300:3] = 220
        assert enhancer().run(coded(frame)).unchanged

    def test_in_a_letterbox(self) -> None:
        frame = np.zeros((180, 320, 3))
        frame[30:-30] = 16
        assert enhancer().run(coded(frame)).unchanged

    def test_what_can_be_brought_out_is(self) -> None:
        dim, moon, stars = noise(2, 1), noise(2, 1), noise(2, 1)
        dim[60:90, 100:160] += 3  # something at two codes more than black
        moon[80:86, 150:156] = 200
        stars[7::31, 5::29] = 120
        wall = np.zeros((180, 320, 3))
        wall[:] = (np.arange(320) // 60)[None, :, None]
        grain = np.random.default_rng(0).integers(0, 13, (18, 26, 3))  # too small to tell
        for frame in (dim, moon, stars, wall, grain, np.full((60, 60, 3), 60)):
            assert not holds_nothing(view_of_planes(coded(frame).pixels.transpose(2, 0, 1)), 8)

    def test_16_bits_hold_more_below_a_code_of_8(self) -> None:
        rows, columns = np.mgrid[0:180, 0:320]
        deep = (60 + 40 * np.sin(rows / 20) * np.cos(columns / 30)).astype(np.uint16)  # of 65535
        assert not holds_nothing(view_of_planes(from_array(deep).pixels.transpose(2, 0, 1)), 16)


class TestGray:
    def alike(self, pixels: FloatArray) -> bool:
        return bool((pixels == pixels[:, :, :1]).all())

    def test_equal_channels_come_back_equal(self) -> None:
        gray = np.repeat(scene(light=0.08)[:, :, :1], 3, axis=2)
        for strength in (1, 0.6):
            assert self.alike(enhancer().run(Picture(gray), strength=strength).picture.pixels)
        assert not self.alike(enhancer().run(Picture(scene(light=0.08))).picture.pixels)

    def test_so_they_do_where_they_are_visible(self) -> None:
        gray, alpha = np.repeat(scene(light=0.08)[:, :, :1], 3, axis=2), disc()
        gray[alpha == 0] = [0.1, 0.5, 0.9]
        result = enhancer().run(Picture(gray, alpha=alpha)).picture.pixels
        assert self.alike(result[alpha > 0][None])

    def test_a_code_apart_is_jpegs_rounding_and_a_pngs_colour(self) -> None:
        gray = np.repeat(scene(light=0.08)[:, :, :1], 3, axis=2)
        gray[3::5, :, 1] += np.float32(1 / 255)
        for container, alike in (("JPEG", True), ("PNG", False)):
            result = enhancer().run(Picture(gray, source=Source(container, 8)))
            assert self.alike(result.picture.pixels) == alike


@needs_pictures(SHARED / "data" / "real")
def test_real_night_photos_hold_something_and_have_no_border() -> None:
    photos = sorted((SHARED / "data" / "real").glob("*.jpg"), key=lambda path: path.stat().st_size)[:6]
    assert photos
    for path in photos:
        low = read_image(path).pixels.transpose(2, 0, 1)
        assert inside_of_border(view_of_planes(low)) == Tile(0, 0, *low.shape[1:]), path.name
        assert not holds_nothing(view_of_planes(low), 8), path.name
