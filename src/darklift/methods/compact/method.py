"""compact, darklift's own default: a two-scale conditional diffusion model that predicts x0 and works in one step.

Legend: ``low`` dark photo, ``x0`` its well-lit partner, ``eps`` unit noise, ``abar`` noise level; unit [0, 1], signed
[-1, 1]. Sources: x0 prediction as in Salimans & Ho 2022 (arXiv 2202.00512); colour map from LLDiffusion (arXiv
2307.14659); SSIM as a loss from Zhao et al. 2017 (IEEE TCI 3(1)).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, ValidationInfo, field_validator
from torch import Tensor, nn

from darklift.data.crop import Crop
from darklift.diffusion import SamplerPreset, add_noise, noise_image, random_generator
from darklift.image.overview import CUES, QUANTILE_95, QUANTILE_99, STATISTICS, THUMBNAIL, area_average, describe
from darklift.methods.base import Arrays, Batch, Graph, MethodConfig, Stage
from darklift.methods.compact.net import CoarseNet, CompactNet, CompactNetConfig, ExposureNet, brightness_of
from darklift.methods.parts.losses import ssim
from darklift.runtime import Footprint

__all__ = ["Compact", "CompactConfig"]

# --- configuration ----------------------------------------------------------------------------------------------------


class CompactConfig(MethodConfig):
    """Sizes, and the weights of the objective's parts."""

    fine_widths: tuple[int, ...] = (32, 64, 128, 192)
    coarse_widths: tuple[int, ...] = (24, 48, 96)
    blocks: int = Field(default=2, ge=1)
    fine_blocks: int | None = Field(default=None, ge=1)
    """Of the fine net's levels; None is as many as ``blocks``."""
    maps: int = Field(default=12, ge=1)
    embedding: int = Field(default=128, ge=1)
    exposure_width: int = Field(default=32, ge=1)
    cues: bool = False
    """Whether the exposure net sees :attr:`darklift.image.overview.Overview.cues`, too."""
    voters: tuple[Literal["tone", "picture"], ...] = ()
    """More nets whose coarse pictures are averaged with the coarse net's own; see CoarseNet of nets.compact."""
    voter_widths: tuple[int, ...] = (24, 48, 96)
    voter_embedding: int = Field(default=128, ge=1)
    """Sizes of the voters of kind picture."""
    train_steps: int = Field(default=1000, ge=8)
    noisy_share: float = Field(default=0.6, ge=0, le=1)
    noisy_abar: float = Field(default=0.01, ge=0, le=1)
    ssim_weight: float = Field(default=0.3, ge=0)
    coarse_weight: float = Field(default=0.5, ge=0)
    exposure_weight: float = Field(default=0.1, ge=0)
    psnr_weight: float = Field(default=0.0, ge=0)
    guess_share: float = Field(default=0.0, ge=0, le=1)
    guess_stops: float = Field(default=0.25, ge=0, le=2)
    doubt_stops: float = Field(default=0.4, ge=0, le=2)
    lights_kept: float = Field(default=0.5, ge=0, le=1)
    """How much of a lift that would bleach what is lit is taken back; see :func:`_kept_lights`."""
    seed: int = 0

    @field_validator("fine_widths", "coarse_widths", "voter_widths")
    @classmethod
    def _check_widths(cls, widths: tuple[int, ...], field: ValidationInfo) -> tuple[int, ...]:
        if not widths or min(widths) < 1:
            raise ValueError(f"expected at least one level of at least 1 channel, got {widths}")
        if field.field_name != "fine_widths" and (THUMBNAIL % 2 ** (len(widths) - 1) or widths[-1] % 4):
            raise ValueError(f"expected at most 4 levels, the last of a multiple of 4 channels, got {widths}")
        return widths


