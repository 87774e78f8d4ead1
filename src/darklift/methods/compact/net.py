"""darklift's own default network: a coarse net that sees the whole photo small, and a fine net that sees a piece of
it sharp.

Shapes: B pictures, E the embedding's width, S = 40 the thumbnail's side, M maps. All pictures are unit unless they
end in ``_signed``. The fine net predicts x0 (not eps), as a correction to the coarse picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darklift.methods.parts.blocks import ModulatedBlock, Padding, colour_map, level_features, resample_box, zero_

__all__ = ["CoarseNet", "CompactNet", "CompactNetConfig", "ExposureNet", "FineNet", "brightness_of"]

_LEVEL_FEATURES = 13
_KNOTS = 16
"""Of a tone curve."""


@dataclass(frozen=True)
class CompactNetConfig:
    """Sizes of the three parts. blocks: in each level of the coarse net; fine_blocks: of the fine net. cues: how many
    the exposure net sees beside the statistics. voters: of the coarse net, by kind; the sizes of those of kind picture.
    """

    statistics: int = 14
    embedding: int = 128
    maps: int = 12
    coarse_widths: tuple[int, ...] = (24, 48, 96)
    fine_widths: tuple[int, ...] = (32, 64, 128, 192)
    blocks: int = 2
    fine_blocks: int = 2
    exposure_width: int = 32
    cues: int = 0
    voters: tuple[Literal["tone", "picture"], ...] = ()
    voter_widths: tuple[int, ...] = (24, 48, 96)
    voter_embedding: int = 128


class ExposureNet(nn.Module):
    """The mean brightness that a good version of this photo has: (B, 3, S, S), (B, statistics), (B, cues) -> (B,) in
    (0, 1).

    The cues only correct what thumbnail and statistics tell, by a net that does not see the thumbnail: one that did
    would know the scenes that it was trained on by heart.
    """

    def __init__(self, config: CompactNetConfig) -> None:
        super().__init__()
        width = config.exposure_width
        self.features = nn.Sequential(
            nn.Conv2d(6, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Sequential(nn.Linear(2 * width + config.statistics, width), nn.ReLU(), nn.Linear(width, 1))
        self.correction: nn.Sequential | None = None
        if config.cues:
            hidden = 3 * width // 2
            self.correction = nn.Sequential(
                nn.Linear(config.statistics + config.cues + 1, hidden),
                nn.ReLU(),
                nn.Linear(hidden, hidden),
                nn.ReLU(),
                nn.Linear(hidden, 1),
            )
            zero_(self.correction[-1])

    def forward(self, thumbnail: Tensor, statistics: Tensor, cues: Tensor | None = None) -> Tensor:
        seen = torch.cat([thumbnail.sqrt(), colour_map(thumbnail)], dim=1)
        logit: Tensor = self.head(torch.cat([self.features(seen), statistics], dim=1))
        if self.correction is not None:
            assert cues is not None
            stops = F.logsigmoid(logit) / math.log(2)
            # All but the stops lie around .3: brought to about unit size.
            logit = logit + self.correction(5 * (torch.cat([statistics, stops, cues], dim=1) - 0.3))
        return logit.sigmoid()[:, 0]


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


class _UNet(nn.Module):
    """U-Net of modulated blocks: strided convolutions down, nearest ×2 + convolution up, skips added."""

    def __init__(
        self, widths: tuple[int, ...], blocks: int, embedding: int, *, attention: bool, padding: Padding
    ) -> None:
        super().__init__()

        def level(width: int) -> nn.ModuleList:
            return nn.ModuleList(ModulatedBlock(width, embedding, padding) for _ in range(blocks))

        def convolution(before: int, after: int, stride: int = 1) -> nn.Conv2d:
            return nn.Conv2d(before, after, 3, stride=stride, padding=1, padding_mode=padding)

        pairs = list(pairwise(widths))
        self.encoder = nn.ModuleList(level(width) for width in widths[:-1])
        self.down = nn.ModuleList(convolution(a, b, stride=2) for a, b in pairs)
        self.bottom = level(widths[-1])
        self.attention = _Attention(widths[-1]) if attention else nn.Identity()
        self.up = nn.ModuleList(convolution(b, a) for a, b in reversed(pairs))
        self.decoder = nn.ModuleList(level(width) for width in reversed(widths[:-1]))

    def forward(self, x: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """The last feature map, and the bottom's."""
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


