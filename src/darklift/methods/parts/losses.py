"""Losses between pictures, made for fast training."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

__all__ = ["ssim"]

_WINDOW, _SIGMA, _STRIDE = 11, 1.5, 2


def ssim(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean structural similarity (Wang et al. 2004) of (B, C, H, W) unit pictures, H, W >= 11, as one number.

    The 11×11 Gaussian window is two matrix products, at every second place in both directions: the mean changes little,
    and the work is a quarter. Raises ValueError for smaller pictures.
    """
    if min(prediction.shape[2:]) < _WINDOW:
        raise ValueError(f"SSIM needs sides of {_WINDOW} pixels or more, got {tuple(prediction.shape)}")
    rows = _window_matrix(prediction.shape[2], prediction.device, prediction.dtype)
    columns = _window_matrix(prediction.shape[3], prediction.device, prediction.dtype)
    stack = torch.stack([prediction, target, prediction**2, target**2, prediction * target])
    mean_p, mean_t, square_p, square_t, product = (rows @ stack @ columns.T).unbind()
    both = mean_p * mean_t
    squares = mean_p**2 + mean_t**2
    luminance = (2 * both + 0.01**2) / (squares + 0.01**2)
    structure = (2 * (product - both) + 0.03**2) / (square_p + square_t - squares + 0.03**2)
    return (luminance * structure).mean()


@lru_cache(maxsize=32)
@torch.inference_mode(False)  # a matrix first made in inference mode could never take part in training
def _window_matrix(length: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """(places, length): each row the Gaussian window at one place."""
    offsets = torch.arange(_WINDOW, dtype=torch.float64) - (_WINDOW - 1) / 2
    window = torch.exp(-(offsets**2) / (2 * _SIGMA**2))
    starts = range(0, length - _WINDOW + 1, _STRIDE)
    matrix = torch.zeros(len(starts), length, dtype=torch.float64)
    for row, start in enumerate(starts):
        matrix[row, start : start + _WINDOW] = window / window.sum()
    return matrix.to(device, dtype)
