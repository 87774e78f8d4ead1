"""What compact's objective is made of: the measures of error.

Legend: ``x0`` the well-lit picture, ``abar`` the noise level; B pictures. All pictures are unit.
"""

from __future__ import annotations

import torch
from torch import Tensor

from darklift.methods.base import Batch

__all__ = [
    "aligned",
    "clipping_weight",
    "coarse_difference",
    "decibels",
    "exposure_error",
    "light_weight",
]

_LIT = (0.35, 0.75)
"""Unit: up to the first, a place of the dark picture is not lit; from the second on it is."""


def exposure_error(predicted: Tensor, batch: Batch) -> Tensor:
    """How far the brightness predicted (B,) is off: the weighted mean, in stops of the coded value."""
    return (batch["exposure_weight"] * (predicted / batch["brightness"]).log2().abs()).mean()


def aligned(made: Tensor, gain: Tensor, x0: Tensor) -> Tensor:
    """``made`` (B, C, H, W) times ``gain`` (B,). Where x0 is white already, being brighter still is no error."""
    made = made * gain.view(-1, 1, 1, 1)
    return torch.where((x0 >= 1) & (gain.view(-1, 1, 1, 1) > 1), made.clamp(max=1), made)


def coarse_difference(coarse: Tensor, gain: Tensor, batch: Batch, lit_weight: float) -> Tensor:
    """A coarse picture, brought back by ``gain`` (B,), less the small ground truth; weighted."""
    target = batch["thumbnail_x0"]
    weight = clipping_weight(target, batch["clipped_weight"]) * light_weight(batch["thumbnail"], lit_weight)
    return weight * (aligned(coarse.float(), gain, target) - target)


def decibels(error: Tensor) -> Tensor:
    """How far the PSNR of an error (B, C, H, W) is below 50 dB, the mean over the batch; 0 for no error."""
    return 10 * (error.square().mean(dim=(1, 2, 3)) / 1e-5 + 1).log10().mean()


def clipping_weight(x0: Tensor, clipped_weight: Tensor) -> Tensor:
    """``clipped_weight`` (B,) where x0 is clipped (at least 250/255 in any channel), 1 elsewhere: (B, 1, H, W)."""
    clipped = x0.amax(dim=1, keepdim=True) >= 250 / 255
    return torch.where(clipped, clipped_weight.view(-1, 1, 1, 1), 1.0)


def light_weight(low: Tensor, lit_weight: float) -> Tensor:
    """1 + ``lit_weight`` where the dark picture (B, 3, H, W) is lit already, 1 where it is dark: (B, 1, H, W).

    Lamps and lit walls are few among many dark places, and are bleached for these without it.
    """
    start, end = _LIT
    share = ((low.amax(dim=1, keepdim=True) - start) / (end - start)).clamp(0, 1)
    return 1 + lit_weight * share.square() * (3 - 2 * share)
