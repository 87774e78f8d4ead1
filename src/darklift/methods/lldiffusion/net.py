"""LLDiffusion's networks (arXiv 2307.14659): a U-Net that predicts the noise from the noisy picture, the dark one, its
colour map and features of its degradation; and one that darkens a good picture by the same features.

Shapes: B pictures, H and W multiples of 2 to the power of the number of down-samplings. Released weights that take part
in nothing are left out: the middle's ``temb_proj``, and all channel attention but that of up levels 1 to 3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darklift.methods.lldiffusion.degradation import DegradationEncoder
from darklift.methods.parts.unet import UNet, UNetConfig, wave_embedding

__all__ = ["Dgnet", "LldiffusionNet", "LldiffusionNetConfig", "NoiseNet"]


@dataclass(frozen=True)
class LldiffusionNetConfig:
    """width: channels of the U-Net's first level, a multiple of ``groups``. multipliers: of the width, one a level.

    blocks: residual blocks a level on the way down, one more on the way up. attention_level: the level (0 = full
    resolution) whose blocks are followed by attention; the middle always has it. channel_attention: whether there is
    any after the features are concatenated. encoder_width: channels of the encoder's first layer. feature_widths:
    channels of its features; none for no encoder. colour_map: whether the U-Net sees it. dgnet_width: channels of
    DGNET's first level; 0 for no DGNET. unshuffle: side in pixels of the squares that become channels before the first
    level of both U-Nets, a power of 2.
    """

    width: int
    multipliers: tuple[int, ...]
    blocks: int
    attention_level: int
    groups: int
    dropout: float
    channel_attention: bool
    encoder_width: int
    feature_widths: tuple[int, ...]
    colour_map: bool
    dgnet_width: int
    unshuffle: int = 1


class NoiseNet(UNet):
    """The diffusion U-Net."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__(config)
        width = config.width
        self.step = nn.Sequential(
            nn.Linear(width, config.embedding), nn.SiLU(), nn.Linear(config.embedding, config.embedding)
        )
        self.eps_head = self.make_head()

    def forward(self, x: Tensor, t: Tensor, features: Sequence[Tensor]) -> Tensor:
        """x (B, 9 or 6, H, W); t (B,) step numbers from 0. Returns eps_hat, or v (B, 3, H, W)."""
        width = self.config.width
        step = F.silu(self.step(wave_embedding(t.float(), width, span=width // 2 - 1)))
        result: Tensor = self.eps_head(self.last_features(x, step, features))
        return result


class Dgnet(UNet):
    """The degradation generation network: makes a good picture as dark as the features say."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__(config)
        self.dark_head = self.make_head()

    def forward(self, x0: Tensor, features: Sequence[Tensor]) -> Tensor:
        """x0 (B, 3, H, W) signed -> the same, darkened, about in [-1, 1]."""
        result: Tensor = self.dark_head(self.last_features(x0, fused=features))
        return result


class LldiffusionNet(nn.Module):
    """The encoder, the diffusion U-Net, and DGNET, which only training and darkening need."""

    def __init__(self, config: LldiffusionNetConfig) -> None:
        super().__init__()
        self.config = config
        noise = UNetConfig(
            channels_in=9 if config.colour_map else 6,
            width=config.width,
            multipliers=config.multipliers,
            blocks=config.blocks,
            attention_level=config.attention_level,
            embedding=4 * config.width,
            middle_embedded=False,
            groups=config.groups,
            norm_eps=1e-6,
            attention_bias=True,
            padded_corner=True,
            dropout=config.dropout,
            fused=config.feature_widths,
            channel_attention=config.channel_attention,
            unshuffle=config.unshuffle,
        )
        ups = len(config.multipliers) - 1
        downs = ups + int(math.log2(config.unshuffle))
        self.encoder = (
            DegradationEncoder(config.encoder_width, downs, ups, config.feature_widths)
            if config.feature_widths
            else None
        )
        self.unet = NoiseNet(noise)
        self.dgnet = (
            Dgnet(replace(noise, channels_in=3, width=config.dgnet_width, embedding=0)) if config.dgnet_width else None
        )

    @property
    def size_multiple(self) -> int:
        """What the sides of pictures are multiples of, in pixels."""
        least: int = max(self.unet.size_multiple, 1 if self.dgnet is None else self.dgnet.size_multiple)
        return least

    def features(self, low: Tensor) -> tuple[Tensor, ...]:
        """low (B, 3, H, W) signed -> the encoder's features."""
        return () if self.encoder is None else tuple(self.encoder(low))

    def denoise(self, x: Tensor, t: Tensor, low: Tensor, colour: Tensor | None, features: Sequence[Tensor]) -> Tensor:
        """eps_hat, or v (B, 3, H, W), of x at step t (B,); x, low and the colour map signed."""
        result: Tensor = self.unet(torch.cat([x, low] if colour is None else [x, low, colour], dim=1), t, features)
        return result

    def forward(
        self, x: Tensor, t: Tensor, low: Tensor, colour: Tensor | None, x0: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """What training needs, in one call: eps_hat (or v), and ``x0`` made as dark as ``low``, given it and DGNET."""
        features = self.features(low)
        darkened = None if self.dgnet is None or x0 is None else self.dgnet(x0, features)
        return self.denoise(x, t, low, colour, features), darkened
