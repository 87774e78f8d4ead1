"""LLDiffusion: diffusion that is told, by learnt features, how the photo is degraded (arXiv 2307.14659).

Legend: ``low`` dark photo (y), ``x0`` its well-lit partner, ``eps`` unit noise, ``abar`` noise level, ``t`` a step of
the training schedule (0 … T-1), ``features`` what the encoder E makes of ``low``; unit [0, 1], signed [-1, 1]. The
objectives are written out in docs/explanation/maths.md, section LLDiffusion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn

from darklift.data.crop import Crop
from darklift.diffusion import NoiseSchedule, SamplerPreset, add_noise, eps_from_v, random_generator
from darklift.errors import ModelError
from darklift.methods.base import Arrays, Batch, Graph, MethodConfig, Stage, noisy_pair
from darklift.methods.lldiffusion.net import LldiffusionNet, LldiffusionNetConfig
from darklift.methods.parts.blocks import colour_map, lift
from darklift.methods.parts.short_training import ShortTrainingConfig, trailing_preset
from darklift.runtime import Footprint

__all__ = ["LOL_V2", "Lldiffusion", "LldiffusionConfig"]

# --- configuration ----------------------------------------------------------------------------------------------------


class LldiffusionConfig(ShortTrainingConfig):
    """The networks' sizes, the training schedule and the losses' weight; the defaults are those published for LOL."""

    width: int = Field(default=64, ge=4, multiple_of=2)
    """Channels of the U-Net's first level, a multiple of ``groups``: 64 as published for LOL, 128 for LOL-v2. Time
    grows with about its square.
    """
    multipliers: tuple[PositiveInt, ...] = Field(default=(1, 1, 2, 2, 4, 4), min_length=2)
    """The channels of each level as multiples of ``width``, from full resolution down, each level half the one before;
    at least 2 levels.
    """
    blocks: int = Field(default=2, ge=1)
    """Residual blocks in each level on the way down; one more on the way up."""
    attention_level: int = Field(default=2, ge=0)
    """The level (0 = full resolution) with attention after each block. Beyond the last, only the middle has it."""
    groups: int = Field(default=32, ge=1)
    """Groups of every group norm; all widths are multiples of it."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the values, from 0 to below 1, that training sets to zero in each block. 0 as published."""
    fusion: Literal["attention", "concat"] = "attention"
    """How the U-Net takes in the encoder's features: concatenated, with channel attention after that or without."""
    encoder_width: int = Field(default=16, ge=1)
    """Channels of the first layer of the encoder, which tells how the photo is degraded."""
    feature_widths: tuple[PositiveInt, ...] = (512, 512, 256)
    """Channels of each of the encoder's features, the coarsest first. They go to the levels of the U-Net's way up, from
    the second deepest on; one more than there are such levels goes in at the end.
    """
    dgnet_width: int = Field(default=32, ge=0)
    """Channels of DGNET's first level; 0 for no DGNET, and no second loss."""
    degradation: bool = True
    """False for an ablation without the encoder's features and DGNET."""
    colour_map: bool = True
    """False for an ablation in which the U-Net does not see the colour map."""
    darkening_weight: float = Field(default=0.1, ge=0)
    """The weight of the loss on DGNET's output, lambda."""
    train_steps: int = Field(default=1000, ge=1)
    """Steps of the noise schedule that training draws from, T; sampling takes at most as many."""
    beta_start: float = Field(default=1e-4, gt=0, lt=1)
    """Noise that the schedule's first step adds (its variance, from 0 to 1)."""
    beta_end: float = Field(default=2e-2, gt=0, lt=1)
    """Noise that its last step adds; in between it rises evenly."""
    preset: Literal["default", "trailing"] = "default"
    """How pictures are sampled. default: DDIM as published, in 25 steps. trailing: in few steps, from the schedule's
    last level on.
    """
    seed: int = 0
    """Of the noise and the steps drawn. ``train.seed`` draws the examples."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.width % self.groups or self.dgnet_width % self.groups:
            raise ValueError(
                f"width {self.width} and dgnet_width {self.dgnet_width} must be multiples of groups, {self.groups}"
            )
        if self.degradation and not 1 <= len(self.feature_widths) <= len(self.multipliers):
            raise ValueError(
                f"expected 1 to {len(self.multipliers)} feature_widths, as there are multipliers, got "
                f"{len(self.feature_widths)}; for none, set degradation = false"
            )
        if any(width % self.groups for width in self.feature_widths):
            raise ValueError(f"feature_widths {self.feature_widths} must be multiples of groups, {self.groups}")
        _presets(self)
        return self


LOL_V2: Mapping[str, Any] = MappingProxyType(
    {
        "width": 128,
        "blocks": 4,
        "fusion": "concat",
        "feature_widths": (512, 512, 256, 256, 128, 128),
        "dgnet_width": 128,
        "darkening_weight": 1.0,
    }
)
"""How the configuration published for LOL-v2, real and synthetic alike, differs from the one for LOL."""


def _presets(config: LldiffusionConfig) -> Mapping[str, SamplerPreset]:
    """DDIM on the training schedule. Raises ValueError for a schedule that cannot be sampled on."""
    default = SamplerPreset(
        steps=min(25, config.train_steps),
        schedule="linear",
        train_steps=config.train_steps,
        start=config.beta_start,
        end=config.beta_end,
        max_steps=config.train_steps,
    )
    if config.preset == "default":
        return MappingProxyType({"default": default})
    trailing = trailing_preset(config.train_steps, config.beta_start, config.beta_end)
    return MappingProxyType({"trailing": trailing, "default": default})


class Lldiffusion:
    """The method ``lldiffusion``."""

    name: ClassVar[str] = "lldiffusion"
    config_type: ClassVar[type[MethodConfig]] = LldiffusionConfig

    def __init__(self, config: LldiffusionConfig) -> None:
        self.config = config
        self.net = LldiffusionNet(
            LldiffusionNetConfig(
                width=config.width,
                multipliers=config.multipliers,
                blocks=config.blocks,
                attention_level=config.attention_level,
                groups=config.groups,
                dropout=config.dropout,
                channel_attention=config.fusion == "attention",
                encoder_width=config.encoder_width,
                feature_widths=config.feature_widths if config.degradation else (),
                colour_map=config.colour_map,
                dgnet_width=config.dgnet_width if config.degradation else 0,
                unshuffle=config.unshuffle,
            )
        )
        self.footprint = Footprint(self.net.size_multiple, "next", True, *self.net.unet.memory)
        self.deblocks = False  # sees what it was published with
        self.presets = _presets(config)
        self.stages = (
            Stage("joint", partial(self._prepare, config), self._joint_objective),
            Stage("frozen", partial(self._prepare, config), self._frozen_objective, trains=("unet.",), goes_on=True),
        )

    # --- training -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _prepare(config: LldiffusionConfig, crop: Crop) -> Arrays:
        """The pair, its noise and its step, which follow from the example's number alone."""
        t = _draw_step(config, crop.index, crop.batch)
        return {
            **noisy_pair(config.seed, crop),
            "t": np.asarray(t, np.int64),
            "abar": np.asarray(_levels(config)[t], np.float32),
        }

    def _predict(self, net: nn.Module, batch: Batch, x0: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """eps_hat, and ``x0`` darkened by DGNET."""
        low, abar = batch["low"], batch["abar"].view(-1, 1, 1, 1)
        x = add_noise(batch["x0"], batch["eps"], abar)
        colour = colour_map(_to_unit(low)) if self.config.colour_map else None
        output, darkened = net(x, batch["t"], lift(low, self.config.lift), colour, x0)
        output = output.float()
        eps_hat = eps_from_v(x, output, abar) if self.config.velocity else output
        return eps_hat, None if darkened is None else darkened.float()

    def _noise_loss(self, eps_hat: Tensor, batch: Batch) -> Tensor:
        """The mean squared error of eps_hat, or the velocity's: v - v_hat = (eps - eps_hat) / sqrt(abar)."""
        if not self.config.velocity:
            return F.mse_loss(eps_hat, batch["eps"])
        return ((eps_hat - batch["eps"]) ** 2 / batch["abar"].view(-1, 1, 1, 1)).mean()

    def _joint_objective(self, net: nn.Module, batch: Batch, teacher: nn.Module | None = None) -> dict[str, Tensor]:
        """The error of the noise, and how far DGNET's output is from the dark picture. Everything is trained."""
        eps_hat, darkened = self._predict(net, batch, batch["x0"])
        parts = {"noise": self._noise_loss(eps_hat, batch)}
        if darkened is not None:
            error = (_to_unit(darkened) - _to_unit(batch["low"])).abs().mean()
            parts["darkening"] = self.config.darkening_weight * error
        return parts

    def _frozen_objective(self, net: nn.Module, batch: Batch, teacher: nn.Module | None = None) -> dict[str, Tensor]:
        """The error of the noise. Only the U-Net is trained."""
        eps_hat, _ = self._predict(net, batch, None)
        return {"noise": self._noise_loss(eps_hat, batch)}

    def further_samples(self, low_unit: Tensor, high_unit: Tensor) -> Sequence[Tensor]:
        """The good picture darkened by DGNET, to compare with the dark one."""
        return () if self.net.dgnet is None else (self.darken(high_unit, low_unit),)

    # --- inference ----------------------------------------------------------------------------------------------------

    def graphs(self) -> Mapping[str, Graph]:
        """encode: the dark piece -> its colour map and features. step: x, its level, the piece and these -> eps."""
        side = 4 * self.footprint.size_multiple
        picture = np.zeros((2, 3, side, side), np.float32)
        encoded = {"colour": picture} if self.config.colour_map else {}
        for number, width in enumerate(self.net.config.feature_widths):
            edge = side // (2 ** max(len(self.config.multipliers) - 2 - number, 0) * self.config.unshuffle)
            encoded[f"feature{number + 1}"] = np.zeros((2, width, edge, edge), np.float32)
        example = {"x": picture, "abar": np.full(1, 0.5, np.float32), "low": picture, **encoded}
        spatial = ("x", "low", *encoded)
        step = Graph(_Step(self.net, self.config), tuple(example), ("eps",), example, spatial)
        if not encoded:
            return {"step": step}
        encode = Graph(_Encode(self.net, self.config), ("low",), tuple(encoded), {"low": picture}, spatial=("low",))
        return {"encode": encode, "step": step}

    @torch.inference_mode()
    def darken(self, good_unit: Tensor, low_unit: Tensor) -> Tensor:
        """See :class:`darklift.methods.darkening.Darkens`. Raises ModelError for a model without DGNET."""
        if self.net.dgnet is None:
            raise ModelError("this lldiffusion model has no DGNET: convert it with --keep-dgnet, or train one")
        darkened: Tensor = self.net.dgnet(
            2 * good_unit - 1, self.net.features(lift(2 * low_unit - 1, self.config.lift))
        )
        return _to_unit(darkened)


class _Encode(nn.Module):
    """What depends on the dark piece alone, with the value ranges that :class:`Graph` says."""

    def __init__(self, net: LldiffusionNet, config: LldiffusionConfig) -> None:
        super().__init__()
        self.net, self.lift = net, config.lift

    def forward(self, low: Tensor) -> tuple[Tensor, ...]:
        colour = (colour_map(low),) if self.net.config.colour_map else ()
        return (*colour, *self.net.features(lift(2 * low - 1, self.lift)))


class _Step(nn.Module):
    """One denoising step, with the value ranges that :class:`Graph` says. The network takes a step's number: that of
    the level of the training schedule that is nearest to abar.
    """

    def __init__(self, net: LldiffusionNet, config: LldiffusionConfig) -> None:
        super().__init__()
        self.net, self.velocity, self.lift = net, config.velocity, config.lift
        self.levels: Tensor
        self.register_buffer("levels", torch.as_tensor(_levels(config), dtype=torch.float32), persistent=False)

    def forward(self, x: Tensor, abar: Tensor, low: Tensor, *encoded: Tensor) -> Tensor:
        t = (self.levels.to(abar.device) - abar[:, None]).abs().argmin(dim=1).expand(x.shape[0])
        colour, features = (encoded[0], encoded[1:]) if self.net.config.colour_map else (None, encoded)
        output = self.net.denoise(x, t, lift(2 * low - 1, self.lift), colour, features)
        return eps_from_v(x, output, abar.view(-1, 1, 1, 1)) if self.velocity else output


@lru_cache(maxsize=8)
def _levels(config: LldiffusionConfig) -> npt.NDArray[np.float64]:
    """abar_0, abar_1, …, abar_{T-1}."""
    return NoiseSchedule.linear(config.train_steps, config.beta_start, config.beta_end).alpha_bar


def _draw_step(config: LldiffusionConfig, index: int, batch: int) -> int:
    """Antithetic in a batch of n: n//2 + 1 uniform draws t from 0 … T-1, then their mirror images T-1-t until the batch
    is full.
    """
    number, place = divmod(index, batch)
    drawn = batch // 2 + 1
    draws = random_generator(config.seed, "steps", number).integers(config.train_steps, size=drawn)
    return int(draws[place]) if place < drawn else config.train_steps - 1 - int(draws[place - drawn])


def _to_unit(signed: Tensor) -> Tensor:
    return ((signed + 1) / 2).clamp(0, 1)
