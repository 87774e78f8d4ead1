"""What the literal versions that the benchmarks compare with have in common."""

from __future__ import annotations

import torch
from torch import Tensor


def literal_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Softmax over the whole matrix of pairs."""
    return torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5, dim=-1) @ v
