"""``darklift watch`` for long: python benchmarks/speed/watch.py [--arrivals 2000] [--pace 1.8] [--model default]

Small dark photos come into a folder in turn as tethered cameras, phones and copies bring them: at once, in pieces with
pauses, under another name that is changed at the end, and ten together; ``--pace`` is the seconds from one to the next.
Beside them lie, from the beginning, a tenth of them. ``darklift watch`` runs in a process of its own. Memory is what it
and its workers hold, shared pages once (PSS; Linux tells of it), looked at after each twentieth of the arrivals. At the
end every result is held against the bytes that ``darklift enhance`` makes of its photo, and the manifest against the
photos; then the process is sent SIGTERM. Exit code 1 where anything is missing, other than it should be, or doubled.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from timing import print_table

PATTERNS = 8
"""Different photos: as many results are compared with all that come in."""
PIECES = 3
TOGETHER = 10
PATIENCE = 600.0
"""Seconds without a new result after which the rest counts as missed."""


def photo_bytes(folder: Path) -> list[bytes]:
    """Dark JPEGs of noise, some kilobytes each."""
    made = []
    for number in range(PATTERNS):
        pixels = np.random.default_rng(number).integers(0, 40, (96, 128, 3), dtype=np.uint8)
        path = folder / f"{number}.jpg"
        Image.fromarray(pixels).save(path, quality=90)
        made.append(path.read_bytes())
    return made


def bring(folder: Path, first: int, photos: list[bytes], pace: float) -> int:
    """Let one photo, or ten, come in, and wait until the next may; returns how many."""
    began, count = time.monotonic(), 1
    path, data = folder / f"{first:06}.jpg", photos[first % PATTERNS]
    way = first // TOGETHER % 4
    if way == 0:
        path.write_bytes(data)
    elif way == 1:
        with path.open("wb") as stream:
            for piece in range(PIECES):
                stream.write(data[piece * len(data) // PIECES : (piece + 1) * len(data) // PIECES])
                stream.flush()
                time.sleep(0.2 * pace)
    elif way == 2:
        other = path.with_suffix(".jpg.part")
        other.write_bytes(data)
        other.rename(path)
    else:
        count = TOGETHER - first % TOGETHER
        for number in range(first, first + count):
            (folder / f"{number:06}.jpg").write_bytes(photos[number % PATTERNS])
    time.sleep(max(0.0, pace * count - (time.monotonic() - began)))
    return count


def held(process: psutil.Process) -> float:
    """Megabytes of a process and of those that it has started."""
    family = [process, *process.children(recursive=True)]
    return sum(one.memory_full_info().pss for one in family) / 1e6


def come_in(folder: Path, photos: list[bytes], total: int, pace: float) -> Iterator[int]:
    """Let them come, and tell the number after each twentieth; a tenth is there already."""
    number, told = total // 10, 0
    while number < total:
        number += bring(folder, number, photos, pace)
        if number * 20 // total > told:
            told = number * 20 // total
            yield number


def wait_for(results: Path, total: int) -> None:
    """Until there are so many, or nothing has come for long."""
    last, since = -1, time.monotonic()
    while last < total and time.monotonic() - since < PATIENCE:
        found = sum(1 for _ in results.glob("*.jpg"))
        if found != last:
            last, since = found, time.monotonic()
        time.sleep(1)


def compare(root: Path, total: int, model: str) -> dict[str, int]:
    """How many results are missing, differ from those of ``darklift enhance``, and were made more than once."""
    plain = root / "plain"
    command = [sys.executable, "-m", "darklift", "enhance", str(root / "patterns"), "-o", f"{plain}/", "-q"]
    subprocess.run([*command, "--model", model], check=True)
    right = [(plain / f"{number}.jpg").read_bytes() for number in range(PATTERNS)]
    paths = [root / "out" / f"{number:06}.jpg" for number in range(total)]
    lines = (root / "out" / ".darklift" / "manifest.jsonl").read_text().splitlines()
    times = Counter(json.loads(line)["output"] for line in lines)
    there = [path for path in paths if path.exists()]
    return {
        "missed": total - len(there),
        "other than alone": sum(path.read_bytes() != right[int(path.stem) % PATTERNS] for path in there),
        "done twice": sum(count > 1 for count in times.values()),
        "failed": sum(json.loads(line)["status"] != "done" for line in lines),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arrivals", type=int, default=2000)
    parser.add_argument("--pace", type=float, default=1.8, help="seconds; 2,000 arrivals take an hour at 1.8")
    parser.add_argument("--model", default="default")
    arguments = parser.parse_args()
    total = arguments.arrivals
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("patterns", "in"):
            (root / name).mkdir()
        photos = photo_bytes(root / "patterns")
        for number in range(total // 10):
            (root / "in" / f"{number:06}.jpg").write_bytes(photos[number % PATTERNS])
        began = time.monotonic()
        command = [sys.executable, "-m", "darklift", "watch", str(root / "in"), str(root / "out"), "-q"]
        with subprocess.Popen([*command, "--model", arguments.model]) as service:
            process = psutil.Process(service.pid)
            wait_for(root / "out", total // 10)
            seen = []
            for number in come_in(root / "in", photos, total, arguments.pace):
                done = sum(1 for _ in (root / "out").glob("*.jpg"))
                seen.append((done, held(process)))
                print(f"{number} came in, {done} done, {seen[-1][1]:.0f} MB", file=sys.stderr)
            wait_for(root / "out", total)
            time.sleep(5)  # nothing is to come after that
            seen.append((total, held(process)))
            minutes = (time.monotonic() - began) / 60
            stopping = time.monotonic()
            service.terminate()
            code = service.wait()
            stopped = time.monotonic() - stopping
        wrong = compare(root, total, arguments.model)
    early, late = [mb for _, mb in seen[: len(seen) // 3]], [mb for _, mb in seen[-(len(seen) // 3) :]]
    row = {
        "arrivals": str(total),
        "minutes": f"{minutes:.0f}",
        **{name: str(count) for name, count in wrong.items()},
        "MB, first third at most": f"{max(early):.0f}",
        "last third at most": f"{max(late):.0f}",
        "seconds to end": f"{stopped:.1f}",
    }
    print_table(list(row), [list(row.values())])
    return 1 if any(wrong.values()) or code else 0


if __name__ == "__main__":
    sys.exit(main())
