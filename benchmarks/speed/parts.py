"""Where the time of a photo goes: python benchmarks/speed/parts.py PHOTO … [--against CHECKOUT] [--repeat 3] [--stub]

Processor seconds of reading, looking, planning, rendering and writing, each without the parts within it, once the model
is open. ``--against`` measures another checkout of darklift in turn with this one. ``--stub`` puts a simple stretch in
the network's place, for what surrounds it. OMP_NUM_THREADS sets the threads.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from timing import print_table

HERE = Path(__file__).parents[2]

PARTS = {
    "read": ["darklift.batch.transfer:read"],
    "border": ["darklift.pipeline.look:inside_of_border"],
    "look": ["darklift.pipeline.look:look_at"],
    "exposure graph": ["darklift.runtime.model:Model.guess_exposure"],
    "condition graph": ["darklift.runtime.model:Model.condition"],
    "noise": ["darklift.pipeline.render:noise_field"],
    "network": ["darklift.runtime.model:Model.predict", "darklift.runtime.model:Model.bind"],
    "deblock, done": ["darklift.pipeline.deblock:Smoothing.apply"],
    "restraint": ["darklift.pipeline.restraint:Restraint.apply"],
    "tone": ["darklift.pipeline.tone:Tone.apply"],
    "compose": ["darklift.pipeline.compose:Canvas.put"],
    "tiles and steps": ["darklift.pipeline.render:render_together"],
    "write": ["darklift.batch.transfer:save", "darklift.batch.transfer:copy"],
    "all else": ["darklift.batch.job:do_job"],
}
"""Functions by which a part is told; the inner before the outer ones."""


def measured(photo: Path, *, stub: bool) -> dict[str, float]:
    """Processor seconds of each part, once the model is open and has met a small photo."""
    import importlib
    import time

    import numpy as np

    from darklift import Enhancer, Settings
    from darklift.batch import job as jobs
    from darklift.batch.paths import Job
    from darklift.batch.request import Request
    from darklift.batch.transfer import Reading, Saving
    from darklift.runtime import Model
    from darklift.store.load import Opening

    spent: dict[str, float] = dict.fromkeys([*PARTS, "in all"], 0.0)
    within = [0.0]

    def timed(part, work):
        def run(*arguments, **named):
            within.append(0.0)
            started = time.process_time()
            try:
                return work(*arguments, **named)
            finally:
                took = time.process_time() - started
                spent[part] += took - within.pop()
                within[-1] += took

        return run

    def stretched(self, known, x, abar):
        return {"x0": np.minimum(known["low"] * np.float32(8), np.float32(1)) * np.float32(2) - np.float32(1)}

    if stub:
        Model.predict = stretched
    enhancer = Enhancer("default")
    enhancer(np.random.default_rng(0).integers(0, 40, (64, 64, 3), np.uint8))
    for part, places in PARTS.items():
        for place in places:
            module, _, name = place.partition(":")
            owner = importlib.import_module(module)
            *classes, name = name.split(".")
            for each in classes:
                owner = getattr(owner, each)
            if not hasattr(owner, name):
                continue
            own = getattr(owner, name)
            loaded = [each for at, each in sys.modules.items() if at.startswith("darklift.")]
            users = [each for each in loaded if vars(each).get(name) is own]
            for user in users or [owner]:
                setattr(user, name, timed(part, own))
    with tempfile.TemporaryDirectory() as folder:
        task = Job(photo, Path(folder, f"bright{photo.suffix}"))
        request = Request(Settings(), Opening(), Saving(None, False, None, False, False), Reading(True, None))
        started = time.process_time()
        outcome = jobs.do_job(enhancer, task, request)
        spent["in all"] = time.process_time() - started
    assert outcome.error is None, outcome.error
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--stub", action="store_true")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(measured(arguments.photos[0], stub=arguments.stub)))
        return
    checkouts = [HERE] if arguments.against is None else [arguments.against.resolve(), HERE]
    for photo in arguments.photos:
        taken: list[list[dict[str, float]]] = [[] for _ in checkouts]
        for _ in range(arguments.repeat):
            for checkout, runs in zip(checkouts, taken, strict=True):
                command = [sys.executable, __file__, str(photo), "--child", *["--stub"] * arguments.stub]
                environment = os.environ | {"PYTHONPATH": str(checkout / "src")}
                done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
                runs.append(json.loads(done.stdout.splitlines()[-1]))
        rows = []
        for part in taken[0][0]:
            seconds = [statistics.median(run[part] for run in runs) for runs in taken]
            if max(seconds) >= 0.0005:
                rows.append((part, *(f"{each:.3f}" for each in seconds)))
        print_table((photo.name, *(["before", "now"] if len(checkouts) == 2 else ["now"])), rows)


if __name__ == "__main__":
    main()
