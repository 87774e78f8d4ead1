"""NIQE: against the numbers of another implementation, and where it has no value."""

import hashlib
import math
from pathlib import Path

import numpy as np
import pytest

from darklift.errors import UsageError
from darklift.evaluation import natural
from darklift.evaluation.fidelity import as_saved
from darklift.evaluation.natural import niqe
from pictures import noisy_pair


def random_pair(height, width, seed=0, noise=0.1):
    return tuple(as_saved(picture) for picture in noisy_pair(height, width, seed, noise))


@pytest.mark.parametrize(
    ("height", "width", "seed", "noise", "expected"),
    [(200, 310, 0, 0.1, (18.33817, 15.06312)), (290, 200, 3, 0.02, (14.07443, 14.20178))],
)
def test_basicsr_gave_the_same(height, width, seed, noise, expected):
    """BasicSR 1.4.2's niqe of the rounded luma: it halves pictures in float32."""
    for picture, value in zip(random_pair(height, width, seed=seed, noise=noise), expected, strict=True):
        assert niqe(picture) == pytest.approx(value, abs=1e-4)


def test_the_model_is_the_authors():
    model = Path(natural.__file__).with_name("niqe") / "model.npz"
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    assert digest == "2a7c182a68c9e7f1b2e2e5ec723279d6f65d912b6fcaf37eb2bf03d7367c4296"
    assert "COPYRIGHT NOTICE" in model.with_name("LICENSE.txt").read_text(encoding="utf-8")


def test_no_colour_no_grain_below_8_bits_and_no_edge_beyond_whole_blocks_counts():
    picture, _ = random_pair(200, 300)
    gray = np.repeat(natural.gray_as_saved(picture)[..., np.newaxis], 3, axis=2)
    assert niqe(gray) == niqe(picture)
    assert niqe(picture.astype(np.uint16) * np.uint16(257)) == niqe(picture)
    assert niqe(picture[:192, :288]) == niqe(picture)


def test_noise_and_blur_look_less_natural_than_a_scene_of_natural_spectrum():
    rng = np.random.default_rng(0)
    away = np.hypot(*np.meshgrid(*2 * [np.fft.fftfreq(384, 1 / 384)]))
    spectrum = np.fft.fft2(rng.standard_normal((384, 384))) / (1 + away)

    def picture(spectrum, noise=0.0):
        scene = np.real(np.fft.ifft2(spectrum))
        codes = 120 + 40 * scene / scene.std() + noise * rng.standard_normal(scene.shape)
        return np.repeat(np.clip(codes, 0, 255).astype(np.uint8)[..., np.newaxis], 3, axis=2)

    scene = niqe(picture(spectrum))
    assert scene < niqe(picture(spectrum * np.exp(-0.003 * away**2)))
    assert scene < niqe(picture(spectrum, noise=40))


@pytest.mark.parametrize("value", [0, 77, 255])
def test_a_flat_picture_has_no_value(value):
    assert math.isnan(niqe(np.full((200, 200, 3), value, np.uint8)))


def test_a_half_black_picture_has_one():
    picture, _ = random_pair(300, 300)
    picture[150:] = 0
    assert math.isfinite(niqe(picture))


@pytest.mark.parametrize("size", [(95, 400), (191, 100)])
def test_pictures_without_two_blocks_are_refused(size):
    with pytest.raises(UsageError, match="96×192"):
        niqe(np.zeros((*size, 3), np.uint8))
