"""Quality against steps: python benchmarks/steps.py LOW HIGH [--names FILE] [--model MODEL] [--steps 1 2 4 8]

Each number of steps twice: with the exposure that the model predicts, and with the ground truth's mean given.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from darklift import Enhancer
from darklift.data import match_pairs, read_names, select
from darklift.evaluate import evaluate
from darklift.report import evaluation_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("low", type=Path)
    parser.add_argument("high", type=Path)
    parser.add_argument("--names", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 2, 4, 8])
    arguments = parser.parse_args()
    pairs = match_pairs(arguments.low, arguments.high)
    if arguments.names:
        pairs = select(pairs, read_names(arguments.names))
    enhancer = Enhancer(arguments.model)
    rows = [evaluate(enhancer, pairs, steps=n, give_mean=given) for given in (False, True) for n in arguments.steps]
    print(evaluation_table(rows))


if __name__ == "__main__":
    main()
