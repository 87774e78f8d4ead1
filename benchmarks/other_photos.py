"""Photos unlike LOL: python benchmarks/other_photos.py [--exposures DIR] [--photos DIR] [--every 8] [--model MODEL]

--exposures: scenes of several exposures each (DIR/NNN/target.jpg, low*.jpg): PSNR of the model, the target's mean
given, beside the best single gamma for all of them. --photos: good photographs, which should come back nearly
unchanged: how many do (30 dB to the input), and which do not. Every n-th is taken, as the recipes hold them out.
"""

from __future__ import annotations

import argparse
import math
import statistics
from pathlib import Path

import numpy as np

from darklift import Enhancer, read_image
from darklift.data import exposure_pairs
from darklift.exposure import Exposure
from darklift.image import is_image_path
from darklift.metrics import psnr

GAMMAS = (0.3, 0.4, 0.5, 0.6, 0.7)
NEARLY_UNCHANGED = 30
"""dB."""


def exposures(enhancer: Enhancer, folder: Path, every: int) -> None:
    pairs = exposure_pairs(folder)
    held_out = set(sorted({pair.high.parent for pair in pairs})[every - 1 :: every])
    ours, plain = [], {gamma: [] for gamma in GAMMAS}
    for pair in (pair for pair in pairs if pair.high.parent in held_out):
        low, target = read_image(pair.low), read_image(pair.high)
        wish = Exposure(mean=float(target.pixels.mean()))
        ours.append(psnr(enhancer(low, exposure=wish).pixels, target.pixels))
        for gamma, scores in plain.items():
            scores.append(psnr(low.pixels**gamma, target.pixels))
    best = max(statistics.mean(scores) for scores in plain.values())
    print(
        f"{len(ours)} dark frames of {len(held_out)} scenes, target's mean given: {statistics.mean(ours):.2f} dB;",
        end=" ",
    )
    print(f"best of the gammas {GAMMAS}: {best:.2f} dB")


def photos(enhancer: Enhancer, folder: Path, every: int) -> None:
    paths = sorted(path for path in folder.rglob("*") if is_image_path(path))[every - 1 :: every]
    scores, before, after = [], [], []
    for path in paths:
        photo = read_image(path)
        result = enhancer(photo)
        scores.append(psnr(result.pixels, photo.pixels))
        before.append(photo.pixels.mean())
        after.append(result.pixels.mean())
    near, same = sum(score >= NEARLY_UNCHANGED for score in scores), sum(map(math.isinf, scores))
    print(
        f"{near} of {len(scores)} good photos at {NEARLY_UNCHANGED} dB or more to the input, {same} of them unchanged;",
        end=" ",
    )
    print(f"worst {min(scores):.2f} dB; mean brightness {np.mean(before):.3f} -> {np.mean(after):.3f}")
    for score, path, mean, lit in sorted(zip(scores, paths, before, after, strict=True)):
        if score < NEARLY_UNCHANGED:
            print(f"  {path.name}: {score:.2f} dB, mean brightness {mean:.3f} -> {lit:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exposures", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--every", type=int, default=8)
    parser.add_argument("--model", default="default")
    arguments = parser.parse_args()
    enhancer = Enhancer(arguments.model)
    if arguments.exposures:
        exposures(enhancer, arguments.exposures, arguments.every)
    if arguments.photos:
        photos(enhancer, arguments.photos, arguments.every)


if __name__ == "__main__":
    main()