class Compact:
    """The method ``compact``."""

    name: ClassVar[str] = "compact"
    config_type: ClassVar[type[MethodConfig]] = CompactConfig

    def __init__(self, config: CompactConfig) -> None:
        self.config = config
        self.net = CompactNet(
            CompactNetConfig(
                statistics=STATISTICS,
                embedding=config.embedding,
                maps=config.maps,
                coarse_widths=config.coarse_widths,
                fine_widths=config.fine_widths,
                blocks=config.blocks,
                fine_blocks=config.fine_blocks or config.blocks,
                exposure_width=config.exposure_width,
                cues=CUES if config.cues else 0,
                voters=config.voters,
                voter_widths=config.voter_widths,
                voter_embedding=config.voter_embedding,
            )
        )
        self.footprint = Footprint(2 ** len(config.fine_widths))
        self.deblocks = True
        self.presets: Mapping[str, SamplerPreset] = MappingProxyType(
            {
                "default": SamplerPreset(
                    steps=1,
                    schedule="cosine",
                    train_steps=config.train_steps,
                    spacing="trailing",
                    clip=True,
                    predicts="x0",
                    max_steps=8,
                )
            }
        )
        self.stages = (
            Stage("train", partial(self._prepare, config), self._objective),
            Stage(
                "coarse",
                partial(self._prepare_coarse, config.model_copy(update={"cues": False})),
                self._coarse_objective,
                trains=tuple(f"coarse.{part}." for part in ("embed", "stem", "unet", "head", "voters")),
            ),
            Stage(
                "joint",
                partial(self._prepare, config.model_copy(update={"cues": False})),
                self._joint_objective,
                trains=("fine.", *(f"coarse.{part}." for part in ("embed", "stem", "unet", "head", "summary"))),
                goes_on=True,
            ),
            Stage(
                "exposure",
                partial(self._prepare_overview, config),
                self._exposure_objective,
                trains=("exposure.correction." if config.cues else "exposure.",),
                goes_on=True,
            ),
        )

    # --- training -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _prepare(config: CompactConfig, crop: Crop) -> Arrays:
        """The photo's overview and its target, the noise level, and the noise: all from the example's own number.

        Runs in data-loader workers, which have no need of the network.
        """
        return Compact._prepare_coarse(config, crop) | {
            "low": crop.low.astype(np.float32) / 255,
            "x0": crop.high.astype(np.float32) / 255,
            "box": crop.box,
            "abar": np.asarray(_draw_level(config, random_generator(config.seed, "level", crop.index)), np.float32),
            "eps": noise_image(config.seed, crop.index, (3, *crop.high.shape[1:])),
        }

    @staticmethod
    def _prepare_coarse(config: CompactConfig, crop: Crop) -> Arrays:
        """The photo's overview and its target, and the brightness asked for."""
        known = Compact._prepare_overview(config, crop)
        guess_error = _draw_guess_error(config, random_generator(config.seed, "guess", crop.index))
        return known | {
            "wanted": np.asarray(min(float(known["brightness"]) * 2 ** (guess_error or 0), 1), np.float32),
            "doubt": np.asarray(0 if guess_error is None else config.doubt_stops, np.float32),
            "clipped_weight": np.asarray(crop.clipped_weight, np.float32),
        }

    @staticmethod
    def _prepare_overview(config: CompactConfig, crop: Crop) -> dict[str, npt.NDArray[np.float32]]:
        """What is known of the photo, and what it should come to at that size."""
        overview, target = describe(crop.photo_low, cues=config.cues), area_average(crop.photo_high)
        known = {
            "thumbnail": overview.thumbnail,
            "statistics": overview.statistics,
            "thumbnail_x0": target,
            "brightness": np.asarray(max(float(target.mean()), 0.5 / 255), np.float32),
            "exposure_weight": np.asarray(crop.exposure_weight, np.float32),
        }
        return known if overview.cues is None else known | {"cues": overview.cues}

    def _objective(self, net: nn.Module, batch: Batch, teacher: nn.Module | None = None) -> dict[str, Tensor]:
        """What :meth:`_joint_objective` asks, and the predicted brightness's error in stops."""
        parts, predicted = self._picture_objective(net, batch)
        assert predicted is not None
        return parts | {"exposure": self.config.exposure_weight * _exposure_error(predicted.float(), batch)}

    def _joint_objective(self, net: nn.Module, batch: Batch, teacher: nn.Module | None = None) -> dict[str, Tensor]:
        """L1 + w·(1 - SSIM) on the piece, L1 on the coarse picture, w·(50 dB - PSNR) of both.

        Pictures made for a brightness other than the ground truth's are compared as GT-mean scores them: brought back
        to its mean by a gain.
        """
        return self._picture_objective(net, batch)[0]

    def _picture_objective(self, net: nn.Module, batch: Batch) -> tuple[dict[str, Tensor], Tensor | None]:
        """The picture's losses, and the brightness predicted, if it is."""
        x0, weight = batch["x0"], _clipping_weight(batch["x0"], batch["clipped_weight"])
        gain = batch["brightness"] / batch["wanted"]
        x_signed = add_noise(
            2 * (x0 / gain.view(-1, 1, 1, 1)).clamp(0, 1) - 1, batch["eps"], batch["abar"].view(-1, 1, 1, 1)
        )
        doubt = batch["doubt"] if self.config.guess_share else None
        piece = (x_signed, batch["abar"], batch["low"], batch["box"])
        x0_hat, (coarse,), predicted = net(*_overview(batch), batch["wanted"], doubt, piece)
        x0_hat = _aligned(x0_hat.float(), gain, x0)
        error, coarse_error = weight * (x0_hat - x0), _coarse_error(coarse, gain, batch)
        parts = {
            "l1": error.abs().mean(),
            "ssim": self.config.ssim_weight * (1 - ssim(x0_hat * weight, x0 * weight)),
            "psnr": self.config.psnr_weight * (_decibels(error) + self.config.coarse_weight * _decibels(coarse_error)),
            "coarse": self.config.coarse_weight * coarse_error.abs().mean(),
        }
        return parts, predicted

    def _coarse_objective(self, net: nn.Module, batch: Batch, teacher: nn.Module | None = None) -> dict[str, Tensor]:
        """L1 and w·(50 dB - PSNR) of each voter's coarse picture, as if it were alone."""
        gain = batch["brightness"] / batch["wanted"]
        _, pictures, _ = net(*_overview(batch), batch["wanted"])
        errors = [_coarse_error(picture, gain, batch) for picture in pictures]
        return {
            "coarse": self.config.coarse_weight * torch.stack([error.abs().mean() for error in errors]).sum(),
            "psnr": self.config.coarse_weight
            * self.config.psnr_weight
            * torch.stack([_decibels(error) for error in errors]).sum(),
        }

    def _exposure_objective(self, net: nn.Module, batch: Batch, teacher: nn.Module | None = None) -> dict[str, Tensor]:
        """The predicted brightness's error in stops, alone."""
        _, _, predicted = net(*_overview(batch))
        return {"exposure": _exposure_error(predicted.float(), batch)}

    def further_samples(self, low_unit: Tensor, high_unit: Tensor) -> Sequence[Tensor]:
        """None."""
        return ()

    # --- inference ----------------------------------------------------------------------------------------------------

    def graphs(self) -> Mapping[str, Graph]:
        """exposure: overview -> brightness and how far that may be off; condition: overview and these -> maps; step:
        a piece, its maps, x -> x0.
        """
        photo = {
            "thumbnail": np.full((1, 3, THUMBNAIL, THUMBNAIL), 0.1, np.float32),
            "statistics": np.full((1, STATISTICS), 0.3, np.float32),
            "cues": np.full((1, CUES), 0.3, np.float32),
            "brightness": np.full(1, 0.4, np.float32),
            "doubt": np.full(1, 0.4, np.float32),
        }
        side = 4 * self.footprint.size_multiple
        piece = {
            "x": np.zeros((2, 3, side, side), np.float32),
            "abar": np.full(1, 0.5, np.float32),
            "low": np.full((2, 3, side, side), 0.1, np.float32),
            "box": np.tile(np.array([0, 0, 1, 1], np.float32), (2, 1)),
        }
        condition = {
            "coarse": np.zeros((1, 3, THUMBNAIL, THUMBNAIL), np.float32),
            "maps": np.zeros((1, self.config.maps, THUMBNAIL, THUMBNAIL), np.float32),
            "photo": np.zeros((1, self.config.embedding), np.float32),
        }
        seen = ("thumbnail", "statistics", "cues") if self.config.cues else ("thumbnail", "statistics")
        overview = {name: photo[name] for name in seen}
        known = {name: photo[name] for name in ("thumbnail", "statistics", "brightness", "doubt")}
        step = {**piece, "statistics": photo["statistics"], "brightness": photo["brightness"], **condition}
        return {
            "exposure": Graph(
                _Exposure(self.net.exposure, self.config.doubt_stops, self.config.lights_kept),
                tuple(overview),
                ("brightness", "doubt"),
                overview,
            ),
            "condition": Graph(_Condition(self.net.coarse), tuple(known), tuple(condition), known),
            "step": Graph(_Step(self.net), tuple(step), ("x0",), step, spatial=("x", "low")),
        }


