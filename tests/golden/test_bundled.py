"""The models that come with the package: what their cards promise."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darklift import Enhancer, read_image
from darklift.data import match_pairs, read_names, select
from darklift.errors import ModelError
from darklift.evaluation.evaluate import evaluate
from darklift.image import Picture, from_array
from darklift.methods.compact import Compact, CompactConfig
from darklift.pipeline.exposure import Exposure
from darklift.runtime import onnx
from darklift.store.from_export import exported_method, exported_weights
from darklift.store.torch_model import torch_model
from darklift.weights import CATALOGUE
from seen import smoothing_of, view_of_planes
from shared import SHARED, needs_pictures

LOL = SHARED / "data" / "lolv1"
OTHER_CAMERAS = SHARED / "data" / "exposures2"
TWINS = Path(__file__).parents[2] / "benchmarks" / "models"
models = pytest.mark.parametrize("name", CATALOGUE)


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def waves(peak: float) -> Picture:
    rows, columns = np.mgrid[0:80, 0:120]
    channels = [0.5 + 0.4 * np.sin(rows / (9 + channel) + columns / 13) for channel in range(3)]
    return Picture((np.stack(channels, axis=2) * peak).astype(np.float32))


def test_the_package_stays_small() -> None:
    assert size(CATALOGUE["nano"].folder) < 2e6
    assert sum(size(model.folder) for model in CATALOGUE.values()) < 20e6


@needs_pictures(LOL)
@pytest.mark.parametrize(("name", "psnr", "ssim"), [("compact", 29.3, 0.92), ("nano", 28.75, 0.916)])
def test_scenes_never_trained_on_come_out_as_the_card_says(name: str, psnr: float, ssim: float) -> None:
    """Every tenth validation pair; the limits lie .3 dB and at most .005 below what these six gave. What is bundled was
    trained on them, so it must be no worse than its twin, which was not, and say so.
    """
    pairs = select(match_pairs(LOL / "our485/low", LOL / "our485/high"), read_names(LOL / "val.txt")[::10])
    twin, bundled = evaluate(Enhancer(TWINS / name), pairs), evaluate(Enhancer(name), pairs)
    assert twin.mean["psnr_gt_mean"] > psnr
    assert twin.mean["ssim_gt_mean"] > ssim
    assert bundled.mean["psnr_gt_mean"] > twin.mean["psnr_gt_mean"] - 0.1
    assert not twin.stain
    assert bundled.stain.startswith(f"{name} was trained on all 485 training pairs of LOL-v1")


@models
def test_intervals_are_of_the_weights_that_are_bundled(name: str) -> None:
    card = Enhancer(name).model.card
    assert card.intervals is not None
    assert card.intervals.made["for"] == card.fingerprint, "new weights: run tools/calibrate.py"


@models
def test_what_holds_nothing_is_less_sure_than_what_is_seen(name: str) -> None:
    """A dark wall with noise, a black hole in it, and a light: as a share of what is shown."""
    codes = np.rint(30 + 4 * np.random.default_rng(0).standard_normal((160, 240)))
    codes[20:140, 120:220] = 1
    codes[:, 230:] += 120
    dark = Picture(np.repeat(codes[..., None] / 255, 3, axis=2).astype(np.float32))
    result = Enhancer(name).run(dark, uncertainty=True)
    assert result.uncertainty is not None
    share = result.uncertainty / np.maximum(result.picture.pixels.mean(axis=2), 1 / 255)
    assert np.median(share[:, 10:110]) < 0.5
    assert np.median(share[30:130, 130:210]) > 2 * np.median(share[:, 10:110])


@needs_pictures(OTHER_CAMERAS)
@models
def test_intervals_hold_on_cameras_never_calibrated_on(name: str) -> None:
    """A dark frame of each of six scenes: 90% are stated, and so few may be some points off."""
    enhancer, shares = Enhancer(name), []
    for scene in ("003", "013", "023", "033", "043", "053"):
        low = min((OTHER_CAMERAS / scene).glob("low*"))
        result, truth = (
            enhancer.run(read_image(low), uncertainty=True),
            read_image(OTHER_CAMERAS / scene / "target.jpg"),
        )
        assert result.uncertainty is not None
        made = result.picture.pixels
        alike = np.minimum(truth.pixels * (made.mean() / truth.pixels.mean()), 1)
        shares.append((np.abs(made - alike) <= result.uncertainty[..., None]).mean())
    assert 0.82 < np.mean(shares) < 0.98


@models
def test_a_bundled_model_s_weights_come_back_and_make_its_picture(name: str) -> None:
    dark = waves(0.1)
    one = Enhancer(torch_model(exported_method(CATALOGUE[name].folder), {})).run(dark).picture
    np.testing.assert_allclose(one.pixels, Enhancer(name, precision="fp32").run(dark).picture.pixels, atol=1e-5)
    with pytest.raises(ModelError, match="which a network of these sizes lacks"):
        exported_weights(Compact(CompactConfig()), CATALOGUE[name].folder)


@models
def test_flat_dark_blocks_are_smoothed_before_they_are_lifted(name: str) -> None:
    blocks = np.kron(np.random.default_rng(0).integers(3, 6, (4, 5, 3)), np.ones((32, 32, 1))) / 255
    blocked = Picture(blocks.astype(np.float32))
    planes = blocked.pixels.transpose(2, 0, 1)
    view = view_of_planes(planes)
    smoothing = smoothing_of(view)
    assert smoothing is not None
    smooth = Picture(smoothing.apply(planes, view.inside).transpose(1, 2, 0))
    assert np.abs(smooth.pixels - blocked.pixels).max() > 0.5 / 255
    lifted, expected = (Enhancer(name)(picture, exposure=Exposure(mean=0.4)).pixels for picture in (blocked, smooth))
    np.testing.assert_array_equal(lifted, expected)


@models
def test_a_bundled_model_leaves_a_good_photo_as_it_is_unless_asked(name: str) -> None:
    good, enhancer = waves(1), Enhancer(name)
    left = enhancer.run(good)
    assert left.share == 0
    np.testing.assert_array_equal(left.picture.pixels, good.pixels)
    assert enhancer.run(Picture(good.pixels / 10)).share == 1
    asked = enhancer.run(good, exposure=-1)
    assert asked.share == 1
    assert asked.picture.pixels.mean() < 0.9 * good.pixels.mean()


def test_a_bundled_models_graphs_are_made_ready_when_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    real = onnx.onnxruntime.InferenceSession

    def session(data: bytes, *arguments: Any, **options: Any) -> Any:
        digest = hashlib.sha256(data).hexdigest()
        made.append(next(name.partition(".")[0] for name, known in files if known == digest))
        return real(data, *arguments, **options)

    monkeypatch.setattr(onnx.onnxruntime, "InferenceSession", session)
    enhancer = Enhancer()
    card = enhancer.model.card
    files = [*card.files.items(), *card.int8.items()]
    bright = from_array(np.full((60, 80, 3), 200, np.uint8))
    assert enhancer.run(bright).unchanged
    dark = from_array(np.random.default_rng(0).integers(0, 40, (60, 80, 3), np.uint8))
    assert enhancer.run(dark, strength=0).unchanged
    assert made == ["exposure"]
    enhancer.run(dark)
    enhancer.run(dark)
    assert made == ["exposure", "condition", "step"]


def test_how_far_a_result_may_be_off_is_the_same_in_place_of_its_photo() -> None:
    """Its contrast is looked for around each pixel, across the pieces that are brought to full size one by one."""
    rng = np.random.default_rng(0)
    squares = np.kron(rng.random((45, 65, 3)), np.ones((20, 20, 1))) * 40
    codes = (squares + rng.normal(0, 2, squares.shape)).clip(0, 255).astype(np.uint8)
    enhancer = Enhancer("nano")
    apart, in_place = (
        enhancer.run(from_array(codes.copy()), bits=8, uncertainty=True, in_place=each) for each in (False, True)
    )
    np.testing.assert_array_equal(in_place.picture.held.colours, apart.picture.held.colours)
    assert apart.uncertainty is not None
    assert in_place.uncertainty is not None
    np.testing.assert_array_equal(in_place.uncertainty, apart.uncertainty)
