"""Animations and pages as other libraries read them, and the bundled model on a clip."""

import io
import itertools

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from darklift import Enhancer, Frames, decode_frames, encode_frames

TIMES = [100, 250, 40, 1000]


def clip(frames: list[npt.NDArray[np.uint8]], kind: str = "PNG", **options: object) -> Frames:
    first, *others = map(Image.fromarray, frames)
    stream = io.BytesIO()
    first.save(stream, kind, save_all=True, append_images=others, **options)
    return decode_frames(stream.getvalue())


@pytest.mark.parametrize("kind", ["png", "avif"])
def test_imagecodecs_sees_the_same_frames(kind: str) -> None:
    imagecodecs = pytest.importorskip("imagecodecs", reason="imagecodecs reads the files here")
    rng = np.random.default_rng(0)
    soft = [np.asarray(Image.fromarray(rng.integers(0, 90, (4, 6, 3), np.uint8)).resize((60, 40))) for _ in TIMES]
    frames = clip(soft, duration=TIMES)
    decode = imagecodecs.apng_decode if kind == "png" else imagecodecs.avif_decode
    found = decode(encode_frames(frames, kind, frames))
    assert found.shape == (4, 40, 60, 3)
    assert np.abs(found.astype(int) - np.stack(soft)).max() <= (0 if kind == "png" else 8)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_pages_of_tifffile(order: str, big: bool) -> None:
    tifffile = pytest.importorskip("tifffile", reason="tifffile makes and checks the files here")
    rng = np.random.default_rng(0)
    pages = [
        rng.integers(0, 256, (20, 30, 3), np.uint8),
        rng.integers(0, 65536, (17, 40), np.uint16),
        rng.integers(0, 65536, (9, 8, 4), np.uint16),
    ]
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream, bigtiff=big, byteorder=order) as file:
        plain = {"metadata": None}
        file.write(pages[0], photometric="rgb", description="first", compression="zlib", **plain)
        file.write(pages[0][::2, ::2], photometric="rgb", subfiletype=1, **plain)  # a smaller copy
        file.write(pages[1], photometric="minisblack", description="second", **plain)
        file.write(pages[2], photometric="rgb", extrasamples=["unassalpha"], **plain)
    frames = decode_frames(stream.getvalue())
    assert (len(frames), frames.reel.moving) == (3, False)
    with tifffile.TiffFile(io.BytesIO(encode_frames(frames, "tif", frames))) as file:
        assert len(file.pages) == 3
        for number, (page, expected) in enumerate(zip(file.pages, pages, strict=True)):
            np.testing.assert_array_equal(page.asarray(), expected)
            assert page.tags["PageNumber"].value == (number, 3)
        if not (big and order == ">"):  # of which Pillow reads no description
            assert [page.tags["ImageDescription"].value for page in file.pages[:2]] == ["first", "second"]


def lamp_in_the_dark(count: int = 5) -> list[npt.NDArray[np.uint8]]:
    """A dim room of soft shapes, a lamp that goes through it, and a sensor's noise."""
    rng = np.random.default_rng(1)
    small = rng.integers(3, 30, (9, 12, 3), np.uint8)
    room = np.asarray(Image.fromarray(small).resize((192, 144), Image.Resampling.BICUBIC)).astype(float)
    rows, columns = np.mgrid[0:144, 0:192]
    frames = []
    for number in range(count):
        away = np.hypot(rows - 72, columns - (60 + 160 * number / (count - 1)))
        light = 200 * np.exp(-((away / 14) ** 2))[:, :, None] * (1, 0.9, 0.7)
        frames.append((room + light + rng.normal(0, 1, room.shape)).clip(0, 255).round().astype(np.uint8))
    return frames


def jumps(frames: list[npt.NDArray[np.float32]]) -> float:
    """The largest change of brightness between frames, as a share, of the part that the lamp does not reach."""
    means = [float(frame[:, :24].mean()) for frame in frames]
    return max(abs(after / before - 1) for before, after in itertools.pairwise(means))


def test_a_clip_does_not_flicker() -> None:
    enhancer, frames = Enhancer(), clip(lamp_in_the_dark())
    each = jumps([enhancer.run(frame).picture.pixels for frame in frames])
    together = jumps([enhanced.picture.pixels for enhanced in enhancer.run_frames(frames)])
    print(f"jumps of brightness: {each:.1%} one by one, {together:.1%} together")
    assert together < each / 2
    assert together < 0.03


def test_a_still_clip_stays_still() -> None:
    """Noise of sampling does not crawl: equal frames come out equal to the bit."""
    frame = lamp_in_the_dark(2)[0]
    first, second = Enhancer().run_frames(clip([frame, frame], "TIFF"))
    np.testing.assert_array_equal(first.picture.pixels, second.picture.pixels)
