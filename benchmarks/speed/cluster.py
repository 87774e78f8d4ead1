"""``darklift cluster`` on nodes that Ray starts here: python benchmarks/speed/cluster.py [--photos 300] [--rounds 3]

    [--nodes 3] [--workers 2] [--model default]

Small dark photos (JPEG, PNG, 8-bit TIFF; one in 25 broken) are enhanced on a cluster of ``--nodes`` nodes of one CPU
each, all on this machine, one of which is killed when half of the photos are done. Every result is held against the
bytes of ``darklift enhance``, and the manifest against the photos. Then, in turn, the pool of processes of ``darklift
enhance --resume`` and a cluster where nothing is killed, ``--workers`` at once in both: photos a second from the first
result to the last, by the manifest, so without the start of either; and seconds of the whole commands. Memory is what
driver, desk and actors hold, shared pages once (PSS; Linux tells of it), each second; Ray's own daemons are not in it.
Exit code 1 where anything is missing, other than it should be, or doubled. Needs the extra ``ray``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image
from timing import Spread, in_turn, print_table

KINDS = ("jpg", "png", "jpg", "tif")
STORE = 100 * 2**20
"""Bytes of each node's object store."""


def make_photos(folder: Path, count: int) -> dict[str, bool]:
    """Dark, noisy ones of 90 to 360 pixels in three folders; whether each is good, by its path in the folder."""
    good = {}
    for number in range(count):
        rng = np.random.default_rng(number)
        start = "_DSC" if number % 5 == 0 else "IMG"  # Ray's own reader skips underscores
        name = f"{number % 3}/{start}{number:04}.{KINDS[number % len(KINDS)]}"
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        width, height = int(rng.integers(120, 360)), int(rng.integers(90, 270))
        scene = Image.fromarray(rng.integers(0, 50, (3, 4, 3), dtype=np.uint8)).resize((width, height))
        pixels = np.asarray(scene, np.float32) + rng.normal(0, 2, (height, width, 3))
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)
        good[name] = number % 25 != 7
        if not good[name]:
            path.write_bytes(path.read_bytes()[:100])
    return good


@contextmanager
def nodes(count: int) -> Iterator[Any]:
    """A cluster of so many nodes of one CPU, and a head without any."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(count):
            cluster.add_node(num_cpus=1, object_store_memory=STORE)
        cluster.wait_for_nodes()
        yield cluster
    finally:
        cluster.shutdown()


@dataclass
class Took:
    """One command: seconds, exit code, photos a second between the first result and the last, and memory in MB."""

    seconds: float = 0.0
    code: int = 0
    pace: float = 0.0
    memory: list[tuple[float, float]] = field(default_factory=list)
    said: str = ""


def lines(results: Path) -> list[dict[str, Any]]:
    """Of the manifest."""
    path = results / ".darklift/manifest.jsonl"
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def run(
    command: str, photos: Path, results: Path, options: list[str], at_half: Callable[[], None] | None = None
) -> Took:
    """One command; ``at_half`` is called when half of the photos are in the manifest."""
    took = Took()
    count = sum(1 for path in photos.rglob("*.*"))
    where = [str(photos), *(["-o"] if command == "enhance" else []), f"{results}/"]
    began = time.monotonic()
    call = [sys.executable, "-m", "darklift", command, *where, "--recursive", "--resume", "--quiet", *options]
    with tempfile.TemporaryFile() as said, subprocess.Popen(call, stderr=said, stdout=said) as process:
        while process.poll() is None:
            time.sleep(1)
            done = len(lines(results))
            took.memory.append((done / count, held(process.pid)))
            if at_half is not None and done >= count / 2:
                threading.Thread(target=at_half).start()
                at_half = None
        took.seconds, took.code = time.monotonic() - began, process.returncode
        said.seek(0)
        took.said = said.read().decode()
    times = sorted(line["time"] for line in lines(results))
    took.pace = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0
    return took


def held(pid: int) -> float:
    """MB of a command, its children, and Ray's actors."""
    total = 0
    actors = ("ray::MapWorker", "ray::Desk")
    for process in psutil.process_iter():
        try:
            ours = process.pid == pid or process.ppid() == pid
            if ours or "".join(process.cmdline()[:1]).startswith(actors):
                total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total / 1e6


