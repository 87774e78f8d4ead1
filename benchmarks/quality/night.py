"""Nights as phones keep them: python benchmarks/quality/night.py PHOTOS [--every 8] [--model MODEL]

Every n-th of a folder of good photos (as the recipes hold them out) becomes a night as a phone keeps it
(docs/explanation/maths.md), as in training. The scene is known, so it is known what the file lost.

Printed for the model as it is (--lift trusted), for all that it would lift (--lift full), and for the dark file itself:
- lit, signal: root mean square error in levels of 255, of what is lit (a target above .4) and of all else that the file
  holds with four codes or more, to what a photographer would have made of the scene.
- invented: root mean square of luma, in levels, where the file holds less than one code: what is there is made up.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
from held_out import held_out_photos

from darklift import Enhancer, read_image
from darklift.data.crop import planes_of
from darklift.data.phone import draw_phone, shoot_phone
from darklift.diffusion import random_generator
from darklift.image import luma

Pixels = npt.NDArray[np.float32]
STOPS = (0.0, 3.5)
LOST, HELD, LIT = 1, 4, 0.4


def score(made: Pixels, target: Pixels, still: Pixels) -> dict[str, tuple[float, int]]:
    """Sums of squares and counts, by what they are about."""
    codes, wanted = still.max(axis=2) * 255, luma(target)
    lit = wanted > LIT
    squares = ((made - target) ** 2).mean(axis=2)
    parts = {
        "lit": (squares, lit),
        "signal": (squares, ~lit & (codes >= HELD)),
        "invented": (luma(made) ** 2, codes < LOST),
    }
    return {name: (float(values[mask].sum()), int(mask.sum())) for name, (values, mask) in parts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--every", type=int, default=8)
    parser.add_argument("--model", default="default")
    arguments = parser.parse_args()
    enhancer = Enhancer(arguments.model)
    paths = held_out_photos(arguments.photos, arguments.every)
    totals: dict[str, dict[str, npt.NDArray[np.float64]]] = {}
    for number, path in enumerate(paths):
        rng = random_generator(0, "night", number)
        shot = shoot_phone(planes_of(read_image(path)), draw_phone(rng, STOPS[1], STOPS[0]), rng)
        low, target, still = (
            planes.transpose(1, 2, 0).astype(np.float32) / 255 for planes in (shot.dark, shot.good, shot.still)
        )
        made = {"the dark file": low} | {f"--lift {lift}": enhancer(low, lift=lift) for lift in ("full", "trusted")}
        for name, result in made.items():
            for part, sums in score(result, target, still).items():
                known = totals.setdefault(name, {}).setdefault(part, np.zeros(2))
                known += sums
    print(f"{len(paths)} nights, root mean squares in levels of 255:")
    for name, parts in totals.items():
        said = (f"{part} {255 * np.sqrt(total / max(count, 1)):.1f}" for part, (total, count) in parts.items())
        print(f"  {name}:", ", ".join(said))


if __name__ == "__main__":
    main()
