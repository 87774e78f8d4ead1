"""GSAD on both runtimes: an export gives the checkpoint's picture and uncertainty, in one piece and in windows."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from darklift import Enhancer, Picture
from darklift.errors import ImageError
from darklift.methods.compact import Compact, CompactConfig
from darklift.methods.gsad import Gsad, GsadConfig
from darklift.store.export import export_method
from darklift.store.torch_model import torch_model


@pytest.fixture(scope="module")
def method() -> Gsad:
    torch.manual_seed(0)
    made = Gsad(GsadConfig(width=32, multipliers=(1, 2), blocks=1, attention_level=1))
    made.net.eval()
    return made


@pytest.fixture(scope="module")
def exported(method: Gsad, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_method(method, tmp_path_factory.mktemp("gsad") / "model", name="tiny", info={})


def dark(height: int, width: int) -> Picture:
    pixels = np.random.default_rng(height + width).random((height, width, 3)) * 0.2
    return Picture(pixels.astype(np.float32))


@pytest.mark.parametrize("size", [(1, 1), (37, 53), (24, 40)], ids=str)
@pytest.mark.parametrize("preset", ["lolv1", "unpaired-ddim"])
@pytest.mark.parametrize("window", [None, 16])
def test_onnx_and_torch_agree(
    method: Gsad, exported: Path, size: tuple[int, int], preset: str, window: int | None
) -> None:
    one, other = (
        enhancer.run(dark(*size), preset=preset, steps=4, seed=3, window=window, uncertainty=True)
        for enhancer in (Enhancer(torch_model(method, {}, precision="fp32")), Enhancer(exported))
    )
    assert one.picture.size == size
    np.testing.assert_allclose(one.picture.pixels, other.picture.pixels, atol=1e-4)
    assert one.uncertainty is not None
    assert other.uncertainty is not None
    np.testing.assert_allclose(one.uncertainty, other.uncertainty, atol=1e-4)
    assert one.uncertainty.std() > 0 or size == (1, 1)


def test_an_unshuffled_network_of_velocities_is_exported_as_it_is(tmp_path: Path) -> None:
    torch.manual_seed(0)
    settings = {"unshuffle": 2, "velocity": True, "lift": 100.0, "train_steps": 1000, "preset": "trailing"}
    method = Gsad(GsadConfig.model_validate({"width": 32, "multipliers": (1, 2), "blocks": 1, **settings}))
    method.net.eval()
    model = export_method(method, tmp_path / "model", name="tiny", info={})
    one, other = (
        enhancer.run(dark(37, 53), seed=3, uncertainty=True)
        for enhancer in (Enhancer(torch_model(method, {}, precision="fp32")), Enhancer(model))
    )
    assert one.steps == other.steps == 2
    np.testing.assert_allclose(one.picture.pixels, other.picture.pixels, atol=1e-4)
    np.testing.assert_allclose(one.uncertainty, other.uncertainty, atol=1e-4)


def test_the_card_says_what_it_takes(method: Gsad, exported: Path) -> None:
    card = json.loads((exported / "model.json").read_text())
    assert card["footprint"]["sees_whole"] is True
    assert card["footprint"]["bytes_per_pixel"] == method.footprint.bytes_per_pixel > 0
    assert card["footprint"]["bytes_per_pixel_pair"] == method.footprint.bytes_per_pixel_pair > 0
    assert torch_model(method, {}, precision="fp32").card.footprint.bytes_per_pixel_pair == 0, (
        "torch's attention is fused"
    )


def test_windows_of_the_whole_are_the_whole_and_small_ones_are_not(method: Gsad) -> None:
    enhancer, picture = Enhancer(torch_model(method, {}, precision="fp32")), dark(32, 32)
    whole = enhancer.run(picture, steps=4).picture.pixels
    np.testing.assert_array_equal(enhancer.run(picture, steps=4, window=40).picture.pixels, whole)
    assert np.abs(enhancer.run(picture, steps=4, window=16).picture.pixels - whole).max() > 1e-3


@pytest.mark.parametrize("backend", ["torch", "onnx"])
@pytest.mark.parametrize("window", [None, 16])
def test_a_picture_is_the_same_in_any_batch(method: Gsad, exported: Path, backend: str, window: int | None) -> None:
    enhancer = Enhancer(torch_model(method, {}, precision="fp32") if backend == "torch" else exported)
    rng, told = np.random.default_rng(5), []
    pictures = [Picture(rng.random((24, 40, 3), dtype=np.float32) * 0.2) for _ in range(3)]
    batch = enhancer.run_batch(
        pictures, steps=4, seed=2, strength=0.5, window=window, uncertainty=True, on_step=lambda *at: told.append(at)
    )
    total = 4 if window is None else 12
    assert told == [(step, total) for step in range(1, total + 1)]
    for picture, made in zip(pictures, batch, strict=True):
        alone = enhancer.run(picture, steps=4, seed=2, strength=0.5, window=window, uncertainty=True)
        np.testing.assert_allclose(made.picture.pixels, alone.picture.pixels, atol=1e-4)
        assert made.uncertainty is not None
        assert alone.uncertainty is not None
        np.testing.assert_allclose(made.uncertainty, alone.uncertainty, atol=1e-4)


def test_on_a_cpu_the_precision_is_the_exports_unless_asked_for(method: Gsad, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darklift.runtime.processor.native_formats", lambda: frozenset({"bf16"}))
    assert torch_model(method, {}, "cpu").card.backend == "torch"
    assert torch_model(method, {}, "cpu", "bf16").card.backend == "torch bf16"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu_what_predicts_noise_is_computed_in_bf16(method: Gsad) -> None:
    expected = "torch bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "torch"
    assert torch_model(method, {}, "cuda").card.backend == expected
    assert torch_model(Compact(CompactConfig()), {}, "cuda").card.backend == "torch", "it predicts the picture itself"
    torch_model(method, {}, "cpu")  # the network back to where the other tests have it


def test_bf16_makes_nearly_the_picture_that_float32_makes(method: Gsad, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darklift.runtime.processor.native_formats", lambda: frozenset({"bf16"}))
    one, other = (
        Enhancer(torch_model(method, {}, "cpu", precision)).run(dark(24, 40), steps=4).picture.pixels
        for precision in ("bf16", "fp32")
    )
    assert 0 < np.abs(one - other).mean() < 0.01


def test_a_batch_needs_the_memory_of_all(method: Gsad) -> None:
    model = torch_model(method, {}, precision="fp32")
    enhancer, picture = Enhancer(model), dark(32, 32)
    side = 32 + method.footprint.size_multiple  # padded as published: on to the next multiple
    model.memory = int(2.5 * model.card.footprint.memory(side**2))
    enhancer.run(picture, steps=2)
    with pytest.raises(ImageError, match=r"^3 pictures of 32x32 pixels take .*pass fewer at once"):
        enhancer.run_batch([picture] * 3, steps=2)
