"""Seconds and memory of enhancing, by picture size: python benchmarks/speed.py [MODEL] [--repeat 5]

Each size runs in a process of its own, so that the peak memory is its own; the first picture there is timed as the cold
start (interpreter, imports, model, one picture). Pictures are dark noise; no files are involved.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

SIZES = ((600, 400), (1500, 1000), (3000, 2000), (4000, 3000))


def measure(model: str, width: int, height: int, repeat: int) -> dict[str, float]:
    """Median seconds of ``repeat`` pictures, and the peak memory of this process in MB."""
    import numpy as np

    from darklift import Enhancer

    picture = np.random.default_rng(0).integers(0, 50, (height, width, 3), dtype=np.uint8)
    enhancer = Enhancer(model)
    seconds = []
    for _ in range(repeat):
        started = time.perf_counter()
        enhancer(picture)
        seconds.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"median": statistics.median(seconds), "peak": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="default")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        width, height = map(int, arguments.one.split("x"))
        print(json.dumps(measure(arguments.model, width, height, arguments.repeat)))
        return
    print("| size | megapixels | s (median) | s per megapixel | first picture, cold (s) | peak memory (MB) |")
    print("|---|--:|--:|--:|--:|--:|")
    for width, height in SIZES:
        command = [sys.executable, __file__, arguments.model, "--one", f"{width}x{height}", "--repeat"]
        started = time.perf_counter()
        subprocess.run([*command, "1"], check=True, capture_output=True)
        cold = time.perf_counter() - started
        output = subprocess.run([*command, str(arguments.repeat)], check=True, capture_output=True, text=True).stdout
        result = json.loads(output)
        pixels = width * height / 1e6
        cells = (f"{width}x{height}", f"{pixels:.2f}", f"{result['median']:.2f}", f"{result['median'] / pixels:.2f}")
        print(f"| {' | '.join(cells)} | {cold:.2f} | {result['peak']:.0f} |", flush=True)


if __name__ == "__main__":
    main()