class _Exposure(nn.Module):
    """The brightness chosen, and how many stops of coded value that may be off either way."""

    def __init__(self, net: ExposureNet, doubt_stops: float, lights_kept: float) -> None:
        super().__init__()
        self.net = net
        self.doubt_stops = doubt_stops
        self.lights_kept = lights_kept

    def forward(self, thumbnail: Tensor, statistics: Tensor, cues: Tensor | None = None) -> tuple[Tensor, Tensor]:
        brightness = _kept_lights(self.net(thumbnail, statistics, cues), statistics, self.lights_kept)
        return brightness, 0 * brightness + self.doubt_stops


def _kept_lights(brightness: Tensor, statistics: Tensor, share: float) -> Tensor:
    """The brightness (B,) where ``share`` of those stops are taken back that lift what is lit over white.

    A photographer lifts a night scene less than a dark room. What tells them apart is the light in them: where a
    hundredth of the pixels come near white, the camera was set for what is lit, and the gain that a dark mean asks for
    would bleach it. What is lit is as bright as the .95 quantile (a few small lamps are not), of which 1.3 times white
    is allowed, since tones bend.
    """
    lit, brightest = statistics[:, QUANTILE_95] ** 2, statistics[:, QUANTILE_99] ** 2
    over = (brightness / brightness_of(statistics) * lit.clamp(min=1 / 255) / 1.3).log2().clamp(min=0)
    certain = ((brightest - 0.3) / 0.3).clamp(0, 1)
    return brightness * (-share * over * certain**2 * (3 - 2 * certain)).exp2()


