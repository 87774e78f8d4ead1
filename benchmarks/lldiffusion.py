"""LLDiffusion's speed and memory, with random weights: python benchmarks/lldiffusion.py [--width 64] [--rounds 3]

A sampling step of a whole picture in float32, ours against the same network used literally: its encoder runs again at
every step, and its attention builds the matrix of all pairs. Each runs in a process of its own, so that the peak memory
is its own; the processes take turns, ``--rounds`` of them.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from unittest import mock

import torch
import torch.nn.functional as F
from literal import literal_attention

from darklift.methods.lldiffusion import Lldiffusion, LldiffusionConfig


@torch.inference_mode()
def measure(variant: str, width: int, size: tuple[int, int], repeat: int) -> dict[str, float]:
    """Median seconds of ``repeat`` steps, and the memory that they took at their peak beside what was there before."""
    torch.manual_seed(0)
    graphs = Lldiffusion(LldiffusionConfig(width=width, dgnet_width=0)).graphs()
    condition, step = (graphs[name].module.eval() for name in ("condition", "step"))
    low, x, abar = torch.rand(1, 3, *size), torch.randn(1, 3, *size), torch.full((1,), 0.5)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    known = condition(low)
    seconds = []
    for number in range(repeat + 1):
        started = time.perf_counter()
        if variant == "literal":
            with mock.patch.object(F, "scaled_dot_product_attention", literal_attention):
                step(x, abar, low, *condition(low))
        else:
            step(x, abar, low, *known)
        if number:
            seconds.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": statistics.median(seconds), "peak": peak - before}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--size", type=int, nargs=2, default=(416, 608), metavar=("ROWS", "COLUMNS"))
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--variant", choices=("literal", "ours"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    size = tuple(arguments.size)
    if arguments.variant:
        print(json.dumps(measure(arguments.variant, arguments.width, size, arguments.repeat)))
        return
    results: dict[str, list[dict[str, float]]] = {"literal": [], "ours": []}
    for _ in range(arguments.rounds):
        for variant, found in results.items():
            command = [sys.executable, __file__, *sys.argv[1:], "--variant", variant]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found.append(json.loads(output))
    print(f"width {arguments.width}, {size[0]}x{size[1]} rows x columns, torch {torch.__version__}")
    print("\n| sampling step | s | against the first | peak memory (MB) | of the first |\n|---|--:|--:|--:|--:|")
    middle = {
        variant: [statistics.median(one[name] for one in found) for name in ("seconds", "peak")]
        for variant, found in results.items()
    }
    for variant, (seconds, peak) in middle.items():
        speedup, share = middle["literal"][0] / seconds, peak / middle["literal"][1]
        print(f"| {variant} | {seconds:.3g} | {speedup:.2f}x | {peak:.0f} | {share:.2f} |")


if __name__ == "__main__":
    main()
