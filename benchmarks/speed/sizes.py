"""Seconds and memory of enhancing, by picture size: python benchmarks/speed/sizes.py [MODEL] [--repeat 5] [--sizes …]

Each size runs in processes of its own, so that the peak memory is its own. The cold start is a whole process:
interpreter, imports, model, one picture. Pictures are dark noise; no files are involved.
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np
from timing import Spread, apart, peak_memory, print_table, size_of, time_alone, time_once

from darklift import Enhancer

SIZES = ("600x400", "1500x1000", "3000x2000", "4000x3000")


def measure(model: str, width: int, height: int, repeat: int) -> tuple[Spread, float]:
    """Seconds of ``repeat`` pictures after a first one, and the peak memory of this process in MB."""
    enhancer, picture = Enhancer(model), dark_noise(width, height)
    return time_alone(lambda: enhancer(picture), repeat), peak_memory()


def one_picture(model: str, width: int, height: int) -> None:
    Enhancer(model)(dark_noise(width, height))


def dark_noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 50, (height, width, 3), dtype=np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="default")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="WIDTHxHEIGHT")
    arguments = parser.parse_args()
    rows = []
    for size in arguments.sizes:
        width, height = size_of(size)
        cold = time_once(partial(apart, one_picture, arguments.model, width, height))
        seconds, peak = apart(measure, arguments.model, width, height, arguments.repeat)
        pixels = width * height / 1e6
        numbers = (f"{pixels:.2f}", f"{seconds.median:.3g}", seconds.range(), f"{seconds.median / pixels:.2f}")
        rows.append((size, *numbers, f"{cold:.2f}", f"{peak:.0f}"))
    head = ("megapixels", "s (median)", "fastest–slowest", "s per megapixel", "cold start (s)", "peak memory (MB)")
    print_table((f"{arguments.model}: size", *head), rows)


if __name__ == "__main__":
    main()
