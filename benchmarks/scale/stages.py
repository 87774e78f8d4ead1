"""What one photo takes of a core, stage by stage: python benchmarks/scale/stages.py [--sizes 4000x3000 600x400]

    [--photos 3] [--rounds 3] [--model default] [--pool 4 24] [--workers 1 2] [--json FILE]

Processor time on one thread, not time on the clock, so other programs disturb it little. Dark, noisy JPEGs are made, as
for benchmarks/speed/folders.py. *decode* reads the file, *plan* looks at the photo and decides, *network* is all that
the model's graphs calculate, *render* what is done to pixels around them, *encode* makes the JPEG. *start* is a process
before its first photo. Then ``darklift enhance`` does so many photos (--pool) of each size as a whole, with so many
worker processes; *cores* is how many it got, its processor time by the time on the clock, which is less than it could
use where other programs run. The medians go into FILE, which benchmarks/scale/plan.py reads.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "speed"))

from folders import OWN, make_photos, run
from timing import print_table, size_of

from darklift.image import decode_image, encode_image
from darklift.pipeline.plan import plan
from darklift.pipeline.render import render
from darklift.runtime import Model
from darklift.store.load import Opening

STAGES = ("decode", "plan", "network", "render", "encode")


class Clocked:
    """A graph that says how long it took, of the processor's time."""

    def __init__(self, graph: Any, meter: list[float]) -> None:
        self._graph, self._meter = graph, meter
        self.inputs = graph.inputs
        self.outputs = getattr(graph, "outputs", ())

    def __call__(self, feeds: Mapping[str, Any]) -> Any:
        began = time.process_time()
        made = self._graph(feeds)
        self._meter[0] += time.process_time() - began
        return made


def clocked(name: str) -> tuple[Model, list[float]]:
    """The model on one thread, and the seconds that its graphs took since the list was last set to 0."""
    meter = [0.0]
    model = Opening(name, threads=1).load()
    return Model(model.card, {key: Clocked(graph, meter) for key, graph in model._graphs.items()}), meter


def measure(model: Model, meter: list[float], data: bytes) -> tuple[dict[str, float], int]:
    """Seconds of each stage, and the bytes of the result."""
    marks = [time.process_time()]
    networks = []
    meter[0] = 0.0
    picture = decode_image(io.BytesIO(data))
    marks.append(time.process_time())
    decided = plan(model, picture)
    marks.append(time.process_time())
    networks.append(meter[0])
    made = render(model, picture, decided).picture
    marks.append(time.process_time())
    networks.append(meter[0] - networks[0])
    written = encode_image(made, "jpeg")
    marks.append(time.process_time())
    decode, planning, rendering, encode = (after - before for before, after in itertools.pairwise(marks))
    seconds = (decode, planning - networks[0], sum(networks), rendering - networks[1], encode)
    return dict(zip(STAGES, seconds, strict=True)), len(written)


def seconds_to_start(name: str) -> float:
    """Of the processor: a new process, until it has the model open."""
    code = f"import time; from darklift import Enhancer; Enhancer({name!r}, threads=1); print(time.process_time())"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    return float(done.stdout)


def measure_pool(size: str, photos: int, workers: int, rounds: int, model: str) -> dict[str, Any]:
    """Whole commands, one thread for each worker."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    options = ["--model", model, "--threads", str(workers), "--workers", str(workers)]
    with tempfile.TemporaryDirectory() as folder:
        make_photos(Path(folder), photos, *size_of(size))
        took = [run(OWN, Path(folder), options, environment) for _ in range(rounds)]
    middle = sorted(took, key=lambda one: one.clock)[len(took) // 2]
    return {
        "size": size,
        "workers": workers,
        "photos": photos,
        "photos_a_second": round(photos / middle.clock, 5),
        "cores": round(middle.processors / middle.clock, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["4000x3000", "600x400"], metavar="WIDTHxHEIGHT")
    parser.add_argument("--photos", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="default")
    parser.add_argument("--pool", type=int, nargs="+", default=[4, 24], help="photos of each size, for whole commands")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="of whole commands")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    model, meter = clocked(arguments.model)
    rounds = range(arguments.rounds)
    found: dict[str, Any] = {
        "start": statistics.median(seconds_to_start(arguments.model) for _ in rounds),
        "photos": {},
    }
    rows = []
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            make_photos(Path(folder), arguments.photos, *size_of(size))
            files = [path.read_bytes() for path in sorted(Path(folder).iterdir())]
        measure(model, meter, files[0])  # to get ready
        takes = [measure(model, meter, data) for _ in rounds for data in files]
        seconds = {name: statistics.median(take[name] for take, _ in takes) for name in STAGES}
        sizes = {"bytes_in": statistics.mean(map(len, files)), "bytes_out": statistics.mean(size for _, size in takes)}
        found["photos"][size] = {**{name: round(value, 5) for name, value in seconds.items()}, **sizes}
        rows.append((size, *(f"{value:.3g}" for value in seconds.values()), f"{sum(seconds.values()):.3g}"))
        rows[-1] += tuple(f"{value / 1e6:.3g}" for value in sizes.values())
    print_table(("core-seconds a photo", *STAGES, "together", "MB in", "MB out"), rows)
    print(f"\nstart of a process: {found['start']:.3g} core-seconds")
    found["pool"] = [
        measure_pool(size, photos, workers, arguments.rounds, arguments.model)
        for size, photos in zip(arguments.sizes, arguments.pool, strict=True)
        for workers in arguments.workers
    ]
    head = ("photos of a size, workers", "photos", "photos/s", "cores", "core-seconds a photo")
    pool = [(one, one["cores"] / one["photos_a_second"]) for one in found["pool"]]
    print_table(
        head,
        [
            (f"{one['size']}, {one['workers']}", *(f"{one[key]:.3g}" for key in list(one)[2:]), f"{each:.3g}")
            for one, each in pool
        ],
    )
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
