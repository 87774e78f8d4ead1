"""Exported models on OpenVINO: the picture that ONNX Runtime makes, from the same files."""

import hashlib
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from darklift import Enhancer
from darklift.errors import DarkliftError, MissingExtraError, ModelError, UsageError
from darklift.image import Picture
from darklift.methods import Compact
from darklift.runtime.processor import native_formats
from darklift.store.export import export_method
from darklift.store.torch_model import torch_model
from darklift.weights import CATALOGUE


def dark(height: int, width: int) -> Picture:
    rng = np.random.default_rng(height * width)
    return Picture(rng.uniform(0, 0.2, (height, width, 3)).astype(np.float32))


def difference(one: Enhancer, other: Enhancer, picture: Picture, **request: object) -> float:
    first, second = (each.run(picture, **request).picture.pixels for each in (one, other))
    assert first.shape == second.shape == picture.pixels.shape
    return float(np.abs(first - second).max())


@pytest.fixture(scope="module")
def on_onnx(exported_compact: Path) -> Enhancer:
    return Enhancer(exported_compact)


@pytest.fixture(scope="module")
def on_openvino(exported_compact: Path) -> Enhancer:
    return Enhancer(exported_compact, backend="openvino")


@pytest.mark.parametrize("size", [(1, 1), (7, 1), (31, 33), (101, 75)], ids=str)
@pytest.mark.parametrize(("steps", "exposure"), [(1, None), (3, "mean=0.3")])
def test_it_makes_the_picture_that_onnx_runtime_makes(
    on_onnx: Enhancer, on_openvino: Enhancer, size: tuple[int, int], steps: int, exposure: str | None
) -> None:
    assert difference(on_onnx, on_openvino, dark(*size), steps=steps, exposure=exposure, seed=3) < 1e-5


def test_a_model_that_sees_cues_is_the_same_on_all_three(make_compact: Callable[..., Compact], tmp_path: Path) -> None:
    method = make_compact(cues=True)
    export_method(method, tmp_path / "model", name="cues", info={})
    on_torch, picture = Enhancer(torch_model(method, {})), dark(31, 33)
    for backend in ("onnx", "openvino"):
        assert difference(on_torch, Enhancer(tmp_path / "model", backend=backend), picture) < 1e-5
    method.net.exposure.correction[-1].bias.data += 1
    assert on_torch.run(picture).brightness != Enhancer(tmp_path / "model").run(picture).brightness


def test_the_bundled_model_runs_on_it() -> None:
    picture = dark(48, 70)
    for name in CATALOGUE:
        on_both = (Enhancer(name, backend=backend, precision="fp32") for backend in ("onnx", "openvino"))
        assert difference(*on_both, picture) < 2e-5
    if "bf16" in native_formats():  # single pixels of pure noise may be some levels away
        in_both = (Enhancer(backend="openvino", precision=precision) for precision in ("fp32", "bf16"))
        exact, rounded = (enhancer.run(picture).picture.pixels for enhancer in in_both)
        assert np.abs(rounded - exact).mean() < 0.01


@pytest.mark.skipif("bf16" not in native_formats(), reason="this processor only emulates bf16")
def test_short_numbers_make_nearly_the_same_picture(in_int8: Path) -> None:
    exact, rounded = (Enhancer(in_int8, backend="openvino", precision=each) for each in ("fp32", "bf16"))
    assert rounded.model.card.backend == "openvino bf16"
    picture = dark(48, 70)  # of pure noise, by a network that was not trained: .014 was measured
    assert 0 < np.abs(rounded.run(picture).picture.pixels - exact.run(picture).picture.pixels).mean() < 0.03


def test_what_the_processor_only_emulates_is_refused(in_int8: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darklift.runtime.processor.native_formats", lambda: frozenset[str]())
    for precision in ("bf16", "fp16"):
        with pytest.raises(UsageError, match=f"{precision} is not what this processor"):
            Enhancer(in_int8, backend="openvino", precision=precision)


def test_graphs_in_int8_are_not_for_it(in_int8: Path) -> None:
    with pytest.raises(UsageError, match="graphs in int8 are for ONNX Runtime"):
        Enhancer(in_int8, backend="openvino", precision="int8")
    assert Enhancer(in_int8, backend="openvino").model.card.backend == "openvino"


def test_pictures_of_other_sizes_after_one_another(on_openvino: Enhancer) -> None:
    first = on_openvino.run(dark(20, 30)).picture.pixels
    on_openvino.run(dark(90, 50), steps=2)
    np.testing.assert_array_equal(on_openvino.run(dark(20, 30)).picture.pixels, first)


def test_threads_may_share_a_model(on_openvino: Enhancer) -> None:
    pictures = [dark(64, 64), Picture(dark(64, 64).pixels[::-1].copy())]
    alone = [on_openvino.run(picture).picture.pixels for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        for number, made in enumerate(pool.map(lambda n: on_openvino.run(pictures[n % 2]).picture.pixels, range(24))):
            np.testing.assert_array_equal(made, alone[number % 2])


def test_the_card_says_what_runs_it(on_onnx: Enhancer, on_openvino: Enhancer) -> None:
    assert on_openvino.model.card.backend == "openvino"
    assert on_onnx.model.card.backend == "onnx"  # not by itself, also where it is installed


def test_what_it_cannot_do_is_told_in_one_line(exported_compact: Path, tmp_path: Path) -> None:
    checkpoint = tmp_path / "some.safetensors"
    checkpoint.touch()
    wrong: list[tuple[Path, dict[str, str], type[DarkliftError], str]] = [
        (exported_compact, {"device": "cpu.7"}, UsageError, r"no device 'cpu\.7' on this machine"),
        (exported_compact, {"device": "abacus"}, UsageError, "no device 'abacus' on this machine: choose auto, cpu"),
        (exported_compact, {"precision": "fp8"}, UsageError, "fp8"),
        (checkpoint, {}, UsageError, "openvino.* darklift export "),
        (tmp_path, {}, ModelError, "expected a folder that darklift export wrote"),
    ]
    for model, request_, error, message in wrong:
        with pytest.raises(error, match=message) as caught:
            Enhancer(model, backend="openvino", **request_)
        assert "\n" not in str(caught.value)


def test_damaged_and_foreign_files_are_told_from_whole_ones(exported_compact: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(exported_compact, tmp_path / "model")
    file, card = folder / "step.onnx", folder / "model.json"
    whole = hashlib.sha256(file.read_bytes()).hexdigest()
    file.write_bytes(b"not a graph")
    with pytest.raises(ModelError, match="is damaged"):
        Enhancer(folder, backend="openvino")
    card.write_text(card.read_text().replace(whole, hashlib.sha256(b"not a graph").hexdigest()))
    with pytest.raises(ModelError, match=r"OpenVINO cannot load .*step\.onnx") as caught:
        Enhancer(folder, backend="openvino")
    assert "\n" not in str(caught.value)


def test_without_the_extra_it_says_how_to_install_it(exported_compact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "darklift.runtime.openvino", raising=False)
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'darklift\[openvino\]'"):
        Enhancer(exported_compact, backend="openvino")
