"""Small building blocks of networks."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Border", "ModulatedBlock", "colour_map", "level_features", "lift", "resample_box", "zero_"]

Border: TypeAlias = Literal["zeros", "replicate"]
"""What convolutions see beyond a picture's border: see ``padding_mode`` of :class:`torch.nn.Conv2d`."""


def zero_(layer: nn.Module) -> None:
    """Set all parameters of a layer to zero, so that a residual branch that ends in it adds nothing at first."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


class ModulatedBlock(nn.Module):
    """Residual block without normalisation: x + conv(relu(conv(x·(1 + scale) + shift))).

    Scale and shift come from a vector, one a picture (FiLM; Perez et al. 2018, arXiv 1709.07871). Nothing is pooled or
    normalised over the input, so a tile gives what the same place of the whole picture gives. Starts as the identity.
    """

    def __init__(self, channels: int, embedding: int, border: Border = "zeros") -> None:
        super().__init__()
        self.modulation = nn.Linear(embedding, 2 * channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, padding_mode=border)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, padding_mode=border)
        zero_(self.modulation)
        zero_(self.conv2)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.modulation(embedding)[:, :, None, None].chunk(2, dim=1)
        result: Tensor = x + self.conv2(F.relu(self.conv1(x * (1 + scale) + shift)))
        return result


def colour_map(unit: Tensor) -> Tensor:
    """Each channel's share in a pixel's sum (LLDiffusion, arXiv 2307.14659): (B, 3, H, W) unit -> signed."""
    return (unit / (unit.sum(dim=1, keepdim=True) + 1e-4)).clamp(0, 1) * 2 - 1


def lift(signed: Tensor, gain: float) -> Tensor:
    """A dark picture made to fill the range, pixel by pixel: log(1 + gain·u) / log(1 + gain), u in [0, 1]; signed in
    and out. Black and white stay; 0 changes nothing.
    """
    if not gain:
        return signed
    return torch.log1p(gain * ((signed + 1) / 2).clamp(min=0)) * (2 / math.log1p(gain)) - 1


def level_features(abar: Tensor, octaves: int = 6) -> Tensor:
    """(B,) abar -> (B, 2·octaves + 1): sqrt(abar), and its sines and cosines at octaves of pi/2."""
    c = abar.float().sqrt()[:, None]
    angles = c * torch.tensor([math.pi / 2 * 2**k for k in range(octaves)], device=c.device)
    return torch.cat([c, angles.sin(), angles.cos()], dim=1)


def resample_box(maps: Tensor, box: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear samples of whole-photo maps at the pixels of a piece of the photo.

    maps: (B or 1, C, h, w) over the whole photo. box: (B, 4) the piece in fractions of the photo: top, left, bottom,
    right. It may reach beyond the border, where the edge's values go on. size: the piece's (H, W). Returns (B, C, H,
    W). Made of two matrix products, which every backend computes alike.
    """
    rows = _interpolation(box[:, 0], box[:, 2], size[0], maps.shape[2]).to(maps.dtype)
    columns = _interpolation(box[:, 1], box[:, 3], size[1], maps.shape[3]).to(maps.dtype)
    return rows[:, None] @ maps @ columns[:, None].transpose(-1, -2)


def _interpolation(start: Tensor, end: Tensor, count: int, cells: int) -> Tensor:
    """(B, count, cells) weights of linear interpolation between cell centres."""
    places = (torch.arange(count, device=start.device, dtype=start.dtype) + 0.5) / count
    positions = start[:, None] + (end - start)[:, None] * places
    positions = (positions * cells - 0.5).clamp(0, cells - 1)
    grid = torch.arange(cells, device=start.device, dtype=start.dtype)
    return (1 - (positions[:, :, None] - grid).abs()).clamp(min=0)
