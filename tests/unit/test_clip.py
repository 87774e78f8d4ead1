"""Frames of a clip under one look: what does not move stays as it is, whatever comes and goes."""

import io
import itertools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from darklift import Enhancer, Frames, Picture, Settings, UsageError, decode_frames
from darklift.diffusion import SamplerPreset
from darklift.pipeline.clip import look_together, plan_frame
from darklift.pipeline.render import render
from darklift.runtime import Footprint, Model, ModelCard

FloatArray = npt.NDArray[np.float32]


class _Exposure:
    inputs = ("statistics",)
    outputs = ("brightness",)

    def __call__(self, feeds: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        return {"brightness": np.minimum(0.3 + feeds["statistics"][:, 0] ** 2, 0.9)}


class _Step:
    """Lifts what it sees to the brightness wanted, by the photo's statistics; with a little of the noise."""

    inputs = ("x", "low", "brightness", "statistics")
    outputs = ("x0",)

    def __call__(self, feeds: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        gain = feeds["brightness"] / feeds["statistics"][:, 0] ** 2
        return {"x0": 2 * np.clip(feeds["low"] * gain[:, None, None, None] + 0.01 * feeds["x"], 0, 1) - 1}


def enhancer() -> Enhancer:
    preset = SamplerPreset(2, "cosine", 100, spacing="trailing", predicts="x0", max_steps=8)
    card = ModelCard("fake", "gain", Footprint(4), {"default": preset})
    return Enhancer(Model(card, {"step": _Step(), "exposure": _Exposure()}))


def lamp(count: int = 5) -> list[npt.NDArray[np.uint8]]:
    """A dark wall, and a lamp that grows in its right half."""
    rows, columns = np.mgrid[0:64, 0:96]
    wall = np.stack([12 + rows // 8, 9 + columns // 16, 11 + rows // 16], axis=2).astype(np.uint8)
    frames = []
    for number in range(count):
        frame = wall.copy()
        frame[20:44, 60 : 62 + 6 * number] = 220
        frames.append(frame)
    return frames


def clip(frames: list[npt.NDArray[np.uint8]], kind: str = "PNG") -> Frames:
    first, *others = map(Image.fromarray, frames)
    stream = io.BytesIO()
    first.save(stream, kind, save_all=True, append_images=others, **({"duration": 40} if kind == "PNG" else {}))
    return decode_frames(stream.getvalue())


def jumps(pictures: list[Picture], columns: int = 28) -> float:
    """The largest change between frames of the wall: by default of its part that is far from the lamp."""
    walls = [picture.pixels[:, :columns] for picture in pictures]
    return max(float(np.abs(after - before).max()) for before, after in itertools.pairwise(walls))


def test_what_does_not_move_stays_to_the_bit() -> None:
    made, frames = enhancer(), clip(lamp())
    each = [made.run(picture).picture for picture in frames]
    together = list(made.run_frames(frames))
    assert jumps(each) > 0.02
    assert jumps([enhanced.picture for enhanced in together]) == 0
    assert jumps([enhanced.picture for enhanced in together], 56) < 1 / 255, (
        "what a place holds is told by those around"
    )
    assert len({enhanced.brightness for enhanced in together}) == len({enhanced.share for enhanced in together}) == 1


def test_how_far_places_are_trusted_is_one_scene_s() -> None:
    """The lamp makes what was dark throughout a photo with lights, which would hold its blacks down from there on."""
    made, frames = enhancer(), clip(lamp())
    shared = look_together(made.model, frames)
    for apart, least, most in ((shared, 0.0, 0.0), (replace(shared, scene=None), 0.002, 1.0)):
        plans = [plan_frame(made.model, picture, apart, Settings()) for picture in frames]
        results = [render(made.model, *pair).picture for pair in zip(frames, plans, strict=True)]
        assert least <= jumps(results) <= most


def test_pages_are_looked_at_one_by_one() -> None:
    made, pages = enhancer(), clip(lamp(), "TIFF")
    for enhanced, page in zip(made.run_frames(pages), pages, strict=True):
        np.testing.assert_array_equal(enhanced.picture.pixels, made.run(page).picture.pixels)


def test_the_same_look_for_frames_from_anywhere() -> None:
    """As a film's: some frames stand for all, others are planned by them."""
    made = enhancer()
    pictures = [replace(Picture(f.astype(np.float32) / 255), source=clip(lamp(2)).picture(1).source) for f in lamp(9)]
    shared = look_together(made.model, pictures[::4])
    results = [
        render(made.model, picture, plan_frame(made.model, picture, shared, Settings())).picture for picture in pictures
    ]
    assert jumps(results) == 0


def test_black_frames_stay_black_and_have_no_say() -> None:
    made = enhancer()
    black = np.zeros_like(lamp(1)[0])
    plain = list(made.run_frames(clip(lamp(2))))
    black_first, *others = made.run_frames(clip([black, *lamp(2)]))
    assert black_first.unchanged
    assert black_first.picture.pixels.max() == 0
    for with_black, without in zip(others, plain, strict=True):
        np.testing.assert_array_equal(with_black.picture.pixels, without.picture.pixels)


def test_black_frames_get_the_tones_of_the_others() -> None:
    """Where black is lifted, a clip would begin with a jump from a deeper black."""
    made, black = enhancer(), np.zeros_like(lamp(1)[0])
    first, *_ = made.run_frames(clip([black, *lamp(2)]), blacks=50)
    assert not first.unchanged
    np.testing.assert_allclose(first.picture.pixels, 0.05, atol=1e-3)
    assert all(enhanced.unchanged for enhanced in made.run_frames(clip([black, black]), blacks=50))


def test_a_flat_frame_goes_with_the_others() -> None:
    """As dark as they are, and alone it would be left as it is: in a clip it would flicker."""
    made = enhancer()
    flat = np.full_like(lamp(1)[0], 12)
    assert made.run(clip([flat, flat], "TIFF").picture(1)).unchanged
    dark = lamp(1)[0] // 2 + 6
    results = list(made.run_frames(clip([dark, flat, dark])))
    assert not any(enhanced.unchanged for enhanced in results)
    assert all(enhanced.unchanged for enhanced in made.run_frames(clip([flat, flat + 1])))


def test_borders_are_those_of_the_whole_clip() -> None:
    """A bar that one frame shows as if it were longer is no border of the others."""
    barred = [np.pad(frame, ((12, 12), (0, 0), (0, 0))) for frame in lamp(3)]
    barred[1][:40] = 0
    for enhanced, before in zip(enhancer().run_frames(clip(barred)), barred, strict=True):
        assert enhanced.picture.pixels[:12].max() == enhanced.picture.pixels[-12:].max() == 0
        assert enhanced.picture.pixels[44:76, :56].mean() > 2 * before[44:76, :56].mean() / 255


def test_bars_with_noise_are_those_of_the_whole_clip() -> None:
    """Each frame has other noise in its bars, and all the same part between them."""
    rng = np.random.default_rng(2)
    barred = [np.pad(frame, ((14, 14), (0, 0), (0, 0)), constant_values=60) for frame in lamp(3)]
    for frame in barred:
        for bar in (frame[:14], frame[-14:]):
            bar += rng.integers(-3, 4, bar.shape).astype(frame.dtype)
    made, frames = enhancer(), clip(barred)
    shared = look_together(made.model, frames)
    assert (shared.inside.top, shared.inside.height) == (14, barred[0].shape[0] - 28)
    for enhanced, before in zip(made.run_frames(frames), barred, strict=True):
        result = np.rint(enhanced.picture.pixels * 255)
        np.testing.assert_array_equal(result[:14], before[:14])
        np.testing.assert_array_equal(result[-14:], before[-14:])
        assert result[14:-14].mean() > 1.5 * before[14:-14].mean()


def test_whether_anything_changes() -> None:
    made, frames = enhancer(), clip(lamp())
    assert not made.plan_frames(frames).changes_nothing()
    assert made.plan_frames(frames, strength=0).changes_nothing()
    assert all(enhanced.unchanged for enhanced in made.run_frames(frames, strength=0))


def test_steps_are_counted_over_all() -> None:
    told: list[tuple[int, int]] = []
    list(enhancer().run_frames(clip(lamp(3)), on_step=lambda step, steps: told.append((step, steps))))
    assert told[-1] == (6, 6)
    assert [step for step, _ in told] == sorted(step for step, _ in told)


def test_other_sizes_and_maps_are_refused() -> None:
    made, frames = enhancer(), clip(lamp(2))
    small = Picture(np.full((8, 8, 3), 0.1, np.float32))
    with pytest.raises(UsageError, match="8x8"):
        look_together(made.model, [*frames, small])
    with pytest.raises(UsageError, match="8x8"):
        plan_frame(made.model, small, look_together(made.model, frames), Settings())
    with pytest.raises(UsageError, match="none"):
        look_together(made.model, [])
    with pytest.raises(UsageError):
        made.plan_frames(frames, uncertainty=True)
