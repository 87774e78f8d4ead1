"""GSAD: conditional diffusion regularised by an uncertainty map and a global structure term (arXiv 2310.17577).

Legend: ``low`` dark photo (y), ``x0`` its well-lit partner, ``eps`` unit noise, ``c`` = sqrt(abar), ``P`` uncertainty,
``t`` a step of the training schedule (1 … T); unit [0, 1], signed [-1, 1]. The objectives are written out in
docs/explanation/maths.md, section GSAD.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from types import MappingProxyType
from typing import ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn

from darklift.data.crop import Crop
from darklift.diffusion import (
    NoiseSchedule,
    SamplerPreset,
    add_noise,
    eps_from_v,
    noise_image,
    posterior,
    random_generator,
    x0_from_eps,
)
from darklift.image.samples import white_of
from darklift.methods.base import Arrays, Batch, Graph, MethodConfig, Stage, noisy_pair
from darklift.methods.gsad.net import GsadNet, GsadNetConfig
from darklift.methods.gsad.structure import cluster_patches, cluster_spectra, structure_term
from darklift.methods.parts.blocks import lift
from darklift.methods.parts.short_training import ShortTrainingConfig, trailing_preset
from darklift.runtime import Footprint

__all__ = ["Gsad", "GsadConfig"]

# --- configuration ----------------------------------------------------------------------------------------------------

PresetName = Literal["lolv1", "lolv2-real", "lolv2-synthetic", "unpaired"]


class GsadConfig(ShortTrainingConfig):
    """The network's size, the training schedule and the weights of the losses; the defaults are the published ones."""

    width: int = Field(default=64, ge=32, multiple_of=32)
    """Channels of the first level, a multiple of 32; 64 as published. Time grows with about its square."""
    multipliers: tuple[PositiveInt, ...] = Field(default=(1, 1, 2, 2, 4), min_length=2)
    """The channels of each level as multiples of ``width``, from full resolution down, each level half the one before;
    at least 2 levels.
    """
    blocks: int = Field(default=2, ge=1)
    """Residual blocks in each level on the way down; one more on the way up."""
    attention_level: int = Field(default=3, ge=0)
    """The level (0 = full resolution) with attention after each block. Beyond the last, only the middle has it."""
    preset: PresetName | Literal["trailing"] = "lolv1"
    """The default way of sampling: the one that goes with the data that the weights are trained on; or trailing: DDIM
    in few steps down the training schedule from its last level on.
    """
    train_steps: int = Field(default=500, ge=1)
    """Steps of the noise schedule that training draws noise levels from, T."""
    beta_start: float = Field(default=1e-4, gt=0, lt=1)
    """Noise that the schedule's first step adds (its variance, from 0 to 1)."""
    beta_end: float = Field(default=2e-2, gt=0, lt=1)
    """Noise that its last step adds; in between it rises evenly."""
    levels: Literal["shared", "spread"] = "shared"
    """shared: the examples of a batch have one random step of the schedule, as published. spread: each has its own, and
    a batch's are spread evenly over the schedule, which makes the gradient steadier.
    """
    uncertainty_weight: float = 2.0
    """Stage uncertainty: the weight of the term that keeps the uncertainty small. More keeps it smaller."""
    uncertainty_per_element: bool = True
    """Whether the term on mean(P) is divided by the number of elements in the batch, as in the release."""
    pixel_weight: float = 10.0
    """Stage structure: the weight of the error of the noise, weighted by the first stage's uncertainty."""
    structure_weight: float = 1.0
    """Stage structure: the weight of the term on the singular values of alike patches. 0 turns it off."""
    clusters: int = Field(default=6, ge=1)
    """Stage structure: groups that the patches of a picture are sorted into by likeness."""
    patch: int = Field(default=8, ge=1)
    """Stage structure: side of a patch, in pixels. Crops are at least as large."""
    kappa_exponent: float = 4.0
    """Stage structure: its term counts c to this power, c = sqrt(abar). More leaves it out at noisy levels."""
    seed: int = 0
    """Of the noise and the noise levels drawn. ``train.seed`` draws the examples."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Whether pictures can be sampled on the training schedule, where that is asked for."""
        _presets(self)
        return self


_BETAS: Mapping[str, tuple[int, float, float]] = {
    "lolv1": (20, 6e-4, 0.88),
    "lolv2-real": (10, 9e-4, 0.85),
    "lolv2-synthetic": (10, 2e-3, 0.84),
    "unpaired": (10, 2e-3, 0.90),
}


