"""LLDiffusion's latent map encoder (arXiv 2307.14659): how a photo is degraded, as feature maps.

Shapes: B pictures. The encoder halves H and W ``downs`` times; its upsampler doubles them again, a feature each time.
"""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

__all__ = ["DegradationEncoder", "reflect"]

_SLOPE = 0.2
_RESIDUAL_BLOCKS, _LATENT_LAYERS = 3, 3


class DegradationEncoder(nn.Module):
    """From a dark picture to its features, from coarse to fine: one for each of ``feature_widths``.

    width: channels of the first layer; each further one of the ``downs`` strided layers doubles it, and so does the
    layer after them. Feature i has 1/2^(downs - 1 - i) of the picture's resolution, but none more than that of feature
    ``ups`` - 1. Spectral norm
    (Miyato et al. 2018, arXiv 1802.05957): one power iteration a step in training; in evaluation, the weight is divided
    by uᵀ·W·v with the u and v that were stored.
    """

    def __init__(self, width: int, downs: int, ups: int, feature_widths: tuple[int, ...]) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(downs)]
        latent = 2 * widths[-1]
        self.first = _normed_conv(3, width, stride=2, padding=1)
        self.wide = nn.Conv2d(width, width, 7)
        self.down = nn.ModuleList(
            _normed_conv(before, after, stride=2, padding=1) for before, after in itertools.pairwise(widths)
        )
        self.residual = nn.ModuleList(_ReflectedBlock(widths[-1]) for _ in range(_RESIDUAL_BLOCKS))
        self.latent = nn.ModuleList(
            _normed_conv(before, latent) for before in (widths[-1], *[latent] * (_LATENT_LAYERS - 1))
        )
        self.upsampler = nn.ModuleList(
            _Upsampling(before, after, enlarging=level < ups)
            for level, (before, after) in enumerate(zip((latent, *feature_widths[:-1]), feature_widths, strict=True))
        )

    def forward(self, low: Tensor) -> tuple[Tensor, ...]:
        """low (B, 3, H, W) signed, H and W multiples of 2^downs -> one (B, C, h, w) for each feature."""
        x = _instance_norm(self.first(low))
        x = self.wide(reflect(_leaky(x), 3))
        for layer in self.down:
            x = _instance_norm(layer(_leaky(x)))
        for block in self.residual:
            x = block(x)
        for layer in self.latent:
            x = _leaky(_instance_norm(layer(reflect(x, 1))))
        features = []
        for block in self.upsampler:
            x = block(x)
            features.append(x)
        return tuple(features)


class _ReflectedBlock(nn.Module):
    """Residual block that pads by reflection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3)
        self.conv2 = nn.Conv2d(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return _leaky(x + self.conv2(reflect(_leaky(self.conv1(reflect(x, 1))), 1)))


class _Upsampling(nn.Module):
    """From one feature to the next, at twice its resolution or at the same."""

    def __init__(self, channels_in: int, channels: int, *, enlarging: bool) -> None:
        super().__init__()
        self.enlarge = (
            nn.ConvTranspose2d(channels_in, channels_in, 3, stride=2, padding=1, output_padding=1)
            if enlarging
            else nn.Identity()
        )
        self.conv = spectral_norm(nn.Conv2d(channels_in, channels, 3))

    def forward(self, x: Tensor) -> Tensor:
        return _leaky(self.conv(reflect(self.enlarge(x), 1)))


def _normed_conv(channels_in: int, channels: int, *, stride: int = 1, padding: int = 0) -> nn.Module:
    """Without a bias: the instance norm after it would take that away."""
    return spectral_norm(nn.Conv2d(channels_in, channels, 3, stride=stride, padding=padding, bias=False))


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, _SLOPE)


def _instance_norm(x: Tensor) -> Tensor:
    """Brings each channel of each picture to mean 0 and variance 1. Unlike torch's own, it takes maps of a single
    place, which become 0.
    """
    return F.layer_norm(x, x.shape[2:])


def reflect(x: Tensor, amount: int) -> Tensor:
    """Pad (B, C, H, W) by reflection on all sides. Unlike torch's own, it takes sides of any length; one of length 1 is
    repeated.
    """
    return x.index_select(2, _reflected(x, 2, amount)).index_select(3, _reflected(x, 3, amount))


def _reflected(x: Tensor, axis: int, amount: int) -> Tensor:
    """Which place of the axis each place of the padded one shows."""
    size = x.shape[axis]
    last = size - 1
    places = torch.arange(-amount, size + amount, device=x.device)
    for _ in range(amount):  # once is enough where the side is longer than the padding
        places = last - (last - places.abs()).abs()
    return places.clamp(min=0)
