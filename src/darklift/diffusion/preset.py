"""How a model likes to be sampled, as plain data that travels in a model's card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from darklift.diffusion.sampler import Prediction
from darklift.diffusion.schedule import Ladder, NoiseSchedule, Spacing

__all__ = ["SamplerPreset"]


@dataclass(frozen=True)
class SamplerPreset:
    """A way of making ladders, and the sampler's settings.

    steps: the default number of steps, of ``max_steps`` at the most. schedule: the family of betas. start, end: first
    and last beta (linear families). train_steps: length of the schedule that ladders are taken from with ``spacing``;
    None makes a new schedule of just as many betas as there are steps (GSAD). eta, clip, predicts: see
    :func:`darklift.diffusion.sample`.
    """

    steps: int
    schedule: Literal["linear", "scaled_linear", "cosine"]
    train_steps: int | None
    start: float = 1e-4
    end: float = 2e-2
    spacing: Spacing = "leading"
    eta: float = 0.0
    clip: bool = False
    predicts: Prediction = "eps"
    max_steps: int = 1000

    def noise_schedule(self, steps: int) -> NoiseSchedule:
        """The schedule that a ladder of ``steps`` is taken from."""
        length = self.train_steps or steps
        if self.schedule == "cosine":
            return NoiseSchedule.cosine(length)
        family = NoiseSchedule.linear if self.schedule == "linear" else NoiseSchedule.scaled_linear
        return family(length, self.start, self.end)

    def ladder(self, steps: int | None = None) -> Ladder:
        """The ladder of ``steps`` (default: :attr:`steps`) noise levels."""
        steps = steps or self.steps
        if not 1 <= steps <= self.max_steps:
            raise ValueError(f"this model takes 1 to {self.max_steps} steps, got {steps}")
        return self.noise_schedule(steps).ladder(steps, self.spacing)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`; unknown keys are a TypeError."""
        return cls(**values)
