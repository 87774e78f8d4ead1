"""What each metric costs: seconds of processor time a pair, and of all of them together.

A ground truth is scored against itself with its brightness changed and some noise. With OMP_NUM_THREADS=1 these are
seconds of one thread, whatever else the machine does.
"""

import argparse
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from timing import print_table

from darklift.data import match_pairs, read_names, select, strip_role_prefix
from darklift.evaluation.metrics import choose_metrics
from darklift.evaluation.scores import score_pair
from darklift.image import read_image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--low", type=Path, required=True)
    parser.add_argument("--high", type=Path, required=True)
    parser.add_argument("--names", help="only these pairs: a file, or lolv1-val")
    parser.add_argument("--metrics", default="all")
    parser.add_argument("--metric-weights", type=Path)
    options = parser.parse_args()

    pairs = match_pairs(options.low, options.high, pair_name=strip_role_prefix)
    if options.names:
        pairs = select(pairs, read_names(options.names))
    chosen = choose_metrics(options.metrics, options.metric_weights)
    seconds: dict[str, list[float]] = defaultdict(list)
    whole = 0.0
    rng = np.random.default_rng(0)
    for pair in pairs:
        target = read_image(pair.high).pixels
        noise = 0.02 * rng.standard_normal(target.shape, np.float32)
        output = np.clip(0.85 * target + noise, 0, 1).astype(np.float32)
        started = time.process_time()
        score_pair(output, target, metrics=chosen.metrics)
        whole += time.process_time() - started
        for base in dict.fromkeys(metric.base for metric in chosen.metrics):
            both = [metric for metric in chosen.metrics if metric.base == base]
            started = time.process_time()
            score_pair(output, target, metrics=both)
            seconds[base].append(time.process_time() - started)

    rows = [(base, f"{np.median(times):.3f}") for base, times in seconds.items()]
    print_table(("metric, under each protocol that it has", "s/pair, alone"), rows)
    print(f"\n{len(chosen.metrics)} numbers for each of {len(pairs)} pairs, together: {whole:.1f} s.")
    for name, why in chosen.missing.items():
        print(f"Without {name}: {why}.")


if __name__ == "__main__":
    main()
