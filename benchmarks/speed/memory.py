"""Peak memory and processor time of whole photos: python benchmarks/speed/memory.py [--sizes 4000x3000 …] [-- OPTION …]

A dark photo of each size and kind is made up, and ``darklift enhance`` done on it in a process of its own, with the
options behind ``--``; on Linux, which tells of it. Memory is what that process held at most, beside a bare
interpreter's; time is the processor's, of all threads.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from timing import print_table, size_of

from darklift.image import Picture, Samples, Source, row_strips, write_image

OWN = Path(__file__).parents[2] / "src"
KINDS = {"JPEG": ("jpg", 8), "PNG, 8 bits": ("png", 8), "TIFF, 16 bits": ("tif", 16), "PNG, 16 bits": ("png", 16)}

_CHILD = """
import resource, sys
from pathlib import Path
status = 0
if len(sys.argv) > 1:
    from darklift.cli import main
    try:
        main()
    except SystemExit as end:
        status = end.code
used = resource.getrusage(resource.RUSAGE_SELF)
# not its ru_maxrss, which counts what the process held that started this one
peak = 1024 * int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
print(status or 0, peak, used.ru_utime + used.ru_stime)
"""


def dark_photo(width: int, height: int, bits: int) -> Picture:
    """Smooth light, edges and grain, in 8 or 16 bits; in strips, as the largest are large."""
    values = np.empty((height, width, 3), f"u{bits // 8}")
    x = np.arange(width) / width
    for rows in row_strips((height, width)):
        y = np.arange(rows.start, rows.stop)[:, None] / height
        light = 18 + 14 * np.sin(9 * x + 3 * y) + 60 * np.exp(-60 * ((x - 0.3) ** 2 + (y - 0.4) ** 2))
        light = light + 12 * (((97 * x).astype(int) + (61 * y).astype(int)) % 2)
        grain = np.random.default_rng(rows.start).normal(0, 3, (*light.shape, 3))
        photo = light[:, :, None] * [1, 0.9, 0.75] + grain
        values[rows] = np.rint(photo.clip(0, 255) * (257 if bits == 16 else 1))
    return Picture(held=Samples(values), source=Source(bits=bits))


def write_photo(path: Path, width: int, height: int, bits: int) -> None:
    """A photo of that kind; JPEG as cameras write it, with colours of half the sides."""
    photo = dark_photo(width, height, bits)
    if path.suffix == ".jpg":
        Image.fromarray(photo.held.colours).save(path, quality=92, subsampling=2)
    else:
        write_image(photo, path)


@dataclass(frozen=True)
class Used:
    """What a process took: bytes at the peak (NaN if unknown), seconds of the processor and on the clock."""

    peak: float
    seconds: float
    clock: float


def measured(*arguments: object, source: Path = OWN) -> Used:
    """What ``darklift`` with these arguments takes, or a bare interpreter. source: the ``src`` folder of a checkout."""
    command = [sys.executable, "-c", _CHILD, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(source)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # compiled as an installed package is, from the second run on
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    clock = time.perf_counter() - began
    status, peak, seconds = done.stdout.split()[-3:]
    if status != "0":
        raise SystemExit(done.stderr)
    return Used(float(peak), float(seconds), clock)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["4000x3000", "11648x8736"], metavar="WIDTHxHEIGHT")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    own, options = arguments_and_options(sys.argv[1:])
    arguments = parser.parse_args(own)
    interpreter = measured()
    rows = []
    for size in arguments.sizes:
        width, height = size_of(size)
        for kind in arguments.kinds:
            extension, bits = KINDS[kind]
            with tempfile.TemporaryDirectory() as folder:
                photo, result = Path(folder, f"night.{extension}"), Path(folder, f"bright.{extension}")
                write_photo(photo, width, height, bits)
                used = measured("enhance", photo, "-o", result, *options)
            rows.append((f"{size}, {kind}", f"{(used.peak - interpreter.peak) / 1e6:.0f}", f"{used.seconds:.1f}"))
    print_table(("photo", "peak memory (MB)", "processor (s)"), rows)


def arguments_and_options(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Before and behind ``--``."""
    place = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:place], arguments[place + 1 :]


if __name__ == "__main__":
    main()
