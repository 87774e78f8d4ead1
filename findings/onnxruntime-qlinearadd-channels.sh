#!/usr/bin/env bash
# ONNX Runtime 1.31.1 (CPU) refuses a valid int8 network, since it makes a QLinearAdd where channels have their own steps.
# Expected: DequantizeLinear twice, Add, QuantizeLinear, with a step for each channel, loads and computes: the operators
# allow that, and the checker passes it.
# Seen: InferenceSession fails with "Op (QLinearAdd) [TypeInferenceError] Scale and Zero-point must be a scalar" at its
# default level of optimisation. With the extended optimisations off, it loads and gives the right numbers.
# Why it matters: residual sums of quantised image networks are just that. darklift's int8 graphs hold a Reshape that
# changes nothing between the two, which keeps the fusion away.
# Checked a second way: against the sum in whole numbers, and with one step for all channels, which loads.
# Seen with onnxruntime 1.31.1, onnx 1.23.2, numpy 2.4.6, CPython 3.11, Linux x86-64.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    onnxruntime==1.31.1 onnx==1.23.2 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SHAPE = (1, 3, 4, 4)
CODES = np.random.default_rng(0).integers(0, 256, (2, *SHAPE), np.uint8)


def sum_of(steps):
    """The graph, with a step for each channel or, if there is one, for all of them."""
    inputs = [helper.make_tensor_value_info(name, TensorProto.UINT8, SHAPE) for name in ("a", "b")]
    nodes = [helper.make_node("DequantizeLinear", [name, "step", "zero"], [f"{name}.real"], axis=1) for name in "ab"]
    nodes += [
        helper.make_node("Add", ["a.real", "b.real"], ["sum"]),
        helper.make_node("QuantizeLinear", ["sum", "step", "zero"], ["y"], axis=1),
    ]
    step = np.array(steps if len(steps) > 1 else steps[0], np.float32)
    constants = [numpy_helper.from_array(step, "step"), numpy_helper.from_array(np.full_like(step, 9, np.uint8), "zero")]
    output = helper.make_tensor_value_info("y", TensorProto.UINT8, SHAPE)
    model = helper.make_model(
        helper.make_graph(nodes, "sum", inputs, [output], constants),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def load(model, level):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


ALL, BASIC = (getattr(onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{name}") for name in ("ALL", "BASIC"))
feeds = dict(zip("ab", CODES, strict=True))
channels = sum_of([0.01, 0.02, 0.03])
truth = np.clip(CODES.astype(int).sum(axis=0) - 9, 0, 255)  # as a, b and their sum have the same steps and zeros
(basic,) = load(channels, BASIC).run(None, feeds)
print("a step for each channel, basic optimisations: off by at most", np.abs(basic.astype(int) - truth).max())
assert np.abs(basic.astype(int) - truth).max() <= 1
(one,) = load(sum_of([0.01]), ALL).run(None, feeds)
print("one step for all: loads")
try:
    load(channels, ALL)
except Exception as error:
    print(type(error).__name__, error)
    assert "QLinearAdd" in str(error)
else:
    raise SystemExit("it loads now")
PYTHON
