"""At what resolution a photo's noise lives, and how far a small copy may go by it."""

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from darklift.image import Picture, from_array
from darklift.pipeline.hidden import plan_fill
from darklift.pipeline.octaves import _patches_of, drowned_by_octave
from darklift.pipeline.scaled import most_of_copy, scale_for, small_size
from darklift.pipeline.tiling import Tile
from darklift.pipeline.view import View

RNG = np.random.default_rng(0)
SIZE = (480, 640)
TWELVE, FIFTY = (3000, 4000), (6120, 8160)


def drowned(codes, save=None):
    """Of a gray photo of codes (h, w), as it is or from a JPEG file of some quality."""
    codes = np.rint(codes.clip(0, 255)).astype(np.uint8)
    if save is not None:
        stream = io.BytesIO()
        Image.fromarray(codes).save(stream, "JPEG", quality=save)
        codes = np.asarray(Image.open(stream))
    picture = from_array(codes[:, :, None].repeat(3, axis=2))
    return drowned_by_octave(View(picture, Tile(0, 0, *picture.size)))


def shapes(side=6, contrast=6.0):
    """A dark scene, darkest at the left: fields of squares with sharp edges take turns with flat ones."""
    rows, columns = np.indices(SIZE)
    cells = RNG.uniform(-contrast, contrast, SIZE)[rows // side, columns // side]
    return 12 + columns / 32 + np.where((rows // 64 + columns // 64) % 2, cells, 0)


def noise(width=1, deviation=3.0):
    """Independent from one square of so many pixels to the next."""
    return RNG.normal(0, deviation, SIZE)[: SIZE[0] // width, : SIZE[1] // width].repeat(width, 0).repeat(width, 1)


def test_noise_is_found_in_the_octave_where_it_lives():
    scene = shapes()
    fine, soft, coarse = (drowned(scene + noise(width)) for width in (1, 2, 4))
    assert fine[0] > 3 * fine[1] > 6 * fine[2] > 0.06
    assert soft[0] > 1.5 * fine[0], "as strong, and none of it finer than the copy of scale 2"
    assert coarse[1] > 2 * coarse[0]
    assert coarse[1] > 5 * fine[1]


def test_more_noise_drowns_more_and_in_flat_places_nothing():
    scene, flat = shapes(), np.full(SIZE, 20.0)
    found = [drowned(scene + noise(deviation=deviation))[0] for deviation in (0, 1, 2, 4)]
    assert found == sorted(found)
    assert found[0] < 0.01
    assert found[3] > 0.15
    assert drowned(flat + noise(deviation=4))[0] < 0.5 * found[3]


def test_sharpness_and_blocks_are_no_noise():
    scene = shapes(side=2, contrast=12)
    assert max(drowned(scene)) < 0.01
    assert max(drowned(shapes(), save=20)) < 0.02
    assert max(drowned(shapes(side=16), save=40)) < 0.02


def test_in_a_brighter_photo_the_same_noise_is_seen_less():
    scene, grain = shapes(), noise()
    assert drowned(4 * scene + grain)[0] < 0.3 * drowned(scene + grain)[0]


@pytest.mark.parametrize("size", [(63, 4000), (4000, 63), (1, 1)])
def test_what_is_narrower_than_a_patch_tells_nothing(size):
    assert drowned_by_octave(View(Picture(np.zeros((*size, 3), np.float32)), Tile(0, 0, *size))) == (0, 0, 0)


def test_a_photo_that_is_white_throughout_tells_nothing():
    assert drowned(np.full((200, 300), 255.0)) == (0, 0, 0)


def test_what_is_hidden_neither_counts_nor_is_noise():
    codes = np.rint(shapes() + noise()).astype(np.uint8)[:, :, None].repeat(4, axis=2)
    codes[:, :, 3] = 255
    whole = seen_by(codes)
    rows, columns = np.indices(SIZE)
    codes[(rows - 240) ** 2 + (columns - 320) ** 2 > 200**2, 3] = 0
    part = seen_by(codes)
    assert part[:2] == pytest.approx(whole[:2], rel=0.2)
    codes[codes[:, :, 3] == 0, :3] = RNG.integers(0, 255, ((codes[:, :, 3] == 0).sum(), 3))
    assert seen_by(codes) == part


def seen_by(codes):
    """drowned_by_octave of RGBA (h, w, 4) as a whole, its hidden pixels filled."""
    picture = from_array(codes)
    view = View(picture, Tile(0, 0, *picture.size))
    return drowned_by_octave(replace(view, fill=plan_fill(view)))


@given(st.integers(64, 9000), st.integers(64, 9000))
def test_patches_lie_in_the_photo_and_beside_one_another(height, width):
    patches = _patches_of((height, width))
    assert 0 < len(patches) <= 230
    assert all(patch.top % 8 == patch.left % 8 == 0 for patch in patches)
    for patch in patches:
        patch.check_inside((height, width))
    tops, lefts = (sorted({getattr(patch, side) for patch in patches}) for side in ("top", "left"))
    assert all(np.diff(starts).min(initial=64) >= 64 for starts in (tops, lefts))
    assert len(patches) == len(tops) * len(lefts)


@pytest.mark.parametrize(
    ("size", "speed", "found", "scale"),
    [
        (TWELVE, "balanced", (0, 0, 0), 4),
        (TWELVE, "balanced", (0.39, 0.9, 0.9), 4),
        (TWELVE, "balanced", (0.45, 0.9, 0.9), 3),
        (TWELVE, "balanced", (0.6, 0.5, 0.3), 3),
        (TWELVE, "fast", (0.6, 0.5, 0.3), 4),
        (TWELVE, "fast", (0.25, 0.15, 0.1), 6),
        (TWELVE, "best", (0, 0, 0), 1),
        (FIFTY, "balanced", (0, 0, 0), 7),
        (FIFTY, "balanced", (0.25, 0.25, 0.2), 6),
        (FIFTY, "balanced", (1, 1, 1), 5),
        ((1025, 1024), "balanced", (1, 1, 1), 2),
        ((600, 400), "balanced", (1, 1, 1), 1),
    ],
)
def test_the_scale_goes_as_far_as_little_drowns(size, speed, found, scale):
    assert scale_for(size, speed, found) == scale


@given(st.integers(1, 9000), st.integers(1, 9000), st.sampled_from(["fast", "balanced"]), st.floats(0, 1))
def test_no_copy_has_more_pixels_than_are_counted_for_it(height, width, speed, drowned):
    scale = scale_for((height, width), speed, (drowned,) * 3)
    if scale > 1:
        rows, columns = small_size((height, width), scale)
        assert rows * columns <= most_of_copy((height, width))
    assert most_of_copy((height, width)) <= most_of_copy((height + 1, width))


def test_by_size_alone_a_copy_has_at_most_so_many_pixels():
    sizes = {"600x400": 1, "1024x1024": 1, "1025x1024": 2, "4000x3000": 4, "8160x6120": 7, "11648x8736": 10}
    for text, scale in sizes.items():
        size = tuple(map(int, text.split("x")))
        assert scale_for(size, "balanced") == scale
        assert scale_for(size, "best") == 1
        assert scale_for(size, "fast") >= scale
        rows, columns = small_size(size, scale)
        assert rows * columns <= 1024**2 * 1.02
