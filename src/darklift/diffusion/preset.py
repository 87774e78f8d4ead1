"""The type of a sampler preset: how a model likes to be sampled, as plain data that travels in a model's card.

No preset is in here: each method has a table of its own, in ``methods/NAME/method.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, TypeAlias, get_args

from darklift.diffusion.sampler import Prediction
from darklift.diffusion.schedule import Ladder, NoiseSchedule, Spacing

__all__ = ["SamplerPreset"]

_Family: TypeAlias = Literal["linear", "scaled_linear", "cosine"]

# Where a ladder may begin: noisy enough for a start from pure noise, not so faint that sqrt(abar) fails in float32.
_FIRST_ABAR = (1e-60, 0.5)


@dataclass(frozen=True)
class SamplerPreset:
    """A way of making ladders, and the sampler's settings.

    steps: the default number of steps, of ``max_steps`` at the most. schedule: the family of betas. start, end: first
    and last beta (linear families). train_steps: length of the schedule that ladders are taken from with ``spacing``;
    None makes a new schedule of just as many betas as there are steps (GSAD). eta, clip, predicts: see
    :func:`darklift.diffusion.sample`. Raises ValueError where these do not make a ladder.
    """

    steps: int
    schedule: _Family
    train_steps: int | None
    start: float = 1e-4
    end: float = 2e-2
    spacing: Spacing = "leading"
    eta: float = 0.0
    clip: bool = False
    predicts: Prediction = "eps"
    max_steps: int = 1000

    def __post_init__(self) -> None:
        for name, kind in (("schedule", _Family), ("spacing", Spacing), ("predicts", Prediction)):
            if getattr(self, name) not in get_args(kind):
                known = ", ".join(get_args(kind))
                raise ValueError(f"a preset's {name} must be one of {known}, got {getattr(self, name)!r}")
        if not 0 <= self.eta <= 1:
            raise ValueError(f"a preset's eta must be from 0 (DDIM) to 1 (DDPM), got {self.eta}")
        self.ladder()

    def noise_schedule(self, steps: int) -> NoiseSchedule:
        """The schedule that a ladder of ``steps`` is taken from."""
        length = steps if self.train_steps is None else self.train_steps
        if self.schedule == "cosine":
            return NoiseSchedule.cosine(length)
        family = NoiseSchedule.linear if self.schedule == "linear" else NoiseSchedule.scaled_linear
        return family(length, self.start, self.end)

    def ladder(self, steps: int | None = None) -> Ladder:
        """The ladder of ``steps`` (default: :attr:`steps`) noise levels.

        Raises ValueError for more than :attr:`max_steps`, and where the ladder would not begin with noise: a sampler
        starts from pure noise, which nothing can make a picture of when it is taken for a nearly clean one.
        """
        steps = self.steps if steps is None else steps
        if steps not in range(1, self.max_steps + 1):
            raise ValueError(f"this model takes 1 to {self.max_steps} steps, got {steps}")
        ladder = self.noise_schedule(steps).ladder(steps, self.spacing)
        faintest, cleanest = _FIRST_ABAR
        if not faintest <= ladder[0] <= cleanest:
            remedy = "more" if ladder[0] > cleanest else "fewer"
            raise ValueError(
                f"with {steps} steps this model would begin at abar {ladder[0]:.4g}, not from {faintest} to {cleanest},"
                f" which is noise: take {remedy} steps"
            )
        return ladder

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`; unknown keys are a TypeError."""
        return cls(**values)
