"""The one sampling loop: DDIM, DDPM's ancestral sampling and everything between (DDIM eqs. 12 and 16).

Legend: ``x`` the picture at the current noise level; ``abar`` that level, ``abar_next`` the next rung's; ``x0_hat``,
``eps_hat`` the denoiser's two readings of x; ``z`` fresh unit noise.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from reprlib import repr as brief
from typing import Any, Literal, Protocol, get_args

from darklift.diffusion.schedule import Ladder, eps_from_x0, x0_from_eps

__all__ = ["Denoiser", "Prediction", "sample"]

Prediction = Literal["eps", "x0"]


class Denoiser(Protocol):
    """A network with its conditioning already bound (that is done once per picture, not once per step)."""

    def __call__(self, x: Any, abar: float) -> Any:
        """Predicted eps or x0, shape of ``x`` (B, C, H, W), signed."""
        ...


def sample(
    denoise: Denoiser,
    x: Any,
    ladder: Ladder,
    *,
    eta: float,
    clip: bool,
    noise: Callable[[int], Any] | None = None,
    predicts: Prediction = "eps",
    on_step: Callable[[int, int], None] | None = None,
) -> Any:
    """Walk ``x`` down the ladder and return the clean picture.

    denoise: called once per rung. x: (B, C, H, W), numpy or torch, at the level ladder[0] (unit noise when that is
    near 0). ladder: rising abar values, the last 1.0. eta: 0 = deterministic DDIM, 1 = DDPM's posterior (ancestral).
    clip: hold x0_hat in [-1, 1] and recompute eps_hat from it. noise: draw i (i = 1, 2, …) of fresh noise, shape of
    x; needed only where eta > 0; never asked for at the last rung. on_step: told (steps done, steps in all).
    Raises ValueError for a ladder, an eta or a kind of prediction that is none.
    """
    ladder = tuple(float(abar) for abar in ladder)  # numpy's own float64 would turn a float32 picture into float64
    if len(ladder) < 2 or ladder[-1] != 1.0 or not ladder[0] > 0 or not all(a < b for a, b in pairwise(ladder)):
        raise ValueError(f"a ladder is rising abar values in (0, 1] that end with 1.0, got {brief(ladder)}")
    if not 0 <= eta <= 1:
        raise ValueError(f"eta must be from 0 (DDIM) to 1 (DDPM), got {eta}")
    if predicts not in get_args(Prediction):
        raise ValueError(f"predicts must be one of {', '.join(get_args(Prediction))}, got {predicts!r}")
    if eta > 0 and noise is None and len(ladder) > 2:
        raise ValueError("eta > 0 draws fresh noise at every step: pass noise=")
    steps = len(ladder) - 1
    for i, (abar, abar_next) in enumerate(pairwise(ladder), start=1):
        output = denoise(x, abar)
        x0_hat = output if predicts == "x0" else x0_from_eps(x, output, abar)
        if clip:
            x0_hat = x0_hat.clip(-1, 1)
        if i == steps:  # where no noise is left
            x = x0_hat
        else:
            eps_hat = eps_from_x0(x, x0_hat, abar) if clip or predicts == "x0" else output
            sigma = eta * ((1 - abar / abar_next) * (1 - abar_next) / (1 - abar)) ** 0.5
            kept = max(1 - abar_next - sigma**2, 0.0)  # where abar is tiny, rounding makes it less than 0
            x = abar_next**0.5 * x0_hat + kept**0.5 * eps_hat
            if sigma > 0 and noise is not None:
                x = x + sigma * noise(i)
        if on_step is not None:
            on_step(i, steps)
    return x
