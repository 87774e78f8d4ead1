"""Noise schedules, ladders and the forward process.

Legend: ``x0`` clean signal; ``eps`` unit Gaussian noise; ``beta_t`` variance added at step t (t = 0 … T-1 here);
``abar_t`` (ᾱ) = prod_{s<=t} (1 - beta_s). Sources: DDPM (Ho et al. 2020, arXiv 2006.11239), DDIM (Song et al. 2021,
arXiv 2010.02502), cosine schedule (Nichol & Dhariwal 2021, arXiv 2102.09672, eq. 17).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

__all__ = [
    "Ladder",
    "NoiseSchedule",
    "Spacing",
    "add_noise",
    "eps_from_v",
    "eps_from_x0",
    "posterior",
    "x0_from_eps",
]

Ladder: TypeAlias = tuple[float, ...]
"""Noise levels of one sampling run as abar values, noisiest first, ending with 1.0 (the clean picture)."""

Spacing: TypeAlias = Literal["leading", "trailing"]


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """A discrete-time noise schedule: ``betas`` float64 (T,), each in (0, 1)."""

    betas: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        betas = np.array(self.betas, dtype=np.float64)  # a copy: the caller's array may change
        if betas.ndim != 1 or betas.size == 0 or not np.all((betas > 0) & (betas < 1)):
            found = np.array2string(betas, threshold=6).replace("\n", "")
            raise ValueError(f"betas must be a non-empty row of numbers in (0, 1), got {found}")
        object.__setattr__(self, "betas", betas)

    @classmethod
    def linear(cls, steps: int, start: float, end: float) -> NoiseSchedule:
        """beta from ``start`` to ``end`` in equal steps (DDPM; GSAD and LLDiffusion, in training and in sampling)."""
        return cls(np.linspace(start, end, steps, dtype=np.float64))

    @classmethod
    def scaled_linear(cls, steps: int, start: float, end: float) -> NoiseSchedule:
        """sqrt(beta) from sqrt(``start``) to sqrt(``end``) in equal steps (latent diffusion; also called quadratic)."""
        return cls(np.linspace(math.sqrt(start), math.sqrt(end), steps, dtype=np.float64) ** 2)

    @classmethod
    def cosine(cls, steps: int, offset: float = 0.008, max_beta: float = 0.999) -> NoiseSchedule:
        """abar(t) = cos²((t/T + s)/(1 + s)·π/2) / cos²(s/(1 + s)·π/2), with beta clipped (Nichol, eq. 17)."""
        angles = (np.arange(steps + 1, dtype=np.float64) / steps + offset) / (1 + offset) * (math.pi / 2)
        abar = np.cos(angles) ** 2
        return cls(np.minimum(1 - abar[1:] / abar[:-1], max_beta))

    @cached_property
    def alpha_bar(self) -> npt.NDArray[np.float64]:
        """abar_t for t = 0 … T-1, float64 (T,), falling."""
        return np.cumprod(1 - self.betas, dtype=np.float64)

    def __len__(self) -> int:
        return int(self.betas.size)

    def timesteps(self, steps: int | None = None, spacing: Spacing = "leading") -> tuple[int, ...]:
        """``steps`` of the T step numbers, noisiest first.

        "leading" is t = 0, T//steps, 2·(T//steps), … (DDIM as published; ends at t = 0, begins below T-1); "trailing"
        begins at T-1, so that a run of one step starts from pure noise (Lin et al. 2023, arXiv 2305.08891, table 2).
        """
        total = len(self)
        steps = total if steps is None else steps
        if steps not in range(1, total + 1):
            raise ValueError(f"steps must be a whole number from 1 to the schedule's {total}, got {steps}")
        if spacing not in get_args(Spacing):
            raise ValueError(f"spacing must be one of {', '.join(get_args(Spacing))}, got {spacing!r}")
        if spacing == "leading":
            return tuple(int(t) for t in np.arange(steps)[::-1] * (total // steps))
        return tuple(int(t) for t in np.round(total - np.arange(steps) * (total / steps)).astype(int) - 1)

    def ladder(self, steps: int | None = None, spacing: Spacing = "leading") -> Ladder:
        """The abar values at :meth:`timesteps`, with 1.0 at the end."""
        return (*(float(self.alpha_bar[t]) for t in self.timesteps(steps, spacing)), 1.0)

    def nearest_step(self, abar: float) -> int:
        """The step number whose abar is nearest to ``abar``: where a network that wants a step number gets it."""
        return int(np.argmin(np.abs(self.alpha_bar - abar)))


def add_noise(x0: Any, eps: Any, abar: Any) -> Any:
    """x_t = sqrt(abar)·x0 + sqrt(1 - abar)·eps (DDPM eq. 4). ``abar``: a float, or an array that broadcasts to x0."""
    return abar**0.5 * x0 + (1 - abar) ** 0.5 * eps


def x0_from_eps(x: Any, eps: Any, abar: Any) -> Any:
    """x0_hat = (x - sqrt(1 - abar)·eps) / sqrt(abar): the forward process solved for x0 (DDIM eq. 9)."""
    return (x - (1 - abar) ** 0.5 * eps) / abar**0.5


def eps_from_x0(x: Any, x0: Any, abar: Any) -> Any:
    """eps_hat = (x - sqrt(abar)·x0) / sqrt(1 - abar): the forward process solved for eps."""
    return (x - abar**0.5 * x0) / (1 - abar) ** 0.5


def eps_from_v(x: Any, v: Any, abar: Any) -> Any:
    """eps_hat = sqrt(abar)·v + sqrt(1 - abar)·x, where v = sqrt(abar)·eps - sqrt(1 - abar)·x0 (Salimans & Ho 2022,
    arXiv 2202.00512). An error of v is one of sqrt(abar) times its size in eps, and of sqrt(1 - abar) times in x0.
    """
    return abar**0.5 * v + (1 - abar) ** 0.5 * x


def posterior(x: Any, x0: Any, abar: Any, abar_next: Any) -> tuple[Any, Any]:
    """Mean and standard deviation of q(x_next | x, x0), where ``abar_next`` > ``abar`` (DDPM eqs. 6 and 7)."""
    alpha = abar / abar_next
    from_x0 = abar_next**0.5 * (1 - alpha) / (1 - abar)
    from_x = alpha**0.5 * (1 - abar_next) / (1 - abar)
    return from_x0 * x0 + from_x * x, ((1 - abar_next) / (1 - abar) * (1 - alpha)) ** 0.5
