"""The metrics: one table, :data:`METRICS`, from which scores, means, report columns, JSON and training logs follow.

**To add a metric, add its row here.** Its function takes an output and its ground truth, both RGB (H, W, 3), unit
floats or as saved, and returns a number; a protocol says what is done to the output before.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from darklift.errors import UsageError
from darklift.evaluation.fidelity import MIN_SSIM_SIDE, FloatPixels, as_saved, psnr, ssim
from darklift.evaluation.protocol import (
    GT_MEAN,
    PLAIN,
    PROTOCOLS,
    Protocol,
    exposure_error,
    mean_brightness,
    require_unit_rgb,
    scale_to_gt_mean,
)

__all__ = [
    "METRICS",
    "MIN_SSIM_SIDE",
    "PSNR_CEILING",
    "Metric",
    "Scores",
    "as_saved",
    "describe_metrics",
    "exposure_error",
    "mean_brightness",
    "mean_scores",
    "psnr",
    "scale_to_gt_mean",
    "score_pair",
    "ssim",
]

PSNR_CEILING = 100.0
"""dB that one picture can bring to :func:`mean_scores`: an identical one (inf) must not hide all the others."""

Scores: TypeAlias = Mapping[str, float]
"""What one output, or the mean of many, scores against its ground truth: a value for the name of each metric."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number about an output and its ground truth, and how people and programs are told it."""

    name: str
    """The key in :data:`Scores`, JSON and training logs."""
    heading: str
    """Of its column in tables."""
    score: Callable[[Any, Any], float]
    """(what the protocol makes of the output, ground truth), RGB of one shape -> the value."""
    saved: bool = False
    """Both are given to it as saved (:func:`as_saved`), and not as unit floats."""
    protocol: Protocol = PLAIN
    unit: str = ""
    """"dB" or "stops"; empty for a plain number."""
    better: Literal["higher", "lower"] = "higher"
    digits: int
    """Behind the point, in tables."""
    ceiling: float = math.inf
    """The most that one picture brings to a mean over many."""
    definition: str = ""
    """A phrase for the line below tables, where the heading alone leaves a choice open."""
    reference: str
    """Where the metric comes from."""


def _after_gt_mean(metric: Metric) -> Metric:
    """The same metric under the GT-mean protocol."""
    return replace(metric, name=f"{metric.name}_gt_mean", heading=f"{metric.heading} {GT_MEAN.name}", protocol=GT_MEAN)


_PSNR = Metric(
    name="psnr",
    heading="PSNR",
    score=psnr,
    saved=True,
    unit="dB",
    digits=2,
    ceiling=PSNR_CEILING,
    reference="10·log10(255² / MSE) over all pixels and channels, as saved",
)
_SSIM = Metric(
    name="ssim",
    heading="SSIM",
    score=ssim,
    saved=True,
    digits=4,
    definition="11x11 Gaussian window, sigma 1.5",
    reference="Wang, Bovik, Sheikh and Simoncelli 2004",
)
_EXPOSURE_ERROR = Metric(
    name="exposure_error",
    heading="exposure error",
    score=exposure_error,
    unit="stops",
    better="lower",
    digits=3,
    definition="|log2| of the ratio of the mean coded values",
    reference="darklift's own: what the GT-mean protocol forgives",
)

METRICS: tuple[Metric, ...] = (_PSNR, _SSIM, _after_gt_mean(_PSNR), _after_gt_mean(_SSIM), _EXPOSURE_ERROR)
"""All of them, in the order of tables, JSON and logs."""


def score_pair(prediction_unit: FloatPixels, target_unit: FloatPixels, bits: tuple[int, int] = (8, 8)) -> Scores:
    """Score one output by every metric.

    Args:
        prediction_unit: (H, W, 3) float RGB in [0, 1], H, W ≥ 11, **not rounded**: GT-mean scales before it rounds.
            Values outside are clipped first, under both protocols: they would not survive in a saved picture.
        target_unit: the ground truth, of the same shape.
        bits: how finely a file of each tells values apart. PSNR and SSIM are of these files: each picture is rounded
            to 8 bits, or to 16 where there are more than 8.

    Raises:
        UsageError: another dtype, shapes that differ or do not fit, values that are not finite.
    """
    require_unit_rgb(prediction_unit)
    require_unit_rgb(target_unit)
    prediction, target = np.clip(prediction_unit, 0.0, 1.0), np.clip(target_unit, 0.0, 1.0)
    floats = {protocol.name: (protocol.prepare(prediction, target), target) for protocol in PROTOCOLS}
    files = {name: (as_saved(one, bits[0]), as_saved(other, bits[1])) for name, (one, other) in floats.items()}
    return {metric.name: metric.score(*(files if metric.saved else floats)[metric.protocol.name]) for metric in METRICS}


def mean_scores(scores: Sequence[Scores]) -> Scores:
    """Arithmetic mean of each score over many pictures, every picture counting the same.

    A PSNR above :data:`PSNR_CEILING` (100 dB; identical pictures have inf) counts as 100 dB, so the mean is always
    finite, no picture is left out, and a better picture never lowers it.

    Raises:
        UsageError: no scores at all.
    """
    if not scores:
        raise UsageError("got no scores to average; expected at least one scored picture")
    return {
        metric.name: math.fsum(min(score[metric.name], metric.ceiling) for score in scores) / len(scores)
        for metric in METRICS
    }


def describe_metrics() -> str:
    """What the numbers are, in a few sentences on one line: for below tables, and for JSON."""
    phrases = {protocol.name: protocol.description for protocol in PROTOCOLS}
    for metric in METRICS:
        if metric.definition and metric.definition not in phrases.values():  # under several protocols: said once
            phrases[metric.heading] = metric.definition
    rounding = "RGB, rounded to 8 bits, or to 16 where a file has more than 8."
    return " ".join([rounding, *(f"{name[0].upper()}{name[1:]}: {it}." for name, it in phrases.items())])
