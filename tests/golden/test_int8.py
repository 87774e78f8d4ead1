"""Graphs in int8: nearly the picture of those in float32, on what computes in int8, chosen and refused as is said."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from darklift import Enhancer
from darklift.errors import ModelError, UsageError
from darklift.image import Picture
from darklift.runtime.onnx import load_card
from darklift.runtime.processor import native_formats

needs_int8 = pytest.mark.skipif("int8" not in native_formats(), reason="this processor only emulates int8")


def dark(height: int, width: int) -> Picture:
    rng = np.random.default_rng(height * width)
    return Picture(rng.uniform(0, 0.2, (height, width, 3)).astype(np.float32))


def test_the_tool_writes_a_graph_and_says_so_on_the_card(in_int8: Path, exported_compact: Path) -> None:
    card, before = load_card(in_int8), load_card(exported_compact)
    data = (in_int8 / "step.int8.onnx").read_bytes()
    assert card.int8 == {"step.int8.onnx": hashlib.sha256(data).hexdigest()}
    assert (card.files, card.fingerprint) == (before.files, before.fingerprint)
    graph = onnx.load_from_string(data).graph
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    made = {name: node.op_type for node in graph.node for name in node.output}
    first, last = convolutions[:2], convolutions[-1]  # the stem is two, of the piece and of what the coarse net made
    assert all(made[node.input[0]] == made[node.input[1]] == "DequantizeLinear" for node in convolutions[2:-1])
    assert "DequantizeLinear" not in {made.get(node.input[0]) for node in (*first, last)}
    by_steps = [node for node in graph.node if node.op_type == "QuantizeLinear" and made.get(node.input[1]) == "Div"]
    assert len(by_steps) == sum(node.op_type == "Relu" for node in graph.node) > 0  # each block's modulation


@needs_int8
def test_the_picture_is_nearly_that_in_float32(in_int8: Path) -> None:
    picture = dark(57, 83)
    exact, rounded = (Enhancer(in_int8, precision=name) for name in ("fp32", "int8"))
    assert exact.model.card.backend == "onnx"
    assert rounded.model.card.backend == "onnx int8"
    for steps in (1, 3):
        one, other = (each.run(picture, steps=steps).picture.pixels for each in (exact, rounded))
        difference = np.abs(one - other)
        assert 0 < difference.mean() < 0.02  # .013 was measured: of noise, by a network that was not trained


@pytest.mark.parametrize("native", [True, False])
def test_int8_is_taken_where_the_processor_computes_in_it(
    in_int8: Path, exported_compact: Path, monkeypatch: pytest.MonkeyPatch, native: bool
) -> None:
    formats = frozenset({"int8"} if native else ())
    for module in ("onnx", "processor"):
        monkeypatch.setattr(f"darklift.runtime.{module}.native_formats", lambda: formats)
    assert Enhancer(in_int8).model.card.backend == ("onnx int8" if native else "onnx")
    assert Enhancer(in_int8, precision="fp32").model.card.backend == "onnx"
    assert Enhancer(exported_compact).model.card.backend == "onnx"
    if not native:
        with pytest.raises(UsageError, match="int8 is not what this processor"):
            Enhancer(in_int8, precision="int8")
    with pytest.raises(UsageError, match="no graphs in int8"):
        Enhancer(exported_compact, precision="int8")


def test_a_damaged_graph_is_told(in_int8: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darklift.runtime.processor.native_formats", lambda: frozenset({"int8"}))
    folder = shutil.copytree(in_int8, tmp_path / "model")
    (folder / "step.int8.onnx").write_bytes(b"")
    with pytest.raises(ModelError, match=r"step\.int8\.onnx is damaged"):
        Enhancer(folder, precision="int8")
