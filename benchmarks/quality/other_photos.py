"""Photos unlike LOL: python benchmarks/quality/other_photos.py [--exposures DIR] [--photos DIR] [--model MODEL]

Every n-th is taken (--every 8), as the recipes hold them out. All that the model makes is measured, unless --lift
trusted says otherwise.

--exposures: scenes of several exposures each (DIR/NNN/target.jpg, low*.jpg). PSNR of the model, which is given the
target's mean, beside the gamma that gives each frame this mean.

--photos: good photographs, in three ways.
- As they are, they should come back nearly unchanged: how many do (30 dB to the input), and which do not.
- Darkened by a camera's physics, they should come back as they were. PSNR of the model, which is told nothing, beside
  single gammas and CLAHE: scikit-image's, which first stretches a picture to the full range, and OpenCV's, which does
  not (where opencv-python-headless is installed).
- Darkened as scenes of uneven light (docs/explanation/maths.md), they should come back with their lights.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from held_out import held_out_photos
from scipy.optimize import brentq
from skimage.color import hsv2rgb, rgb2hsv
from skimage.exposure import equalize_adapthist

from darklift import Enhancer, Exposure, read_image
from darklift.data import exposure_pairs
from darklift.data.crop import Planes
from darklift.data.synthesis import draw_camera, shoot_uneven, underexpose
from darklift.diffusion import random_generator
from darklift.evaluation.metrics import psnr

try:
    import cv2
except ModuleNotFoundError:
    cv2 = None

Pixels = npt.NDArray[np.float32]
Enhance = Callable[..., Any]
"""An Enhancer, or one with a choice of settings."""
GAMMAS = (0.3, 0.4, 0.5, 0.6, 0.7)
CLIP_LIMITS = (0.005, 0.01, 0.02, 0.05)
OPENCV_CLIP_LIMITS = (2.0, 4.0, 10.0)
STOPS = (1.0, 5.0)
UNEVEN_POWER, UNEVEN_STOPS = 4.0, (-1.5, 1.5)
"""As the recipes train."""
NEARLY_UNCHANGED = 30
"""dB."""


def exposures(enhancer: Enhance, folder: Path, every: int) -> None:
    pairs = exposure_pairs(folder)
    held_out = sorted({pair.high.parent for pair in pairs})[every - 1 :: every]
    lightest, others = [], []
    for scene in held_out:
        of_scene = [pair for pair in pairs if pair.high.parent == scene]
        target, frames = read_image(of_scene[0].high).pixels, [read_image(pair.low).pixels for pair in of_scene]
        mean = float(target.mean())
        scores = [
            (psnr(enhancer(f, exposure=Exposure(mean=mean)), target), psnr(_lifted(f, mean), target)) for f in frames
        ]
        brightest = int(np.argmax([frame.mean() for frame in frames]))
        lightest.append(scores.pop(brightest))
        others.extend(scores)
    print(f"Target's mean given, {len(held_out)} scenes:")
    for name, scores in (("lightest dark frame of each", lightest), ("all dark frames", lightest + others)):
        ours, gamma = np.mean(scores, axis=0)
        print(f"  {name} ({len(scores)}): {ours:.2f} dB; with a gamma of this mean: {gamma:.2f} dB")


def _lifted(low: Pixels, mean: float) -> Pixels:
    """The photo with the gamma that gives it this mean."""
    lifted: Pixels = low ** np.float32(brentq(lambda gamma: float((low**gamma).mean()) - mean, 1e-3, 10))
    return lifted


def darkened(enhancer: Enhance, paths: Sequence[Path]) -> None:
    scores: dict[str, list[float]] = {}
    for number, path in enumerate(paths):
        photo, rng = read_image(path).pixels, random_generator(0, "darkened", number)
        low = _floats(underexpose(_planes(photo), draw_camera(rng, STOPS[1], STOPS[0]), rng))
        made = {"ours": enhancer(low)}
        made |= {f"gamma {gamma}": low**gamma for gamma in GAMMAS}
        made |= {f"CLAHE {limit}": _clahe(low, limit) for limit in CLIP_LIMITS}
        if cv2 is not None:
            made |= {f"OpenCV's CLAHE {limit}": _opencv_clahe(low, limit) for limit in OPENCV_CLIP_LIMITS}
        for name, result in made.items():
            scores.setdefault(name, []).append(psnr(result, photo))
    _print_means(f"Darkened by {STOPS[0]:g} to {STOPS[1]:g} stops ({len(paths)} photos), nothing given:", scores)


def lit_unevenly(enhancer: Enhance, paths: Sequence[Path]) -> None:
    scores: dict[str, list[float]] = {}
    for number, path in enumerate(paths):
        rng = random_generator(0, "lit unevenly", number)
        dark, target = shoot_uneven(
            _planes(read_image(path).pixels), draw_camera(rng, UNEVEN_STOPS[1], UNEVEN_STOPS[0]), rng, UNEVEN_POWER
        )
        low, good = _floats(dark), _floats(target)
        mean = float(good.mean())
        made = {
            "nothing given": enhancer(low),
            "the target's mean given": enhancer(low, exposure=Exposure(mean=mean)),
            "a gamma of this mean": _lifted(low, mean),
        }
        for name, result in made.items():
            scores.setdefault(name, []).append(psnr(result, good))
    _print_means(f"Lit unevenly ({len(paths)} photos):", scores)


def _print_means(title: str, scores: Mapping[str, list[float]]) -> None:
    print(title, ", ".join(f"{name} {np.mean(values):.2f} dB" for name, values in scores.items()))


def _planes(pixels: Pixels) -> Planes:
    return np.rint(pixels.transpose(2, 0, 1) * 255).astype(np.uint8)


def _floats(planes: Planes) -> Pixels:
    return planes.transpose(1, 2, 0).astype(np.float32) / 255


def _clahe(low: Pixels, limit: float) -> Pixels:
    hsv = rgb2hsv(low)
    hsv[..., 2] = equalize_adapthist(hsv[..., 2], clip_limit=limit)
    result: Pixels = hsv2rgb(hsv).astype(np.float32)
    return result


def _opencv_clahe(low: Pixels, limit: float) -> Pixels:
    """Of CIELAB's lightness, over OpenCV's default grid of 8×8."""
    lab = cv2.cvtColor(np.rint(low * 255).astype(np.uint8), cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(limit, (8, 8)).apply(lab[..., 0])
    result: Pixels = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB).astype(np.float32) / 255
    return result


def unchanged(enhancer: Enhance, paths: Iterable[Path]) -> None:
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exposures", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--every", type=int, default=8)
    parser.add_argument("--model", default="default")
    parser.add_argument("--lift", default="full")
    arguments = parser.parse_args()
    enhancer = partial(Enhancer(arguments.model), lift=arguments.lift)
    if arguments.exposures:
        exposures(enhancer, arguments.exposures, arguments.every)
    if arguments.photos:
        paths = held_out_photos(arguments.photos, arguments.every)
        unchanged(enhancer, paths)
        darkened(enhancer, paths)
        lit_unevenly(enhancer, paths)


if __name__ == "__main__":
    main()
