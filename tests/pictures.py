"""Pictures and files that several tests make."""

from pathlib import Path

import numpy as np
from PIL import Image


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def noisy_pair(height: int, width: int, seed: int = 0, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """A noisy copy of a smooth picture with texture, and that picture: float64, unit."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [0.5 + 0.4 * np.sin(rows / (5 + c) + columns / (9 - c)) for c in range(3)]
    target = np.clip(np.stack(waves, axis=-1) + 0.05 * rng.standard_normal((height, width, 3)), 0, 1)
    return np.clip(target + noise * rng.standard_normal(target.shape), 0, 1), target


def saved(folder: Path, name: str, image: Image.Image, **options: object) -> Path:
    image.save(folder / name, **options)
    return folder / name
