"""What every method offers, and nothing about any one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy.typing as npt
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from darklift.data.crop import Crop, unit_of
from darklift.diffusion import SamplerPreset, noise_image
from darklift.image import FloatArray
from darklift.runtime import Footprint

__all__ = [
    "Arrays",
    "Batch",
    "Graph",
    "Method",
    "MethodConfig",
    "Release",
    "ReleaseChoices",
    "ReleasedNet",
    "Shapes",
    "Stage",
    "noisy_pair",
]

Arrays = dict[str, npt.NDArray[Any]]
"""One example of training: a row of the batch that the objective gets."""
Batch = Mapping[str, Tensor]
"""Several examples, stacked: the same names as in :data:`Arrays`."""
Shapes = Mapping[str, tuple[int, ...]]
"""The tensors of a file, by name, of which only the shapes are known."""


class MethodConfig(BaseModel):
    """Base of the methods' configurations. They cannot be changed, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


# --- inference --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Graph:
    """One piece of inference: a module whose inputs and outputs have names. torch runs it, or it is exported to ONNX.

    A graph's inputs are the outputs of earlier graphs, and from this list: ``x`` (B, 3, H, W) signed, ``abar`` (1,),
    ``low`` (B, 3, H, W) unit, ``box`` (B, 4), ``thumbnail`` (1, 3, S, S) unit, ``statistics`` (1, n), ``cues`` (1, n),
    ``brightness`` (1,), ``doubt`` (1,) stops.
    """

    module: nn.Module
    inputs: tuple[str, ...]
    """In the order of the module's arguments."""
    outputs: tuple[str, ...]
    example: Mapping[str, FloatArray]
    """Inputs of a typical size, for the exporter to trace the module with."""
    spatial: tuple[str, ...] = ()
    """The inputs whose height and width may vary."""


# --- training ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stage:
    """One stage of training: what an example is, what is minimised, and which parameters learn."""

    name: str
    prepare: Callable[[Crop], Arrays]
    """From a crop to one row of the batch. Runs in the data loader's workers, so it must not need the network."""
    objective: Callable[[nn.Module, Batch, nn.Module | None], dict[str, Tensor]]
    """(network, batch, teacher) -> the parts of the loss by name; their sum is minimised. Each is a mean over the
    examples, so that a batch can be done in parts.
    """
    trains: tuple[str, ...] = ("",)
    """How the names of the parameters begin that learn; "" is all of them."""
    goes_on: bool = False
    """Whether it needs the weights of another stage to begin from."""
    teacher: bool = False
    """Whether the objective gets a frozen copy of the network as it was when the stage began."""
    least_crop: int = 1
    """The smallest side, in pixels, of a crop that the objective can work on."""


def noisy_pair(seed: int, crop: Crop) -> Arrays:
    """The part of an example that all diffusion on the pixels themselves needs: ``low`` and ``x0`` signed, and the
    noise ``eps`` that belongs to this example's number; float32 (3, H, W) each.
    """
    return {
        "low": 2 * unit_of(crop.low) - 1,
        "x0": 2 * unit_of(crop.high) - 1,
        "eps": noise_image(seed, crop.index, (3, *crop.high.shape[1:])),
    }


# --- the method -------------------------------------------------------------------------------------------------------


class Method(Protocol):
    """A network, how it is trained (``stages``), and how it makes pictures (``graphs`` and ``presets``)."""

    name: ClassVar[str]
    config_type: ClassVar[type[MethodConfig]]

    def __init__(self, config: Any) -> None: ...

    @property
    def config(self) -> MethodConfig:
        """What the method was built from; an instance of ``config_type``."""
        ...

    @property
    def net(self) -> nn.Module:
        """The whole network, including the parts that only training needs."""
        ...

    @property
    def footprint(self) -> Footprint:
        """The sizes of picture that the network takes, and the memory that it needs."""
        ...

    @property
    def deblocks(self) -> bool:
        """Whether flat dark blocks of a photo are smoothed before the network sees it."""
        ...

    @property
    def presets(self) -> Mapping[str, SamplerPreset]:
        """The ways of sampling, by name; the first is the default."""
        ...

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages of training, in order."""
        ...

    def further_samples(self, low_unit: Tensor, high_unit: Tensor) -> Sequence[Tensor]:
        """More pictures worth seeing while training, made from a validation pair. All are (1, 3, H, W) unit, with sides
        that are multiples of the :attr:`footprint`'s. Most methods have none.
        """
        ...

    def graphs(self) -> Mapping[str, Graph]:
        """Inference, in pieces: ``step``, and those of ``exposure``, ``condition`` and ``encode`` that the method has.
        :mod:`darklift.runtime.model` says when each is run.
        """
        ...


# --- released files ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReleaseChoices:
    """What whoever converts a released file may choose; None leaves it to the method."""

    preset: str | None = None
    """The way of sampling that the file was released for, by the name of a preset."""
    keep_dgnet: bool | None = None
    """Whether to keep the network that only training and darkening need."""


@dataclass(frozen=True)
class ReleasedNet:
    """Where the tensors of a released file go."""

    method: Method
    """Of the file's sizes, not yet with its weights."""
    names: Mapping[str, tuple[str, ...]]
    """Our tensors' names -> theirs. Where there are several, they make one of ours, one behind another along the first
    axis."""
    unused: frozenset[str]
    """The names in the file for which our network has no use."""
    note: str
    """What these are, in words, for the checkpoint's description."""


class Release(Protocol):
    """How a method's released files are told from others, and what is in them: a method's module ``released``."""

    @property
    def TITLE(self) -> str:
        """The method's name as people write it."""
        ...

    @property
    def CHOICES(self) -> tuple[str, ...]:
        """The fields of :class:`ReleaseChoices` that mean something for this method."""
        ...

    def recognises(self, shapes: Shapes) -> bool:
        """Whether a file with these tensors is one of this method."""
        ...

    def read(self, shapes: Shapes, choices: ReleaseChoices) -> ReleasedNet:
        """Where the tensors of a file that was recognised go. Raises ValueError, with the reason, for sizes that were
        never released, and UsageError for choices that do not exist.
        """
        ...
