"""GSAD: conditional diffusion regularised by an uncertainty map and a global structure term (arXiv 2310.17577).

Legend: ``low`` dark photo (y), ``x0`` its well-lit partner, ``eps`` unit noise, ``c`` = sqrt(abar), ``P`` uncertainty,
``t`` a step of the training schedule (1 … T); unit [0, 1], signed [-1, 1]. The objectives are written out in
docs/math.md, section GSAD.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache, partial
from types import MappingProxyType
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
from scipy.cluster import hierarchy
from torch import Tensor, nn

from darklift.data.crop import Crop
from darklift.diffusion import (
    NoiseSchedule,
    SamplerPreset,
    add_noise,
    noise_image,
    posterior,
    random_generator,
    x0_from_eps,
)
from darklift.methods.base import Arrays, Batch, Graph, MethodConfig, Stage, noisy_pair
from darklift.nets.gsad import GsadNet, GsadNetConfig

__all__ = ["Gsad", "GsadConfig", "cluster_patches", "structure_term"]

# --- configuration ----------------------------------------------------------------------------------------------------

PresetName = Literal["lolv1", "lolv2-real", "lolv2-synthetic", "unpaired"]


class GsadConfig(MethodConfig):
    """The network's size, the training schedule, and the objectives' weights; defaults are the published ones."""

    width: int = 64
    multipliers: tuple[int, ...] = (1, 1, 2, 2, 4)
    blocks: int = 2
    attention_level: int = 3
    preset: PresetName = "lolv1"
    """The way of sampling that these weights were made for."""
    train_steps: int = 500
    beta_start: float = 1e-4
    beta_end: float = 2e-2
    level_group: int = 8
    """So many consecutive examples share the step t (a batch, as published); each draws its own c within the step."""
    uncertainty_weight: float = 2.0
    uncertainty_per_element: bool = True
    """Divide the term on mean(P) by the number of elements in the batch, as the release does."""
    pixel_weight: float = 10.0
    structure_weight: float = 1.0
    clusters: int = 6
    patch: int = 8
    kappa_exponent: float = 4.0
    seed: int = 0


_BETAS: Mapping[str, tuple[int, float, float]] = {
    "lolv1": (20, 6e-4, 0.88),
    "lolv2-real": (10, 9e-4, 0.85),
    "lolv2-synthetic": (10, 2e-3, 0.84),
    "unpaired": (10, 2e-3, 0.90),
}


def _presets(first: str) -> Mapping[str, SamplerPreset]:
    """Ancestral sampling on a schedule made for few steps; ``-ddim`` is the same ladder without fresh noise."""
    presets: dict[str, SamplerPreset] = {}
    for name in (first, *(name for name in _BETAS if name != first)):
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
        self.net = GsadNet(GsadNetConfig(config.width, config.multipliers, config.blocks, config.attention_level))
        for module in self.net.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.orthogonal_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        self.size_multiple = 2 ** (len(config.multipliers) - 1)
        self.presets = _presets(config.preset)
        self.stages = (
            Stage("uncertainty", partial(self._prepare, config), self._uncertainty_objective),
            Stage("structure", partial(self._prepare_with_clusters, config), self._structure_objective, teacher=True),
            Stage("plain", partial(self._prepare, config), self._plain_objective),
        )

    # --- training -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _prepare(config: GsadConfig, crop: Crop) -> Arrays:
        """The pair, its noise level and its noise: all from the example's own number."""
        abar = _levels(config)
        shared = random_generator(config.seed, "step", crop.index // config.level_group)
        t = int(shared.integers(1, config.train_steps + 1))
        c = random_generator(config.seed, "level", crop.index).uniform(abar[t] ** 0.5, abar[t - 1] ** 0.5)
        return {
            **noisy_pair(config.seed, crop),
            "c": np.asarray(c, np.float32),
            "abar": abar[[t, t - 1]],
        }

    @staticmethod
    def _prepare_with_clusters(config: GsadConfig, crop: Crop) -> Arrays:
        """Also the clusters of x0's patches, and the noise of the draw x_{t-1}."""
        clusters = cluster_patches(crop.high.mean(axis=0) / 255, config.patch, config.clusters)
        z = noise_image(config.seed + 1, crop.index, (3, *crop.high.shape[1:]))
        return {**Gsad._prepare(config, crop), "clusters": clusters, "z": z}

    def _predict(self, net: nn.Module, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """x_t, eps_hat and P."""
        x = add_noise(batch["x0"], batch["eps"], (batch["c"] ** 2).view(-1, 1, 1, 1))
        eps_hat, uncertainty = net(x, batch["c"], batch["low"])
        return x, eps_hat.float(), uncertainty.float()

    def _plain_objective(self, net: nn.Module, batch: Batch, teacher: nn.Module | None = None) -> dict[str, Tensor]:
        """Conditional diffusion without uncertainty and structure: what both are compared with."""
        _, eps_hat, uncertainty = self._predict(net, batch)
        # The unused head stays in the graph, with no gradient, so that every process sees the same parameters.
        return {"pixel": (eps_hat - batch["eps"]).abs().mean() + 0 * uncertainty.mean()}

    def _uncertainty_objective(
        self, net: nn.Module, batch: Batch, teacher: nn.Module | None = None
    ) -> dict[str, Tensor]:
        """Stage 1: the error weighted by exp(-P), and a term that keeps P from growing."""
        _, eps_hat, uncertainty = self._predict(net, batch)
        elements = eps_hat.numel() if self.config.uncertainty_per_element else 1
        return {
            "pixel": (torch.exp(-uncertainty) * (eps_hat - batch["eps"])).abs().mean(),
            "uncertainty": self.config.uncertainty_weight * uncertainty.mean() / elements,
        }

    def _structure_objective(self, net: nn.Module, batch: Batch, teacher: nn.Module | None = None) -> dict[str, Tensor]:
        """Stage 2: the error weighted by the teacher's uncertainty, and the structure of a draw of x_{t-1}."""
        assert teacher is not None
        x, eps_hat, _ = self._predict(net, batch)
        with torch.no_grad():
            uncertainty = _rescaled(self._predict(teacher, batch)[2])
        c = batch["c"].view(-1, 1, 1, 1)
        x0_hat = x0_from_eps(x, eps_hat, c**2).clamp(-1, 1)
        now, after = (level.view(-1, 1, 1, 1) for level in batch["abar"].unbind(dim=1))
        mean, deviation = posterior(x, x0_hat, now, after)
        x_next = (mean + deviation * batch["z"]).float()
        structure = structure_term(batch["x0"], x_next, batch["clusters"], self.config.clusters, self.config.patch)
        kappa = batch["c"] ** self.config.kappa_exponent
        return {
            "pixel": self.config.pixel_weight * (uncertainty * (eps_hat - batch["eps"])).abs().mean(),
            "structure": self.config.structure_weight * (kappa * structure).mean(),
        }

    # --- inference ----------------------------------------------------------------------------------------------------

    def graphs(self) -> Mapping[str, Graph]:
        """step: x and the low-light picture -> eps and uncertainty."""
        side = 4 * self.size_multiple
        picture = np.zeros((2, 3, side, side), np.float32)
        example = {"x": picture, "abar": np.full(1, 0.5, np.float32), "low": picture}
        outputs = ("eps", "uncertainty")
        return {"step": Graph(_Step(self.net), tuple(example), outputs, example, spatial=("x", "low"))}


class _Step(nn.Module):
    """One denoising step, with the names and value ranges of :class:`Graph`."""

    def __init__(self, net: GsadNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, abar: Tensor, low: Tensor) -> tuple[Tensor, Tensor]:
        result: tuple[Tensor, Tensor] = self.net(x, abar.sqrt().expand(x.shape[0]), 2 * low - 1)
        return result


@lru_cache(maxsize=8)
def _levels(config: GsadConfig) -> npt.NDArray[np.float64]:
    """abar_0 = 1, abar_1, …, abar_T."""
    schedule = NoiseSchedule.linear(config.train_steps, config.beta_start, config.beta_end)
    return np.concatenate([[1.0], schedule.alpha_bar])


def _rescaled(uncertainty: Tensor) -> Tensor:
    """P~: each image's each channel mapped to [0.5, 1]."""
    low, high = uncertainty.aminmax(dim=-1, keepdim=True)
    low, high = low.amin(dim=-2, keepdim=True), high.amax(dim=-2, keepdim=True)
    return 0.5 + 0.5 * (uncertainty - low) / (high - low + 1e-6)


def _patch_rows(gray: Tensor, patch: int) -> Tensor:
    """(B, H, W) -> (B, N, patch²): the non-overlapping patches, row by row; what does not fill a patch is left out."""
    b, h, w = gray.shape
    rows, columns = h // patch, w // patch
    cut = gray[:, : rows * patch, : columns * patch].reshape(b, rows, patch, columns, patch)
    return cut.transpose(2, 3).reshape(b, rows * columns, patch * patch)


def cluster_patches(gray_unit: npt.NDArray[np.floating], patch: int, clusters: int) -> npt.NDArray[np.int64]:
    """Ward clustering of a picture's patches: (H, W) unit -> (N,) cluster numbers 0 … ``clusters`` - 1."""
    rows = _patch_rows(torch.as_tensor(gray_unit, dtype=torch.float64)[None], patch)[0].numpy()
    if len(rows) <= clusters:
        return np.arange(len(rows))
    tree = hierarchy.linkage(rows, method="ward")
    numbers: npt.NDArray[np.int64] = hierarchy.cut_tree(tree, n_clusters=clusters)[:, 0].astype(np.int64)
    return numbers


def structure_term(x0: Tensor, x_next: Tensor, clusters: Tensor, count: int, patch: int) -> Tensor:
    """(B,): over clusters, the mean of the summed differences between the singular values of their patches' rows.

    x0, x_next: (B, 3, H, W) signed. clusters: (B, N) cluster of each patch. All singular values come from one batched
    call: each cluster is the matrix of all rows with the other clusters' rows set to zero, which leaves its singular
    values as they are. An empty cluster counts 1e-5.
    """
    members = torch.nn.functional.one_hot(clusters, count).transpose(1, 2)  # (B, K, N)
    values = [
        torch.linalg.svdvals(members[..., None] * _patch_rows(picture.mean(dim=1), patch)[:, None])
        for picture in (x0, x_next)
    ]
    differences = (values[0] - values[1]).abs().sum(dim=-1)
    return torch.where(members.any(dim=-1), differences, 1e-5).mean(dim=-1)
