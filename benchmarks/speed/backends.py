"""A bundled model on several backends: python benchmarks/speed/backends.py [MODEL] [--repeat 5] [--sizes 600x400 …]

Seconds a picture (one step, dark noise, no files), and how far the picture is from ONNX Runtime's. OpenVINO is measured
where it is installed; it runs the very files that ONNX Runtime runs, torch the same weights. Number formats are those
that the processor computes in.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Iterator
from functools import partial

import numpy as np
from timing import print_seconds, print_table, size_of, time_in_turn

from darklift import Enhancer
from darklift.runtime.onnx import load_card
from darklift.runtime.processor import native_formats
from darklift.store.from_export import exported_method
from darklift.store.torch_model import torch_model
from darklift.weights import find_model

REFERENCE = "ONNX Runtime"


def backends(model: str) -> Iterator[tuple[str, Enhancer]]:
    bf16 = ["bf16"] if "bf16" in native_formats() else []
    int8 = ["int8"] if "int8" in native_formats() and load_card(find_model(model)).int8 else []
    yield REFERENCE, Enhancer(model, backend="onnx", precision="fp32")
    for precision in int8:
        yield f"{REFERENCE}, {precision}", Enhancer(model, backend="onnx", precision=precision)
    if importlib.util.find_spec("openvino"):
        for precision in ("fp32", *bf16, *int8):
            yield f"OpenVINO, {precision}", Enhancer(model, backend="openvino", precision=precision)
    for precision in ("fp32", *bf16):
        method = exported_method(find_model(model))
        method.net.eval()
        yield f"torch, {precision}", Enhancer(torch_model(method, {}, "cpu", precision))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="default")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--sizes", nargs="+", default=["600x400", "3000x2000"], metavar="WIDTHxHEIGHT")
    arguments = parser.parse_args()
    enhancers = dict(backends(arguments.model))
    for size in arguments.sizes:
        width, height = size_of(size)
        picture = np.random.default_rng(0).integers(0, 50, (height, width, 3), dtype=np.uint8)
        works = {name: partial(enhancer, picture) for name, enhancer in enhancers.items()}
        print_seconds(f"{arguments.model}, {size}", time_in_turn(works, arguments.repeat))
        made = {name: work().astype(np.float32) for name, work in works.items()}
        differences = {name: np.abs(pixels - made[REFERENCE]) for name, pixels in made.items()}
        print_table(
            (f"{size}, difference from {REFERENCE} (of 255)", "mean", "largest"),
            [(name, f"{each.mean():.3f}", f"{each.max():.0f}") for name, each in differences.items()],
        )


if __name__ == "__main__":
    main()
