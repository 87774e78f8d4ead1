"""Two published networks, for their time only: random weights, written from their papers' descriptions.

B batch, C channels, H, W; pictures are unit RGB, (B, 3, H, W).
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


class CurveNet(nn.Module):
    """As Zero-DCE (Guo et al., CVPR 2020): seven convolutions at full size tell how eight curves brighten each pixel.
    H and W may be any.
    """

    def __init__(self, width: int = 32, curves: int = 8) -> None:
        super().__init__()
        self.down = nn.ModuleList(nn.Conv2d(3 if not i else width, width, 3, padding=1) for i in range(4))
        self.up = nn.ModuleList(nn.Conv2d(2 * width, width, 3, padding=1) for _ in range(2))
        self.last = nn.Conv2d(2 * width, 3 * curves, 3, padding=1)

    def forward(self, picture: Tensor) -> Tensor:
        layers, x = [], picture
        for convolution in self.down:
            x = functional.relu(convolution(x))
            layers.append(x)
        x = layers.pop()
        for convolution in self.up:
            x = functional.relu(convolution(torch.cat([layers.pop(), x], 1)))
        for curve in torch.tanh(self.last(torch.cat([layers.pop(), x], 1))).split(3, 1):
            picture = picture + curve * picture * (1 - picture)
        return picture


class ColourNet(nn.Module):
    """As CIDNet (Yan et al., CVPR 2025, arXiv 2402.05809): colours and intensity in a U-Net each, which attend to each
    other at every size. H and W: multiples of 8. Published are 1.88 million parameters and "7.57 GFLOPs" at 256×256;
    this one has 1.98 million, and 8.18 GMAC by torch's counter.
    """

    def __init__(self, widths: tuple[int, ...] = (36, 36, 72, 144), heads: tuple[int, ...] = (1, 2, 4, 8)) -> None:
        super().__init__()
        self.density = nn.Parameter(torch.tensor(0.2))
        self.branches = nn.ModuleList(_Branch(inputs, widths) for inputs in (3, 1))
        deeper = [*zip(widths, heads, strict=True)][1:]
        order = [*deeper, *reversed(deeper)]
        self.attend = nn.ModuleList(nn.ModuleList(_Attend(*both) for _ in range(2)) for both in order)

    def forward(self, picture: Tensor) -> Tensor:
        intensity = picture.amax(1, keepdim=True)
        plane = _colour_plane(picture, intensity, self.density)
        shown = torch.cat([plane, intensity], 1), intensity
        pair = [branch.first(x) for branch, x in zip(self.branches, shown, strict=True)]
        skipped = []
        depth = len(self.branches[0].down)
        for level in range(depth):
            skipped.append(pair)
            pair = [branch.down[level](x) for branch, x in zip(self.branches, pair, strict=True)]
            pair = self._attended(level, pair)
        for level in range(depth):
            pair = self._attended(depth + level, pair)
            beside = skipped.pop()
            pair = [branch.up[level](x, y) for branch, x, y in zip(self.branches, pair, beside, strict=True)]
        change = [branch.last(x) for branch, x in zip(self.branches, pair, strict=True)]
        return _from_plane(plane + change[0], intensity + change[1], self.density)

    def _attended(self, number: int, pair: list[Tensor]) -> list[Tensor]:
        colours, light = self.attend[number]
        return [colours(pair[0], pair[1]), light(pair[1], pair[0])]


class _Branch(nn.Module):
    def __init__(self, inputs: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        steps = [*pairwise(widths)]
        self.first = nn.Conv2d(inputs, widths[0], 3, padding=1, padding_mode="replicate", bias=False)
        self.down = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(wide, deep, 3, padding=1, bias=False), nn.UpsamplingBilinear2d(scale_factor=0.5), nn.PReLU()
            )
            for wide, deep in steps
        )
        self.up = nn.ModuleList(_Up(deep, wide) for wide, deep in reversed(steps))
        self.last = nn.Conv2d(widths[0], 2 if inputs == 3 else 1, 3, padding=1, padding_mode="replicate", bias=False)


class _Up(nn.Module):
    def __init__(self, deep: int, wide: int) -> None:
        super().__init__()
        self.enlarge = nn.Sequential(
            nn.Conv2d(deep, wide, 3, padding=1, bias=False), nn.UpsamplingBilinear2d(scale_factor=2)
        )
        self.merge = nn.Conv2d(2 * wide, wide, 1, bias=False)
        self.active = nn.PReLU()

    def forward(self, x: Tensor, beside: Tensor) -> Tensor:
        return self.active(self.merge(torch.cat([self.enlarge(x), beside], 1)))


class _Attend(nn.Module):
    """The lighten cross-attention: over channels, queries of one branch and the rest of the other; then a layer that
    multiplies two halves of its features.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        hidden = int(2.66 * width)
        self.heads = heads
        self.scale = nn.Parameter(torch.ones(heads, 1, 1))
        self.norm, self.norm_after = _Norm(width), _Norm(width)
        self.query = _by_pixel_and_place(width, width)
        self.key_value = _by_pixel_and_place(width, 2 * width)
        self.out = nn.Conv2d(width, width, 1, bias=False)
        self.split = _by_pixel_and_place(width, 2 * hidden)
        self.halves = nn.ModuleList(_by_place(hidden) for _ in range(2))
        self.join = nn.Conv2d(hidden, width, 1, bias=False)

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        query = self.query(self.norm(x))
        key, value = self.key_value(self.norm(other)).chunk(2, 1)
        batch, channels, height, width = query.shape
        query, key, value = (t.reshape(batch, self.heads, channels // self.heads, -1) for t in (query, key, value))
        weights = functional.normalize(query, dim=-1) @ functional.normalize(key, dim=-1).transpose(-2, -1)
        attended = ((weights * self.scale).softmax(-1) @ value).reshape(batch, channels, height, width)
        x = x + self.out(attended)
        first, second = (
            torch.tanh(layer(half)) + half
            for layer, half in zip(self.halves, self.split(self.norm_after(x)).chunk(2, 1), strict=True)
        )
        return x + self.join(first * second)


class _Norm(nn.Module):
    """Over the channels of each pixel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain, self.offset = nn.Parameter(torch.ones(width, 1, 1)), nn.Parameter(torch.zeros(width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        rest = x - x.mean(1, keepdim=True)
        return rest * torch.rsqrt((rest * rest).mean(1, keepdim=True) + 1e-6) * self.gain + self.offset


def _by_place(width: int) -> nn.Conv2d:
    return nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)


def _by_pixel_and_place(width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(width, outputs, 1, bias=False), _by_place(outputs))


def _colour_plane(picture: Tensor, intensity: Tensor, density: Tensor) -> Tensor:
    """Hue and saturation on a disc whose radius grows with intensity: (B, 2, H, W)."""
    red, green, blue = picture.split(1, 1)
    span = intensity - picture.amin(1, keepdim=True)
    divisor = span + 1e-8
    hue = torch.where(
        intensity == red,
        (green - blue) / divisor,
        torch.where(intensity == green, (blue - red) / divisor + 2, (red - green) / divisor + 4),
    ) * (math.pi / 3)
    radius = _radius(intensity, density) * span / (intensity + 1e-8)
    return torch.cat([radius * torch.cos(hue), radius * torch.sin(hue)], 1)


def _from_plane(plane: Tensor, intensity: Tensor, density: Tensor) -> Tensor:
    intensity = intensity.clamp(0, 1)
    across, up = (plane / (_radius(intensity, density) + 1e-8)).clamp(-1, 1).split(1, 1)
    hue = torch.atan2(up, across + 1e-8) * (3 / math.pi)
    chroma = intensity * torch.sqrt(across * across + up * up + 1e-8).clamp(0, 1)
    sectors = torch.tensor((5.0, 3.0, 1.0), device=plane.device).view(1, 3, 1, 1) + hue
    sectors = sectors - 6 * torch.floor(sectors / 6)
    return intensity - chroma * torch.minimum(sectors, 4 - sectors).clamp(0, 1)


def _radius(intensity: Tensor, density: Tensor) -> Tensor:
    return (torch.sin(intensity * (math.pi / 2)) + 1e-8) ** density
