"""Dark shots of good photos: what a camera would have taken in little light. No network is needed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from darklift.data.crop import planes_of
from darklift.data.synthesis import Camera, draw_camera, underexpose
from darklift.diffusion import random_generator
from darklift.errors import UsageError
from darklift.image import FloatArray, Picture, Source
from darklift.image.samples import Samples

__all__ = ["MAX_STOPS", "DarkShot", "noise_level", "shoot_dark"]

MAX_STOPS = 12.0
"""An 8-bit file holds no more light than this that could be lost."""


@dataclass(frozen=True)
class DarkShot:
    """A dark photo, and the simulated camera that took it."""

    picture: Picture
    camera: Camera

    def to_dict(self) -> dict[str, Any]:
        """The camera as plain values, for JSON."""
        return asdict(self.camera)


def shoot_dark(photo: Picture, seed: int, number: int = 0, *, stops: tuple[float, float] = (1.0, 7.0)) -> DarkShot:
    """The photo as a random camera would have taken it in little light: as sRGB without alpha and metadata, of 8 bits,
    or of 16 where the photo has more than 8, or other colours, and the shot has not gone through a JPEG file.

    :mod:`darklift.data.synthesis` describes the camera. number: which of the seed's cameras, exposures and noises; the
    same (seed, number) does the same to the same photo. stops: the least and the most light to lose. Raises UsageError
    unless 0 <= least <= most <= :data:`MAX_STOPS`.
    """
    least, most = stops
    if not 0 <= least <= most <= MAX_STOPS:
        raise UsageError(f"stops are {least} to {most}, expected to rise between 0 and {MAX_STOPS:g}: choose others")
    rng = random_generator(seed, "dark shot", number)
    camera = draw_camera(rng, most, least)
    dark = np.ascontiguousarray(underexpose(planes_of(photo), camera, rng).transpose(1, 2, 0))
    return DarkShot(Picture(held=Samples(dark), source=Source(bits=8 * dark.itemsize)), camera)


def noise_level(pixels: FloatArray) -> FloatArray:
    """Standard deviation of the noise in each channel, (3,), of unit pixels (H, W, 3); 0 below three pixels a side.

    The mean absolute response of a filter that does not see edges of constant slope, the difference of two Laplacians;
    to Gaussian noise it responds with sigma·6·sqrt(2/π) (Immerkær 1996, Computer Vision and Image Understanding 64(2),
    eq. 5).
    """
    if min(pixels.shape[:2]) < 3:
        return np.zeros(3, dtype=np.float32)
    columns = pixels[:, :-2] - 2 * pixels[:, 1:-1] + pixels[:, 2:]
    answer = columns[:-2] - 2 * columns[1:-1] + columns[2:]
    level: FloatArray = np.abs(answer).mean(axis=(0, 1)) * np.float32((np.pi / 2) ** 0.5 / 6)
    return level
