"""How well GSAD's networks tell the noise: python benchmarks/noise_error.py LOW HIGH CHECKPOINT … [--names FILE]

The mean of |eps_hat - eps| on two crops of 96 pixels of each pair, for steps t of the training schedule; the same crops
and noise for all checkpoints.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from darklift.checkpoint import load_checkpoint
from darklift.data import match_pairs, read_names, select
from darklift.diffusion import NoiseSchedule, add_noise
from darklift.image import read_image

SIDE, CROPS = 96, 2
STEPS = (5, 25, 50, 100, 150, 200, 300, 400, 500)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("low", type=Path)
    parser.add_argument("high", type=Path)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--names", type=Path)
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
            crops.append(2 * both[:, :, top : top + SIDE, left : left + SIDE] - 1)
    low, x0 = torch.from_numpy(np.stack(crops, axis=1).astype(np.float32))
    eps = torch.randn(x0.shape, generator=torch.Generator().manual_seed(0))
    print(f"{len(crops)} crops | " + " | ".join(f"t = {t}" for t in STEPS))
    for path in arguments.checkpoints:
        method = load_checkpoint(path).method
        config = method.config
        schedule = NoiseSchedule.linear(config.train_steps, config.beta_start, config.beta_end)
        errors = []
        for t in STEPS:
            abar = torch.full((len(crops), 1, 1, 1), float(schedule.alpha_bar[t - 1]))
            with torch.inference_mode():
                eps_hat, _ = method.net.eval()(add_noise(x0, eps, abar), abar.flatten().sqrt(), low)
            errors.append(float((eps_hat - eps).abs().mean()))
        print(f"{path} | " + " | ".join(f"{error:.3f}" for error in errors), flush=True)


if __name__ == "__main__":
    main()
