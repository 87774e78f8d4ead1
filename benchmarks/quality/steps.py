"""Quality against steps: python benchmarks/quality/steps.py LOW HIGH [--names FILE] [--model MODEL] [--steps 1 2 4 8]

Each number of steps twice: with the brightness that the model predicts, and with the ground truth's mean given. Then,
with the mean given, the texture: the energy between a quarter and half a cycle a pixel (the finest octave), in dB
against the ground truth's. 0 is as much texture as that has, its noise included; smoother results are below 0.

All that the model makes is measured, unless --lift trusted says otherwise.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from darklift import Enhancer, Exposure, Settings, read_image
from darklift.data import Pair, match_pairs, read_names, select
from darklift.evaluation.evaluate import evaluate
from darklift.evaluation.report import evaluation_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("low", type=Path)
    parser.add_argument("high", type=Path)
    parser.add_argument("--names", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--lift", default="full")
    arguments = parser.parse_args()
    pairs = match_pairs(arguments.low, arguments.high)
    if arguments.names:
        pairs = select(pairs, read_names(arguments.names))
    enhancer = Enhancer(arguments.model)
    rows = [
        evaluate(enhancer, pairs, Settings(steps=n, lift=arguments.lift), give_mean=given)
        for given in (False, True)
        for n in arguments.steps
    ]
    print(evaluation_table(rows))
    for steps in arguments.steps:
        settings = Settings(steps=steps, lift=arguments.lift)
        print(f"texture, {steps} steps: {np.mean([texture(enhancer, pair, settings) for pair in pairs]):+.2f} dB")


def texture(enhancer: Enhancer, pair: Pair, settings: Settings) -> float:
    target = read_image(pair.high).pixels
    wish = Exposure(mean=float(target.mean()))
    made, wanted = (_finest_octave(p) for p in (enhancer(read_image(pair.low), settings, exposure=wish).pixels, target))
    return 10 * math.log10(made / wanted)


def _finest_octave(pixels: npt.NDArray[np.float32]) -> float:
    grey = pixels.mean(axis=2)
    window = np.outer(*(np.hanning(side) for side in grey.shape))
    energy = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(side) for side in grey.shape), indexing="ij"))
    return float(energy[(frequency >= 0.25) & (frequency < 0.5)].sum())


if __name__ == "__main__":
    main()
