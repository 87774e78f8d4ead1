"""Whole photos, file to file, beside another build: python benchmarks/speed/photos.py --against SRC [-- OPTION …]

A dark JPEG of each size is made up (memory.py), or --photos are taken. Two ways to enhance each, the builds in turn:

- command: ``darklift enhance`` in a process of its own, from its start to its end, with the options behind ``--``.
- model loaded: an Enhancer that has done a small photo already is given the file's path, and writes the result; with
  its defaults.

--against is the ``src`` folder of another checkout; ratios are this build's to that one's, medians of those round by
round. Processor time is that of all threads; memory, what the process held at most. "s a MP" (a megapixel) tells how
time grows with size: --sizes 1155x866 2000x1500 4000x3000 8165x6124 11547x8660 are 1, 3, 12, 50 and 100 megapixels.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from memory import OWN, Used, arguments_and_options, measured, write_photo
from PIL import Image
from timing import Spread, in_turn, print_table, size_of

SIZES = ("600x400", "4000x3000", "8165x6124")
HEAD = (
    "s (median)",
    "fastest–slowest",
    "of the first",
    "processor s",
    "of its",
    "peak memory (MB)",
    "of that",
    "s a MP",
)

_LOADED = """
import json, os, resource, sys, time
from pathlib import Path
from darklift import Enhancer
enhancer = Enhancer()
def processors():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
for line in sys.stdin:
    before, began = processors(), time.perf_counter()
    result = enhancer(Path(line.rstrip("\\n")))
    took = time.perf_counter() - began, processors() - before
    os.remove(result)
    print(json.dumps(took), flush=True)
"""


class Loaded:
    """A build with its model loaded, which waits for photos."""

    def __init__(self, source: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _LOADED],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(source)},
        )

    def enhance(self, photo: Path) -> Used:
        """File to file; what memory it takes is not known."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{photo}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit("the process with the loaded model ended: what it said is above")
        clock, seconds = json.loads(answer)
        return Used(math.nan, seconds, clock)

    def close(self) -> None:
        self._process.communicate()


def command(source: Path, photo: Path, options: Sequence[str]) -> Used:
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, f"result{photo.suffix}")
        return measured("enhance", photo, "-o", result, "--quiet", *options, source=source)


def rows_of(photo: Path, builds: dict[str, Path], ways: Sequence[str], rounds: int, options: Sequence[str]) -> None:
    """One photo's table."""
    with Image.open(photo) as image:
        size = image.size
    megapixels = size[0] * size[1] / 1e6
    rows = []
    for way in ways:
        loaded = {name: Loaded(source) for name, source in builds.items()} if way == "model loaded" else {}
        works = {name: partial(command, source, photo, options) for name, source in builds.items()}
        works |= {name: partial(one.enhance, photo) for name, one in loaded.items()}
        if loaded:
            in_turn(works, 1)  # the first photo of a process is slower
        took = in_turn(works, rounds)
        for one in loaded.values():
            one.close()
        first = took[next(iter(works))]
        for name, each in took.items():
            rows.append((f"{way}, {name}", *_cells(each, first), f"{_spread(each, 'clock').median / megapixels:.3g}"))
    print_table((f"{size[0]}x{size[1]}, {megapixels:.3g} MP, {rounds} rounds", *HEAD), rows)


def _cells(each: Sequence[Used], first: Sequence[Used]) -> list[str]:
    """Of the clock, the processor, memory: the median, and how it stands to the first build's."""
    cells = []
    for name in ("clock", "seconds", "peak"):
        if name == "peak" and math.isnan(each[0].peak):
            return [*cells, "–", "–"]
        mine, other = _spread(each, name), _spread(first, name)
        shown = f"{mine.median / 1e6:.0f}" if name == "peak" else f"{mine.median:.3g}"
        cells += [shown, *([mine.range()] if name == "clock" else []), f"{mine.over(other):.3f}"]
    return cells


def _spread(each: Sequence[Used], name: str) -> Spread:
    return Spread(tuple(getattr(used, name) for used in each))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, metavar="SRC")
    parser.add_argument("--sizes", nargs="*", default=SIZES, metavar="WIDTHxHEIGHT")
    parser.add_argument("--photos", type=Path, nargs="*", default=[], help="files, beside those that are made up")
    parser.add_argument("--ways", nargs="+", default=["command", "model loaded"], choices=["command", "model loaded"])
    parser.add_argument("--rounds", type=int, default=5)
    own, options = arguments_and_options(sys.argv[1:])
    arguments = parser.parse_args(own)
    builds = {} if arguments.against is None else {"the other build": arguments.against.resolve()}
    builds["this build"] = OWN
    with tempfile.TemporaryDirectory() as folder:
        for size in arguments.sizes:
            photo = Path(folder, f"{size}.jpg")
            write_photo(photo, *size_of(size), bits=8)
            rows_of(photo, builds, arguments.ways, arguments.rounds, options)
        for photo in arguments.photos:
            copy = Path(folder, photo.name)  # results appear beside it
            copy.write_bytes(photo.read_bytes())
            rows_of(copy, builds, arguments.ways, arguments.rounds, options)


if __name__ == "__main__":
    main()
