"""LLDiffusion's networks (arXiv 2307.14659): a U-Net that predicts the noise from the noisy picture, the low-light
one, its colour map and its degradation, and one that darkens a good picture by the same degradation.

Shapes: B pictures, H and W multiples of 2 to the power of the number of down-samplings. Ours leaves out the released
weights that take part in nothing: the middle's ``temb_proj`` and all channel attention but that of up levels 1 to 3.
"""

from __future__ import annotations

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
    """width: channels of the U-Net's first level, a multiple of ``groups``. multipliers, blocks, attention_level: as
    GSAD's.

    channel_attention: whether joined features pass through it. encoder_width: of the encoder's first layer.
    feature_widths: of the encoder's features; none means no encoder. colour_map: whether the U-Net sees it.
    dgnet_width: of DGNET's first level; 0 means no DGNET.
    """

    width: int = 64
    multipliers: tuple[int, ...] = (1, 1, 2, 2, 4, 4)
    blocks: int = 2
    attention_level: int = 2
    groups: int = 32
    dropout: float = 0.0
    channel_attention: bool = True
    encoder_width: int = 16
    feature_widths: tuple[int, ...] = (512, 512, 256)
    colour_map: bool = True
    dgnet_width: int = 32


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
        """x (B, 9 or 6, H, W); t (B,) step numbers from 0. Returns eps_hat (B, 3, H, W)."""
        width = self.config.width
        step = F.silu(self.step(wave_embedding(t.float(), width, span=width // 2 - 1)))
        result: Tensor = self.eps_head(self.last_features(x, step, features))
        return result


class Dgnet(UNet):
    """The degradation generation network: makes a well-lit picture as dark as the features tell."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__(config)
        self.dark_head = self.make_head()

    def forward(self, x0: Tensor, features: Sequence[Tensor]) -> Tensor:
        """x0 (B, 3, H, W) signed -> the same, darkened, about in [-1, 1]."""
        result: Tensor = self.dark_head(self.last_features(x0, fused=features))
        return result


class LldiffusionNet(nn.Module):
    """Encoder, diffusion U-Net, and DGNET, which only training wants."""

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
        )
        downs = len(config.multipliers) - 1
        self.encoder = (
            DegradationEncoder(config.encoder_width, downs, config.feature_widths) if config.feature_widths else None
        )
        self.unet = NoiseNet(noise)
        self.dgnet = (
            Dgnet(replace(noise, channels_in=3, width=config.dgnet_width, embedding=0)) if config.dgnet_width else None
        )

    @property
    def size_multiple(self) -> int:
        """Sides are multiples of it, in pixels."""
        least: int = max(self.unet.size_multiple, 1 if self.dgnet is None else self.dgnet.size_multiple)
        return least

    def features(self, low: Tensor) -> tuple[Tensor, ...]:
        """low (B, 3, H, W) signed -> the encoder's features."""
        return () if self.encoder is None else tuple(self.encoder(low))

    def denoise(self, x: Tensor, t: Tensor, low: Tensor, colour: Tensor | None, features: Sequence[Tensor]) -> Tensor:
        """eps_hat (B, 3, H, W) of x at step t (B,); x, low and the colour map signed."""
        result: Tensor = self.unet(torch.cat([x, low] if colour is None else [x, low, colour], dim=1), t, features)
        return result

    def forward(
        self, x: Tensor, t: Tensor, low: Tensor, colour: Tensor | None, x0: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """What training needs: eps_hat, and ``x0`` darkened as ``low`` is, where both it and DGNET are there."""
        features = self.features(low)
        darkened = None if self.dgnet is None or x0 is None else self.dgnet(x0, features)
        return self.denoise(x, t, low, colour, features), darkened