def _run(blocks: nn.Module, x: Tensor, embedding: Tensor) -> Tensor:
    assert isinstance(blocks, nn.ModuleList)
    for block in blocks:
        x = block(x, embedding)
    return x


def _wanted(brightness: Tensor, gain: Tensor) -> Tensor:
    """What a net is told of the mean wanted (B,): (B, 3)."""
    return torch.stack([brightness, brightness.log2() / 4, gain.log2() / 4], dim=1)


def _scaled(low: Tensor, gain: Tensor) -> Tensor:
    return (low * gain[:, None, None, None]).clamp(0, 1)


class PictureNet(nn.Module):
    """Whole photo, small: a coarse picture, by convolutions and attention."""

    def __init__(self, statistics: int, widths: tuple[int, ...], embedding: int, blocks: int, maps: int = 0) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(statistics + 3, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        # Zeros beyond the border would tell the net where a photo ends: smooth skies then came with a lighter frame.
        self.stem = nn.Conv2d(9, widths[0], 3, padding=1, padding_mode="replicate")
        self.unet = _UNet(widths, blocks, embedding, attention=True, padding="replicate")
        self.head = nn.Conv2d(widths[0], 3 + maps, 3, padding=1, padding_mode="replicate")

    def forward(self, thumbnail: Tensor, statistics: Tensor, brightness: Tensor) -> Tensor:
        """Thumbnail (B, 3, S, S), statistics (B, 14), the mean wanted (B,). Returns the picture (B, 3, S, S)."""
        picture, *_ = self.work(thumbnail, statistics, brightness)
        return picture

    def work(self, thumbnail: Tensor, statistics: Tensor, brightness: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The picture, the maps (B, M, S, S), the embedding (B, E) and the features at the bottom."""
        gain = brightness / brightness_of(statistics)
        scaled = _scaled(thumbnail, gain)
        embedding = self.embed(torch.cat([statistics, _wanted(brightness, gain)], dim=1))
        features, bottom = self.unet(
            self.stem(torch.cat([thumbnail.sqrt(), scaled, colour_map(thumbnail)], dim=1)), F.silu(embedding)
        )
        output = self.head(features)
        return scaled + output[:, :3], output[:, 3:], embedding, bottom


class ToneNet(nn.Module):
    """Whole photo, small: a coarse picture by a colour matrix and one tone curve for each channel, alike everywhere."""

    def __init__(self, statistics: int, width: int = 32, hidden: int = 128) -> None:
        super().__init__()

        def halved(before: int, after: int) -> nn.Conv2d:
            return nn.Conv2d(before, after, 3, stride=2, padding=1, padding_mode="replicate")

        self.features = nn.Sequential(
            halved(6, width), nn.ReLU(), halved(width, 2 * width), nn.ReLU(), halved(2 * width, 3 * width), nn.ReLU()
        )
        self.head = nn.Sequential(
            nn.Linear(3 * width + statistics + 3, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, 3 * _KNOTS + 9),
        )
        zero_(self.head[-1])

    def forward(self, thumbnail: Tensor, statistics: Tensor, brightness: Tensor) -> Tensor:
        """See :class:`PictureNet`."""
        gain = brightness / brightness_of(statistics)
        scaled = _scaled(thumbnail, gain)
        seen = self.features(torch.cat([thumbnail.sqrt(), scaled], dim=1)).mean(dim=(2, 3))
        known = torch.cat([seen, statistics, _wanted(brightness, gain)], dim=1)
        heights, matrix = (0.3 * self.head(known)).split([3 * _KNOTS, 9], dim=1)
        matrix = matrix.unflatten(1, (3, 3)) + torch.eye(3, device=matrix.device)
        mixed = (matrix @ scaled.flatten(2)).clamp(0, 1)
        # A curve is piecewise linear over the square root of the value, which has more of its knots in the shadows.
        places = mixed.clamp(min=1e-6).sqrt() * (_KNOTS - 1)
        knots = torch.arange(_KNOTS, device=places.device, dtype=places.dtype)[:, None]
        shares = (1 - (places[:, :, None] - knots).abs()).clamp(min=0)
        change = (heights.unflatten(1, (3, 1, _KNOTS)) @ shares).squeeze(2)
        result: Tensor = (mixed + change).unflatten(2, thumbnail.shape[2:])
        return result


class CoarseNet(PictureNet):
    """Whole photo, small: a coarse picture and feature maps for the fine net, and a vector that describes it.

    The picture is the mean of this net's own and those of its voters, which learn apart from it: what the tone curve
    of a scene never seen should be, no net knows, and each errs in its own way (Breiman 1996, Machine Learning 24).
    """

    def __init__(self, config: CompactNetConfig) -> None:
        super().__init__(config.statistics, config.coarse_widths, config.embedding, config.blocks, config.maps)
        self.summary = nn.Linear(config.coarse_widths[-1], config.embedding)
        self.voters = nn.ModuleList(
            ToneNet(config.statistics)
            if kind == "tone"
            else PictureNet(config.statistics, config.voter_widths, config.voter_embedding, config.blocks)
            for kind in config.voters
        )

    def condition(self, thumbnail: Tensor, statistics: Tensor, brightness: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Thumbnail (B, 3, S, S), statistics (B, 14), the mean wanted (B,).

        Returns the coarse picture (B, 3, S, S), maps (B, M, S, S), and the photo's vector (B, E).
        """
        own, maps, embedding, bottom = self.work(thumbnail, statistics, brightness)
        photo = F.silu(embedding + self.summary(bottom.mean(dim=(2, 3))))
        picture = own + sum(voter(thumbnail, statistics, brightness) for voter in self.voters)
        return picture / (1 + len(self.voters)), maps, photo

    def pictures(self, thumbnail: Tensor, statistics: Tensor, brightness: Tensor) -> Tensor:
        """Its own picture and each voter's: (K, B, 3, S, S)."""
        known = (thumbnail, statistics, brightness)
        return torch.stack([self(*known), *(voter(*known) for voter in self.voters)])

    def averaged(
        self, thumbnail: Tensor, statistics: Tensor, brightness: Tensor, doubt: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """:meth:`condition` as the mean of three: for the mean wanted (B,), and for those ``doubt`` (B,) stops away.

        A photo that should be brighter has another tone curve, not only a gain; where the brightness is a guess, the
        mean over what it may be, each at most 1 and brought back to the guess by a gain, is nearer to the truth than
        the guess's own.
        """
        offsets = torch.stack([-doubt, 0 * doubt, doubt], dim=1)
        wanted = (brightness[:, None] * offsets.exp2()).clamp(max=1).flatten()
        parts = self.condition(thumbnail.repeat_interleave(3, 0), statistics.repeat_interleave(3, 0), wanted)
        gain = brightness.repeat_interleave(3, 0) / wanted
        parts = (parts[0] * gain[:, None, None, None], *parts[1:])
        coarse, maps, photo = (part.unflatten(0, (-1, 3)).mean(dim=1) for part in parts)
        return coarse, maps, photo


class FineNet(nn.Module):
    """A piece of the photo, worked on at half resolution (pixel unshuffle); its sides are multiples of 16."""

    def __init__(self, config: CompactNetConfig) -> None:
        super().__init__()
        widths = config.fine_widths
        self.embed = nn.Sequential(
            nn.Linear(config.embedding + _LEVEL_FEATURES, config.embedding),
            nn.SiLU(),
            nn.Linear(config.embedding, config.embedding),
            nn.SiLU(),
        )
        self.stem = nn.Conv2d(4 * 12 + 3 + config.maps, widths[0], 3, padding=1)
        self.unet = _UNet(widths, config.fine_blocks, config.embedding, attention=False, padding="zeros")
        self.head = nn.Conv2d(widths[0], 12, 3, padding=1)
        zero_(self.head)

    def forward(
        self, x_signed: Tensor, abar: Tensor, low: Tensor, gain: Tensor, coarse: Tensor, maps: Tensor, photo: Tensor
    ) -> Tensor:
        """x_signed, low (B, 3, H, W); abar, gain (B,); coarse, maps (B, ., H/2, W/2) of this piece; photo (B, E).

        Returns x0 (B, 3, H, W) unit.
        """
        embedding = self.embed(torch.cat([photo, level_features(abar)], dim=1))
        seen = torch.cat([x_signed, low.sqrt(), _scaled(low, gain), colour_map(low)], dim=1)
        features, _ = self.unet(self.stem(torch.cat([F.pixel_unshuffle(seen, 2), coarse, maps], dim=1)), embedding)
        correction = self.head(features) + coarse.repeat_interleave(4, dim=1)
        return F.pixel_shuffle(correction, 2)


def brightness_of(statistics: Tensor) -> Tensor:
    """The photo's mean brightness (B,) back from its statistics; black photos count as half an 8-bit step."""
    return (statistics[:, 0] ** 2).clamp(min=0.5 / 255)


class CompactNet(nn.Module):
    """The three parts, and the joints between them."""

    def __init__(self, config: CompactNetConfig) -> None:
        super().__init__()
        self.config = config
        self.exposure = ExposureNet(config)
        self.coarse = CoarseNet(config)
        self.fine = FineNet(config)

    def denoise(
        self,
        x_signed: Tensor,
        abar: Tensor,
        low: Tensor,
        box: Tensor,
        statistics: Tensor,
        brightness: Tensor,
        condition: tuple[Tensor, Tensor, Tensor],
    ) -> Tensor:
        """x0 (B, 3, H, W) unit of a piece of the photo; ``condition`` is what :attr:`coarse` made of the photo."""
        coarse, maps, photo = condition
        size = (low.shape[2] // 2, low.shape[3] // 2)
        local = resample_box(torch.cat([coarse, maps], dim=1), box, size)
        batch = low.shape[0]
        gain = (brightness / brightness_of(statistics)).expand(batch)
        result: Tensor = self.fine(
            x_signed, abar.expand(batch), low, gain, local[:, :3], local[:, 3:], photo.expand(batch, -1)
        )
        return result

    def forward(
        self,
        thumbnail: Tensor,
        statistics: Tensor,
        cues: Tensor | None,
        wanted: Tensor | None = None,
        doubt: Tensor | None = None,
        piece: Sequence[Tensor] | None = None,
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """What training needs.

        Returns x0 (B, 3, H, W) of a piece: x_signed, abar, low, box as for :meth:`denoise`, if there is one; the
        coarse picture (1, B, 3, S, S) for the mean wanted (B,), which may be a guess in doubt (B,), or, without a
        piece, those of all voters (K, B, 3, S, S); and the brightness predicted (B,), if all that it is predicted from
        is there.
        """
        predicted = None
        if cues is not None or not self.config.cues:
            predicted = self.exposure(thumbnail, statistics, cues)
        if wanted is None:
            return None, None, predicted
        if piece is None:
            return None, self.coarse.pictures(thumbnail, statistics, wanted), predicted
        if doubt is None:
            condition = self.coarse.condition(thumbnail, statistics, wanted)
        else:
            condition = self.coarse.averaged(thumbnail, statistics, wanted, doubt)
        x_signed, abar, low, box = piece
        x0 = self.denoise(x_signed, abar, low, box, statistics, wanted, condition)
        return x0, condition[0][None], predicted
