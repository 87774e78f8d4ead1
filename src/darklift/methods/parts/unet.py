"""The U-Net of the published methods: that of DDPM (Ho et al. 2020), with the methods' differences as settings.

Shapes: B pictures, H and W multiples of 2 to the power of the number of down-samplings; level 0 is full resolution.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darklift.methods.parts.norm import GroupNorm

__all__ = ["ChannelAttention", "ResidualBlock", "SelfAttention", "UNet", "UNetConfig", "wave_embedding"]


_WORKING_COPIES = 5.0
"""How many copies of a block's input are in memory at its peak, beside the skips: itself, normed, activated, convolved,
and a margin. Measured on GSAD: 45 bytes for each pixel and each channel of the first level, where this makes it 57.
"""


@dataclass(frozen=True)
class UNetConfig:
    """channels_in: of the input. width: channels of the first level. multipliers: of the width, one a level.

    blocks: residual blocks a level on the way down, one more on the way up. attention_level: the level whose blocks
    are followed by self-attention; the middle always has it. embedding: channels of the vector that every block gets,
    of a noise level or a step, 0 for none; middle_embedded: whether the middle's two blocks get it, too. groups,
    norm_eps: of every GroupNorm. attention_bias: whether the 1×1 convolution to queries, keys and values has one.
    padded_corner: whether strided convolutions are padded only on the right and below, not all around. fused: channels
    of the features that are concatenated on the way up, one at the start of each level but the deepest, then one after
    the last block. channel_attention: whether the levels' pass through :class:`ChannelAttention` after that. unshuffle:
    side in pixels of the squares that become channels first, so that the first level has that much less resolution.
    """

    channels_in: int
    width: int
    multipliers: tuple[int, ...]
    blocks: int
    attention_level: int
    embedding: int
    middle_embedded: bool = True
    groups: int = 32
    norm_eps: float = 1e-5
    attention_bias: bool = False
    padded_corner: bool = False
    dropout: float = 0.0
    fused: tuple[int, ...] = ()
    channel_attention: bool = False
    unshuffle: int = 1


class ResidualBlock(nn.Module):
    """Residual block; a vector may be added between its convolutions, and self-attention may follow."""

    def __init__(self, channels_in: int, channels: int, config: UNetConfig, *, embedded: bool, attention: bool) -> None:
        super().__init__()
        self.norm1 = GroupNorm(config.groups, channels_in, config.norm_eps)
        self.conv1 = nn.Conv2d(channels_in, channels, 3, padding=1)
        self.level = nn.Linear(config.embedding, channels) if embedded else None
        self.norm2 = GroupNorm(config.groups, channels, config.norm_eps)
        self.dropout = nn.Dropout(config.dropout)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.shortcut = nn.Conv2d(channels_in, channels, 1) if channels_in != channels else nn.Identity()
        self.attention = SelfAttention(channels, config) if attention else nn.Identity()

    def forward(self, x: Tensor, level: Tensor | None) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        if self.level is not None:
            h = h + self.level(level)[:, :, None, None]
        h = self.conv2(self.dropout(F.silu(self.norm2(h)))) + self.shortcut(x)
        result: Tensor = self.attention(h)
        return result


class SelfAttention(nn.Module):
    """Self-attention over all places, one head, residual. Never holds the matrix of all pairs."""

    def __init__(self, channels: int, config: UNetConfig) -> None:
        super().__init__()
        self.norm = GroupNorm(config.groups, channels, config.norm_eps)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=config.attention_bias)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        # contiguous: fused kernels need a token's channels side by side, or torch silently does without them
        tokens = self.qkv(self.norm(x)).flatten(2).transpose(1, 2).contiguous()
        q, k, v = tokens.reshape(b, 1, h * w, 3, c).unbind(dim=3)
        mixed = F.scaled_dot_product_attention(q, k, v)[:, 0].transpose(1, 2).reshape(b, c, h, w)
        result: Tensor = x + self.out(mixed)
        return result


class ChannelAttention(nn.Module):
    """Scales each channel by a factor in (0, 1), computed from the means of all channels (Hu et al. 2018)."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        narrow = max(channels // reduction, 1)
        self.squeeze = nn.Conv2d(channels, narrow, 1)
        self.expand = nn.Conv2d(narrow, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        means = x.mean(dim=(2, 3), keepdim=True)
        return x * torch.sigmoid(self.expand(F.relu(self.squeeze(means))))


class UNet(nn.Module):
    """From a picture to its last feature map. The networks built on it add an embedding and heads."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        width, last = config.width, len(config.multipliers) - 1
        widths = [width * multiplier for multiplier in config.multipliers]
        # A group of one channel at a single place cannot be normalised: such nets get at least two places.
        self.size_multiple = config.unshuffle * 2 ** (last + (min(widths[-2:]) == config.groups))
        at_levels, at_end = config.fused[:last], config.fused[last:]

        def block(channels_in: int, channels: int, level: int) -> ResidualBlock:
            attention = level == config.attention_level
            return ResidualBlock(channels_in, channels, config, embedded=config.embedding > 0, attention=attention)

        self.stem = nn.Conv2d(config.channels_in * config.unshuffle**2, width, 3, padding=1)
        self.encoder = nn.ModuleList()
        self.down = nn.ModuleList(_Down(channels, config.padded_corner) for channels in widths[:-1])
        skips = [width]
        for level, (before, channels) in enumerate(pairwise([width, *widths])):
            inputs = [before, *[channels] * (config.blocks - 1)]
            self.encoder.append(nn.ModuleList(block(c, channels, level) for c in inputs))
            skips += [channels] * (config.blocks + (level < last))
        embedded = config.embedding > 0 and config.middle_embedded
        self.middle = nn.ModuleList(
            ResidualBlock(widths[-1], widths[-1], config, embedded=embedded, attention=attention)
            for attention in (True, False)
        )
        self.decoder = nn.ModuleList()
        self.up = nn.ModuleList(nn.Conv2d(c, c, 3, padding=1) for c in reversed(widths[1:]))
        self.fuse = nn.ModuleList()
        before = widths[-1]
        held = [(config.blocks + 1) * channels / 4**level for level, channels in enumerate(widths)]
        inputs_up: list[float] = []
        for level in range(last, -1, -1):
            if level < last and last - level <= len(at_levels):
                before += at_levels[last - level - 1]
                self.fuse.append(ChannelAttention(before) if config.channel_attention else nn.Identity())
            blocks = nn.ModuleList()
            for _ in range(config.blocks + 1):
                inputs_up.append((before + skips[-1]) / 4**level)
                blocks.append(block(before + skips.pop(), widths[level], level))
                before = widths[level]
            self.decoder.append(blocks)
        self.channels_out = width + sum(at_end)
        features = [c / 4 ** (last - 1 - number) for number, c in enumerate(at_levels)] + list(at_end)
        floats = sum(features) + sum(held) + _WORKING_COPIES * max(*inputs_up, self.channels_out)
        self._floats_per_pixel = floats / config.unshuffle**2

    @property
    def memory(self) -> tuple[float, float]:
        """Bytes that a step needs at its peak: for each pixel, and for each pair of pixels where attention is not fused
        (three float32 matrices at the attention's resolution).
        """
        attended = self.config.unshuffle**2 * 4**self.config.attention_level  # pixels for each place
        return 4 * self._floats_per_pixel, 3 * 4 / attended**2

    def make_head(self) -> nn.Sequential:
        """From the last feature map to a picture of three channels."""
        norm = GroupNorm(self.config.groups, self.channels_out, self.config.norm_eps)
        return nn.Sequential(norm, nn.SiLU(), *self.to_picture())

    def to_picture(self) -> list[nn.Module]:
        """The layers that make the last feature map's channels a picture's three, at full resolution."""
        side = self.config.unshuffle
        shuffle = [] if side == 1 else [nn.PixelShuffle(side)]
        return [nn.Conv2d(self.channels_out, 3 * side**2, 3, padding=1), *shuffle]

    def last_features(self, x: Tensor, level: Tensor | None = None, fused: Sequence[Tensor] = ()) -> Tensor:
        """x (B, channels_in, H, W); level (B, embedding); fused: the features, each at the resolution of the place
        where it is concatenated. Returns (B, channels_out, H, W), H and W divided by ``unshuffle``.
        """
        x = self.stem(x if self.config.unshuffle == 1 else F.pixel_unshuffle(x, self.config.unshuffle))
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
            if 0 < number <= len(self.fuse):
                x = self.fuse[number - 1](torch.cat([x, fused[number - 1]], dim=1))
            for block in blocks:
                x = block(torch.cat([x, skips.pop()], dim=1), level)
            if number < len(self.up):
                x = self.up[number](F.interpolate(x, scale_factor=2.0, mode="nearest"))
        at_end = fused[len(self.fuse) :]
        return torch.cat([x, *at_end], dim=1) if at_end else x


class _Down(nn.Conv2d):
    """Strided convolution to half the resolution."""

    def __init__(self, channels: int, padded_corner: bool) -> None:
        super().__init__(channels, channels, 3, stride=2, padding=0 if padded_corner else 1)
        self.padded_corner = padded_corner

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, (0, 1, 0, 1)) if self.padded_corner else x)


def _lists(levels: nn.ModuleList) -> list[list[nn.Module]]:
    return [list(blocks) for blocks in levels if isinstance(blocks, nn.ModuleList)]


def wave_embedding(values: Tensor, width: int, span: int) -> Tensor:
    """(B,) -> (B, width): sines, then cosines, of the values times 1e4^(-k/span), k = 0 … width/2 - 1."""
    frequencies = torch.exp(-math.log(1e4) / span * torch.arange(width // 2, device=values.device, dtype=values.dtype))
    angles = values[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)
