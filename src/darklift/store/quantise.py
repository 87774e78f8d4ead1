"""A graph whose convolutions compute in whole numbers of 8 bits, for processors that do so natively.

Static: how far numbers reach is measured once, on photos that stand for all. Weights have a step for each output
channel. So have activations, in effect: a convolution's outputs are first brought to one range, channel by channel,
which costs nothing, since it goes into the weights, and are brought back after it (Nagel et al. 2019, arXiv
1906.04721). The first and the last convolution stay in float32: they see and make the picture.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
from onnx import NodeProto, helper, numpy_helper

from darklift.image import FloatArray
from darklift.runtime.onnx import OnnxGraph, session_options
from darklift.store.export import store_in_half
from darklift.store.from_export import STEP

__all__ = ["quantised"]

_CUT = 1e-4
"""Share of a photo's values in a channel that may be cut off at either end: those of a few lights, for which all others
would be rounded more coarsely. On 12 training pairs, .0005 of SSIM is lost instead of .0007."""
_EVERY = 5
"""Of a channel's values, each so many-th is looked at."""
_LEAST_SHARE = 1e-3
"""Of the widest channel's range: a narrower one, or one that is always 0, counts as this wide."""


class _Range(NamedTuple):
    """The least and the largest value of each channel, (C,)."""

    low: FloatArray
    high: FloatArray

    @classmethod
    def of(cls, values: FloatArray) -> _Range:
        """Of (1, C, H, W), but for what is cut off."""
        looked_at = values[0].reshape(values.shape[1], -1)[:, ::_EVERY]
        most = looked_at.shape[1] - 1
        ends = int(most * _CUT), most - int(most * _CUT)
        low, high = np.partition(looked_at, ends, axis=1)[:, ends].T
        return cls(low, high)

    def joined(self, other: _Range) -> _Range:
        return _Range(np.minimum(self.low, other.low), np.maximum(self.high, other.high))

    def over(self, divisors: FloatArray) -> _Range:
        return _Range(self.low / divisors, self.high / divisors)

    def divisors(self) -> FloatArray:
        """What brings every channel to the range of the widest."""
        reach = np.maximum(np.abs(self.low), np.abs(self.high))
        share: FloatArray = np.maximum(reach / max(float(reach.max()), np.finfo(np.float32).tiny), _LEAST_SHARE)
        return share.astype(np.float32)


def quantised(graph: bytes, photos: Iterable[Mapping[str, FloatArray]]) -> bytes:
    """The graph of an ONNX file in the QDQ form, which ONNX Runtime and OpenVINO compute in int8.

    photos: inputs of the graph, one picture each, that stand for all that it will see; some dozens, as values beyond
    what nearly all of each photo's reach are cut off.
    """
    editor = _Editor(_folded(graph))
    editor.measure(photos)
    for node in editor.convolutions:
        editor.quantise_output(node)
    for node in reversed(editor.convolutions):  # each may have the weights of the one before divided
        editor.quantise_inputs(node)
    return editor.finished()


