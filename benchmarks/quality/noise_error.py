"""How well networks predict the noise: python benchmarks/quality/noise_error.py LOW HIGH CHECKPOINT … [--names FILE]

The mean of |eps_hat - eps| on two crops of 96 pixels of each pair, for steps t of the training schedule (--steps).
Crops and noise are the same for all checkpoints. These are of one method that predicts noise.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from darklift.data import Pair, match_pairs, read_names, select
from darklift.diffusion import NoiseSchedule, add_noise
from darklift.image import FloatArray, read_image
from darklift.runtime import Piece
from darklift.store.checkpoint import load_checkpoint
from darklift.store.torch_model import torch_model

SIDE, CROPS = 96, 2
STEPS = (5, 25, 50, 100, 150, 200, 300, 400, 500)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("low", type=Path)
    parser.add_argument("high", type=Path)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--names", type=Path)
    parser.add_argument("--steps", type=int, nargs="+", default=STEPS, metavar="T")
    arguments = parser.parse_args()
    pairs = match_pairs(arguments.low, arguments.high)
    if arguments.names:
        pairs = select(pairs, read_names(arguments.names))
    low, high = random_crops(pairs)
    eps = np.random.default_rng(1).standard_normal(high.shape, dtype=np.float32)
    print(f"{len(low)} crops | " + " | ".join(f"t = {t}" for t in arguments.steps))
    for path in arguments.checkpoints:
        errors = noise_errors(path, low, high, eps, arguments.steps)
        print(f"{path} | " + " | ".join(f"{error:.3f}" for error in errors), flush=True)


def random_crops(pairs: Sequence[Pair]) -> tuple[FloatArray, FloatArray]:
    """(N, 3, 96, 96) unit, of the dark pictures and of their ground truths."""
    rng = np.random.default_rng(0)
    crops = []
    for pair in pairs:
        both = np.stack([read_image(path).pixels.transpose(2, 0, 1) for path in (pair.low, pair.high)])
        for _ in range(CROPS):
            top, left = (int(rng.integers(length - SIDE)) for length in both.shape[2:])
            crops.append(both[:, :, top : top + SIDE, left : left + SIDE])
    low, high = np.stack(crops, axis=1).astype(np.float32)
    return low, high


def noise_errors(
    checkpoint: Path, low: FloatArray, high: FloatArray, eps: FloatArray, steps: Sequence[int]
) -> list[float]:
    method = load_checkpoint(checkpoint).method
    method.net.eval()
    model = torch_model(method, {}, "cpu", "fp32")
    known = model.bind(Piece(low, np.tile(np.array([0, 0, 1, 1], np.float32), (len(low), 1))), {})
    schedule = NoiseSchedule.linear(method.config.train_steps, method.config.beta_start, method.config.beta_end)
    errors = []
    for t in steps:
        abar = float(schedule.alpha_bar[t - 1])
        eps_hat = model.predict(known, add_noise(2 * high - 1, eps, abar).astype(np.float32), abar)["eps"]
        errors.append(float(np.abs(eps_hat - eps).mean()))
    return errors


if __name__ == "__main__":
    main()
