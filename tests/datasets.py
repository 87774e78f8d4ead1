"""Tiny data sets on disk in every layout, and pictures of scenes to put into them."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from darklift.data import Layout, Split
from darklift.data.arrangement import Alone, Arrangement, Cameras, Labelled, Scenes, TwoFolders

Codes = npt.NDArray[np.uint8]
SIZE = (96, 144)


@cache
def scene(number: int, shift: tuple[float, float] = (0, 0), size: tuple[int, int] = SIZE) -> npt.NDArray[np.float64]:
    """Structure of all sizes in colour, (H, W, 3) from 0 to 1, shifted by so many rows and columns."""
    rng = np.random.default_rng(number)
    rows, columns = np.fft.fftfreq(2 * size[0])[:, None], np.fft.rfftfreq(2 * size[1])[None]
    planes = []
    for _ in range(3):
        spectrum = np.fft.rfft2(rng.normal(size=(2 * size[0], 2 * size[1]))) / (np.hypot(rows, columns) + 0.01)
        spectrum *= np.exp(-2j * np.pi * (rows * shift[0] + columns * shift[1]))
        planes.append(np.fft.irfft2(spectrum, s=(2 * size[0], 2 * size[1])))
    mixed = np.stack([planes[0], 0.7 * planes[0] + 0.3 * planes[1], 0.7 * planes[0] + 0.3 * planes[2]], axis=2)
    lowest, highest = np.percentile(mixed, (0.5, 99.5))
    cut = mixed[size[0] // 2 : size[0] // 2 + size[0], size[1] // 2 : size[1] // 2 + size[1]]
    return np.clip((cut - lowest) / (highest - lowest), 0, 1)


def bright(number: int, **changes: Any) -> Codes:
    return np.rint(40 + 200 * scene(number, **changes)).astype(np.uint8)


def dark(number: int, light: float = 0.12, seed: int = 0, **changes: Any) -> Codes:
    """The same at so much of the light, with noise."""
    noise = np.random.default_rng((number, seed)).normal(0, 1.0, (*SIZE, 3))
    return np.clip(np.rint(light * (40 + 200 * scene(number, **changes)) + noise), 0, 255).astype(np.uint8)


def save(path: Path, codes: Codes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(codes).save(path)


def make(root: Path, layout: Layout, numbers: dict[Split, list[int]]) -> Path:
    """The data set with a scene for each number of each of its splits, as the first of its ways lies."""
    for split, ways in layout.splits.items():
        for number in numbers.get(split, ()):
            _write(root, ways[0], number)
    return root


def _write(root: Path, way: Arrangement, number: int) -> None:
    match way:
        case TwoFolders(low, high, pair_name):
            real = pair_name is not None and "Low" in low  # LOL-v2 and VE-LOL name both sides differently
            names = (f"low{number:05}", f"normal{number:05}") if real else (f"{number}", f"{number}")
            save(root / low / f"{names[0]}.png", dark(number))
            save(root / high / f"{names[1]}.png", bright(number))
        case Cameras(folder, names):
            for place, camera in enumerate(names):
                save(root / folder / camera / "low" / f"{number}.png", dark(number + 1000 * place))
                save(root / folder / camera / "high" / f"{number}.png", bright(number + 1000 * place))
        case Scenes(low, high):
            for shot in (0, 1):
                save(root / low / f"{number:05}" / f"{number:05}_{shot:02}.png", dark(number, seed=shot))
            save(root / high / f"{number:05}" / f"{number:05}_00_10s.png", bright(number))
        case Labelled(folder, labels):
            for frame in range(1, 8):
                save(root / folder / str(number) / f"{frame}.png", dark(number, light=0.1 * frame, seed=frame))
            save(root / folder / labels / f"{number}.png", bright(number))
        case Alone(folder):
            save(root / folder / f"{number}.png", dark(number))