def _folded(graph: bytes) -> onnx.ModelProto:
    """With its weights in float32, whatever they were stored in."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "folded.onnx"
        options = session_options(threads=1)
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        return onnx.load(path)


def _inner_convolutions(graph: onnx.GraphProto) -> list[NodeProto]:
    """All but those that see the inputs, which no other is before, and the last one."""
    behind: set[str] = set()  # what comes of a convolution
    inner: list[NodeProto] = []
    for node in graph.node:  # in the order of their work
        is_behind = not behind.isdisjoint(node.input)
        if node.op_type == "Conv" and is_behind:
            inner.append(node)
        if node.op_type == "Conv" or is_behind:
            behind.update(node.output)
    return inner[:-1]


class _Editor:
    """A graph on the way to int8. ``convolutions`` are those that get there."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.weights = {tensor.name: tensor for tensor in model.graph.initializer}
        self.makers = {name: node for node in model.graph.node for name in node.output}
        self.users: dict[str, list[NodeProto]] = {}
        for node in model.graph.node:
            for name in node.input:
                self.users.setdefault(name, []).append(node)
        self.convolutions = _inner_convolutions(model.graph)
        self.ranges: dict[str, _Range] = {}
        self.before: dict[str, list[NodeProto]] = {}
        """What is put before a node, by its name."""
        self.after: dict[str, list[NodeProto]] = {}

    def measure(self, photos: Iterable[Mapping[str, FloatArray]]) -> None:
        """How far each channel of each convolution's input and output reaches."""
        names = sorted({name for node in self.convolutions for name in (node.input[0], node.output[0])})
        probe = onnx.ModelProto()
        probe.CopyFrom(self.model)
        probe.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
        runner = OnnxGraph(
            Path("probe"), ["CPUExecutionProvider"], session_options(threads=1), probe.SerializeToString()
        )
        for photo in photos:
            values = runner({name: photo[name] for name in runner.inputs})
            for name in names:
                reach = _Range.of(values[name])
                self.ranges[name] = self.ranges.get(name, reach).joined(reach)

    def quantise_output(self, node: NodeProto) -> None:
        """Unless a ReLU follows: what that hands on is quantised where it goes in."""
        name = node.output[0]
        if self._only_user(name) == "Relu":
            return
        divisors = self.ranges[name].divisors()
        self._divide_output(node, divisors)
        whole, there = f"{name}.whole", f"{name}.there"
        self.ranges[there] = self.ranges[name]
        for user in self.users[name]:
            user.input[:] = [there if given == name else given for given in user.input]
        self.after[node.name] = [
            *self._rounded(name, whole, self.ranges[name].over(divisors)),
            helper.make_node("Mul", [whole, self._new(f"{name}.divisors", divisors[:, None, None])], [there]),
        ]

    def quantise_inputs(self, node: NodeProto) -> None:
        """The photo's and the weights'."""
        name, weight = node.input[0], node.input[1]
        reach = self.ranges[name]
        divisors = reach.divisors()
        if not self._divide(name, divisors):
            divisors = np.ones_like(divisors)
        kernel = numpy_helper.to_array(self.weights[weight]) * divisors[:, None, None]
        step = np.maximum(np.abs(kernel).max(axis=(1, 2, 3)), np.finfo(np.float32).tiny) / np.float32(127)
        whole, there = f"{weight}.whole", f"{weight}.there"
        self._new(whole, np.rint(kernel / step[:, None, None, None]).astype(np.int8))
        zeros = self._new(f"{weight}.zero", np.zeros(len(step), np.int8))
        rounded = f"{node.name}.in"
        self.before.setdefault(node.name, []).extend(
            [
                *self._rounded(name, rounded, reach.over(divisors)),
                helper.make_node("DequantizeLinear", [whole, self._new(weight + STEP, step), zeros], [there], axis=0),
            ]
        )
        node.input[0], node.input[1] = rounded, there

    def finished(self) -> bytes:
        graph = self.model.graph
        nodes = [
            each
            for node in graph.node
            for each in (*self.before.get(node.name, ()), node, *self.after.get(node.name, ()))
        ]
        del graph.node[:]
        graph.node.extend(nodes)
        used = {name for node in nodes for name in node.input}
        kept = [tensor for name, tensor in self.weights.items() if name in used]
        del graph.initializer[:]
        graph.initializer.extend(kept)
        store_in_half(self.model)
        onnx.checker.check_model(self.model)
        data: bytes = self.model.SerializeToString()
        return data

    def _divide(self, name: str, divisors: FloatArray) -> bool:
        """Have what makes these values make them divided, if that costs nothing: a convolution and a ReLU, or a
        modulation by two vectors (:class:`darklift.methods.parts.blocks.ModulatedBlock`).
        """
        last = self.makers.get(name)
        first = self.makers.get(last.input[0]) if last else None
        if last is None or first is None or any(len(self.users[made]) > 1 for made in (name, last.input[0])):
            return False
        if last.op_type == "Relu" and first in self.convolutions:
            self._divide_output(first, divisors)
            return True
        if last.op_type == "Add" and first.op_type == "Mul":
            inverse = self._new(f"{name}.inverse", 1 / divisors[:, None, None])
            for node in (first, last):
                vector, divided = node.input[1], f"{node.input[1]}.divided"
                self.before.setdefault(node.name, []).append(helper.make_node("Mul", [vector, inverse], [divided]))
                node.input[1] = divided
            return True
        return False

    def _divide_output(self, node: NodeProto, divisors: FloatArray) -> None:
        for name in node.input[1:3]:
            values = numpy_helper.to_array(self.weights[name])
            shape = (-1,) + (1,) * (values.ndim - 1)
            self._new(name, values / divisors.reshape(shape))

    def _rounded(self, name: str, rounded: str, reach: _Range) -> list[NodeProto]:
        """Nodes that round values of that range to 256 levels, one of which is 0."""
        low, high = min(float(reach.low.min()), 0.0), max(float(reach.high.max()), 0.0)
        step = max(high - low, float(np.finfo(np.float32).tiny)) / 255
        levels = [
            self._new(rounded + STEP, np.array(step, np.float32)),
            self._new(f"{rounded}.zero", np.array(round(-low / step), np.uint8)),
        ]
        level = f"{rounded}.level"
        return [
            helper.make_node("QuantizeLinear", [name, *levels], [level]),
            helper.make_node("DequantizeLinear", [level, *levels], [rounded]),
        ]

    def _new(self, name: str, values: np.ndarray) -> str:
        """Put a constant there, float32 unless it is whole numbers, and return its name."""
        kind = values.dtype if np.issubdtype(values.dtype, np.integer) else np.float32
        self.weights[name] = numpy_helper.from_array(np.ascontiguousarray(values, kind), name)
        return name

    def _only_user(self, name: str) -> str | None:
        users = self.users.get(name, [])
        return users[0].op_type if len(users) == 1 else None
