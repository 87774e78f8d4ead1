"""A graph whose convolutions compute in whole numbers of 8 bits, for processors that do so natively.

Static: how far numbers reach is measured once, on photos that stand for all. Each channel of weights and activations
has a step of its own, which costs nothing: those of a convolution's inputs and outputs go into its weights (Nagel et
al. 2019, arXiv 1906.04721), and a modulation is done by the steps. The first and the last convolution stay in float32:
they see and make the picture. Laid out for ONNX Runtime.
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
_MIDDLE = 128
"""The level of 0, before channels get their own."""
_TINY = float(np.finfo(np.float32).tiny)
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
        share: FloatArray = np.maximum(reach / max(float(reach.max()), _TINY), _LEAST_SHARE)
        return share.astype(np.float32)


class _Levels(NamedTuple):
    """256 whole numbers that values are rounded to: (value / step) + zero. One of them is 0."""

    step: FloatArray
    zero: FloatArray

    @classmethod
    def within(cls, reach: _Range) -> _Levels:
        """Of each channel's own range, (C,)."""
        low, high = np.minimum(reach.low, 0), np.maximum(reach.high, 0)
        wide = np.maximum(high - low, max(_LEAST_SHARE * float((high - low).max()), _TINY))
        step = (wide / np.float32(255)).astype(np.float32)
        return cls(step, np.rint(-low / step))

    @classmethod
    def of_all(cls, reach: _Range) -> _Levels:
        """Of the range that all channels together have, ()."""
        return cls.within(_Range(*(np.atleast_1d(end) for end in (reach.low.min(), reach.high.max()))))

    def times(self, factors: FloatArray) -> _Levels:
        """For each channel, (C,)."""
        return _Levels(self.step * factors, np.broadcast_to(self.zero, factors.shape))


