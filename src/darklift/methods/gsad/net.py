"""GSAD's network (arXiv 2310.17577): a U-Net that predicts the noise, and how unsure it is.

Shapes: B pictures, C = ``width`` channels, H and W multiples of 2 to the power of the number of down-samplings.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from darklift.methods.parts.unet import UNet, UNetConfig, wave_embedding

__all__ = ["GsadNet", "GsadNetConfig"]


@dataclass(frozen=True)
class GsadNetConfig:
    """width: channels of the first level, a multiple of 32. multipliers: of the width, one a level.

    blocks: residual blocks a level on the way down, one more on the way up. attention_level: the level (0 = full
    resolution) whose blocks are followed by attention; the middle always has it. unshuffle: side in pixels of the
    squares that become channels before the first level.
    """

    width: int
    multipliers: tuple[int, ...]
    blocks: int
    attention_level: int
    unshuffle: int = 1


class GsadNet(UNet):
    """From a noisy picture, the dark picture and c = sqrt(abar) to the noise and the uncertainty."""

    def __init__(self, config: GsadNetConfig) -> None:
        width = config.width
        super().__init__(
            UNetConfig(
                channels_in=6,
                width=width,
                multipliers=config.multipliers,
                blocks=config.blocks,
                attention_level=config.attention_level,
                embedding=width,
                unshuffle=config.unshuffle,
            )
        )
        self.level = nn.Sequential(nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width))
        self.eps_head = self.make_head()
        self.uncertainty_head = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.ELU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ELU(),
            *self.to_picture(),
            nn.ELU(),
        )

    def forward(self, x: Tensor, c: Tensor, low: Tensor) -> tuple[Tensor, Tensor]:
        """x, low (B, 3, H, W) signed; c (B,) in (0, 1]. Returns eps_hat (or v) and the uncertainty P (> -1), like x."""
        width = self.config.width
        level = self.level(wave_embedding(c, width, span=width // 2))
        x = self.last_features(torch.cat([low, x], dim=1), level)
        return self.eps_head(x), self.uncertainty_head(x)
