"""How well networks tell the noise: python benchmarks/noise_error.py LOW HIGH CHECKPOINT … [--names FILE] [--steps T …]

The mean of |eps_hat - eps| on two crops of 96 pixels of each pair, for steps t of the training schedule; the same crops
and noise for all checkpoints, which are of one method, GSAD or LLDiffusion.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from darklift.data import match_pairs, read_names, select
from darklift.diffusion import NoiseSchedule, add_noise
from darklift.image import read_image
from darklift.runtime import Piece
from darklift.store.checkpoint import load_checkpoint
from darklift.store.torch_model import torch_model

SIDE, CROPS = 96, 2
STEPS = (5, 25, 50, 100, 150, 200, 300, 400, 500)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("low", type=Path)
    parser.add_argument("high", type=Path)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--names", type=Path)
    parser.add_argument("--steps", type=int, nargs="+", default=STEPS, metavar="T")
    arguments = parser.parse_args()
    pairs = match_pairs(arguments.low, arguments.high)
    if arguments.names:
        pairs = select(pairs, read_names(arguments.names))
    rng = np.random.default_rng(0)
    crops = []
    for pair in pairs:
        both = np.stack([read_image(path).pixels.transpose(2, 0, 1) for path in (pair.low, pair.high)])
        for _ in range(CROPS):
            top, left = (int(rng.integers(length - SIDE)) for length in both.shape[2:])
            crops.append(both[:, :, top : top + SIDE, left : left + SIDE])
    low, high = np.stack(crops, axis=1).astype(np.float32)
    eps = np.random.default_rng(1).standard_normal(high.shape, dtype=np.float32)
    box = np.tile(np.array([0, 0, 1, 1], np.float32), (len(crops), 1))
    print(f"{len(crops)} crops | " + " | ".join(f"t = {t}" for t in arguments.steps))
    for path in arguments.checkpoints:
        method = load_checkpoint(path).method
        method.net.eval()
        model = torch_model(method, {}, "cpu", "fp32")
        known = model.bind(Piece(low, box), {})
        schedule = NoiseSchedule.linear(method.config.train_steps, method.config.beta_start, method.config.beta_end)
        errors = []
        for t in arguments.steps:
            abar = float(schedule.alpha_bar[t - 1])
            eps_hat = model.predict(known, add_noise(2 * high - 1, eps, abar).astype(np.float32), abar)["eps"]
            errors.append(float(np.abs(eps_hat - eps).mean()))
        print(f"{path} | " + " | ".join(f"{error:.3f}" for error in errors), flush=True)


if __name__ == "__main__":
    main()
