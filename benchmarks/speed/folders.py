"""Photos a second of ``darklift enhance FOLDER``, by the number of processes: python benchmarks/speed/folders.py

    [--photos 8] [--size 4000x3000] [--workers 1 2] [--rounds 3] [--model default] [--against SRC]

Dark, noisy JPEGs are made; each run is a whole command, with its start, and the runs alternate. Processor time is that
of the command and all its processes; "cores busy" holds it against the time on the clock and ``--cores`` of them, so
it is low where other programs take the cores. ``--against`` also runs another build, in the first row: the ``src``
folder of its checkout.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from timing import Spread, in_turn, print_table, size_of

OWN = Path(__file__).parents[2] / "src"


@dataclass(frozen=True)
class Took:
    """Seconds on the clock, and of all processors."""

    clock: float
    processors: float


def make_photos(folder: Path, count: int, width: int, height: int) -> None:
    """A coarse scene in little light, with noise: about as many bytes a pixel as a phone's."""
    for number in range(count):
        rng = np.random.default_rng(number)
        scene = Image.fromarray(rng.integers(0, 60, (12, 16, 3), dtype=np.uint8)).resize((width, height))
        pixels = np.asarray(scene, np.int16) + rng.normal(0, 3, (height, width, 1)).astype(np.int16)
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / f"{number:04}.jpg", quality=90)


def run(source: Path, photos: Path, options: list[str], environment: dict[str, str]) -> Took:
    """One command into an empty folder."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as results:
        command = [sys.executable, "-m", "darklift", "enhance", str(photos), "-o", f"{results}/", "--quiet", *options]
        began = time.perf_counter()
        subprocess.run(command, check=True, env={**environment, "PYTHONPATH": str(source)})
        clock = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Took(clock, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=8)
    parser.add_argument("--size", default="4000x3000", metavar="WIDTHxHEIGHT")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)), help="that the command may use")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="default")
    parser.add_argument("--against", type=Path, metavar="SRC")
    arguments = parser.parse_args()
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    common = ["--model", arguments.model, "--threads", str(arguments.cores)]
    with tempfile.TemporaryDirectory() as folder:
        make_photos(Path(folder), arguments.photos, *size_of(arguments.size))
        start = partial(run, photos=Path(folder), environment=environment)
        works = {} if arguments.against is None else {"other build": partial(start, arguments.against, options=common)}
        for workers in arguments.workers:
            options = [*common, "--workers", str(workers)]
            works[f"{workers} at once"] = partial(start, OWN, options=options)
        took = in_turn(works, arguments.rounds)
    clocks = {name: Spread(tuple(one.clock for one in each)) for name, each in took.items()}
    first = next(iter(clocks.values()))
    rows = []
    for name, each in took.items():
        paces = Spread(tuple(arguments.photos / one.clock for one in each))
        processors = Spread(tuple(one.processors / arguments.photos for one in each))
        busy = Spread(tuple(one.processors / one.clock / arguments.cores for one in each))
        faster = first.over(clocks[name])
        rows.append((name, f"{paces.median:.3g}", paces.range(), f"{faster:.2f}x", f"{processors.median:.3g}"))
        rows[-1] += (f"{busy.median:.0%}",)
    head = ("photos/s (median)", "slowest–fastest", "against the first", "processor s a photo", "cores busy")
    print_table((f"{arguments.photos} JPEGs of {arguments.size}", *head), rows)


if __name__ == "__main__":
    main()
