"""The bundled model on several backends, in turn: python benchmarks/backends.py [--repeat 5] [--sizes 600x400]

Seconds a picture (one step, dark noise, no files), and how far the picture is from ONNX Runtime's. OpenVINO is measured
where it is installed (pip install openvino); it runs the very files that ONNX Runtime runs, torch the same weights.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx

from darklift import Enhancer
from darklift.exported import exported_weights
from darklift.methods.compact import Compact, CompactConfig
from darklift.runtime import Model
from darklift.runtime.base import FloatArray
from darklift.runtime.onnx import load_card
from darklift.runtime.torch import torch_model
from darklift.weights import find_model


def backends() -> Iterator[tuple[str, Enhancer]]:
    folder = find_model("default")
    yield "ONNX Runtime", Enhancer("default")
    if importlib.util.find_spec("openvino"):
        for name, number_format in (("OpenVINO, fp32", "f32"), ("OpenVINO, bf16", "bf16")):
            card = load_card(folder)
            graphs = {Path(file).stem: _OpenVinoGraph(folder / file, number_format) for file in card.files}
            yield name, Enhancer(Model(card, graphs))
    for precision in ("fp32", "bf16"):
        method = Compact(CompactConfig())
        method.net.load_state_dict(exported_weights(method, folder))
        method.net.eval()
        yield f"torch, {precision}", Enhancer(torch_model(method, {}, "cpu", precision))


class _OpenVinoGraph:
    def __init__(self, file: Path, number_format: str) -> None:
        import openvino

        hints = {"INFERENCE_PRECISION_HINT": number_format, "PERFORMANCE_HINT": "LATENCY"}
        self._compiled = openvino.Core().compile_model(str(file), "CPU", hints)
        graph = onnx.load(file).graph  # OpenVINO may call an output by the name of what it is made of
        self.inputs = tuple(each.name for each in graph.input)
        self.outputs = tuple(each.name for each in graph.output)

    def __call__(self, feeds: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        results = self._compiled(dict(feeds))
        return {name: np.array(results[number]) for number, name in enumerate(self.outputs)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--sizes", nargs="+", default=["600x400", "3000x2000"], metavar="WIDTHxHEIGHT")
    arguments = parser.parse_args()
    enhancers = dict(backends())
    for size in arguments.sizes:
        width, height = map(int, size.split("x"))
        picture = np.random.default_rng(0).integers(0, 50, (height, width, 3), dtype=np.uint8)
        seconds: dict[str, list[float]] = {name: [] for name in enhancers}
        made: dict[str, FloatArray] = {}
        for number in range(arguments.repeat + 1):  # the first, unmeasured, prepares for the size
            for name, enhancer in enhancers.items():
                started = time.perf_counter()
                made[name] = enhancer(picture).astype(np.float32)
                if number:
                    seconds[name].append(time.perf_counter() - started)
        reference = made["ONNX Runtime"]
        print(f"\n| {size} | s (median) | against ONNX Runtime | mean difference (of 255) | largest |")
        print("|---|--:|--:|--:|--:|")
        baseline = statistics.median(seconds["ONNX Runtime"])
        for name, values in seconds.items():
            median, difference = statistics.median(values), np.abs(made[name] - reference)
            cells = (
                f"{median:.3f}",
                f"{baseline / median:.2f}x",
                f"{difference.mean():.3f}",
                f"{difference.max():.0f}",
            )
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
