"""Graphs in int8 stay what they were, whatever stands beside a convolution: other users, modulations, groups."""

from collections.abc import Sequence

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from darklift.store.quantise import quantised

CHANNELS = 8
GAIN = np.linspace(0.5, 2, CHANNELS, dtype=np.float32).reshape(1, CHANNELS, 1, 1)
SHIFT = np.linspace(-0.3, 0.3, CHANNELS, dtype=np.float32).reshape(1, CHANNELS, 1, 1)


def conv(given: str, made: str, *, bias: bool = True, group: int = 1) -> NodeProto:
    kernel = {1: "kernel", CHANNELS: "kernel_of_one"}[group]
    inputs = [given, f"{made}.{kernel}", *([f"{made}.bias"] if bias else [])]
    return helper.make_node("Conv", inputs, [made], name=made, pads=[1] * 4, group=group)


def node(kind: str, *names: str) -> NodeProto:
    return helper.make_node(kind, list(names[:-1]), [names[-1]], name=names[-1])


def graph_of(middle: Sequence[NodeProto]) -> bytes:
    """A convolution, and what follows, from "before" to "behind", and another. Channels of "b" have various ranges."""
    rng = np.random.default_rng(0)
    nodes = [conv("x", "first"), node("Relu", "first", "before"), *middle, conv("behind", "y")]
    weights = {}
    for each in nodes:
        for name in each.input:
            inputs, outputs = 3 if each.name == "first" else CHANNELS, 3 if each.name == "y" else CHANNELS
            if name.endswith(".bias"):
                weights[name] = rng.normal(0, 0.1, outputs)
            elif ".kernel" in name:
                weights[name] = rng.normal(0, 0.15, (outputs, 1 if name.endswith("of_one") else inputs, 3, 3))
    weights["b.kernel"] = weights["b.kernel"] * np.logspace(-2, 0, CHANNELS)[:, None, None, None]
    picture = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, "h", "w"]) for name in ("x", "y")]
    of_channels = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", CHANNELS, 1, 1])
        for name in ("gain", "shift")
        if any(name in each.input for each in nodes)
    ]
    constants = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "g", [picture[0], *of_channels], [picture[1]], constants)
    data: bytes = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9
    ).SerializeToString()
    return data


def result_of(graph: bytes, feeds: dict[str, np.ndarray]) -> np.ndarray:
    """As it is written: processors without arithmetic in int8 may saturate in it."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    result: np.ndarray = session.run(None, {each.name: feeds[each.name] for each in session.get_inputs()})[0]
    return result


RELU = (conv("before", "b"), node("Relu", "b", "r"))
MODULATED = (conv("before", "b"), node("Mul", "b", "gain", "t"), node("Add", "t", "shift", "m"))


@pytest.mark.parametrize(
    ("middle", "in_whole", "by_steps"),
    [
        pytest.param((*RELU, conv("r", "behind")), "b behind", 0, id="a chain"),
        pytest.param(
            (*RELU, conv("r", "c"), conv("r", "d"), node("Add", "c", "d", "behind")), "b c d", 0, id="a ReLU for two"
        ),
        pytest.param((*RELU, conv("r", "c"), node("Add", "c", "r", "behind")), "b c", 0, id="a ReLU and a skip"),
        pytest.param(
            (*RELU, conv("r", "c"), node("Add", "c", "b", "behind")), "b c", 0, id="a convolution for a ReLU and a skip"
        ),
        pytest.param(
            (conv("before", "b", bias=False), conv("b", "behind", bias=False)), "b behind", 0, id="without bias"
        ),
        pytest.param(
            (conv("before", "b", bias=False), node("Relu", "b", "r"), conv("r", "behind")),
            "b behind",
            0,
            id="without bias, before a ReLU",
        ),
        pytest.param(
            (*RELU, conv("r", "c", group=CHANNELS), node("Relu", "c", "s"), conv("s", "behind")),
            "b behind",
            0,
            id="in groups",
        ),
        pytest.param((*MODULATED, conv("m", "behind")), "b behind", 1, id="modulated"),
        pytest.param(
            (*MODULATED, conv("m", "c"), node("Add", "c", "m", "behind")), "b c", 0, id="modulated, and a skip"
        ),
        pytest.param(
            (*MODULATED, conv("m", "c"), node("Add", "c", "t", "behind")), "b c", 0, id="multiplied, and a skip"
        ),
        pytest.param(
            (
                conv("before", "b"),
                node("Mul", "b", "before", "t"),
                node("Add", "t", "before", "m"),
                conv("m", "behind"),
            ),
            "b behind",
            0,
            id="Mul and Add of pictures",
        ),
    ],
)
def test_a_graph_in_int8_is_nearly_the_same(middle: Sequence[NodeProto], in_whole: str, by_steps: int) -> None:
    rng = np.random.default_rng(1)
    graph = graph_of(middle)
    photos = [{"x": rng.random((1, 3, 64, 64)).astype(np.float32), "gain": GAIN, "shift": SHIFT} for _ in range(4)]
    rounded = quantised(graph, photos)
    nodes = onnx.load_from_string(rounded).graph.node
    made = {name: each.op_type for each in nodes for name in each.output}
    convolutions = [each for each in nodes if each.op_type == "Conv"]
    whole = {each.output[0] for each in convolutions if made.get(each.input[0]) == "DequantizeLinear"}
    assert whole == set(in_whole.split())
    assert sum(made.get(each.input[1]) == "Div" for each in nodes if each.op_type == "QuantizeLinear") == by_steps
    exact, other = (result_of(each, photos[0]) for each in (graph, rounded))
    error = np.linalg.norm(other - exact) / np.linalg.norm(exact)
    assert 0 < error < 0.05


@pytest.mark.parametrize("name", ["b", "r"])
def test_what_a_graph_hands_out_midway_stays_as_it_is(name: str) -> None:
    model = onnx.load_from_string(graph_of((*RELU, conv("r", "behind"))))
    midway = helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, CHANNELS, "h", "w"])
    model.graph.output.insert(0, midway)
    photo = {"x": np.random.default_rng(1).random((1, 3, 64, 64)).astype(np.float32)}
    exact, other = (
        result_of(graph, photo) for graph in (model.SerializeToString(), quantised(model.SerializeToString(), [photo]))
    )
    assert 0 < np.linalg.norm(other - exact) < 0.05 * np.linalg.norm(exact)
