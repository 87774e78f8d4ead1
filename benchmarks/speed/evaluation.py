"""How much of an evaluation's time is spent in the model: the rest is reading, scoring and all else.

Measure on an idle machine: pictures are read and scored on several cores at once, the model runs on all of them.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from darklift.data import match_pairs, read_names, select
from darklift.evaluation.evaluate import evaluate, scorable
from darklift.pipeline.enhancer import Enhancer
from darklift.store.load import Opening


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--low", type=Path, required=True)
    parser.add_argument("--high", type=Path, required=True)
    parser.add_argument("--names", type=Path, help="only the pairs named in this file, or in lolv1-val")
    parser.add_argument("--model", default="compact")
    arguments = parser.parse_args()

    began, processor = time.perf_counter(), time.process_time()
    pairs = match_pairs(arguments.low, arguments.high)
    if arguments.names is not None:
        pairs = select(pairs, read_names(arguments.names))
    pairs, _ = scorable(pairs)
    enhancer = Enhancer(Opening(arguments.model).load())
    done = evaluate(enhancer, pairs)
    seconds, cores = time.perf_counter() - began, time.process_time() - processor
    model = sum(result.seconds for result in done.results)
    print(f"{len(done.results)} pairs: {seconds:.1f} s, {cores:.1f} s of a core; {model:.1f} s ({model / seconds:.0%})")


if __name__ == "__main__":
    main()
