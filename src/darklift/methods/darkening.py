"""Darkening a good photo the way another one is dark, by a method that has learnt it (LLDiffusion's DGNET)."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from darklift.data.shots import noise_level
from darklift.diffusion import random_generator
from darklift.errors import ModelError, UsageError
from darklift.image import FloatArray, Picture, pad_to_multiple, to_planes
from darklift.methods.base import Method
from darklift.runtime.memory import free_memory, require_memory

__all__ = ["Darkens", "darken_like"]

_MOST_NOISE = 100.0


@runtime_checkable
class Darkens(Protocol):
    """A method that can darken well-lit pictures."""

    def darken(self, good_unit: Tensor, low_unit: Tensor) -> Tensor:
        """The good picture, made as dark as the dark one: (B, 3, H, W) unit, all of one size, with sides that are
        multiples of the footprint's. Raises ModelError where this model has no network for it.
        """
        ...


def darken_like(method: Method, photo: Picture, like: Picture, *, seed: int = 0, noise: float = 1.0) -> Picture:
    """The photo made as dark and as noisy as ``like``, by the DGNET of LLDiffusion (arXiv 2307.14659).

    ``like`` is resized to the photo, and DGNET looks at the same place in both, so it works best with pictures of a
    similar composition. DGNET learnt by an L1 loss, which teaches no noise, so Gaussian noise as strong as that of
    ``like`` (:func:`~darklift.data.shots.noise_level`) is added, times ``noise`` (0 to 100), drawn from ``seed``. Alpha
    and metadata stay the photo's.

    Raises ModelError for a method that cannot darken, ImageError where there is too little memory, UsageError for
    ``noise`` out of its range.
    """
    if not 0 <= noise <= _MOST_NOISE:
        raise UsageError(f"noise is {noise!r}, expected 0 (none) to {_MOST_NOISE:g}; 1 is as noisy as the dark picture")
    if not isinstance(method, Darkens):
        raise ModelError(f"a model of {method.name} cannot darken: pass an LLDiffusion checkpoint that has DGNET")
    height, width = photo.size
    good, low = (
        torch.from_numpy(pad_to_multiple(planes, method.footprint.size_multiple)[0])
        for planes in (to_planes(photo.pixels), to_planes(_resized(like.pixels, (height, width))))
    )
    needed = method.footprint.bytes_per_pixel * good[0, 0].numel()
    require_memory(needed, free_memory(), f"{width}x{height} pixels take", "make the photo smaller")
    method.net.eval()
    dark = method.darken(good, low)[0, :, :height, :width].numpy().transpose(1, 2, 0)
    grain = random_generator(seed, "dark grain").standard_normal(dark.shape, dtype=np.float32)
    dark = dark + np.float32(noise) * noise_level(like.pixels) * grain
    return photo.with_pixels(np.ascontiguousarray(dark.clip(0, 1)))


def _resized(pixels: FloatArray, size: tuple[int, int]) -> FloatArray:
    """(h, w, 3) -> (H, W, 3), each pixel the mean of what it covers."""
    height, width = size
    channels = [Image.fromarray(np.ascontiguousarray(pixels[:, :, channel])) for channel in range(3)]
    resized = [np.asarray(channel.resize((width, height), Image.Resampling.BOX)) for channel in channels]
    return np.stack(resized, axis=2)
