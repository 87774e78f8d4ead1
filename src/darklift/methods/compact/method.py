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
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from darklift.diffusion import SamplerPreset, add_noise
from darklift.image.overview import CUES, STATISTICS, THUMBNAIL
from darklift.methods.base import Batch, Graph, MethodConfig, Stage
from darklift.methods.compact.config import CompactConfig
from darklift.methods.compact.detail import toned
from darklift.methods.compact.examples import SCALES, prepare_coarse, prepare_detail, prepare_overview, prepare_piece
from darklift.methods.compact.inference import ConditionGraph, DetailGraph, ExposureGraph, StepGraph
from darklift.methods.compact.net import CompactNet
from darklift.methods.compact.objective import (
    aligned,
    clipping_weight,
    coarse_difference,
    decibels,
    exposure_error,
    light_weight,
)
from darklift.methods.compact.sizes import CompactSizes
from darklift.methods.parts.losses import ssim
from darklift.runtime import Footprint

__all__ = ["Compact"]


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
                fine_blocks=config.blocks_of_fine_net,
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
        cueless = config.model_copy(update={"cues": False})  # only the exposure net is told of them
        self.stages: tuple[Stage, ...] = (
            Stage("train", partial(prepare_piece, config), self._objective),
            Stage(
                "coarse",
                partial(prepare_coarse, cueless),
                self._coarse_objective,
                trains=tuple(f"coarse.{part}." for part in ("embed", "stem", "unet", "head", "voters")),
            ),
            Stage(
                "voters",
                partial(prepare_coarse, cueless),
                self._coarse_objective,
                trains=("coarse.voters.",),
                goes_on=True,
            ),
            Stage(
                "joint",
                partial(prepare_piece, cueless),
                self._joint_objective,
                trains=("fine.", *(f"coarse.{part}." for part in ("embed", "stem", "unet", "head", "summary"))),
                goes_on=True,
            ),
            Stage(
                "fine",
                partial(prepare_piece, cueless),
                self._fine_objective,
                trains=("fine.",),
                goes_on=True,
                teacher=True,
            ),
            Stage(
                "exposure",
                partial(prepare_overview, config),
                self._exposure_objective,
                trains=("exposure.correction." if config.cues else "exposure.",),
                goes_on=True,
            ),
        )
        if config.detail_width:
            self.stages += (
                Stage(
                    "detail",
                    partial(prepare_detail, cueless),
                    self._detail_objective,
                    trains=("detail.",),
                    goes_on=True,
                    least_crop=math.lcm(*SCALES) * self.footprint.size_multiple,
                ),
            )

    # --- training -----------------------------------------------------------------------------------------------------

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
        gain = batch["brightness"] / batch["wanted"]
        x0_hat, (coarse, *_), predicted = net(*self._asked(batch))
        parts = self._piece_objective(x0_hat, batch["x0"], gain, batch)
        coarse_error = coarse_difference(coarse, gain, batch, self.config.lit_weight)
        parts["psnr"] = parts["psnr"] + self.config.coarse_weight * self.config.psnr_weight * decibels(coarse_error)
        return parts | {"coarse": self.config.coarse_weight * coarse_error.abs().mean()}, predicted

    def _fine_objective(self, net: nn.Module, batch: Batch, teacher: nn.Module | None = None) -> dict[str, Tensor]:
        """The piece's losses, to a mixture of the ground truth and what the teacher makes of the same piece (knowledge
        distillation; Hinton et al. 2015, arXiv 1503.02531).

        The ground truth's noise nobody can guess; the teacher's picture holds none.
        """
        assert teacher is not None
        gain, asked, share = batch["brightness"] / batch["wanted"], self._asked(batch), self.config.teacher_share
        with torch.no_grad():
            taught, condition, _ = teacher(*asked)
        x0_hat, *_ = net(*asked, condition)
        target = share * aligned(taught.float(), gain, batch["x0"]) + (1 - share) * batch["x0"]
        return self._piece_objective(x0_hat, target, gain, batch)

    def _asked(self, batch: Batch) -> tuple[Any, ...]:
        """What the network is asked in training: arguments of :meth:`CompactNet.forward`."""
        gain = (batch["brightness"] / batch["wanted"]).view(-1, 1, 1, 1)
        x0_signed = 2 * (batch["x0"] / gain).clamp(0, 1) - 1
        x_signed = add_noise(x0_signed, batch["eps"], batch["abar"].view(-1, 1, 1, 1))
        doubt = batch["doubt"] if self.config.guess_share else None
        return (*_overview(batch), batch["wanted"], doubt, (x_signed, batch["abar"], batch["low"], batch["box"]))

    def _piece_objective(self, x0_hat: Tensor, target: Tensor, gain: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The losses of the piece, once it is brought to the ground truth's brightness by ``gain`` (B,)."""
        x0 = batch["x0"]
        weight = clipping_weight(x0, batch["clipped_weight"]) * light_weight(batch["low"], self.config.lit_weight)
        x0_hat = aligned(x0_hat.float(), gain, x0)
        error = weight * (x0_hat - target)
        return {
            "l1": error.abs().mean(),
            "ssim": self.config.ssim_weight * (1 - ssim(x0_hat * weight, target * weight)),
            "psnr": self.config.psnr_weight * decibels(error),
        }

    def _detail_objective(self, net: nn.Module, batch: Batch, teacher: nn.Module | None = None) -> dict[str, Tensor]:
        """L1 + w·(1 - SSIM) of the piece at full size, the ground truth having the tones of what the fine net made."""
        scale = int(batch["scale"][0])
        piece = (batch["eps"], batch["abar"], batch["low"], batch["box"])
        x0_hat, (made,), _ = net(*_overview(batch), batch["wanted"], None, piece, scale=scale)
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
