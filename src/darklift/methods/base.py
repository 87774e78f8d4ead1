"""What every method offers, and nothing about any one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from darklift.data.crop import Crop
from darklift.diffusion import SamplerPreset, noise_image
from darklift.image import FloatArray
from darklift.runtime import Footprint

__all__ = ["Arrays", "Batch", "Graph", "Method", "MethodConfig", "Stage", "noisy_pair"]

Arrays = dict[str, npt.NDArray[Any]]
Batch = Mapping[str, Tensor]


class MethodConfig(BaseModel):
    """Base of the methods' configurations: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class Graph:
    """One piece of inference as a module with named inputs and outputs: run by torch, or exported to ONNX, by these
    names.

    Names of inputs: ``x`` (B, 3, H, W) signed, ``abar`` (1,), ``low`` (B, 3, H, W) unit, ``box`` (B, 4), ``thumbnail``
    (1, 3, S, S) unit, ``statistics`` (1, n), ``brightness`` (1,), ``doubt`` (1,) stops, and the outputs of earlier
    graphs. ``example``: inputs of a typical size, for tracing. ``spatial``: the inputs whose height and width are free.
    """

    module: nn.Module
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    example: Mapping[str, FloatArray]
    spatial: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stage:
    """One stage of training.

    prepare: an example's crop -> the arrays of one batch row (runs in data-loader workers). objective: (network,
    batch, teacher) -> named loss parts, whose sum is minimised. trains: prefixes of the parameters that learn ("" =
    all). goes_on: whether it begins from another stage's weights. teacher: whether the objective wants a frozen copy of
    the network as it was when the stage began. least_crop: the smallest side of crops, in pixels, that the objective
    can work on.
    """

    name: str
    prepare: Callable[[Crop], Arrays]
    objective: Callable[[nn.Module, Batch, nn.Module | None], dict[str, Tensor]]
    trains: tuple[str, ...] = ("",)
    goes_on: bool = False
    teacher: bool = False
    least_crop: int = 1


def noisy_pair(seed: int, crop: Crop) -> Arrays:
    """What every diffusion on the pixels themselves prepares: ``low`` and ``x0`` signed, and the example's ``eps``;
    float32 (3, H, W).
    """
    return {
        "low": crop.low.astype(np.float32) / 127.5 - 1,
        "x0": crop.high.astype(np.float32) / 127.5 - 1,
        "eps": noise_image(seed, crop.index, (3, *crop.high.shape[1:])),
    }


class Method(Protocol):
    """Network + conditioning + objective + presets. Inference is the ``graphs``; see :class:`Graph`."""

    name: ClassVar[str]
    config_type: ClassVar[type[MethodConfig]]

    def __init__(self, config: Any) -> None: ...

    @property
    def config(self) -> MethodConfig:
        """What the method was built from."""
        ...

    @property
    def net(self) -> nn.Module:
        """All parameters, those of training only too."""
        ...

    @property
    def footprint(self) -> Footprint:
        """The sizes that the network takes, and its memory."""
        ...

    @property
    def deblocks(self) -> bool:
        """Whether flat dark blocks of a photo are smoothed before the network sees it."""
        ...

    @property
    def presets(self) -> Mapping[str, SamplerPreset]:
        """Ways of sampling by name, the default first."""
        ...

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Stages of training, in order."""
        ...

    def further_samples(self, low_unit: Tensor, high_unit: Tensor) -> Sequence[Tensor]:
        """What else is worth looking at while training, of a validation pair (1, 3, H, W) whose sides are multiples of
        its :attr:`footprint`'s: pictures of the same shape, unit. Mostly none.
        """
        ...

    def graphs(self) -> Mapping[str, Graph]:
        """The graphs of inference, by the names that :mod:`darklift.runtime.model` knows."""
        ...