class _Condition(nn.Module):
    """What the coarse net makes of one photo whose brightness may be a guess."""

    def __init__(self, net: CoarseNet) -> None:
        super().__init__()
        self.net = net

    def forward(
        self, thumbnail: Tensor, statistics: Tensor, brightness: Tensor, doubt: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        return self.net.averaged(thumbnail, statistics, brightness, doubt)


class _Step(nn.Module):
    """One denoising step of a piece, with the names and value ranges of :class:`Graph`."""

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


def _overview(batch: Batch) -> tuple[Tensor, Tensor, Tensor | None]:
    return batch["thumbnail"], batch["statistics"], batch.get("cues")


def _exposure_error(predicted: Tensor, batch: Batch) -> Tensor:
    """In stops of coded value, weighted."""
    return (batch["exposure_weight"] * (predicted / batch["brightness"]).log2().abs()).mean()


def _draw_level(config: CompactConfig, rng: np.random.Generator) -> float:
    """abar, drawn near pure noise for ``noisy_share`` of the examples: there few-step sampling lives."""
    if rng.random() < config.noisy_share:
        return float(rng.uniform(0, config.noisy_abar))
    return float(math.cos(rng.uniform(0, math.pi / 2)) ** 2)


def _draw_guess_error(config: CompactConfig, rng: np.random.Generator) -> float | None:
    """Stops by which the brightness asked for misses the ground truth's: in use it is a guess, too. Held within ±2σ.
    None where it is no guess.
    """
    if rng.random() >= config.guess_share:
        return None
    return float(np.clip(rng.normal(0, config.guess_stops), -2 * config.guess_stops, 2 * config.guess_stops))


def _aligned(made: Tensor, gain: Tensor, x0: Tensor) -> Tensor:
    """``made`` times ``gain`` (B,); where the ground truth is at the top, being brighter still is no error."""
    made = made * gain.view(-1, 1, 1, 1)
    return torch.where((x0 >= 1) & (gain.view(-1, 1, 1, 1) > 1), made.clamp(max=1), made)


def _coarse_error(coarse: Tensor, gain: Tensor, batch: Batch) -> Tensor:
    """Of a coarse picture, brought back by ``gain``; weighted."""
    target = batch["thumbnail_x0"]
    return _clipping_weight(target, batch["clipped_weight"]) * (_aligned(coarse.float(), gain, target) - target)


def _decibels(error: Tensor) -> Tensor:
    """Mean over the batch of how far the PSNR of (B, C, H, W) is below 50 dB, where it ends: 0 for no error."""
    return 10 * (error.square().mean(dim=(1, 2, 3)) / 1e-5 + 1).log10().mean()


def _clipping_weight(x0: Tensor, clipped_weight: Tensor) -> Tensor:
    """``clipped_weight`` where the target is clipped (>= 250/255 in any channel), 1 elsewhere: (B, 1, H, W)."""
    clipped = x0.amax(dim=1, keepdim=True) >= 250 / 255
    return torch.where(clipped, clipped_weight.view(-1, 1, 1, 1), 1.0)
