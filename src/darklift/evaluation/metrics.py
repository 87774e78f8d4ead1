"""The metrics: one table, :data:`METRICS`, from which scores, means, report columns, JSON and training logs follow.

**To add a metric, add its row here.** Its function takes an output and its ground truth, both RGB (H, W, 3), unit
floats or as saved, and returns a number; a protocol says what is done to the output before.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from darklift.errors import UsageError, hint_for
from darklift.evaluation.colour_difference import ciede2000
from darklift.evaluation.fidelity import as_saved, psnr
from darklift.evaluation.metric import Metric, Needs
from darklift.evaluation.metric_weights import (
    ALEXNET,
    DISTS,
    LPIPS_ALEX,
    LPIPS_ALEX_WHOLE,
    LPIPS_VGG,
    VGG16,
    weights_folder,
)
from darklift.evaluation.natural import MIN_NIQE_SIDES, niqe
from darklift.evaluation.perceptual import (
    MIN_DISTS_SIDE,
    MIN_LPIPS_ALEX_SIDE,
    MIN_LPIPS_VGG_SIDE,
    dists,
    lpips_alex,
    lpips_vgg,
)
from darklift.evaluation.protocol import (
    PROTOCOLS,
    exposure_error,
    mean_brightness,
    scale_to_gt_mean,
)
from darklift.evaluation.structure import MIN_MS_SSIM_SIDE, MIN_SSIM_SIDE, ms_ssim, ssim, ssim_gray
from darklift.image.extras import Extra

__all__ = [
    "DEFAULT_METRICS",
    "METRICS",
    "MIN_SSIM_SIDE",
    "PSNR_CEILING",
    "Chosen",
    "Metric",
    "Scores",
    "as_saved",
    "choose_metrics",
    "describe_metrics",
    "exposure_error",
    "mean_brightness",
    "mean_scores",
    "psnr",
    "scale_to_gt_mean",
    "ssim",
]

PSNR_CEILING = 100.0
"""dB that one picture can bring to :func:`mean_scores`: an identical one (inf) must not hide all the others."""

Scores: TypeAlias = Mapping[str, float]
"""What one output, or the mean of many, scores against its ground truth: a value for the name of each metric, NaN where
it has none."""

_TORCH = Extra("torch", "torch", "torch")
_LPIPS = "Zhang, Isola, Efros, Shechtman and Wang 2018, version 0.1"
_LPIPS_LICENCE = "code as darklift; weights BSD-2-Clause and, of the trunk, BSD-3-Clause"

_PAIRED = (
    Metric(
        name="psnr",
        heading="PSNR",
        score=psnr,
        unit="dB",
        range="0 to ∞ (identical)",
        digits=2,
        ceiling=PSNR_CEILING,
        reference="10·log10(255² / MSE) over all pixels and channels, as saved",
    ),
    Metric(
        name="ssim",
        heading="SSIM",
        score=ssim,
        range="-1 to 1 (identical)",
        digits=4,
        sides=(MIN_SSIM_SIDE, MIN_SSIM_SIDE),
        definition="11x11 Gaussian window, sigma 1.5",
        reference="Wang, Bovik, Sheikh and Simoncelli 2004",
    ),
    Metric(
        name="ssim_gray",
        heading="SSIM gray",
        score=ssim_gray,
        range="-1 to 1 (identical)",
        digits=4,
        sides=(MIN_SSIM_SIDE, MIN_SSIM_SIDE),
        definition="of 0.299 R + 0.587 G + 0.114 B, rounded",
        reference="Wang, Bovik, Sheikh and Simoncelli 2004, on luma as rgb2gray gives it",
    ),
    Metric(
        name="ms_ssim",
        heading="MS-SSIM",
        score=ms_ssim,
        range="0 to 1 (identical)",
        digits=4,
        sides=(MIN_MS_SSIM_SIDE, MIN_MS_SSIM_SIDE),
        definition="five scales, RGB",
        reference="Wang, Simoncelli and Bovik 2003",
    ),
    Metric(
        name="ciede2000",
        heading="CIEDE2000",
        score=ciede2000,
        better="lower",
        range="0 (identical) to 100 and more",
        digits=3,
        definition="mean over the pixels",
        reference="Sharma, Wu and Dalal 2005",
    ),
    Metric(
        name="lpips_alex",
        heading="LPIPS Alex",
        score=lpips_alex,
        better="lower",
        range="0 (identical) to about 1",
        digits=4,
        sides=(MIN_LPIPS_ALEX_SIDE, MIN_LPIPS_ALEX_SIDE),
        reference=_LPIPS,
        licence=_LPIPS_LICENCE,
        needs=Needs(extra=_TORCH, weights=((LPIPS_ALEX_WHOLE,), (ALEXNET, LPIPS_ALEX))),
    ),
    Metric(
        name="lpips_vgg",
        heading="LPIPS VGG",
        score=lpips_vgg,
        better="lower",
        range="0 (identical) to about 1",
        digits=4,
        sides=(MIN_LPIPS_VGG_SIDE, MIN_LPIPS_VGG_SIDE),
        reference=_LPIPS,
        licence=_LPIPS_LICENCE,
        needs=Needs(extra=_TORCH, weights=((VGG16, LPIPS_VGG),)),
    ),
    Metric(
        name="dists",
        heading="DISTS",
        score=dists,
        better="lower",
        range="0 (identical) to about 1",
        digits=4,
        sides=(MIN_DISTS_SIDE, MIN_DISTS_SIDE),
        reference="Ding, Ma, Wang and Simoncelli 2020",
        licence="code as darklift; weights MIT and, of the trunk, BSD-3-Clause",
        needs=Needs(extra=_TORCH, weights=((VGG16, DISTS),)),
    ),
)
_ALONE = (
    Metric(
        name="exposure_error",
        heading="exposure error",
        score=exposure_error,
        saved=False,
        paired=False,
        unit="stops",
        better="lower",
        range="0 (as bright) to 9",
        digits=3,
        definition="|log2| of the ratio of the mean coded values",
        reference="darklift's own: what the GT-mean protocol forgives",
    ),
    Metric(
        name="niqe",
        heading="NIQE",
        score=niqe,
        paired=False,
        better="lower",
        range="0 (natural) to 20 and more",
        digits=3,
        sides=MIN_NIQE_SIDES,
        undefined="fewer than two 96x96 blocks with structure",
        definition="without a ground truth, of luma",
        reference="Mittal, Soundararajan and Bovik 2013",
        licence="code as darklift; model of The University of Texas at Austin, free for any use, to be acknowledged",
    ),
)

METRICS: tuple[Metric, ...] = (*_PAIRED, *(metric.after_gt_mean() for metric in _PAIRED), *_ALONE)
"""All of them, in the order of tables, JSON and logs."""
DEFAULT_METRICS = tuple(metric for metric in METRICS if metric.base in ("psnr", "ssim", "exposure_error"))
"""Those of an evaluation, and of validation in training, unless others are asked for."""
_BY_NAME = {metric.name: metric for metric in METRICS}


@dataclass(frozen=True)
class Chosen:
    """The metrics of an evaluation: those that can be had, and of the others why they cannot, by name."""

    metrics: tuple[Metric, ...] = DEFAULT_METRICS
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[Metric, ...]:
        """All of them, in the order of tables."""
        names = {metric.name for metric in self.metrics} | self.missing.keys()
        return tuple(metric for metric in METRICS if metric.name in names)


def choose_metrics(wanted: str | Iterable[str] = "default", folder: Path | None = None) -> Chosen:
    """Metrics by their names, each under every protocol that it has.

    wanted: names such as "psnr", one after the other with commas or as a list; "default" for those that are usual,
    "all" for all. folder: where weights lie; by default as :func:`~.metric_weights.weights_folder` says.

    Raises:
        UsageError: no name, or one that no metric has.
        ModelError: a file of weights is damaged.
    """
    names = [name.strip() for name in (wanted.split(",") if isinstance(wanted, str) else wanted)]
    known = {metric.base for metric in METRICS}
    groups = {"all": known, "default": {metric.base for metric in DEFAULT_METRICS}}
    asked: set[str] = set()
    for name in names:
        if name not in known and name not in groups:
            hint = hint_for(name, [*known, *groups], "darklift metrics lists them")
            raise UsageError(f"no metric {name!r}; expected names such as psnr,ssim, all, or default: {hint}")
        asked |= groups.get(name, {name})
    folder = weights_folder(folder)
    missing = {metric.base: metric.missing(folder) for metric in METRICS if metric.base in asked}
    columns = [metric for metric in METRICS if metric.base in asked]
    return Chosen(
        tuple(metric.opened(folder) for metric in columns if not missing[metric.base]),
        {metric.name: missing[metric.base] for metric in columns if missing[metric.base]},
    )


def mean_scores(scores: Sequence[Scores]) -> Scores:
    """Arithmetic mean of each score over many pictures, every picture counting the same.

    A PSNR above :data:`PSNR_CEILING` (100 dB; identical pictures have inf) counts as 100 dB, so the mean is always
    finite, no picture is left out, and a better picture never lowers it. Where one picture has no value (NaN), neither
    has the mean: that of the others would be of other pictures than the columns beside it.

    Raises:
        UsageError: no scores at all.
    """
    if not scores:
        raise UsageError("got no scores to average; expected at least one scored picture")
    return {
        name: math.fsum(min(score[name], _BY_NAME[name].ceiling) for score in scores) / len(scores)
        for name in scores[0]
    }


def describe_metrics(metrics: Sequence[Metric] = DEFAULT_METRICS) -> str:
    """What the numbers are, in a few sentences on one line: for below tables, and for JSON."""
    phrases = {protocol.name: protocol.description for protocol in PROTOCOLS}
    for metric in metrics:
        if metric.definition and metric.definition not in phrases.values():  # under several protocols: said once
            phrases[metric.heading] = metric.definition
    rounding = "RGB, rounded to 8 bits, or to 16 where a file has more than 8."
    return " ".join([rounding, *(f"{name[0].upper()}{name[1:]}: {it}." for name, it in phrases.items())])
