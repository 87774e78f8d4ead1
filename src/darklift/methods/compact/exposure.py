"""How bright compact makes a photo: the net that predicts it, and the rule that keeps what is lit from bleaching.

Shapes: B photos, S = 40 the thumbnail's side. Brightness is the mean coded value, in (0, 1).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darklift.image.overview import QUANTILE_95, QUANTILE_99
from darklift.methods.compact.sizes import CompactSizes
from darklift.methods.parts.blocks import colour_map, zero_

__all__ = ["ExposureNet", "brightness_of", "keep_lights"]


def brightness_of(statistics: Tensor) -> Tensor:
    """The photo's own brightness (B,), out of its statistics. A black photo counts as half an 8-bit step."""
    return (statistics[:, 0] ** 2).clamp(min=0.5 / 255)


class ExposureNet(nn.Module):
    """Predicts how bright a good version of the photo is: thumbnail (B, 3, S, S), statistics (B, n), cues (B, m) ->
    (B,) in (0, 1).

    The cues only correct what thumbnail and statistics tell, by a net that does not see the thumbnail: one that did
    would know the scenes that it was trained on by heart.
    """

    def __init__(self, config: CompactSizes) -> None:
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
            # All of these but the stops lie around .3: this brings them to about unit size.
            logit = logit + self.correction(5 * (torch.cat([statistics, stops, cues], dim=1) - 0.3))
        return logit.sigmoid()[:, 0]


def keep_lights(brightness: Tensor, statistics: Tensor, share: float) -> Tensor:
    """The brightness (B,), with ``share`` of the stops taken back that would lift what is lit over white.

    A photographer lifts a night scene less than a dark room. The lights tell them apart: where a hundredth of the
    pixels are near white, the camera was set for what is lit, and lifting the photo as far as its dark mean asks for
    would bleach it. The .95 quantile stands for what is lit (a few small lamps do not reach it); it may come to 1.3
    times white, since tones bend.
    """
    lit, brightest = statistics[:, QUANTILE_95] ** 2, statistics[:, QUANTILE_99] ** 2
    over = (brightness / brightness_of(statistics) * lit.clamp(min=1 / 255) / 1.3).log2().clamp(min=0)
    certain = ((brightest - 0.3) / 0.3).clamp(0, 1)
    return brightness * (-share * over * certain**2 * (3 - 2 * certain)).exp2()
