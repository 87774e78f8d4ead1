"""Blacks, shadows, highlights, whites and saturation: smooth, no tone turned over, each colour with its hue."""

import itertools
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darklift import Enhancer, Picture, Settings, Tile, UsageError
from darklift.diffusion import SamplerPreset
from darklift.image import Metadata, luma
from darklift.pipeline.settings import CONTROLS
from darklift.pipeline.tone import Tone
from darklift.runtime import Footprint, Model, ModelCard
from profiles import P3, SRGB_CURVE, make_profile

FloatArray = npt.NDArray[np.float32]
TONES = CONTROLS[:4]
ROUNDING = 3e-7
RAMP = np.linspace(0, 1, 65536, dtype=np.float32)

amounts = st.floats(-100, 100) | st.sampled_from([-100.0, 0.0, 100.0])
tones = st.fixed_dictionaries(dict.fromkeys(TONES, amounts))
choices = st.fixed_dictionaries(dict.fromkeys(CONTROLS, amounts))


def toned(rgb: FloatArray, **amounts: float) -> FloatArray:
    """(3, ...) -> the same shape."""
    tone, planes = Tone.of(Settings(**amounts)), rgb.reshape(3, 1, -1).copy()
    return (planes if tone is None else tone.apply(planes)).reshape(rgb.shape)


def grays(values: FloatArray, **amounts: float) -> FloatArray:
    made = toned(np.stack([values] * 3), **amounts)
    assert (made == made[:1]).all()
    return made[0]


def colours(seed: int, count: int = 500) -> FloatArray:
    """All kinds, the corners and edges of the cube among them."""
    rng = np.random.default_rng(seed)
    made = rng.random((3, count), dtype=np.float32) * rng.choice([0.05, 0.4, 1], count).astype(np.float32)
    made[:, ::3] = made[:, ::3].round()
    made[rng.integers(0, 3, count), np.arange(count)] *= rng.integers(0, 2, count)
    return made


def checked_curve(amounts: Mapping[str, float]) -> None:
    made = grays(RAMP, **amounts)
    assert made.min() >= 0
    assert made.max() <= 1
    assert np.diff(made).min() >= -ROUNDING, "a tone turned over"
    rise = np.diff(made[::16].astype(np.float64))[40:-40] * 4096  # but for the last hundredth at each end
    assert np.abs(np.diff(rise)).max() < 0.04, "a corner, which is seen as a band's edge"
    assert rise.min() > 0.02, "tones that become one"
    assert rise.max() < 4


@pytest.mark.parametrize("amounts", list(itertools.product([-100, 0, 100], repeat=4)), ids=str)
def test_no_choice_of_extremes_turns_a_tone_over(amounts: tuple[int, ...]) -> None:
    checked_curve(dict(zip(TONES, amounts, strict=True)))


@settings(max_examples=40, deadline=None)
@given(tones)
def test_no_choice_turns_a_tone_over(amounts: dict[str, float]) -> None:
    checked_curve(amounts)


