"""darklift beside networks of other methods, on the processor: python benchmarks/speed/peers.py [--sizes …]

The networks are those of Zero-DCE and CIDNet with random weights (peer_networks.py), in torch and in ONNX Runtime, in
float32; only the network counts. Of darklift all counts but reading and writing files. A picture larger than --tile is
not given to them as a whole, for want of memory: they get one tile, and its time is multiplied by as many tiles as have
the picture's pixels, without overlap (marked ≈). Rows take turns; ratios are to the first row, medians of those round
by round.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from memory import dark_photo
from peer_networks import ColourNet, CurveNet
from timing import Spread, in_turn, print_table, size_of

from darklift import Enhancer

MULTIPLE = 8
Pixels = npt.NDArray[np.float32]
NETWORKS = {"Zero-DCE-like": CurveNet, "CIDNet-like": ColourNet}


def in_torch(network: torch.nn.Module, picture: Pixels) -> Callable[[], object]:
    tensor = torch.from_numpy(picture)

    def work() -> None:
        with torch.inference_mode():
            network(tensor)

    return work


def in_onnxruntime(network: torch.nn.Module, picture: Pixels, threads: int) -> Callable[[], object]:
    """Exported for this size."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.onnx")
        torch.onnx.export(network, (torch.from_numpy(picture),), path, dynamo=True, verbose=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: picture})


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock, and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processor


def compare(
    size: str,
    tile: str,
    threads: int,
    rounds: int,
    models: Mapping[str, Enhancer],
    peers: list[str],
    runtimes: list[str],
) -> list[tuple[str, ...]]:
    """The rows of one size."""
    width, height = size_of(size)
    photo = dark_photo(width, height, bits=8)
    works: dict[str, Callable[[], object]] = {
        name: lambda e=model: e.run(photo, bits=8) for name, model in models.items()
    }  # type: ignore[misc]
    largest = size_of(tile)
    tiles = 1.0
    if width * height > largest[0] * largest[1]:
        tiles = width * height / (largest[0] * largest[1])
        width, height = largest
    seen = [-(-side // MULTIPLE) * MULTIPLE for side in (height, width)]
    picture = np.random.default_rng(0).uniform(0, 0.2, (1, 3, *seen)).astype(np.float32)
    for name in peers:
        torch.manual_seed(0)
        network = NETWORKS[name]().eval()
        if "torch" in runtimes:
            works[f"{name}, torch"] = in_torch(network, picture)
        if "onnx" in runtimes:
            works[f"{name}, ONNX Runtime"] = in_onnxruntime(network, picture, threads)
    in_turn(works, 1)
    took = in_turn({name: lambda w=work: timed(w) for name, work in works.items()}, rounds)  # type: ignore[misc]
    rows = []
    first = [Spread(values) for values in zip(*took[next(iter(took))], strict=True)]
    for name, each in took.items():
        scaled = tiles if name not in models else 1.0
        clock, processor = (Spread(tuple(scaled * value for value in values)) for values in zip(*each, strict=True))
        about = "≈ " if scaled != 1 else ""
        row = (name, f"{about}{clock.median:.3g}", clock.range(), f"{about}{clock.over(first[0]):.2f}x")
        rows.append((*row, f"{about}{processor.median:.3g}", f"{about}{processor.over(first[1]):.2f}x"))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["600x400", "4000x3000"], metavar="WIDTHxHEIGHT")
    parser.add_argument("--tile", default="1504x1000", metavar="WIDTHxHEIGHT")
    parser.add_argument("--models", nargs="+", default=["default", "nano"])
    parser.add_argument("--peers", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--runtimes", nargs="+", default=["torch", "onnx"], choices=["torch", "onnx"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    models = {f"darklift, {name}": Enhancer(name, threads=arguments.threads) for name in arguments.models}
    for name in arguments.peers:
        print(f"{name}: {sum(weights.numel() for weights in NETWORKS[name]().parameters()):,} parameters")
    ways = arguments.peers, arguments.runtimes
    for size in arguments.sizes:
        rows = compare(size, arguments.tile, arguments.threads, arguments.rounds, models, *ways)
        head = ("s (median)", "fastest–slowest", "to the first", "processor s", "to the first's")
        print_table((size, *head), rows)


if __name__ == "__main__":
    main()
