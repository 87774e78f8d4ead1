"""Targets of which a part is what models make of the dark picture: knowledge distillation (Hinton et al. 2015,
arXiv 1503.02531) for pairs.

python tools/distil.py LOW HIGH -o OUT --models A B [--share 0.6] [--leave-out FILE]

A ground truth holds noise and light that nobody could have told from the dark picture; what several models make of it,
the ground truth's mean given, holds less. Each target is the models' mean, which counts ``share``, mixed with the
ground truth. Pairs that FILE names (those of the validation) get their ground truth as it is. Written are 8-bit PNG
files named like HIGH's, to stand in for that folder; those that are there already stay, so that an interrupted run can
go on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from darklift import Enhancer, read_image, write_image
from darklift.data import Pair, exclude, match_pairs, read_names
from darklift.errors import DarkliftError, UsageError
from darklift.exposure import Exposure
from darklift.image import Picture


def target(pair: Pair, teachers: list[Enhancer], share: float) -> Picture:
    low, high = read_image(pair.low), read_image(pair.high)
    given = Exposure(mean=float(high.pixels.mean()))
    made = np.mean([teacher(low, exposure=given).pixels for teacher in teachers], axis=0)
    return high.with_pixels(share * made + (1 - share) * high.pixels)


def distil(arguments: argparse.Namespace) -> None:
    if not 0 < arguments.share <= 1:
        raise UsageError(f"--share is {arguments.share}, expected more than 0 (nothing of the models) and at most 1")
    pairs = match_pairs(arguments.low, arguments.high)
    taught = exclude(pairs, read_names(arguments.leave_out)) if arguments.leave_out else pairs
    teachers = [Enhancer(model) for model in arguments.models]
    arguments.output.mkdir(parents=True, exist_ok=True)
    for pair in pairs:
        path = arguments.output / f"{pair.name}.png"
        if not path.exists():
            write_image(target(pair, teachers, arguments.share) if pair in taught else read_image(pair.high), path)


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


if __name__ == "__main__":
    main()
