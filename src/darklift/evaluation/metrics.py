"""Scores of an output against its ground truth: numbers as published evaluations compute them, under both protocols."""

from darklift.evaluation.fidelity import MIN_SSIM_SIDE, psnr, ssim, to_8bit
from darklift.evaluation.protocol import (
    PSNR_CEILING,
    Scores,
    exposure_error,
    mean_brightness,
    mean_scores,
    scale_to_gt_mean,
    score_pair,
)

__all__ = [
    "MIN_SSIM_SIDE",
    "PSNR_CEILING",
    "Scores",
    "exposure_error",
    "mean_brightness",
    "mean_scores",
    "psnr",
    "scale_to_gt_mean",
    "score_pair",
    "ssim",
    "to_8bit",
]
