"""Dark shots of good photos, by a camera's physics, which needs no network."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from darklift.data.synthesis import Camera, draw_camera, underexpose
from darklift.diffusion import random_generator
from darklift.errors import UsageError
from darklift.image import FloatArray, Picture

__all__ = ["MAX_STOPS", "DarkShot", "noise_level", "shoot_dark"]

MAX_STOPS = 12.0
"""More light than this, an 8-bit file has nothing to lose."""


@dataclass(frozen=True)
class DarkShot:
    """A darkened photo, and the camera that took it."""

    picture: Picture
    camera: Camera

    def to_dict(self) -> dict[str, Any]:
        """The camera as plain values, for JSON."""
        return asdict(self.camera)


def shoot_dark(photo: Picture, seed: int, number: int = 0, *, stops: tuple[float, float] = (1.0, 7.0)) -> DarkShot:
    """The photo as a random camera would have taken it in little light; 8 bits, without alpha and metadata.

    See :mod:`darklift.data.synthesis` for the model. number: which of the seed's cameras, exposures and noises; the
    same (seed, number) does the same to the same photo. stops: between which the light lost is drawn. Raises
    UsageError for stops that do not rise from 0 to :data:`MAX_STOPS`.
    """
    least, most = stops
    if not 0 <= least <= most <= MAX_STOPS:
        raise UsageError(f"stops are {least} to {most}, expected to rise between 0 and {MAX_STOPS:g}")
    rng = random_generator(seed, "dark shot", number)
    camera = draw_camera(rng, most, least)
    planes = np.rint(photo.pixels.transpose(2, 0, 1) * 255).astype(np.uint8)
    dark = underexpose(planes, camera, rng).transpose(1, 2, 0)
    return DarkShot(Picture(dark.astype(np.float32, order="C") / np.float32(255)), camera)


def noise_level(pixels: FloatArray) -> FloatArray:
    """Standard deviation of the noise in each channel, (3,), of unit pixels (H, W, 3); 0 below three pixels a side.

    The mean absolute answer to a mask that is blind to edges of constant slope (Immerkær 1996, Computer Vision and
    Image Understanding 64(2), eq. 5): the difference of two Laplacians, which answers Gaussian noise by
    sigma·6·sqrt(2/π).
    """
    if min(pixels.shape[:2]) < 3:
        return np.zeros(3, dtype=np.float32)
    columns = pixels[:, :-2] - 2 * pixels[:, 1:-1] + pixels[:, 2:]
    answer = columns[:-2] - 2 * columns[1:-1] + columns[2:]
    level: FloatArray = np.abs(answer).mean(axis=(0, 1)) * np.float32((np.pi / 2) ** 0.5 / 6)
    return level
