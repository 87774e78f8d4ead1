"""The made-up weights, noise and pictures that went into the published systems, and what came out (golden/data)."""

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

PARITY = Path(__file__).parent / "golden" / "data"


def random_state(tag: str) -> np.random.RandomState:
    return np.random.RandomState(zlib.crc32(tag.encode()))


def tensor(array: npt.NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.asarray(array, dtype=np.float32))


def noise(tag: str, shape: tuple[int, ...]) -> Tensor:
    return tensor(random_state(tag).standard_normal(int(np.prod(shape))).reshape(shape))


def weight(key: str, shape: list[int]) -> Tensor:
    draws = random_state(key).standard_normal(int(np.prod(shape))).reshape(shape)
    if len(shape) >= 2:
        return tensor(draws / np.sqrt(np.prod(shape[1:])))
    return tensor(1 + 0.1 * draws if key.endswith("weight") else 0.1 * draws)


def picture(tag: str, shape: tuple[int, int, int, int]) -> Tensor:
    rng = random_state(tag)
    batch, channels, height, width = shape
    rows, columns = np.mgrid[0:height, 0:width]
    out = np.zeros(shape)
    for b in range(batch):
        for c in range(channels):
            z = np.zeros((height, width))
            for _ in range(6):
                fy, fx, p, a = rng.uniform(-0.3, 0.3), rng.uniform(-0.3, 0.3), rng.uniform(0, 6.28), rng.uniform(0.2, 1)
                z += a * np.sin(fy * rows + fx * columns + p)
            z += 0.1 * rng.standard_normal((height, width))
            out[b, c] = z / (np.abs(z).max() + 1e-9)
    return tensor(out)


def reference(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((PARITY / f"{name}.json").read_text())
    return content


def largest_difference(ours: Tensor, theirs: Tensor) -> float:
    """Relative to the reference's own scale."""
    return float((ours - theirs).abs().max() / theirs.abs().max())