def _presets(config: GsadConfig) -> Mapping[str, SamplerPreset]:
    """Ancestral sampling on schedules for few steps, and the same without fresh noise, called ``-ddim``;
    ``config.preset`` is the default.
    """
    presets: dict[str, SamplerPreset] = {}
    if config.preset == "trailing":
        presets["trailing"] = trailing_preset(config.train_steps, config.beta_start, config.beta_end)
    for name in sorted(_BETAS, key=lambda name: name != config.preset):
        steps, start, end = _BETAS[name]
        ancestral = SamplerPreset(
            steps=steps, schedule="linear", train_steps=None, start=start, end=end, eta=1.0, clip=True
        )
        presets |= {name: ancestral, f"{name}-ddim": replace(ancestral, eta=0.0)}
    return MappingProxyType(presets)


class Gsad:
    """The method ``gsad``."""

    name: ClassVar[str] = "gsad"
    config_type: ClassVar[type[MethodConfig]] = GsadConfig

    def __init__(self, config: GsadConfig) -> None:
        self.config = config
        self.net = GsadNet(
            GsadNetConfig(config.width, config.multipliers, config.blocks, config.attention_level, config.unshuffle)
        )
        for module in self.net.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.orthogonal_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        self.footprint = Footprint(self.net.size_multiple, "centred", True, *self.net.memory)
        self.deblocks = False  # sees what it was published with
        self.presets = _presets(config)
        self.stages = (
            Stage("uncertainty", partial(self._prepare, config), self._uncertainty_objective),
            Stage(
                "structure",
                partial(self._prepare_with_clusters, config),
                self._structure_objective,
                goes_on=True,
                teacher=True,
                least_crop=config.patch,
            ),
            Stage("plain", partial(self._prepare, config), self._plain_objective),
        )

    # --- training -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _prepare(config: GsadConfig, crop: Crop) -> Arrays:
        """The pair, its noise and its noise level, which follow from the example's number alone. Each has its own c
        within its step t.
        """
        abar = _levels(config)
        t = _draw_step(config, crop.index, crop.batch)
        c = random_generator(config.seed, "level", crop.index).uniform(abar[t] ** 0.5, abar[t - 1] ** 0.5)
        return {
            **noisy_pair(config.seed, crop),
            "c": np.asarray(c, np.float32),
            "abar": abar[[t, t - 1]],
            "examples": np.asarray(crop.batch, np.int64),
        }

    @staticmethod
    def _prepare_with_clusters(config: GsadConfig, crop: Crop) -> Arrays:
        """The same, and the clusters of x0's patches, their singular values, and the noise for drawing x_{t-1}."""
        arrays = Gsad._prepare(config, crop)
        clusters = cluster_patches(crop.high.mean(axis=0) / white_of(crop.high), config.patch, config.clusters)
        x0, numbers = torch.from_numpy(arrays["x0"])[None], torch.from_numpy(clusters)[None]
        spectra = cluster_spectra(x0, numbers, config.clusters, config.patch)[0].numpy()
        z = noise_image(config.seed + 1, crop.index, (3, *crop.high.shape[1:]))
        return {**arrays, "clusters": clusters, "spectra": spectra, "z": z}

    def _predict(self, net: nn.Module, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """x_t, eps_hat and P."""
        abar = (batch["c"] ** 2).view(-1, 1, 1, 1)
        x = add_noise(batch["x0"], batch["eps"], abar)
        output, uncertainty = net(x, batch["c"], lift(batch["low"], self.config.lift))
        output = output.float()
        return x, eps_from_v(x, output, abar) if self.config.velocity else output, uncertainty.float()

    def _error(self, eps_hat: Tensor, batch: Batch) -> Tensor:
        """Of eps_hat, or the velocity's, up to the sign: v_hat - v = (eps_hat - eps) / c."""
        error = eps_hat - batch["eps"]
        return error / batch["c"].view(-1, 1, 1, 1) if self.config.velocity else error

    def _plain_objective(self, net: nn.Module, batch: Batch, teacher: nn.Module | None = None) -> dict[str, Tensor]:
        """Plain conditional diffusion, without uncertainty and structure, to compare the other stages with."""
        _, eps_hat, uncertainty = self._predict(net, batch)
        return {"pixel": self._error(eps_hat, batch).abs().mean() + _unused(uncertainty)}

    def _uncertainty_objective(
        self, net: nn.Module, batch: Batch, teacher: nn.Module | None = None
    ) -> dict[str, Tensor]:
        """The first stage: the error weighted by exp(-P), and a term that keeps P small."""
        _, eps_hat, uncertainty = self._predict(net, batch)
        # Of the whole batch, of which this may be a part.
        elements = eps_hat[0].numel() * batch["examples"][0] if self.config.uncertainty_per_element else 1
        return {
            "pixel": (torch.exp(-uncertainty) * self._error(eps_hat, batch)).abs().mean(),
            "uncertainty": self.config.uncertainty_weight * uncertainty.mean() / elements,
        }

    def _structure_objective(self, net: nn.Module, batch: Batch, teacher: nn.Module | None = None) -> dict[str, Tensor]:
        """The second stage: the error weighted by the teacher's uncertainty, and the structure term on x_{t-1}."""
        assert teacher is not None
        x, eps_hat, own_uncertainty = self._predict(net, batch)
        with torch.no_grad():
            uncertainty = _rescaled(self._predict(teacher, batch)[2])
        c = batch["c"].view(-1, 1, 1, 1)
        x0_hat = x0_from_eps(x, eps_hat, c**2).clamp(-1, 1)
        now, after = (level.view(-1, 1, 1, 1) for level in batch["abar"].unbind(dim=1))
        mean, deviation = posterior(x, x0_hat, now, after)
        x_next = (mean + deviation * batch["z"]).float()
        # NaN has no singular values. It is in the pixel term, too, which is what ends the training then.
        spectra = cluster_spectra(x_next.nan_to_num(), batch["clusters"], self.config.clusters, self.config.patch)
        structure = structure_term(batch["spectra"], spectra, batch["clusters"])
        kappa = batch["c"] ** self.config.kappa_exponent
        return {
            "pixel": self.config.pixel_weight * (uncertainty * self._error(eps_hat, batch)).abs().mean()
            + _unused(own_uncertainty),
            "structure": self.config.structure_weight * (kappa * structure).mean(),
        }

    def further_samples(self, low_unit: Tensor, high_unit: Tensor) -> Sequence[Tensor]:
        """None."""
        return ()

    # --- inference ----------------------------------------------------------------------------------------------------

    def graphs(self) -> Mapping[str, Graph]:
        """step: x, its noise level and the dark picture -> eps and the uncertainty."""
        side = 4 * self.footprint.size_multiple
        picture = np.zeros((2, 3, side, side), np.float32)
        example = {"x": picture, "abar": np.full(1, 0.5, np.float32), "low": picture}
        outputs = ("eps", "uncertainty")
        return {"step": Graph(_Step(self.net, self.config), tuple(example), outputs, example, spatial=("x", "low"))}


class _Step(nn.Module):
    """One denoising step, with the value ranges that :class:`Graph` says."""

    def __init__(self, net: GsadNet, config: GsadConfig) -> None:
        super().__init__()
        self.net, self.velocity, self.lift = net, config.velocity, config.lift

    def forward(self, x: Tensor, abar: Tensor, low: Tensor) -> tuple[Tensor, Tensor]:
        output, uncertainty = self.net(x, abar.sqrt().expand(x.shape[0]), lift(2 * low - 1, self.lift))
        return eps_from_v(x, output, abar.view(-1, 1, 1, 1)) if self.velocity else output, uncertainty


def _draw_step(config: GsadConfig, index: int, batch: int) -> int:
    """A step from 1 … T for example ``index`` of the run; see :attr:`GsadConfig.levels`."""
    number, place = divmod(index, batch)
    if config.levels == "shared":
        return int(random_generator(config.seed, "step", number).integers(1, config.train_steps + 1))
    within = random_generator(config.seed, "step", index).random()
    return 1 + int((place + within) / batch * config.train_steps)


@lru_cache(maxsize=8)
def _levels(config: GsadConfig) -> npt.NDArray[np.float64]:
    """abar_0 = 1, abar_1, …, abar_T."""
    schedule = NoiseSchedule.linear(config.train_steps, config.beta_start, config.beta_end)
    return np.concatenate([[1.0], schedule.alpha_bar])


def _unused(output: Tensor) -> Tensor:
    """Zero, with zero gradients: training in several processes needs a gradient for every parameter."""
    return 0 * output.mean()


def _rescaled(uncertainty: Tensor) -> Tensor:
    """P~: each image's each channel mapped to [0.5, 1]."""
    low, high = uncertainty.aminmax(dim=-1, keepdim=True)
    low, high = low.amin(dim=-2, keepdim=True), high.amax(dim=-2, keepdim=True)
    return 0.5 + 0.5 * (uncertainty - low) / (high - low + 1e-6)
