#!/usr/bin/env bash
# onnxruntime-web 1.30.0, WebGPU: does a Conv give what its definition says, for any number of channels?
# Expected: yes; the WASM provider does, and WebGPU with preferredLayout "NCHW" does, to 7e-6 of values of about 1.
# Seen: in the layout that WebGPU takes by default, values are off by as much as 3.9 to 6.5 where the input channels
# divide by 3, not by 4, and are more than 3 (6, 9, 15, 18, 21, 27, 30, 33, 39, 63), and the output channels divide by
# 4. With 63 channels it was so for each kernel, size, stride and dilation tried (1×1 with stride 2, 1×3, 2×2 to 7×7;
# 3×5 to 101×67 pixels; with a bias; two pictures at once). Right are 3, 5, 7, 12, 31, 36, 61, 62, 64 and 65 channels;
# 63 to 1, 3, 6, 63 or 66; and what is done as a plain matrix product (1×1 with stride 1, a kernel as large as the
# picture). There is no warning and no error.
# Why: the shader reads three channels at once from channel c on, but starts at c / 4, as if the input were stored in
# fours ("xCh / 4"), where it is stored singly. With three channels c is always 0, so that RGB comes out right.
# Why it matters: a network with such a layer gives a wrong picture by WebGPU, without a word.
# Checked in three ways: against numpy's sum in float64; the wrong values are, to 1e-5, that sum's with channels from
# c / 4 on instead of c; and with "xCh / 4" made "xCh" in the shader, on its way to the browser, all are right.
# The fault is the kernel's, then, not the adapter's; it was run on SwiftShader alone, on no graphics card.
# Known in part: microsoft/onnxruntime#29651, "First Conv reducing a >3-channel graph input miscomputes", is open.
# What works: preferredLayout "NCHW", or one more channel, of zeros (64 are right).
# Also seen with 63 and 9 channels: the same in 1.24.3, 1.27.0 and 1.29.0; in 1.23.2 with "NCHW", too; not in 1.20.1 and
# 1.22.0. With 63 also in onnxruntime-webgpu 1.27.0 for Python. float16 was not tried: the adapter has none.
# Needs npm and a Chromium with WebGPU (its own software adapter, SwiftShader, will do).
# Seen with Chromium 156 of Debian 12, playwright 1.65.2, onnx 1.23.2, numpy 2.4.6, CPython 3.11, Linux.
set -euo pipefail
CHROMIUM=${CHROMIUM:-$(command -v chromium || true)}
[[ -x $CHROMIUM ]] || { echo "no Chromium: apt-get install chromium, or set CHROMIUM to one" >&2; exit 2; }
command -v npm >/dev/null || { echo "no npm: install Node.js with npm" >&2; exit 2; }
export CHROMIUM
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    playwright==1.65.2 onnx==1.23.2 numpy==2.4.6
cd "$folder"
npm install --silent --no-audit --no-fund onnxruntime-web@1.30.0
cat >index.html <<'HTML'
<!doctype html><title>-</title><link rel="icon" href="data:,">
<script type="module">
import * as ort from "./node_modules/onnxruntime-web/dist/ort.webgpu.min.mjs";
ort.env.wasm.numThreads = 1;
const given = GPUDevice.prototype.createShaderModule;
GPUDevice.prototype.createShaderModule = function (told) {
  const mend = location.hash === "#mended" && told.code.includes("resData = vec3");
  return given.call(this, mend ? { ...told, code: told.code.replaceAll("xCh / 4", "xCh") } : told);
};
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
globalThis.convolve = async (model, x, shape, provider) => {
  const options = { executionProviders: [provider], logSeverityLevel: 3 };
  const session = await ort.InferenceSession.create(bytes(model), options);
  const { y } = await session.run({ x: new ort.Tensor("float32", new Float32Array(bytes(x).buffer), shape) });
  await session.release();
  return [...y.data];
};
globalThis.adapter = (await navigator.gpu.requestAdapter())?.info.architecture ?? "none";
</script>
HTML
"$folder/venv/bin/python" - <<'PYTHON'
import base64
import functools
import os
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from playwright.sync_api import sync_playwright

