"""LLDiffusion's speed and memory, with random weights: python benchmarks/speed/lldiffusion.py [--width 64] [--rounds 3]

A sampling step of a whole picture in float32, ours against the same network used literally: its encoder runs again at
every step, and its attention builds the matrix of all pairs. Each runs in a process of its own, so that the peak memory
is its own; the processes take turns, ``--rounds`` of them.
"""

from __future__ import annotations

import argparse
from functools import partial
from unittest import mock

import torch
import torch.nn.functional as F
from literal import literal_attention
from timing import Spread, apart, in_turn, peak_memory, print_seconds, print_table, time_alone

from darklift.methods.lldiffusion import Lldiffusion, LldiffusionConfig


@torch.inference_mode()
def measure(variant: str, width: int, size: tuple[int, int], repeat: int) -> tuple[float, float]:
    """Median seconds of ``repeat`` steps, and the memory in MB that they took at their peak beside what was there."""
    torch.manual_seed(0)
    graphs = Lldiffusion(LldiffusionConfig(width=width, dgnet_width=0)).graphs()
    encode, step = (graphs[name].module.eval() for name in ("encode", "step"))
    low, x, abar = torch.rand(1, 3, *size), torch.randn(1, 3, *size), torch.full((1,), 0.5)
    before = peak_memory()
    known = encode(low)

    def literal() -> None:
        with mock.patch.object(F, "scaled_dot_product_attention", literal_attention):
            step(x, abar, low, *encode(low))

    seconds = time_alone(literal if variant == "literal" else lambda: step(x, abar, low, *known), repeat)
    return seconds.median, peak_memory() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--size", type=int, nargs=2, default=(416, 608), metavar=("ROWS", "COLUMNS"))
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rows, columns = arguments.size
    shared = (arguments.width, (rows, columns), arguments.repeat)
    works = {variant: partial(apart, measure, variant, *shared) for variant in ("literal", "ours")}
    found = in_turn(works, arguments.rounds)
    print(f"width {arguments.width}, {columns}x{rows}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    print_seconds("sampling step", {name: Spread(tuple(s for s, _ in each)) for name, each in found.items()})
    memory = {name: Spread(tuple(peak for _, peak in each)) for name, each in found.items()}
    print_table(
        ("sampling step", "peak memory (MB)", "least–most", "of the first"),
        [(name, f"{it.median:.0f}", it.range(4), f"{it.over(memory['literal']):.2f}") for name, it in memory.items()],
    )


if __name__ == "__main__":
    main()
