"""darklift's own default network: a coarse net sees the whole photo, small; a fine net sees a piece of it, sharp.

Shapes: B pictures, E the embedding's width, S = 40 the thumbnail's side, M maps. All pictures are unit, unless their
name ends in ``_signed``. The fine net predicts x0 (not eps), as a correction to the coarse picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darklift.methods.compact.coarse import CoarseNet, lift
from darklift.methods.compact.detail import DetailNet, enlarged_copy
from darklift.methods.compact.exposure import ExposureNet, brightness_of
from darklift.methods.compact.sizes import CompactSizes
from darklift.methods.compact.unet import ModulatedUNet
from darklift.methods.parts.blocks import colour_map, level_features, resample_box, zero_

__all__ = ["CompactNet", "FineNet"]

_LEVEL_FEATURES = 13
Known: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""What :class:`CoarseNet` makes of a whole photo: the coarse picture, maps, and the photo's vector."""


class FineNet(nn.Module):
    """Works on a piece of the photo, at half its resolution (pixel unshuffle)."""

    def __init__(self, config: CompactSizes) -> None:
        super().__init__()
        widths = config.fine_widths
        self.embed = nn.Sequential(
            nn.Linear(config.embedding + _LEVEL_FEATURES, config.embedding),
            nn.SiLU(),
            nn.Linear(config.embedding, config.embedding),
            nn.SiLU(),
        )
        self.stem = nn.Conv2d(4 * 12 + 3 + config.maps, widths[0], 3, padding=1)
        self.unet = ModulatedUNet(widths, config.fine_blocks, config.embedding, attention=False, border="zeros")
        self.head = nn.Conv2d(widths[0], 12, 3, padding=1)
        zero_(self.head)

    def forward(
        self, x_signed: Tensor, abar: Tensor, low: Tensor, gain: Tensor, coarse: Tensor, maps: Tensor, photo: Tensor
    ) -> Tensor:
        """x_signed, low (B, 3, H, W), with sides that are multiples of 2 to the power of the number of levels; abar,
        gain (B,); coarse (B, 3, H/2, W/2) and maps (B, M, H/2, W/2) of this piece; photo (B, E).

        Returns x0 (B, 3, H, W) unit.
        """
        embedding = self.embed(torch.cat([photo, level_features(abar)], dim=1))
        seen = torch.cat([x_signed, low.sqrt(), lift(low, gain), colour_map(low)], dim=1)
        features, _ = self.unet(self._stem(seen, torch.cat([coarse, maps], dim=1)), embedding)
        correction = self.head(features) + coarse.repeat_interleave(4, dim=1)
        return F.pixel_shuffle(correction, 2)

    def _stem(self, seen: Tensor, local: Tensor) -> Tensor:
        """:attr:`stem` of pixel_unshuffle(seen, 2) and local, in half of the time: its 3×3 places of 2×2 pixels are 6×6
        pixels of a convolution that goes in steps of two, for which no picture is rearranged.
        """
        pixels, places = self.stem.weight.split([4 * seen.shape[1], local.shape[1]], dim=1)
        pixels = pixels.unflatten(1, (-1, 2, 2)).permute(0, 1, 4, 2, 5, 3).flatten(4).flatten(2, 3)
        return F.conv2d(seen, pixels, self.stem.bias, stride=2, padding=2) + F.conv2d(local, places, padding=1)


class CompactNet(nn.Module):
    """The exposure net, the coarse net, the fine net and perhaps the detail net, and how they work together."""

    def __init__(self, config: CompactSizes) -> None:
        super().__init__()
        self.config = config
        self.exposure = ExposureNet(config)
        self.coarse = CoarseNet(config)
        self.fine = FineNet(config)
        self.detail = DetailNet(config.detail_width, config.detail_blocks) if config.detail_width else None

    def denoise(
        self,
        x_signed: Tensor,
        abar: Tensor,
        low: Tensor,
        box: Tensor,
        statistics: Tensor,
        brightness: Tensor,
        condition: Known,
    ) -> Tensor:
        """x0 (B, 3, H, W) unit of a piece of the photo. ``condition``: what :attr:`coarse` made of the whole photo."""
        coarse, maps, photo = condition
        size = (low.shape[2] // 2, low.shape[3] // 2)
        local = resample_box(torch.cat([coarse, maps], dim=1), box, size)
        batch = low.shape[0]
        gain = (brightness / brightness_of(statistics)).expand(batch)
        result: Tensor = self.fine(
            x_signed, abar.expand(batch), low, gain, local[:, :3], local[:, 3:], photo.expand(batch, -1)
        )
        return result

    def in_detail(
        self,
        x_signed: Tensor,
        low: Tensor,
        box: Tensor,
        statistics: Tensor,
        brightness: Tensor,
        known: Known,
        scale: int,
    ) -> tuple[Tensor, Tensor]:
        """A piece of the photo at full size (B, 3, H, W), and what it was made from: what the fine net, which does not
        learn here, makes of its small copy (B, 3, H/scale, W/scale), both unit.

        x_signed (B, 3, H, W): noise, of which a part is taken.
        """
        assert self.detail is not None
        height, width = low.shape[2] // scale, low.shape[3] // scale
        with torch.no_grad():
            seen = F.avg_pool2d(low, scale)
            noise, abar = x_signed[:, :, :height, :width], x_signed.new_zeros(1)
            made = self.denoise(noise, abar, seen, box, statistics, brightness, known).clamp(0, 1)
            halves = enlarged_copy(seen, made, (low.shape[2] // 2, low.shape[3] // 2))
        return self.detail(low, *halves), made

    def forward(
        self,
        thumbnail: Tensor,
        statistics: Tensor,
        cues: Tensor | None,
        wanted: Tensor | None = None,
        doubt: Tensor | None = None,
        piece: Sequence[Tensor] | None = None,
        condition: Known | None = None,
        scale: int = 1,
    ) -> tuple[Tensor | None, Sequence[Tensor] | None, Tensor | None]:
        """What training needs, in one call.

        wanted: (B,) the brightness asked for; doubt: (B,) stops by which it may be off, where it is a guess. piece:
        x_signed, abar, low and box, as for :meth:`denoise`. condition: what the coarse net makes of the photos, where
        it is known already. scale: above 1, x0 is made of the piece's small copy, as large photos are, and what was
        made of that, (B, 3, H/scale, W/scale), is returned in the condition's place.

        Returns x0 (B, 3, H, W) of the piece, if there is one; the condition that it is made with, or, without a piece,
        the coarse pictures of all voters (K, B, 3, S, S); and the brightness predicted (B,), where the cues that it
        needs are there.
        """
        predicted = None
        if cues is not None or not self.config.cues:
            predicted = self.exposure(thumbnail, statistics, cues)
        if wanted is None:
            return None, None, predicted
        if piece is None:
            return None, (*self.coarse.pictures(thumbnail, statistics, wanted),), predicted
        if condition is None:
            known = (thumbnail, statistics, wanted)
            condition = self.coarse.condition(*known) if doubt is None else self.coarse.averaged(*known, doubt)
        x_signed, abar, low, box = piece
        if scale > 1:
            x0, made = self.in_detail(x_signed, low, box, statistics, wanted, condition, scale)
            return x0, (made,), predicted
        x0 = self.denoise(x_signed, abar, low, box, statistics, wanted, condition)
        return x0, condition, predicted