def quantised(graph: bytes, photos: Iterable[Mapping[str, FloatArray]]) -> bytes:
    """The graph of an ONNX file, for one picture at a time, in the QDQ form, which ONNX Runtime computes in int8.

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
    """All but those that see the inputs, which no other is before, the last one, and those in groups of channels."""
    behind: set[str] = set()  # what comes of a convolution
    inner: list[NodeProto] = []
    for node in graph.node:  # in the order of their work
        is_behind = not behind.isdisjoint(node.input)
        if node.op_type == "Conv" and is_behind:
            inner.append(node)
        if node.op_type == "Conv" or is_behind:
            behind.update(node.output)
    return [node for node in inner[:-1] if all(each.i == 1 for each in node.attribute if each.name == "group")]


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
        self.results = {value.name for value in model.graph.output}
        shown = onnx.shape_inference.infer_shapes(model).graph
        self.shapes = {
            value.name: [size.dim_value for size in value.type.tensor_type.shape.dim]  # 0 where it is not known
            for value in (*shown.value_info, *shown.input)
        } | {name: list(tensor.dims) for name, tensor in self.weights.items()}
        self.convolutions = _inner_convolutions(model.graph)
        self.ranges: dict[str, _Range] = {}
        self.before: dict[str, list[NodeProto]] = {}
        """What is put before a node, by its name."""
        self.after: dict[str, list[NodeProto]] = {}
        self.gone: set[str] = set()
        """Nodes whose work others do now."""

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
        """Unless a ReLU follows: what that hands on is quantised where it goes in.

        The convolution's own numbers are brought to the levels, a step and a zero for each channel. ONNX Runtime lays
        pictures out with channels last for whole numbers, and would do so for all that follows, up to where channels'
        own steps take 50 times as long (1.31.1, QuantizeLinear along the last axis): it ends at a Reshape. Another
        keeps it from making a QLinearAdd of this and an Add, which knows no steps of channels and fails to load.
        """
        name = node.output[0]
        if name in self.results or [user.op_type for user in self.users[name]] == ["Relu"]:
            return
        levels = _Levels.within(self.ranges[name])
        if len(node.input) == 2:
            node.input.append(self._new(f"{name}.bias", np.zeros(levels.step.shape)))
        self._divide_output(node, levels.step)
        bias = numpy_helper.to_array(self.weights[node.input[2]])
        self._new(node.input[2], bias + (levels.zero - _MIDDLE))
        whole, kept, own, there = (f"{name}.{each}" for each in ("whole", "kept", "own", "there"))
        self.ranges[there] = self.ranges[name]
        for user in self.users[name]:
            user.input[:] = [there if given == name else given for given in user.input]
        one = [self._new(f"{whole}{STEP}", np.ones(())), self._new(f"{whole}.zero", np.array(_MIDDLE, np.uint8))]
        same = self._new("same_shape", np.zeros(4, np.int64))
        self.after[node.name] = [
            helper.make_node("QuantizeLinear", [name, *one], [whole]),
            helper.make_node("Reshape", [whole, same], [kept]),
            helper.make_node("DequantizeLinear", [kept, *self._constants(there, levels)], [own], axis=1),
            helper.make_node("Reshape", [own, same], [there]),
        ]

    def quantise_inputs(self, node: NodeProto) -> None:
        """The photo's and the weights'."""
        name, weight = node.input[0], node.input[1]
        divisors = self.ranges[name].divisors()
        levels = _Levels.of_all(self.ranges[name].over(divisors))
        rounded, level = f"{node.name}.in", f"{node.name}.level"
        before, maker = self._made_for_one(name)
        if maker is not None and maker.op_type == "Relu" and before in self.convolutions:
            self._divide_output(before, divisors)
            rounding = [helper.make_node("QuantizeLinear", [name, *self._constants(level, levels)], [level])]
        elif before is not None and maker is not None and self._modulates(before, maker, len(divisors)):
            rounding = self._modulated(before, maker, level, levels.times(divisors))
        else:
            own = self._constants(level, levels.times(divisors))
            rounding = [helper.make_node("QuantizeLinear", [name, *own], [level], axis=1)]
        kernel = numpy_helper.to_array(self.weights[weight]) * divisors[:, None, None]
        step = np.maximum(np.abs(kernel).max(axis=(1, 2, 3)), _TINY) / np.float32(127)
        whole, there = f"{weight}.whole", f"{weight}.there"
        self._new(whole, np.rint(kernel / step[:, None, None, None]).astype(np.int8))
        zeros = self._new(f"{weight}.zero", np.zeros(len(step), np.int8))
        self.before[node.name] = [
            *rounding,
            helper.make_node("DequantizeLinear", [level, *self._constants(rounded, levels)], [rounded]),
            helper.make_node("DequantizeLinear", [whole, self._new(weight + STEP, step), zeros], [there], axis=0),
        ]
        node.input[0], node.input[1] = rounded, there

    def _modulates(self, mul: NodeProto, add: NodeProto, channels: int) -> bool:
        """Whether they are x·gain + shift, by one number each for every channel."""
        if (mul.op_type, add.op_type) != ("Mul", "Add"):
            return False
        return all(self.shapes.get(node.input[1], [])[-3:] == [channels, 1, 1] for node in (mul, add))

    def _modulated(self, mul: NodeProto, add: NodeProto, level: str, levels: _Levels) -> list[NodeProto]:
        """Nodes that round x·gain + shift (:class:`darklift.methods.parts.blocks.ModulatedBlock`) by steps and zeros of
        each photo's own, which cost nothing. Shifts become whole steps.
        """
        self.gone |= {mul.name, add.name}
        x, gain, shift = mul.input[0], mul.input[1], add.input[1]
        step = self._new(f"{level}.rest{STEP}", levels.step)
        names = (f"{level}.{each}" for each in ("gain", "step", "shift", "steps", "moved", "nearest", "within", "zero"))
        gains, steps, shifts, in_steps, moved, nearest, within, zeros = names
        vector = self._new("vector_shape", np.array([-1], np.int64))
        middle, least, most = (
            self._new(f"{level}.{value}", np.array(value, np.float32))
            for value in (float(levels.zero.flat[0]), 0.0, 255.0)
        )
        return [
            helper.make_node("Reshape", [gain, vector], [gains]),
            helper.make_node("Div", [step, gains], [steps]),
            helper.make_node("Reshape", [shift, vector], [shifts]),
            helper.make_node("Div", [shifts, step], [in_steps]),
            helper.make_node("Add", [in_steps, middle], [moved]),
            helper.make_node("Round", [moved], [nearest]),
            helper.make_node("Clip", [nearest, least, most], [within]),
            helper.make_node("Cast", [within], [zeros], to=onnx.TensorProto.UINT8),
            helper.make_node("QuantizeLinear", [x, steps, zeros], [level], axis=1),
        ]

    def finished(self) -> bytes:
        graph = self.model.graph
        nodes = [
            each
            for node in graph.node
            if node.name not in self.gone
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

    def _divide_output(self, node: NodeProto, divisors: FloatArray) -> None:
        for name in node.input[1:3]:
            values = numpy_helper.to_array(self.weights[name])
            shape = (-1,) + (1,) * (values.ndim - 1)
            self._new(name, values / divisors.reshape(shape))

    def _constants(self, name: str, levels: _Levels) -> list[str]:
        """A step and a zero, for all channels or for each."""
        return [self._new(name + STEP, levels.step), self._new(f"{name}.zero", levels.zero.astype(np.uint8))]

    def _new(self, name: str, values: np.ndarray) -> str:
        """Put a constant there, float32 unless it is whole numbers, and return its name."""
        kind = values.dtype if np.issubdtype(values.dtype, np.integer) else np.float32
        self.weights[name] = numpy_helper.from_array(np.ascontiguousarray(values, kind), name)
        return name

    def _made_for_one(self, name: str) -> tuple[NodeProto | None, NodeProto | None]:
        """The two nodes in a row that a value comes of, unless others see what one of them makes."""
        maker = self.makers.get(name)
        between = maker.input[0] if maker is not None else ""
        alone = all(len(self.users.get(each, ())) == 1 and each not in self.results for each in (name, between))
        return (self.makers.get(between), maker) if alone else (None, None)
