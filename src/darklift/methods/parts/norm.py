"""Group normalisation that also trains fast on CPUs."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

__all__ = ["GroupNorm"]

_CHUNK = 2**19
"""How many numbers are worked on at once, so that intermediate results stay in the processor's cache."""


class GroupNorm(nn.GroupNorm):
    """Group normalisation (Wu & He 2018, arXiv 1803.08494). x (B, C, H, W) -> the same shape.

    On a CPU, where channels come last as in training, this has a gradient of its own: torch's is slow there in bf16.
    With torch 2.13 on 1 and 2 cores, a whole training step in bf16 takes 2.0 to 2.4 times as long with torch's own for
    gsad_tiny, and 1.2 to 1.3 times as long for lldiffusion_tiny (8 crops of 96 pixels, medians of 9 paired runs); in
    fp32 both take the same time. It has no second derivative.
    """

    def forward(self, x: Tensor) -> Tensor:
        is_trained = torch.is_grad_enabled() and x.requires_grad
        if self.affine and is_trained and x.device.type == "cpu" and _is_channels_last(x):
            result: Tensor = _ChannelsLast.apply(  # type: ignore[no-untyped-call]
                x, self.weight, self.bias, self.num_groups, self.eps
            )
            return result
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


def _is_channels_last(x: Tensor) -> bool:
    return x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()


class _ChannelsLast(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, groups: int, eps: float) -> Tensor:
        b, c, h, w = x.shape
        y, mean, scale = torch.native_group_norm(x, weight, bias, b, c, h * w, groups, eps)
        ctx.save_for_backward(x, weight, mean, scale)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """With y = w·n + b, n = (x - mean)·scale and g the gradient of y:
        dx = scale·(w·g - mean(w·g) - n·mean(w·g·n)), means over a group's channels and places (ibid., by the chain
        rule), as a·g - q·x + o with one a, q and o a channel.
        """
        x, weight, mean, scale = ctx.saved_tensors
        b, c, h, w = x.shape
        precise = torch.promote_types(x.dtype, torch.float32)
        mean, scale, weight = (t.to(precise) for t in (mean, scale, weight))
        groups, members = mean.shape[1], c // mean.shape[1]

        def to_channels(of_groups: Tensor) -> Tensor:
            return of_groups.repeat_interleave(members, dim=1)

        def group_means(of_channels: Tensor) -> Tensor:
            means: Tensor = (weight * of_channels).reshape(-1, groups, members).mean(dim=2) / (h * w)
            return means

        dx = torch.empty_like(x, memory_format=torch.channels_last)
        rows_x, rows_grad, rows_dx = (
            t.permute(0, 2, 3, 1).reshape(b, h * w, c)
            for t in (x, grad.contiguous(memory_format=torch.channels_last), dx)
        )
        sums, products = (torch.empty(b, c, dtype=precise) for _ in range(2))
        step = max(1, _CHUNK // (c * h * w))
        for start in range(0, b, step):
            some = slice(start, start + step)
            of_x, of_grad = rows_x[some].to(precise), rows_grad[some].to(precise)
            sums[some], products[some] = of_grad.sum(dim=1), (of_grad * of_x).sum(dim=1)
            mean_g, mean_gx = group_means(sums[some]), group_means(products[some])
            q = scale[some] ** 3 * (mean_gx - mean[some] * mean_g)
            o = q * mean[some] - scale[some] * mean_g
            rows_dx[some] = (
                (of_grad * (weight * to_channels(scale[some]))[:, None])
                .addcmul_(of_x, to_channels(q)[:, None], value=-1)
                .add_(to_channels(o)[:, None])
            )
        dweight = (to_channels(scale) * (products - to_channels(mean) * sums)).sum(dim=0)
        return dx, dweight, sums.sum(dim=0), None, None
