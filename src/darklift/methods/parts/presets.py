"""A way of sampling that the published methods share when they are trained for a few hours."""

from __future__ import annotations

from darklift.diffusion import SamplerPreset

__all__ = ["trailing_preset"]

_STEPS = 5


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