@settings(max_examples=40, deadline=None)
@given(choices, st.integers(0, 2**32 - 1))
def test_colours_stay_in_range_and_keep_their_hue(amounts: dict[str, float], seed: int) -> None:
    before = colours(seed)
    after = toned(before, **amounts)
    assert after.min() >= 0
    assert after.max() <= 1
    order = before.argsort(axis=0)
    low, middle, high = np.take_along_axis(before, order, 0)
    new_low, new_middle, new_high = np.take_along_axis(after, order, 0)
    assert (new_low <= new_middle + ROUNDING).all()
    assert (new_middle <= new_high + ROUNDING).all()
    clear = (high - low > 0.02) & (new_high - new_low > 0.002)
    place = ((middle - low) / (high - low).clip(1e-6))[clear]
    np.testing.assert_allclose(((new_middle - new_low) / (new_high - new_low).clip(1e-6))[clear], place, atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(choices, st.integers(0, 2**32 - 1))
def test_more_light_never_comes_out_darker(amounts: dict[str, float], seed: int) -> None:
    light = np.linspace(0, 1, 200, dtype=np.float32)
    colour = colours(seed, 60)[:, :, None] * light
    only_tones = {name: amounts[name] for name in TONES}
    assert np.diff(toned(colour, **only_tones), axis=2).min() >= -ROUNDING
    assert np.diff(luma(toned(colour, **amounts).transpose(1, 2, 0)), axis=1).min() >= -1e-6


@pytest.mark.parametrize("name", TONES)
@pytest.mark.parametrize("amount", [-100, -60, 60, 100])
def test_each_control_moves_what_its_name_says(name: str, amount: int) -> None:
    codes = np.arange(256, dtype=np.float32) / 255
    moved = (grays(codes, **{name: amount}) - codes) * 255
    assert (np.sign(amount) * moved >= -1e-3).all(), "all one way"
    most = int(np.abs(moved).argmax())
    assert 12 <= abs(moved[most]) <= 52
    half = moved[128:] if name in ("blacks", "shadows") else moved[:128]
    assert np.abs(half).max() < 0.85 * abs(moved[most])
    if name in ("shadows", "highlights"):
        assert np.abs(moved[[0, 1, 2, 253, 254, 255]]).max() < 0.5, "the ends stay"
        assert abs(most - (51 if name == "shadows" else 204)) <= 3
    else:
        assert moved[255 if name == "blacks" else 0] == 0, "the other end stays"
        if (name == "blacks") == (amount > 0):
            assert abs(moved[0 if name == "blacks" else 255]) == pytest.approx(0.255 * abs(amount), abs=0.1)


@settings(max_examples=30, deadline=None)
@given(tones, st.integers(0, 2**32 - 1))
def test_next_to_gray_stays_next_to_gray(amounts: dict[str, float], seed: int) -> None:
    """Of black, too, however far it is lifted."""
    rng = np.random.default_rng(seed)
    value = np.append(rng.random(199, dtype=np.float32), np.float32(0))
    nearly = np.stack([value, value, value + np.float32(1e-4)]).clip(0, 1)
    assert np.ptp(toned(nearly, **amounts), axis=0).max() < 1e-3


def test_blacks_take_a_veil_away_and_whites_dullness() -> None:
    veil, dull = np.float32([[25 / 255]]), np.float32([[235 / 255]])
    assert grays(veil, blacks=-100).item() * 255 < 6
    assert grays(dull, whites=100).item() * 255 > 248


@settings(max_examples=30, deadline=None)
@given(st.floats(-100, 100), st.integers(0, 2**32 - 1))
def test_saturation_keeps_the_luma(amount: float, seed: int) -> None:
    before = colours(seed)
    after = toned(before, saturation=amount)
    lumas = [luma(rgb[:, :, None].transpose(1, 2, 0)) for rgb in (before, after)]
    np.testing.assert_allclose(*lumas, atol=1e-5)
    spread, new_spread = np.ptp(before, axis=0), np.ptp(after, axis=0)
    assert ((new_spread - spread) * np.sign(amount) >= -1e-5).all()


def test_no_saturation_is_gray_and_much_of_it_clips_nothing() -> None:
    made = toned(colours(1), saturation=-100)
    assert np.ptp(made, axis=0).max() < ROUNDING
    pale, strong = (np.float32([[0.5], [0.5 - by], [0.5 - by]]) for by in (0.05, 0.45))
    gains = [np.ptp(toned(colour, saturation=100)) / np.ptp(colour) for colour in (pale, strong)]
    assert gains[0] > 1.8
    assert 1 < gains[1] < 1.2
    for pure in np.eye(3, dtype=np.float32):
        np.testing.assert_allclose(toned(pure[:, None], saturation=100)[:, 0], pure, atol=ROUNDING)
    # colours that grow ever stronger stay apart
    path = np.float32(0.3) + np.linspace(0, 1, 500, dtype=np.float32) * np.float32([[0.7], [-0.3], [-0.1]])
    assert np.diff(np.ptp(toned(path, saturation=100), axis=0)).min() > 1e-5


def test_a_pixel_goes_by_itself() -> None:
    rgb = np.random.default_rng(0).random((3, 61, 777), dtype=np.float32)
    tone = Tone.of(Settings(blacks=-30, shadows=50, highlights=-20, whites=10, saturation=40))
    assert tone is not None
    whole = tone.apply(rgb.copy())
    for part in (np.s_[:, 5:6, 3:4], np.s_[:, 13:60, 1:700], np.s_[:, :, 770:]):
        np.testing.assert_array_equal(tone.apply(rgb[part].copy()), whole[part])
    np.testing.assert_array_equal(tone.apply(rgb.transpose(1, 2, 0).copy().transpose(2, 0, 1)), whole)


def test_neutral_is_nothing() -> None:
    assert Tone.of(Settings()) is None
    assert Tone.of(Settings(blacks=-0.0, saturation=0)) is None


@pytest.mark.parametrize("name", CONTROLS)
@pytest.mark.parametrize("value", [101, -100.5, float("nan"), "50", None])
def test_an_amount_out_of_range_is_refused(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"{name} is"):
        Settings(**{name: value})


@pytest.mark.parametrize("value", ["on", True, None, 0])
def test_deblock_is_auto_or_off(value: object) -> None:
    with pytest.raises(UsageError, match="deblock"):
        Settings(deblock=value)


class Exposing:
    inputs, outputs = ("thumbnail",), ("brightness",)

    def __call__(self, feeds: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        return {"brightness": np.full(1, 0.4, np.float32)}


class Lifting:
    """Three times the coded value, a little blue; it remembers what it saw."""

    inputs, outputs = ("low", "x", "abar", "brightness"), ("x0", "uncertainty")

    def __init__(self) -> None:
        self.seen: list[FloatArray] = []

    def __call__(self, feeds: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        self.seen.append(feeds["low"])
        tint = np.float32([1, 1.1, 1.2]).reshape(1, 3, 1, 1)
        return {"x0": (2 * feeds["low"] * 3 * tint - 1).astype(np.float32), "uncertainty": feeds["low"]}


def enhancer() -> tuple[Enhancer, Lifting]:
    preset = SamplerPreset(1, "cosine", 100, spacing="trailing", predicts="x0", max_steps=8)
    card = ModelCard("lifting", "none", Footprint(8), {"default": preset}, True)
    step = Lifting()
    return Enhancer(Model(card, {"step": step, "exposure": Exposing()})), step


def scene(light: float = 0.13, height: int = 48, width: int = 64) -> FloatArray:
    rng = np.random.default_rng(7)
    return (light * (0.5 + rng.random((height, width, 3)))).astype(np.float32)


WISH = {"blacks": -20, "shadows": 40, "highlights": -30, "whites": 10, "saturation": 30}
BRIGHT = 0.4


class TestInTheWalk:
    def test_a_part_is_the_whole_s_to_the_bit(self) -> None:
        made, _ = enhancer()
        picture, part = Picture(scene(height=1100, width=1060)), Tile(500, 480, 77, 131)
        plan = made.plan(picture, **WISH)
        assert len(plan.tiles) > 1
        whole = made.render(picture, plan).picture.pixels
        np.testing.assert_array_equal(made.render(picture, plan, part).picture.pixels, whole[part.window])

    def test_it_is_done_to_what_the_model_made(self) -> None:
        made, _ = enhancer()
        plan = made.plan(Picture(scene()))
        assert plan.share == 1
        plain = made.render(Picture(scene()), plan).picture.pixels
        result = made.render(Picture(scene()), made.replan(plan, **WISH)).picture.pixels
        np.testing.assert_allclose(result, toned(plain.transpose(2, 0, 1), **WISH).transpose(1, 2, 0), atol=1e-6)

    def test_a_bright_photo_is_changed_without_the_model(self) -> None:
        made, step = enhancer()
        picture = Picture(scene(BRIGHT))
        assert made.run(picture).unchanged
        result = made.run(picture, **WISH)
        assert (result.share, result.unchanged, step.seen) == (0, False, [])
        expected = toned(picture.pixels.transpose(2, 0, 1), **WISH).transpose(1, 2, 0)
        np.testing.assert_array_equal(result.picture.pixels, expected)
        unsure = made.run(picture, uncertainty=True, **WISH)
        np.testing.assert_array_equal(unsure.picture.pixels, expected)

    @pytest.mark.parametrize("light", [0.13, 0.35, BRIGHT])
    def test_strength_mixes_all_of_the_change(self, light: float) -> None:
        made, _ = enhancer()
        picture = Picture(scene(light))
        full, half, none = (made.run(picture, strength=s, **WISH) for s in (1, 0.5, 0))
        np.testing.assert_allclose(half.picture.pixels, (full.picture.pixels + picture.pixels) / 2, atol=1e-6)
        np.testing.assert_array_equal(none.picture.pixels, picture.pixels)
        assert none.unchanged

    def test_a_black_frame_stays_one_unless_light_is_asked_for(self) -> None:
        made, _ = enhancer()
        black = Picture(np.zeros((64, 80, 3), np.float32))
        assert made.run(black, blacks=100).unchanged
        assert made.run(black, blacks=100, exposure=0).picture.pixels.max() > 0.05

    @pytest.mark.parametrize("light", [0.13, BRIGHT])
    def test_hidden_pixels_and_borders_stay(self, light: float) -> None:
        made, _ = enhancer()
        alpha = np.linspace(-0.5, 1, 64, dtype=np.float32).clip(0, 1)[None].repeat(48, 0)
        pixels = scene(light)
        pixels[:, 5:15] = [0.9, 0.1, 0.3]
        result = made.run(Picture(pixels, alpha=alpha), **WISH).picture.pixels
        np.testing.assert_array_equal(result[alpha == 0], pixels[alpha == 0])
        assert np.abs(result - pixels)[alpha == 1].mean() > 0.01
        boxed = np.zeros((88, 64, 3), np.float32)
        boxed[20:-20] = scene(light)
        result = made.run(Picture(boxed), blacks=80, whites=-50).picture.pixels
        assert not result[:20].any()
        assert not result[-20:].any()
        assert (result[20:-20] != boxed[20:-20]).all()
        top = made.render(Picture(boxed), made.plan(Picture(boxed), blacks=80), Tile(0, 0, 20, 64))
        assert not top.picture.pixels.any()

    @pytest.mark.parametrize("light", [0.13, BRIGHT])
    def test_gray_stays_gray(self, light: float) -> None:
        made, _ = enhancer()
        gray = np.repeat(scene(light)[:, :, :1], 3, axis=2)
        result = made.run(Picture(gray), **WISH).picture.pixels
        assert (result == result[:, :, :1]).all()
        np.testing.assert_allclose(
            made.run(Picture(gray), saturation=100).picture.pixels, made(Picture(gray)).pixels, atol=1e-6
        )

    @pytest.mark.parametrize("light", [0.13, BRIGHT])
    def test_wide_gamut(self, light: float) -> None:
        made, _ = enhancer()
        pixels = scene(light)
        pixels[10:20, 10:20] = [0.9, 0.02, 0.02]  # outside sRGB
        pixels[30:34, 30:34] = [0.02, 1, 0.02]
        photo = Picture(pixels, metadata=Metadata(icc_profile=make_profile(P3, SRGB_CURVE, version=4)))
        gray = made.run(photo, saturation=-100).picture.pixels
        assert np.ptp(gray, axis=2).max() < 1e-3
        half = made.run(photo, saturation=-100, strength=0.5).picture.pixels
        assert np.ptp(half[12:18, 12:18], axis=2).min() > 0.1
        darker = made.run(photo, shadows=-60, exposure=None).picture.pixels
        assert darker.mean() < made(photo).pixels.mean() - 0.01
        if light == BRIGHT:  # what is not asked to change comes through the conversion and back
            hardly = made.run(photo, whites=0.001)
            assert not hardly.unchanged
            np.testing.assert_allclose(hardly.picture.pixels, pixels, atol=1e-3)

    def test_deblock_off_shows_the_model_the_blocks(self) -> None:
        made, step = enhancer()
        rows, columns = np.mgrid[0:160, 0:200] // 16
        blocks = (((rows + columns) % 3 + 2) / 255)[:, :, None].repeat(3, 2).astype(np.float32)
        picture = Picture(blocks)
        plan = made.plan(picture, deblock="off")
        assert plan.smoothing is None
        made.render(picture, plan)
        np.testing.assert_array_equal(step.seen[-1][0, :, :160, :200], blocks.transpose(2, 0, 1))
        smoothed = made.replan(plan, deblock="auto")
        assert smoothed.smoothing is not None
        made.render(picture, smoothed)
        assert (step.seen[-1][0, :, :160, :200] != blocks.transpose(2, 0, 1)).any()
        np.testing.assert_array_equal(made(picture).pixels, made.render(picture, smoothed).picture.pixels)