FLAGS = ["--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
DEFAULT, FIRST, WASM = {"name": "webgpu"}, {"name": "webgpu", "preferredLayout": "NCHW"}, {"name": "wasm"}
HEIGHT, WIDTH = 13, 18


class Files(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def numbers(inputs, outputs, side, seed):
    rng = np.random.default_rng(seed)
    kernel = rng.standard_normal((outputs, inputs, side, side)) / np.sqrt(inputs * side**2)
    return rng.standard_normal((1, inputs, HEIGHT, WIDTH)).astype(np.float32), kernel.astype(np.float32)


def model_of(x, kernel):
    side = kernel.shape[-1]
    value = functools.partial(helper.make_tensor_value_info, elem_type=TensorProto.FLOAT)
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[side // 2] * 4)
    ends = [value("x", shape=x.shape)], [value("y", shape=(1, len(kernel), HEIGHT, WIDTH))]
    graph = helper.make_graph([node], "conv", *ends, [numpy_helper.from_array(kernel, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def by_numpy(x, kernel):
    side = kernel.shape[-1]
    around = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (side // 2,) * 2, (side // 2,) * 2))
    windows = np.lib.stride_tricks.sliding_window_view(around, (side, side), axis=(2, 3))
    return np.einsum("nchwij,ocij->nohw", windows, kernel.astype(np.float64), optimize=True)


def by_browser(page, x, kernel, provider):
    model, picture = (base64.b64encode(data).decode() for data in (model_of(x, kernel), x.tobytes()))
    values = page.evaluate("asked => convolve(...asked)", [model, picture, list(x.shape), provider])
    return np.reshape(values, (1, len(kernel), HEIGHT, WIDTH))


def off(values, truth):
    return float(np.abs(values - truth).max())


def opened(browser, address):
    page = browser.new_page()
    page.goto(address)
    page.wait_for_function("globalThis.adapter")
    return page


server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=os.getcwd()))
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}/"
with sync_playwright() as started:
    browser = started.chromium.launch(executable_path=os.environ["CHROMIUM"], args=FLAGS)
    page, mended = opened(browser, address), opened(browser, address + "#mended")
    print("Chromium", browser.version, "adapter", page.evaluate("adapter"))
    assert page.evaluate("adapter") != "none", "this Chromium gives no WebGPU adapter"
    right = [(count, 64, 3) for count in (3, 7, 12, 31, 61, 62, 64, 65)] + [(63, 66, 3), (63, 64, 1)]
    wrong = [(count, 64, 3) for count in (6, 9, 15, 33, 63)] + [(63, 4, 3), (63, 64, 5)]
    for seed, (inputs, outputs, side) in enumerate(right + wrong):
        x, kernel = numbers(inputs, outputs, side, seed)
        truth = by_numpy(x, kernel)
        values = by_browser(page, x, kernel, DEFAULT)
        others = [off(by_browser(page, x, kernel, provider), truth) for provider in (FIRST, WASM)]
        told = f"{inputs} to {outputs} channels, {side}×{side}: off by {off(values, truth):.1e}; NCHW, WASM: "
        print(told + ", ".join(f"{it:.1e}" for it in others))
        assert max(others) < 1e-5, others
        if (inputs, outputs, side) in right:
            assert off(values, truth) < 1e-5
            continue
        channel = np.arange(inputs)
        misread = by_numpy(x[:, channel // 3 * 3 // 4 + channel % 3], kernel)
        after = off(by_browser(mended, x, kernel, DEFAULT), truth)
        print(f"    from the sum that reads at c / 4: {off(values, misread):.1e}; the shader mended: {after:.1e}")
        assert off(values, truth) > 1
        assert off(values, misread) < 1e-5
        assert after < 1e-5
    browser.close()
server.shutdown()
PYTHON
