"""compact's nets as graphs of inference, with the value ranges that :class:`darklift.methods.base.Graph` says."""

from __future__ import annotations

from torch import Tensor, nn

from darklift.methods.compact.coarse import CoarseNet
from darklift.methods.compact.detail import DetailNet
from darklift.methods.compact.exposure import ExposureNet, keep_lights
from darklift.methods.compact.net import CompactNet

__all__ = ["ConditionGraph", "DetailGraph", "ExposureGraph", "StepGraph"]


class ExposureGraph(nn.Module):
    """The brightness chosen (B,), and by how many stops it may be off either way (B,)."""

    def __init__(self, net: ExposureNet, doubt_stops: float, lights_kept: float) -> None:
        super().__init__()
        self.net = net
        self.doubt_stops = doubt_stops
        self.lights_kept = lights_kept

    def forward(self, thumbnail: Tensor, statistics: Tensor, cues: Tensor | None = None) -> tuple[Tensor, Tensor]:
        brightness = keep_lights(self.net(thumbnail, statistics, cues), statistics, self.lights_kept)
        return brightness, 0 * brightness + self.doubt_stops


class ConditionGraph(nn.Module):
    """What the coarse net makes of a photo, for a brightness that may be a guess."""

    def __init__(self, net: CoarseNet) -> None:
        super().__init__()
        self.net = net

    def forward(
        self, thumbnail: Tensor, statistics: Tensor, brightness: Tensor, doubt: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        return self.net.averaged(thumbnail, statistics, brightness, doubt)


class StepGraph(nn.Module):
    """One denoising step on a piece of the photo."""

    def __init__(self, net: CompactNet) -> None:
        super().__init__()
        self.net = net

    def forward(
        self,
        x: Tensor,
        abar: Tensor,
        low: Tensor,
        box: Tensor,
        statistics: Tensor,
        brightness: Tensor,
        coarse: Tensor,
        maps: Tensor,
        photo: Tensor,
    ) -> Tensor:
        condition = (coarse, maps, photo)
        return 2 * self.net.denoise(x, abar, low, box, statistics, brightness, condition) - 1


class DetailGraph(nn.Module):
    """A piece of a large photo at full size, unit, from what was made of its small copy."""

    def __init__(self, net: DetailNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, low: Tensor, seen: Tensor, made: Tensor, slope: Tensor) -> Tensor:
        result: Tensor = self.net(low, seen, made, slope)
        return result.clamp(0, 1)