def wrong(photos: Path, results: Path, reference: Path, good: dict[str, bool]) -> list[str]:
    """In words, what is not as it should be."""
    told = Counter(line["output"] for line in lines(results))
    problems = [f"{name} is told of {told[name]} times" for name in good if told[name] != 1]
    for line in lines(results):
        if (line["status"] == "done") is not good[line["output"]]:
            problems.append(f"{line['output']}: {line['status']} ({line['error']})")
    for name, is_good in good.items():
        path = results / name
        if path.exists() is not is_good:
            problems.append(f"{name} is {'missing' if is_good else 'there'}")
        elif is_good and path.read_bytes() != (reference / name).read_bytes():
            problems.append(f"{name} is not what darklift enhance makes")
    there = {str(path.relative_to(results)) for path in results.rglob("*.*") if path.is_file()}
    extra = {name for name in there - set(good) if not name.startswith(".darklift")}
    return problems + [f"{name} has no photo" for name in sorted(extra)]


def growth(took: Took) -> str:
    """Memory at a third, at two thirds and at the end of the photos."""
    at = [next((held for done, held in took.memory if done >= part), 0.0) for part in (1 / 3, 2 / 3)]
    last = [held for done, held in took.memory if done < 1][-1:]
    return ", ".join(f"{mb:.0f}" for mb in (*at, *last))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--model", default="default")
    arguments = parser.parse_args()
    os.environ.pop("OMP_NUM_THREADS", None)
    os.environ.update({"RAY_worker_niceness": "0"})  # by default 15: whatever else runs here would go first
    model = ["--model", arguments.model]
    problems: list[str] = []
    with tempfile.TemporaryDirectory() as folder, nodes(arguments.nodes) as cluster:
        photos = Path(folder) / "in"
        good = make_photos(photos, arguments.photos)
        fresh = (Path(folder) / f"out{number}" for number in range(10**6))
        reference = next(fresh)
        run("enhance", photos, reference, [*model, "--workers", "1"])

        def on_cluster(at_half: Callable[[], None] | None = None, workers: int = arguments.workers) -> Took:
            results = next(fresh)
            options = [*model, "--address", cluster.address, "--workers", str(workers)]
            took = run("cluster", photos, results, options, at_half)
            found = wrong(photos, results, reference, good)
            problems.extend(found if took.code == 1 else [*found, f"exit code {took.code}: {took.said}"])
            return took

        def on_pool() -> Took:
            results = next(fresh)
            return run("enhance", photos, results, [*model, "--workers", str(arguments.workers)])

        works = {"pool": on_pool, "cluster": on_cluster}
        measured = in_turn(works, arguments.rounds)
        victim = cluster.worker_nodes and sorted(cluster.worker_nodes, key=id)[0]
        killed = on_cluster(partial(cluster.remove_node, victim, allow_graceful=False), arguments.nodes)
    rows = []
    paces = {name: Spread(tuple(one.pace for one in each)) for name, each in measured.items()}
    for name, each in measured.items():
        seconds = Spread(tuple(one.seconds for one in each))
        rows.append((f"{name}, {arguments.workers} at once", f"{paces[name].median:.3g}", paces[name].range()))
        rows[-1] += (f"{paces[name].over(paces['pool']):.2f}x", f"{seconds.median:.0f}", growth(each[-1]))
    row = (f"cluster, {arguments.nodes} at once, a node killed", f"{killed.pace:.3g}", "–", "–")
    rows.append((*row, f"{killed.seconds:.0f}", growth(killed)))
    head = ("photos/s (median)", "slowest–fastest", "of the pool's", "seconds in all", "MB at 1/3, 2/3, the end")
    print_table((f"{arguments.photos} small photos", *head), rows)
    print(f"{len(problems)} wrong")
    print("\n".join(problems))
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
