#!/usr/bin/env bash
# ONNX Runtime 1.31.1 (CPU) rounds with a step for each channel some 50 times more slowly if channels are the last axis.
# Expected: QuantizeLinear takes the same time for the same numbers, whether their channels are axis 1 or axis 3.
# Seen: 33 to 35 ms for 32 channels of 200x300 along axis 3, .6 to .8 ms along axis 1, as with one step for all, with
# one thread. The results are equal.
# Why it matters: for int8 convolutions on x86, the layout optimisation moves channels last and carries that on to what
# follows. A valid QDQ graph whose activations have a step for each channel, written with channels first throughout,
# becomes slower than the network in float32 that way. darklift's graphs end the carrying on by a Reshape.
# Checked a second way: in the profile of a whole such network (16 such nodes: 132 of 523 ms; with one step for all,
# 12 nodes: 13 of 306 ms), and there with the Reshape (11 nodes: 17 of 429 ms, on a busier machine).
# Seen with onnxruntime 1.31.1, onnx 1.23.2, numpy 2.4.6, CPython 3.11, Linux x86-64.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    onnxruntime==1.31.1 onnx==1.23.2 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import statistics
import time

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

CHANNELS, HEIGHT, WIDTH = 32, 200, 300
STEPS = np.linspace(0.01, 0.02, CHANNELS, dtype=np.float32)
ZEROS = np.full(CHANNELS, 7, np.uint8)
VALUES = np.random.default_rng(0).random((1, CHANNELS, HEIGHT, WIDTH), np.float32)


def rounder(shape, axis):
    node = helper.make_node("QuantizeLinear", ["x", "step", "zero"], ["y"], axis=axis)
    graph = helper.make_graph(
        [node],
        "rounder",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, shape)],
        [numpy_helper.from_array(STEPS, "step"), numpy_helper.from_array(ZEROS, "zero")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run(session, values):
    started = time.process_time()
    (made,) = session.run(None, {"x": values})
    return time.process_time() - started, made


last = np.ascontiguousarray(VALUES.transpose(0, 2, 3, 1))
first_axis, last_axis = rounder(VALUES.shape, 1), rounder(last.shape, 3)
pairs = [(run(first_axis, VALUES), run(last_axis, last)) for _ in range(15)]
assert np.array_equal(pairs[0][0][1].transpose(0, 2, 3, 1), pairs[0][1][1])
times = [1e3 * statistics.median(pair[which][0] for pair in pairs) for which in (0, 1)]
print(f"onnxruntime {onnxruntime.__version__}: channels first {times[0]:.2f} ms, last {times[1]:.2f} ms")
assert times[1] > 10 * times[0]
PYTHON
