"""How like real dark photos made-up ones are: python benchmarks/quality/phone.py PHOTOS --real DIR [DIR ...]

Every n-th of a folder of good photos becomes a night as a phone keeps it (docs/explanation/maths.md). The same is
measured of them, of real dark photos, and of the same good photos darkened without a phone:
- codes: the share of max(R, G, B) in 0–1, 2–3, 4–7, … codes.
- flat: the share of 8×8 blocks, aligned, whose luma keeps within one code; of blocks whose mean is below 16, and above.
- noise: in the quieter half of 8×8 blocks by brightness (luma 4–16, 16–48, 48–128), how many codes neighbours differ by
  (root mean square), and which share that is of what the next but one and those four apart differ by: .71 and .71 is
  white noise on nothing, more is a sensor's sharpened, less is smear.
Means over photos, medians for the noise, of those that have enough such blocks.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from held_out import held_out_photos

from darklift import read_image
from darklift.data.crop import Planes, planes_of
from darklift.data.phone import draw_phone, shoot_phone
from darklift.data.synthesis import draw_camera, shoot_uneven
from darklift.diffusion import random_generator
from darklift.image import is_image_path

Values = npt.NDArray[np.float64]
CODES = (0, 2, 4, 8, 16, 32, 64, 128, 256)
FLAT_BELOW = 16
LUMA = ((4, 16), (16, 48), (48, 128))
FEWEST_BLOCKS = 40
STOPS = (0.0, 3.5)


def codes(dark: Planes) -> Values:
    """The share of pixels in each class of codes."""
    counts, _ = np.histogram(dark.max(axis=0), CODES)
    shares: Values = counts / counts.sum()
    return shares


def blocks_of(plane: Values) -> Values:
    """(H, W) -> (n, 8, 8), without what is left at the right and at the bottom."""
    rows, columns = (length // 8 for length in plane.shape)
    blocks: Values = plane[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8).swapaxes(1, 2).reshape(-1, 8, 8)
    return blocks


def flat(luma: Values) -> Values:
    """The share of flat blocks among the dark, and among the others; NaN where there are too few."""
    blocks = blocks_of(luma)
    is_flat = np.ptp(blocks, axis=(1, 2)) <= 1
    dark = blocks.mean(axis=(1, 2)) < FLAT_BELOW
    return np.array([is_flat[part].mean() if part.sum() >= FEWEST_BLOCKS else np.nan for part in (dark, ~dark)])


def noise(luma: Values) -> Values:
    """By brightness: how much neighbours differ, as a share of the next but one, and these of the fourth: (3, 3)."""
    found = np.full((len(LUMA), 3), np.nan)
    blocks = blocks_of(luma)
    squares = np.stack([np.square(blocks[..., step:] - blocks[..., :-step]).mean(axis=(1, 2)) for step in (1, 2, 4)])
    for row, (least, most) in enumerate(LUMA):
        means = blocks.mean(axis=(1, 2))
        inside = squares[:, (means >= least) & (means < most) & (squares[2] > 0)]
        if inside.shape[1] < FEWEST_BLOCKS:
            continue
        quiet = inside[:, inside[2] <= np.median(inside[2])].mean(axis=1)
        if quiet.all():
            found[row] = np.sqrt([quiet[0], quiet[0] / quiet[1], quiet[1] / quiet[2]])
    return found


def statistics(dark: Planes) -> Values:
    luma = np.tensordot(np.array([0.299, 0.587, 0.114]), dark.astype(np.float64), 1)
    return np.concatenate([codes(dark), flat(luma), noise(luma).ravel()])


def phone_shots(paths: Iterable[Path]) -> Iterable[Planes]:
    for number, path in enumerate(paths):
        rng = random_generator(0, "phone", number)
        yield shoot_phone(planes_of(read_image(path)), draw_phone(rng, STOPS[1], STOPS[0]), rng).dark


def plain_shots(paths: Iterable[Path]) -> Iterable[Planes]:
    for number, path in enumerate(paths):
        rng = random_generator(0, "phone", number)
        yield shoot_uneven(planes_of(read_image(path)), draw_camera(rng, STOPS[1], STOPS[0]), rng, 4.0)[0]


def real_shots(paths: Iterable[Path]) -> Iterable[Planes]:
    yield from (planes_of(read_image(path)) for path in paths)


def row(name: str, shots: Callable[[Iterable[Path]], Iterable[Planes]], paths: list[Path]) -> str:
    """A row of the table."""
    found = np.array([statistics(shot) for shot in shots(paths)])
    classes = len(CODES) - 1
    shares, flats = (
        [f"{100 * over_photos(column, np.mean):.0f}" for column in part.T]
        for part in (found[:, :classes], found[:, classes : classes + 2])
    )
    noises = np.reshape([over_photos(column, np.median) for column in found[:, classes + 2 :].T], (len(LUMA), 3))
    cells = [f"{size:.2f} ({near:.2f} {far:.2f})" for size, near, far in noises]
    return "| " + " | ".join([f"{name} ({len(paths)})", " ".join(shares), " ".join(flats), *cells]) + " |"


def over_photos(column: Values, average: Callable[[Values], np.float64]) -> float:
    """Of the photos that tell it; NaN where none does."""
    known = column[~np.isnan(column)]
    return float(average(known)) if known.size else np.nan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--every", type=int, default=8)
    parser.add_argument("--real", type=Path, nargs="+", default=[], help="folders, or patterns of files")
    arguments = parser.parse_args()
    paths = held_out_photos(arguments.photos, arguments.every)
    print("| | codes 0– 2– 4– 8– 16– 32– 64– 128– (%) | flat, dark and others (%) | noise at luma 4– | 16– | 48– |")
    print("|---|---|---|---|---|---|")
    for pattern in arguments.real:
        found = pattern.rglob("*") if pattern.is_dir() else pattern.parent.glob(pattern.name)
        print(row(pattern.name, real_shots, sorted(path for path in found if is_image_path(path))))
    print(row("a phone, made up", phone_shots, paths))
    print(row("uneven light, no phone", plain_shots, paths))


if __name__ == "__main__":
    main()
