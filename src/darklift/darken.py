"""Dark photos from good ones: by a camera's physics, which needs no network, or as another photo is dark, by DGNET."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from darklift.data.synthesis import Camera, darken, draw_camera
from darklift.diffusion import random_generator
from darklift.errors import ModelError, UsageError
from darklift.image import FloatArray, Picture, pad_to_multiple

__all__ = ["MAX_STOPS", "DarkShot", "darken_like", "noise_level", "shoot_dark"]

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
    dark = darken(planes, camera, rng).transpose(1, 2, 0)
    return DarkShot(Picture(dark.astype(np.float32, order="C") / np.float32(255)), camera)


def darken_like(photo: Picture, like: Picture, checkpoint: Path, *, seed: int = 0, noise: float = 1.0) -> Picture:
    """The photo as dark as ``like`` is, by the DGNET of an LLDiffusion checkpoint (arXiv 2307.14659), and as noisy.

    DGNET takes its word for the darkness of each place from the same place of ``like``, which is brought to the photo's
    size; so pictures of alike composition do best. It was taught by an L1 term, to which noise is nothing to be learnt,
    and makes none: Gaussian noise as strong as that of ``like`` (:func:`noise_level`), times ``noise``, is drawn from
    ``seed``. Alpha and metadata stay. Raises ModelError for a checkpoint without DGNET, ImageError where there is too
    little memory, UsageError for a ``noise`` that is not from 0 to 100.
    """
    if not 0 <= noise <= 100:
        raise UsageError(f"noise is {noise!r}, expected 0 (none) to 100, 1 being as noisy as the dark picture")
    import torch
    from PIL import Image

    from darklift.checkpoint import load_checkpoint
    from darklift.methods.lldiffusion import Lldiffusion
    from darklift.runtime.memory import free_memory, require_memory

    method = load_checkpoint(checkpoint).method
    if not isinstance(method, Lldiffusion):
        raise ModelError(f"{checkpoint} is a model of {method.name}, which cannot darken: pass one of lldiffusion")
    height, width = photo.size
    channels = [
        Image.fromarray(np.ascontiguousarray(like.pixels[:, :, channel])).resize((width, height), Image.Resampling.BOX)
        for channel in range(3)
    ]
    planes = [photo.pixels.transpose(2, 0, 1), np.stack([np.asarray(channel) for channel in channels])]
    padded = [
        torch.from_numpy(np.ascontiguousarray(pad_to_multiple(p, method.size_multiple)[0], dtype=np.float32))[None]
        for p in planes
    ]
    needed = method.bytes_per_pixel * padded[0][0, 0].numel()
    require_memory(needed, free_memory(), f"{width}x{height} pixels take", "make the photo smaller")
    method.net.eval()
    dark = method.darken(padded[0], padded[1])[0, :, :height, :width].numpy().transpose(1, 2, 0)
    grain = random_generator(seed, "dark grain").standard_normal(dark.shape, dtype=np.float32)
    dark = dark + np.float32(noise) * noise_level(like.pixels) * grain
    return photo.with_pixels(np.ascontiguousarray(dark.clip(0, 1)))


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
