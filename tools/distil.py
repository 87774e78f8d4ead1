"""Training targets that are partly what models make of the dark pictures: knowledge distillation for pairs
(Hinton et al. 2015, arXiv 1503.02531).

python tools/distil.py LOW HIGH -o OUT --models A B [--share 0.6] [--leave-out FILE]

A ground truth holds noise and light that nobody could guess from the dark picture. What several models make of it, told
the ground truth's mean brightness, holds less. Each target mixes the mean of the models' pictures, which counts
``share``, with the ground truth. Pairs that FILE names (those for validation) get their ground truth as it is.

OUT gets 8-bit PNG files with the names of HIGH's, so that it can take that folder's place, and distil.json, which says
how they were made. The same command goes on where it was interrupted; another one is refused.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from darklift import Enhancer, Exposure, Picture, read_image, write_image
from darklift.data import Pair, exclude, match_pairs, read_names
from darklift.errors import DarkliftError, DataError, UsageError
from darklift.files import write_atomically
from darklift.weights import find_model


def target(pair: Pair, teachers: list[Enhancer], share: float) -> Picture:
    low, high = read_image(pair.low), read_image(pair.high)
    if low.size != high.size:
        sizes = " and ".join(f"{width}x{height}" for height, width in (low.size, high.size))
        raise DataError(f"{pair.low} and {pair.high} are {sizes}: expected two pictures of one size")
    given = Exposure(mean=float(high.pixels.mean()))
    made = np.mean([teacher(low, exposure=given).pixels for teacher in teachers], axis=0)
    return high.with_pixels(share * made + (1 - share) * high.pixels)


def distil(arguments: argparse.Namespace) -> None:
    if not 0 < arguments.share <= 1:
        raise UsageError(f"--share is {arguments.share}, expected more than 0 (nothing of the models) and at most 1")
    output: Path = arguments.output
    low, high = (os.path.realpath(folder) for folder in (arguments.low, arguments.high))
    if os.path.realpath(output) in (low, high):
        raise UsageError(f"{output} holds the pairs themselves: expected another folder as --output")
    pairs = match_pairs(arguments.low, arguments.high)
    left_out = read_names(arguments.leave_out) if arguments.leave_out else ()
    taught = exclude(pairs, left_out)
    if not taught:
        raise UsageError(f"{arguments.leave_out} leaves out all of the {len(pairs)} pairs: expected a few of them")
    teachers = [Enhancer(model) for model in arguments.models]
    models = [digest(find_model(model)) for model in arguments.models]
    settings = {"models": models, "share": arguments.share, "left_out": sorted(left_out), "low": low, "high": high}
    begin(output, settings)
    for pair in pairs:
        path = output / f"{pair.name}.png"
        if not path.exists():
            write_image(target(pair, teachers, arguments.share) if pair in taught else read_image(pair.high), path)


def digest(model: Path) -> str:
    """SHA-256 of a model's file, or of those in its folder."""
    files = sorted(path for path in model.iterdir() if path.is_file()) if model.is_dir() else [model]
    return hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in files)).hexdigest()


def begin(output: Path, settings: dict[str, Any]) -> None:
    """Make the folder, or go on with one that the same command made."""
    record = output / "distil.json"
    try:
        if record.exists():
            before = json.loads(record.read_bytes())
            if not isinstance(before, dict):
                raise ValueError("not a JSON object")
            if differ := [name for name in settings if before.get(name) != settings[name]]:
                raise UsageError(f"{output} holds targets of other {', '.join(differ)}: expected an empty folder")
        elif output.is_dir() and any(not path.name.startswith(".") for path in output.iterdir()):
            raise UsageError(f"{output} holds files, but no distil.json that tells how they were made: empty it")
        else:
            write_atomically(record, json.dumps(settings, indent=2).encode())
    except ValueError as error:
        raise UsageError(f"{record} is damaged ({error}): expected an empty folder, or one that this made") from error
    except OSError as error:
        raise UsageError(f"cannot write {record} ({error}): expected a folder that can be written into") from error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("low", type=Path)
    parser.add_argument("high", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--share", type=float, default=0.6)
    parser.add_argument("--leave-out", type=Path, metavar="FILE")
    try:
        distil(parser.parse_args())
    except DarkliftError as error:
        print(f"distil: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("distil: stopped; the same command goes on", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
