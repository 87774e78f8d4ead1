"""GSAD's network (arXiv 2310.17577): a U-Net that predicts the noise, and how sure it is of it.

Shapes: B pictures, C = ``width`` channels, H and W multiples of 2 to the power of the number of down-samplings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["GsadNet", "GsadNetConfig"]

_GROUPS = 32


@dataclass(frozen=True)
class GsadNetConfig:
    """width: channels of the first level, a multiple of 32. multipliers: of the width, one a level.

    blocks: residual blocks a level on the way down, one more on the way up. attention_level: the level (0 = full
    resolution) whose blocks are followed by attention; the middle always has it.
    """

    width: int = 64
    multipliers: tuple[int, ...] = (1, 1, 2, 2, 4)
    blocks: int = 2
    attention_level: int = 3


class _LevelBlock(nn.Module):
    """Residual block that takes the noise level's embedding, with or without self-attention after it."""

    def __init__(self, channels_in: int, channels: int, embedding: int, *, attention: bool) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(_GROUPS, channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels, 3, padding=1)
        self.level = nn.Linear(embedding, channels)
        self.norm2 = nn.GroupNorm(_GROUPS, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.shortcut = nn.Conv2d(channels_in, channels, 1) if channels_in != channels else nn.Identity()
        self.attention = _Attention(channels) if attention else nn.Identity()

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x))) + self.level(level)[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h))) + self.shortcut(x)
        result: Tensor = self.attention(h)
        return result


class _Attention(nn.Module):
    """Self-attention over all places, one head, residual; never builds the matrix of all pairs."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(_GROUPS, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        q, k, v = self.qkv(self.norm(x)).flatten(2).transpose(1, 2).reshape(b, 1, h * w, 3, c).unbind(dim=3)
        mixed = F.scaled_dot_product_attention(q, k, v)[:, 0].transpose(1, 2).reshape(b, c, h, w)
        result: Tensor = x + self.out(mixed)
        return result


class GsadNet(nn.Module):
    """Noise and uncertainty from a noisy picture, the low-light picture, and c = sqrt(abar)."""

    def __init__(self, config: GsadNetConfig) -> None:
        super().__init__()
        self.config = config
        width, last = config.width, len(config.multipliers) - 1
        widths = [width * multiplier for multiplier in config.multipliers]
        # A group of one channel at a single place has nothing to be normalised by: such nets get two places at least.
        alone = min(widths[-2:]) == _GROUPS
        self.size_multiple = 2 ** (last + alone)

        def block(channels_in: int, channels: int, level: int) -> _LevelBlock:
            return _LevelBlock(channels_in, channels, width, attention=level == config.attention_level)

        self.level = nn.Sequential(nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width))
        self.stem = nn.Conv2d(6, width, 3, padding=1)
        self.encoder = nn.ModuleList()
        self.down = nn.ModuleList(nn.Conv2d(c, c, 3, stride=2, padding=1) for c in widths[:-1])
        skips = [width]
        for level, (before, channels) in enumerate(pairwise([width, *widths])):
            inputs = [before, *[channels] * (config.blocks - 1)]
            self.encoder.append(nn.ModuleList(block(c, channels, level) for c in inputs))
            skips += [channels] * (config.blocks + (level < last))
        self.middle = nn.ModuleList(
            _LevelBlock(widths[-1], widths[-1], width, attention=attention) for attention in (True, False)
        )
        self.decoder = nn.ModuleList()
        self.up = nn.ModuleList(nn.Conv2d(c, c, 3, padding=1) for c in reversed(widths[1:]))
        before = widths[-1]
        for level in range(last, -1, -1):
            blocks = nn.ModuleList()
            for _ in range(config.blocks + 1):
                blocks.append(block(before + skips.pop(), widths[level], level))
                before = widths[level]
            self.decoder.append(blocks)
        self.eps_head = nn.Sequential(nn.GroupNorm(_GROUPS, width), nn.SiLU(), nn.Conv2d(width, 3, 3, padding=1))
        self.uncertainty_head = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.ELU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ELU(),
            nn.Conv2d(width, 3, 3, padding=1),
            nn.ELU(),
        )

    def forward(self, x: Tensor, c: Tensor, low: Tensor) -> tuple[Tensor, Tensor]:
        """x, low (B, 3, H, W) signed; c (B,) in (0, 1]. Returns eps_hat and the uncertainty P (> -1), like x."""
        level = self.level(_level_embedding(c, self.config.width))
        x = self.stem(torch.cat([low, x], dim=1))
        skips = [x]
        for number, blocks in enumerate(_lists(self.encoder)):
            for block in blocks:
                x = block(x, level)
                skips.append(x)
            if number < len(self.down):
                x = self.down[number](x)
                skips.append(x)
        for block in self.middle:
            x = block(x, level)
        for number, blocks in enumerate(_lists(self.decoder)):
            for block in blocks:
                x = block(torch.cat([x, skips.pop()], dim=1), level)
            if number < len(self.up):
                x = self.up[number](F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return self.eps_head(x), self.uncertainty_head(x)


def _lists(levels: nn.ModuleList) -> list[list[nn.Module]]:
    return [list(blocks) for blocks in levels if isinstance(blocks, nn.ModuleList)]


def _level_embedding(c: Tensor, width: int) -> Tensor:
    """(B,) -> (B, width): sines, then cosines, of c times falling frequencies."""
    half = width // 2
    frequencies = torch.exp(-math.log(1e4) / half * torch.arange(half, device=c.device, dtype=c.dtype))
    angles = c[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)
