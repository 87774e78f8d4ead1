"""What is known of one metric: :class:`Metric`, the row of the table in ``metrics.py``."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from darklift.evaluation.metric_weights import find
from darklift.evaluation.protocol import GT_MEAN, PLAIN, Protocol
from darklift.image.extras import Extra

__all__ = ["Metric", "Needs"]


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a metric needs that is no part of the core."""

    extra: Extra | None = None
    """The library."""
    weights: tuple[tuple[str, ...], ...] = ()
    """Files of weights, by name: all of one of these sets."""


NOTHING = Needs()


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number about an output and its ground truth, and how people and programs are told it."""

    name: str
    """The key in :data:`Scores`, JSON and training logs."""
    heading: str
    """Of its column in tables."""
    score: Callable[..., float]
    """(what the protocol makes of the output, ground truth), RGB of one shape -> the value, NaN where it has none. One
    that needs weights also takes ``folder=``: see :meth:`opened`."""
    saved: bool = True
    """Both are given to it as saved (:func:`as_saved`), and not as unit floats."""
    protocol: Protocol = PLAIN
    paired: bool = True
    """It compares with the ground truth, so that it comes under both protocols; else only plain."""
    unit: str = ""
    """"dB" or "stops"; empty for a plain number."""
    better: Literal["higher", "lower"] = "higher"
    range: str
    """From the worst to the best, or from the least to the most, in words."""
    digits: int
    """Behind the point, in tables."""
    ceiling: float = math.inf
    """The most that one picture brings to a mean over many."""
    sides: tuple[int, int] = (1, 1)
    """The shortest that a picture's shorter and longer side may be, in pixels. Below it has no value."""
    undefined: str = ""
    """A phrase for pictures that have no value though they are large enough."""
    definition: str = ""
    """A phrase for the line below tables, where the heading alone leaves a choice open."""
    reference: str
    """Where the metric comes from."""
    licence: str = "Apache-2.0, as darklift"
    """Of the code, and of weights that it needs."""
    needs: Needs = field(default=NOTHING)
    weights: str = ""
    """The files of weights that it was opened with. Each of them is the only one of its name."""

    @property
    def base(self) -> str:
        """Its name without the protocol: by which it is chosen."""
        return self.name.removesuffix(_SUFFIX)

    def after_gt_mean(self) -> Metric:
        """The same metric under the GT-mean protocol."""
        return replace(self, name=f"{self.name}{_SUFFIX}", heading=f"{self.heading} {GT_MEAN.name}", protocol=GT_MEAN)

    def missing(self, folder: Path) -> str:
        """Why it cannot be had here, in two words; empty where it can. Raises ModelError for damaged weights."""
        extra, weights = self.needs.extra, self.needs.weights
        if extra is not None and not extra.installed():
            return f"no {extra.package}"
        if weights and not any(all(find(name, folder) for name in names) for names in weights):
            return "no weights"
        return ""

    def opened(self, folder: Path) -> Metric:
        """The same, with its weights taken from this folder. Raises ModelError for damaged ones."""
        if not self.needs.weights:
            return self
        there = next((names for names in self.needs.weights if all(find(name, folder) for name in names)), ())
        return replace(self, score=partial(self.score, folder=folder), weights=" ".join(there))

    def fits(self, height: int, width: int) -> bool:
        """Whether a picture of this size is large enough."""
        return min(height, width) >= self.sides[0] and max(height, width) >= self.sides[1]

    def value(self, output: Any, target: Any) -> float:
        """The score, or NaN for a picture that is too small."""
        return self.score(output, target) if self.fits(*output.shape[:2]) else math.nan

    def no_value(self) -> str:
        """Which pictures have no value, for the line below tables."""
        shorter, longer = self.sides
        small = f"sides below {shorter} pixels" if shorter == longer else f"less than {shorter}x{longer} pixels"
        return " or ".join(filter(None, [small if longer > 1 else "", self.undefined]))


_SUFFIX = "_gt_mean"
