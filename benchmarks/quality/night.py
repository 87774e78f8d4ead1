"""Nights as phones keep them: python benchmarks/quality/night.py PHOTOS [--every 8] [--model MODEL]

Every n-th of a folder of good photos (as the recipes hold them out) becomes a night of uneven light
(docs/explanation/maths.md), as a phone's file holds it: grain, a raised black level that crushes the darkest codes,
flat parts in blocks of one colour, JPEG. The scene is known, so it is known what the file lost.

Printed for the model as it is (--lift trusted), for all that it would lift (--lift full), and for the dark file itself:
- lit, signal: root mean square error in levels of 255, of what is lit (a target above .4) and of all else that the file
  holds with four codes or more, to what a photographer would have made of the scene.
- invented: root mean square of luma, in levels, where the file holds less than one code: what is there is made up.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from held_out import held_out_photos

from darklift import Enhancer, read_image
from darklift.data.crop import Planes
from darklift.data.synthesis import code_in_blocks, draw_camera, recompress, shoot_uneven
from darklift.diffusion import random_generator
from darklift.image import luma

Pixels = npt.NDArray[np.float32]
POWER, STOPS = 4.0, (1.0, 4.0)
CRUSHED = (1, 4)
"""Codes that the phone's black level takes."""
BLOCKS, FLAT, STEPS = (16, 32), 2.0, (1, 2)
QUALITIES = (80, 93)
LOST, HELD, LIT = 1, 4, 0.4


def shoot(photo: Planes, rng: np.random.Generator) -> tuple[Planes, Planes, Planes]:
    """The phone's file, what a photographer would make of the scene, and what the file would hold without noise,
    blocks and JPEG: uint8 (3, H, W) each.
    """
    camera = replace(draw_camera(rng, STOPS[1], STOPS[0]), jpeg=None, black=0.0)
    if camera.grain is None:
        camera = replace(camera, grain=draw_camera(rng).grain)
    seed = int(rng.integers(2**31))
    dark, target = shoot_uneven(photo, camera, np.random.default_rng(seed), POWER)
    still, _ = shoot_uneven(photo, replace(camera, shot=0.0, read=0.0), np.random.default_rng(seed), POWER)
    crushed = int(rng.integers(CRUSHED[0], CRUSHED[1] + 1))
    dark, still = (_crush(each, crushed) for each in (dark, still))
    side = BLOCKS[int(rng.integers(len(BLOCKS)))]
    dark = code_in_blocks(dark, side, FLAT, STEPS)
    return recompress(dark, int(rng.integers(*QUALITIES))), target, still


def _crush(planes: Planes, codes: int) -> Planes:
    return np.rint(np.clip(planes.astype(np.float32) - codes, 0, None) * (255 / (255 - codes))).astype(np.uint8)


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
        photo = np.rint(read_image(path).pixels.transpose(2, 0, 1) * 255).astype(np.uint8)
        low, target, still = (
            planes.transpose(1, 2, 0).astype(np.float32) / 255
            for planes in shoot(photo, random_generator(0, "night", number))
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
