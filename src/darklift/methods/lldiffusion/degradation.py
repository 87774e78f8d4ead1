"""LLDiffusion's latent map encoder (arXiv 2307.14659): what is known of a photo's degradation, as feature maps.

Shapes: B pictures; the encoder halves H and W ``downs`` times and its upsampler doubles them again, one feature a step.
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
    """From a low-light picture to features of falling coarseness; each width of ``feature_widths`` is one.

    width: channels of the first layer, doubled by each further one of the ``downs`` strided layers and once more
    after them. Feature i is at 1/2^(downs - 1 - i) of the picture's resolution, those beyond at full resolution.
    Spectral norm (Miyato et al. 2018, arXiv 1802.05957): in training one power iteration a step; in evaluation the
    weight is divided by uᵀ·W·v with u and v as they were stored.
    """

    def __init__(self, width: int, downs: int, feature_widths: tuple[int, ...]) -> None:
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
            _Upsampling(before, after, enlarging=level < downs)
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
    """Residual block on pictures that go on as reflections."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3)
        self.conv2 = nn.Conv2d(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return _leaky(x + self.conv2(reflect(_leaky(self.conv1(reflect(x, 1))), 1)))


class _Upsampling(nn.Module):
    """One feature from the one before it, at twice its resolution or at the same."""

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
    """Without a bias, which the instance norm behind it would take away."""
    return spectral_norm(nn.Conv2d(channels_in, channels, 3, stride=stride, padding=padding, bias=False))


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, _SLOPE)


def _instance_norm(x: Tensor) -> Tensor:
    """Each channel of each picture to mean 0 and variance 1; unlike torch's own it takes a single place, giving 0."""
    return F.layer_norm(x, x.shape[2:])


def reflect(x: Tensor, amount: int) -> Tensor:
    """Pad by reflection; unlike torch's own on sides of any length, a side of 1 being repeated."""
    return x.index_select(2, _reflected(x, 2, amount)).index_select(3, _reflected(x, 3, amount))


def _reflected(x: Tensor, axis: int, amount: int) -> Tensor:
    """The places that a padded axis shows."""
    size = x.shape[axis]
    last = size - 1
    places = torch.arange(-amount, size + amount, device=x.device)
    for _ in range(amount):  # once is enough where the side is longer than the padding
        places = last - (last - places.abs()).abs()
    return places.clamp(min=0)
