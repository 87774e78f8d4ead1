"""What the published methods share when they are trained for a few hours; by default, all is as published."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from darklift.diffusion import SamplerPreset
from darklift.methods.base import MethodConfig

__all__ = ["ShortTrainingConfig", "trailing_preset"]

_STEPS = 2  # after a short training, more steps leave more grain (docs/lab/trainings.md)


class ShortTrainingConfig(MethodConfig):
    """The choices of a noise-predicting network that make it learn in hours instead of days."""

    velocity: bool = False
    """Whether the network gives the velocity v (Salimans & Ho 2022), from which eps_hat is computed, and learns by the
    error of v. Of very noisy pictures, an error of eps_hat makes a large one in x0, as a cast or blotches; one of v
    does not. False as published: it gives eps_hat, and learns by its error.
    """
    lift: float = Field(default=0.0, ge=0)
    """The network is shown log(1 + lift·y) / log(1 + lift) instead of the dark picture y in [0, 1], so that the dark
    fills the range. More shows more of the darkest; 0 shows y itself, as published.
    """
    unshuffle: Literal[1, 2, 4] = 1
    """Squares of so many pixels a side become channels first (pixel unshuffle), so that the first level has that much
    less resolution and a step takes less time. 1 as published.
    """


def trailing_preset(train_steps: int, start: float, end: float) -> SamplerPreset:
    """DDIM in few steps down the training schedule, from its very last level on (Lin et al. 2023, arXiv 2305.08891):
    the first step, from next to nothing but noise, makes the coarse picture out of the dark one, the further ones
    refine it.
    """
    return SamplerPreset(
        steps=min(_STEPS, train_steps),
        schedule="linear",
        train_steps=train_steps,
        start=start,
        end=end,
        spacing="trailing",
        clip=True,
        max_steps=train_steps,
    )
