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
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from darklift.data.crop import Crop, unit_of
from darklift.diffusion import SamplerPreset, add_noise, noise_image, random_generator
from darklift.image.overview import CUES, STATISTICS, THUMBNAIL, area_average, describe
from darklift.methods.base import Arrays, Batch, Graph, MethodConfig, Stage
from darklift.methods.compact.config import CompactConfig
from darklift.methods.compact.detail import toned
from darklift.methods.compact.inference import ConditionGraph, DetailGraph, ExposureGraph, StepGraph
from darklift.methods.compact.net import CompactNet
from darklift.methods.compact.objective import (
    aligned,
    clipping_weight,
    coarse_difference,
    decibels,
    draw_guess_error,
    draw_level,
    exposure_error,
    light_weight,
)
from darklift.methods.compact.sizes import CompactSizes
from darklift.methods.parts.losses import ssim
from darklift.runtime import Footprint

__all__ = ["Compact"]

_SCALES = (2, 3, 4, 6)
"""How small the copies are that the detail net learns on, one after the other, step by step."""


class Compact:
    """The method ``compact``."""

    name: ClassVar[str] = "compact"
    config_type: ClassVar[type[MethodConfig]] = CompactConfig

    def __init__(self, config: CompactConfig) -> None:
        self.config = config
        self.net = CompactNet(
            CompactSizes(
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
                detail_width=config.detail_width,
                detail_blocks=config.detail_blocks,
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
        self.stages: tuple[Stage, ...] = (
            Stage("train", partial(self._prepare, config), self._objective),
            Stage(
                "coarse",
                partial(self._prepare_coarse, config.model_copy(update={"cues": False})),
                self._coarse_objective,
                trains=tuple(f"coarse.{part}." for part in ("embed", "stem", "unet", "head", "voters")),
            ),
            Stage(
                "voters",
                partial(self._prepare_coarse, config.model_copy(update={"cues": False})),
                self._coarse_objective,
                trains=("coarse.voters.",),
                goes_on=True,
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
        if config.detail_width:
            self.stages += (
                Stage(
                    "detail",
                    partial(self._prepare_detail, config.model_copy(update={"cues": False})),
                    self._detail_objective,
                    trains=("detail.",),
                    goes_on=True,
                    least_crop=math.lcm(*_SCALES) * 2,
                ),
            )

    # --- training -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _prepare(config: CompactConfig, crop: Crop) -> Arrays:
        """What :meth:`_prepare_coarse` gives, and the piece with its noise and noise level, which follow from the
        example's number alone.
        """
        rng = random_generator(config.seed, "level", crop.index)
        level = draw_level(rng, config.noisy_share, config.noisy_abar)
        return Compact._prepare_coarse(config, crop) | {
            "low": unit_of(crop.low),
            "x0": unit_of(crop.high),
            "box": crop.box,
            "abar": np.asarray(level, np.float32),
            "eps": noise_image(config.seed, crop.index, (3, *crop.high.shape[1:])),
        }

    @staticmethod
    def _prepare_detail(config: CompactConfig, crop: Crop) -> Arrays:
        """What :meth:`_prepare` gives, and how small the copy is that the fine net sees: alike in all of a step."""
        step = crop.index // crop.batch
        return Compact._prepare(config, crop) | {"scale": np.asarray(_SCALES[step % len(_SCALES)])}

    @staticmethod
    def _prepare_coarse(config: CompactConfig, crop: Crop) -> Arrays:
        """What :meth:`_prepare_overview` gives, and the brightness asked for."""
        known = Compact._prepare_overview(config, crop)
        rng = random_generator(config.seed, "guess", crop.index)
        guess_error = draw_guess_error(rng, config.guess_share, config.guess_stops)
        return known | {
            "wanted": np.asarray(min(float(known["brightness"]) * 2 ** (guess_error or 0), 1), np.float32),
            "doubt": np.asarray(0 if guess_error is None else config.doubt_stops, np.float32),
            "clipped_weight": np.asarray(crop.clipped_weight, np.float32),
        }

    @staticmethod
    def _prepare_overview(config: CompactConfig, crop: Crop) -> dict[str, npt.NDArray[np.float32]]:
        """What is known of the photo, and how it should look at the thumbnail's size."""
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
        """The parts of :meth:`_joint_objective`, and how far the predicted brightness is off, in stops."""
        parts, predicted = self._picture_objective(net, batch)
        assert predicted is not None
        return parts | {"exposure": self.config.exposure_weight * exposure_error(predicted.float(), batch)}

    def _joint_objective(self, net: nn.Module, batch: Batch, teacher: nn.Module | None = None) -> dict[str, Tensor]:
        """L1 + w·(1 - SSIM) of the piece, L1 of the coarse picture, w·(50 dB - PSNR) of both.

        A picture that was made for another brightness than the ground truth's is brought to the ground truth's by a
        gain before they are compared, as in the score GT-mean.
        """
        return self._picture_objective(net, batch)[0]

    def _picture_objective(self, net: nn.Module, batch: Batch) -> tuple[dict[str, Tensor], Tensor | None]:
        """The picture's losses, and the brightness predicted (B,), None where the batch lacks what it needs."""
        x0, lit = batch["x0"], self.config.lit_weight
        weight = clipping_weight(x0, batch["clipped_weight"]) * light_weight(batch["low"], lit)
        gain = batch["brightness"] / batch["wanted"]
        x_signed = add_noise(
            2 * (x0 / gain.view(-1, 1, 1, 1)).clamp(0, 1) - 1, batch["eps"], batch["abar"].view(-1, 1, 1, 1)
        )
        doubt = batch["doubt"] if self.config.guess_share else None
        piece = (x_signed, batch["abar"], batch["low"], batch["box"])
        x0_hat, (coarse,), predicted = net(*_overview(batch), batch["wanted"], doubt, piece)
        x0_hat = aligned(x0_hat.float(), gain, x0)
        error, coarse_error = weight * (x0_hat - x0), coarse_difference(coarse, gain, batch, lit)
        parts = {
            "l1": error.abs().mean(),
            "ssim": self.config.ssim_weight * (1 - ssim(x0_hat * weight, x0 * weight)),
            "psnr": self.config.psnr_weight * (decibels(error) + self.config.coarse_weight * decibels(coarse_error)),
            "coarse": self.config.coarse_weight * coarse_error.abs().mean(),
        }
        return parts, predicted

    def _detail_objective(self, net: nn.Module, batch: Batch, teacher: nn.Module | None = None) -> dict[str, Tensor]:
        """L1 + w·(1 - SSIM) of the piece at full size, the ground truth having the tones of what the fine net made."""
        scale = int(batch["scale"][0])
        piece = (batch["eps"], batch["abar"], batch["low"], batch["box"])
        x0_hat, (made,), _ = net(*_overview(batch), batch["wanted"], None, piece, scale)
        target = toned(batch["x0"], made.float())
        weight = clipping_weight(target, batch["clipped_weight"])
        x0_hat = x0_hat.float()
        return {
            "l1": (weight * (x0_hat - target)).abs().mean(),
            "ssim": self.config.ssim_weight * (1 - ssim(x0_hat * weight, target * weight)),
        }

    def _coarse_objective(self, net: nn.Module, batch: Batch, teacher: nn.Module | None = None) -> dict[str, Tensor]:
        """L1 and w·(50 dB - PSNR) of each voter's coarse picture on its own."""
        gain = batch["brightness"] / batch["wanted"]
        _, pictures, _ = net(*_overview(batch), batch["wanted"])
        errors = [coarse_difference(picture, gain, batch, self.config.lit_weight) for picture in pictures]
        return {
            "coarse": self.config.coarse_weight * torch.stack([error.abs().mean() for error in errors]).sum(),
            "psnr": self.config.coarse_weight
            * self.config.psnr_weight
            * torch.stack([decibels(error) for error in errors]).sum(),
        }

    def _exposure_objective(self, net: nn.Module, batch: Batch, teacher: nn.Module | None = None) -> dict[str, Tensor]:
        """Only how far the predicted brightness is off, in stops."""
        _, _, predicted = net(*_overview(batch))
        return {"exposure": exposure_error(predicted.float(), batch)}

    def further_samples(self, low_unit: Tensor, high_unit: Tensor) -> Sequence[Tensor]:
        """None."""
        return ()

    # --- inference ----------------------------------------------------------------------------------------------------

    def graphs(self) -> Mapping[str, Graph]:
        """exposure: the overview -> the brightness, and how far it may be off. condition: the overview and these -> the
        coarse picture, maps, and the photo's vector. step: x, a piece of the photo, and these -> x0. detail: a piece
        of a large photo, and what was made of its small copy -> the piece.
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
        graphs = {
            "exposure": Graph(
                ExposureGraph(self.net.exposure, self.config.doubt_stops, self.config.lights_kept),
                tuple(overview),
                ("brightness", "doubt"),
                overview,
            ),
            "condition": Graph(ConditionGraph(self.net.coarse), tuple(known), tuple(condition), known),
            "step": Graph(StepGraph(self.net), tuple(step), ("x0",), step, spatial=("x", "low")),
        }
        if self.net.detail is not None:
            half = np.full((2, 3, side // 2, side // 2), 0.1, np.float32)
            large = {"low": piece["low"], "seen": half, "made": half, "slope": half}
            graphs["detail"] = Graph(DetailGraph(self.net.detail), tuple(large), ("x0",), large, tuple(large))
        return graphs


def _overview(batch: Batch) -> tuple[Tensor, Tensor, Tensor | None]:
    return batch["thumbnail"], batch["statistics"], batch.get("cues")
