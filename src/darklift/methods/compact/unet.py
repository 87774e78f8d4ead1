"""The U-Net that compact's coarse and fine nets are built on: modulated residual blocks, nothing normalised."""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from darklift.methods.parts.blocks import Border, ModulatedBlock, zero_

__all__ = ["ModulatedUNet"]


class ModulatedUNet(nn.Module):
    """Strided convolutions on the way down, convolution and nearest ×2 on the way up; skips are added."""

    def __init__(
        self, widths: tuple[int, ...], blocks: tuple[int, ...], embedding: int, *, attention: bool, border: Border
    ) -> None:
        """blocks: how many at each place of the way: in each level down, at the bottom, and in each level up again."""
        super().__init__()

        def level(width: int, count: int) -> nn.ModuleList:
            return nn.ModuleList(ModulatedBlock(width, embedding, border) for _ in range(count))

        def convolution(before: int, after: int, stride: int = 1) -> nn.Conv2d:
            return nn.Conv2d(before, after, 3, stride=stride, padding=1, padding_mode=border)

        pairs = list(pairwise(widths))
        places = [*map(level, (*widths, *reversed(widths[:-1])), blocks)]
        self.encoder = nn.ModuleList(places[: len(pairs)])
        self.down = nn.ModuleList(convolution(a, b, stride=2) for a, b in pairs)
        self.bottom = places[len(pairs)]
        self.attention = _Attention(widths[-1]) if attention else nn.Identity()
        self.up = nn.ModuleList(convolution(b, a) for a, b in reversed(pairs))
        self.decoder = nn.ModuleList(places[len(pairs) + 1 :])

    def forward(self, x: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, C, H, W) and a vector (B, E) -> the last feature map, like x, and the one at the bottom."""
        skips = []
        for blocks, down in zip(self.encoder, self.down, strict=True):
            x = _run(blocks, x, embedding)
            skips.append(x)
            x = down(x)
        bottom = x = self.attention(_run(self.bottom, x, embedding))
        for up, blocks in zip(self.up, self.decoder, strict=True):
            x = F.interpolate(up(x), scale_factor=2.0, mode="nearest") + skips.pop()
            x = _run(blocks, x, embedding)
        return x, bottom


class _Attention(nn.Module):
    """Self-attention over the places of a small map, one residual layer (Vaswani et al. 2017)."""

    def __init__(self, channels: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        zero_(self.out)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        tokens = self.norm(x.flatten(2).transpose(1, 2))
        q, k, v = self.qkv(tokens).reshape(b, h * w, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, h * w, c)
        result: Tensor = x + self.out(mixed).transpose(1, 2).reshape(b, c, h, w)
        return result


def _run(blocks: nn.Module, x: Tensor, embedding: Tensor) -> Tensor:
    assert isinstance(blocks, nn.ModuleList)
    for block in blocks:
        x = block(x, embedding)
    return x
