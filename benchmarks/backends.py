"""The bundled model on several backends, in turn: python benchmarks/backends.py [--repeat 5] [--sizes 600x400]

Seconds a picture (one step, dark noise, no files), and how far the picture is from ONNX Runtime's. OpenVINO is measured
where it is installed; it runs the very files that ONNX Runtime runs, torch the same weights.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Iterator

import numpy as np

from darklift import Enhancer
from darklift.runtime.model import FloatArray
from darklift.store.exported import exported_method
from darklift.store.torch_model import torch_model
from darklift.weights import find_model


def backends() -> Iterator[tuple[str, Enhancer]]:
    folder = find_model("default")
    yield "ONNX Runtime", Enhancer("default")
    if importlib.util.find_spec("openvino"):
        for precision in ("fp32", "bf16"):
            yield f"OpenVINO, {precision}", Enhancer("default", backend="openvino", precision=precision)
    for precision in ("fp32", "bf16"):
        method = exported_method(folder)
        method.net.eval()
        yield f"torch, {precision}", Enhancer(torch_model(method, {}, "cpu", precision))


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
