"""A good photo as dark as another one is, by a method that learnt to darken (LLDiffusion's DGNET)."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from darklift.data.shots import noise_level
from darklift.diffusion import random_generator
from darklift.errors import ModelError, UsageError
from darklift.image import FloatArray, Picture, pad_to_multiple
from darklift.methods.base import Method
from darklift.runtime.memory import free_memory, require_memory

__all__ = ["Darkens", "darken_like"]


@runtime_checkable
class Darkens(Protocol):
    """A method that darkens well-lit pictures."""

    def darken(self, good_unit: Tensor, low_unit: Tensor) -> Tensor:
        """The good picture as dark as the low-light one: (B, 3, H, W) unit, sides multiples of the footprint's, both of
        one size. Raises ModelError where this model has no network for it.
        """
        ...


def darken_like(method: Method, photo: Picture, like: Picture, *, seed: int = 0, noise: float = 1.0) -> Picture:
    """The photo as dark as ``like`` is, and as noisy, by the DGNET of LLDiffusion (arXiv 2307.14659).

    DGNET takes its word for the darkness of each place from the same place of ``like``, which is brought to the photo's
    size; so pictures of alike composition do best. It was taught by an L1 term, to which noise is nothing to be learnt,
    and makes none: Gaussian noise as strong as that of ``like``
    (:func:`~darklift.data.shots.noise_level`), times ``noise``, is drawn from ``seed``. Alpha and metadata stay. Raises
    ModelError for a method that does not darken, ImageError where there is too little memory, UsageError for a
    ``noise`` that is not from 0 to 100.
    """
    if not 0 <= noise <= 100:
        raise UsageError(f"noise is {noise!r}, expected 0 (none) to 100, 1 being as noisy as the dark picture")
    if not isinstance(method, Darkens):
        raise ModelError(f"a model of {method.name} cannot darken: pass a checkpoint of a method that can")
    height, width = photo.size
    planes = [photo.pixels.transpose(2, 0, 1), _resized(like.pixels, (height, width))]
    multiple = method.footprint.size_multiple
    good, low = (
        torch.from_numpy(np.ascontiguousarray(pad_to_multiple(p, multiple)[0], dtype=np.float32))[None] for p in planes
    )
    needed = method.footprint.bytes_per_pixel * good[0, 0].numel()
    require_memory(needed, free_memory(), f"{width}x{height} pixels take", "make the photo smaller")
    method.net.eval()
    dark = method.darken(good, low)[0, :, :height, :width].numpy().transpose(1, 2, 0)
    grain = random_generator(seed, "dark grain").standard_normal(dark.shape, dtype=np.float32)
    dark = dark + np.float32(noise) * noise_level(like.pixels) * grain
    return photo.with_pixels(np.ascontiguousarray(dark.clip(0, 1)))


def _resized(pixels: FloatArray, size: tuple[int, int]) -> FloatArray:
    """(h, w, 3) -> (3, H, W), each pixel the mean of what it covers."""
    height, width = size
    channels = [Image.fromarray(np.ascontiguousarray(pixels[:, :, channel])) for channel in range(3)]
    return np.stack([np.asarray(channel.resize((width, height), Image.Resampling.BOX)) for channel in channels])
