"""compact's coarse picture: how the whole photo should look, small, as the mean of several nets.

Shapes: B photos, E the embedding's width, S = 40 the thumbnail's side, M maps. All pictures are unit.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darklift.methods.compact.exposure import brightness_of
from darklift.methods.compact.sizes import CompactSizes
from darklift.methods.compact.unet import ModulatedUNet
from darklift.methods.parts.blocks import colour_map, zero_

__all__ = ["CoarseNet", "PictureNet", "ToneNet", "lift"]

_KNOTS = 16  # of a tone curve


class PictureNet(nn.Module):
    """Makes a coarse picture by convolutions and attention."""

    def __init__(self, statistics: int, widths: tuple[int, ...], embedding: int, blocks: int, maps: int = 0) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(statistics + 3, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        # Zeros beyond the border would tell the net where a photo ends: smooth skies then came with a lighter frame.
        self.stem = nn.Conv2d(9, widths[0], 3, padding=1, padding_mode="replicate")
        everywhere = (blocks,) * (2 * len(widths) - 1)
        self.unet = ModulatedUNet(widths, everywhere, embedding, attention=True, border="replicate")
        self.head = nn.Conv2d(widths[0], 3 + maps, 3, padding=1, padding_mode="replicate")

    def forward(self, thumbnail: Tensor, statistics: Tensor, brightness: Tensor) -> Tensor:
        """Thumbnail (B, 3, S, S), statistics (B, n) and the brightness wanted (B,) -> the picture (B, 3, S, S)."""
        picture, *_ = self.work(thumbnail, statistics, brightness)
        return picture

    def work(self, thumbnail: Tensor, statistics: Tensor, brightness: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The picture, the maps (B, M, S, S), the embedding (B, E), and the features at the bottom of the U-Net."""
        gain = brightness / brightness_of(statistics)
        lifted = lift(thumbnail, gain)
        embedding = self.embed(torch.cat([statistics, _wanted(brightness, gain)], dim=1))
        features, bottom = self.unet(
            self.stem(torch.cat([thumbnail.sqrt(), lifted, colour_map(thumbnail)], dim=1)), F.silu(embedding)
        )
        output = self.head(features)
        return lifted + output[:, :3], output[:, 3:], embedding, bottom


class ToneNet(nn.Module):
    """Makes a coarse picture by a colour matrix and a tone curve for each channel, the same everywhere in the photo."""

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
        lifted = lift(thumbnail, gain)
        seen = self.features(torch.cat([thumbnail.sqrt(), lifted], dim=1)).mean(dim=(2, 3))
        known = torch.cat([seen, statistics, _wanted(brightness, gain)], dim=1)
        heights, matrix = (0.3 * self.head(known)).split([3 * _KNOTS, 9], dim=1)
        matrix = matrix.unflatten(1, (3, 3)) + torch.eye(3, device=matrix.device)
        mixed = (matrix @ lifted.flatten(2)).clamp(0, 1)
        # A curve is piecewise linear over the square root of the value, which has more of its knots in the shadows.
        places = mixed.clamp(min=1e-6).sqrt() * (_KNOTS - 1)
        knots = torch.arange(_KNOTS, device=places.device, dtype=places.dtype)[:, None]
        shares = (1 - (places[:, :, None] - knots).abs()).clamp(min=0)
        change = (heights.unflatten(1, (3, 1, _KNOTS)) @ shares).squeeze(2)
        result: Tensor = (mixed + change).unflatten(2, thumbnail.shape[2:])
        return result


class CoarseNet(PictureNet):
    """Makes what the fine net needs of the whole photo: a coarse picture, maps, and a vector.

    The picture is the mean of this net's own and those of its voters, which are trained apart from it. No net knows the
    right tone curve of a scene that it has never seen, and each is wrong in its own way (Breiman 1996, Machine Learning
    24).
    """

    def __init__(self, config: CompactSizes) -> None:
        super().__init__(config.statistics, config.coarse_widths, config.embedding, config.blocks, config.maps)
        self.summary = nn.Linear(config.coarse_widths[-1], config.embedding)
        self.voters = nn.ModuleList(
            ToneNet(config.statistics)
            if kind == "tone"
            else PictureNet(config.statistics, config.voter_widths, config.voter_embedding, config.blocks)
            for kind in config.voters
        )

    def condition(self, thumbnail: Tensor, statistics: Tensor, brightness: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Thumbnail (B, 3, S, S), statistics (B, n) and the brightness wanted (B,).

        Returns the coarse picture (B, 3, S, S), the maps (B, M, S, S), and the photo's vector (B, E).
        """
        own, maps, embedding, bottom = self.work(thumbnail, statistics, brightness)
        photo = F.silu(embedding + self.summary(bottom.mean(dim=(2, 3))))
        picture = own + sum(voter(thumbnail, statistics, brightness) for voter in self.voters)
        return picture / (1 + len(self.voters)), maps, photo

    def pictures(self, thumbnail: Tensor, statistics: Tensor, brightness: Tensor) -> Tensor:
        """This net's own picture and each voter's: (K, B, 3, S, S)."""
        known = (thumbnail, statistics, brightness)
        return torch.stack([self(*known), *(voter(*known) for voter in self.voters)])

    def averaged(
        self, thumbnail: Tensor, statistics: Tensor, brightness: Tensor, doubt: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The mean of two of :meth:`condition`, for a brightness below the one wanted (B,) and one above, at most 1.
        The pictures are brought to the brightness wanted by a gain first.

        A photo that should be brighter has another tone curve, not only a gain. Where the brightness is a guess, the
        mean over what it may be is nearer to the truth than the guess alone. The two have the spread of three: of the
        guess, and of ``doubt`` (B,) stops more and less.
        """
        spread = math.sqrt(2 / 3) * doubt
        offsets = torch.stack([-spread, spread], dim=1)
        wanted = (brightness[:, None] * offsets.exp2()).clamp(max=1).flatten()
        parts = self.condition(thumbnail.repeat_interleave(2, 0), statistics.repeat_interleave(2, 0), wanted)
        gain = brightness.repeat_interleave(2, 0) / wanted
        parts = (parts[0] * gain[:, None, None, None], *parts[1:])
        coarse, maps, photo = (part.unflatten(0, (-1, 2)).mean(dim=1) for part in parts)
        return coarse, maps, photo


def lift(low: Tensor, gain: Tensor) -> Tensor:
    """(B, C, H, W) times ``gain`` (B,), within [0, 1]."""
    return (low * gain[:, None, None, None]).clamp(0, 1)


def _wanted(brightness: Tensor, gain: Tensor) -> Tensor:
    """What a net is told of the brightness wanted (B,): (B, 3)."""
    return torch.stack([brightness, brightness.log2() / 4, gain.log2() / 4], dim=1)
