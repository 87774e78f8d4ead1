"""A model as the rest of darklift sees it: a card, and graphs with named inputs and outputs that some backend runs.

The graphs are ``step`` (always), ``condition`` (computed once per photo, from its overview), ``encode`` (computed once
per piece of a photo, from its pixels), ``exposure`` (the brightness that a good version of the photo would have, and
how far that may be off) and ``detail`` (from what was made of a large photo's small copy to full size). Their inputs
are fed by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from darklift.errors import ModelError
from darklift.image import FloatArray
from darklift.image.overview import Overview
from darklift.runtime.card import ModelCard
from darklift.runtime.intervals import Intervals
from darklift.runtime.memory import free_memory

__all__ = ["GraphRunner", "Guess", "Model", "Piece"]


class GraphRunner(Protocol):
    """One graph on one backend."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs, in no particular order."""
        ...

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""
        ...

    def __call__(self, feeds: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Run it on exactly its inputs; outputs by name."""
        ...


@dataclass(frozen=True)
class Guess:
    """The mean coded value that a result shall have, in (0, 1), and how many stops of it that may be off either way: 0
    where the mean itself was asked for.
    """

    brightness: float
    doubt: float = 0.0


@dataclass(frozen=True)
class Piece:
    """Parts of a photo at full resolution, all of one size. low: (B, 3, h, w) unit. box: (B, 4) fractions of the photo:
    top, left, bottom, right.
    """

    low: FloatArray
    box: FloatArray


class Model:
    """A card and its graphs."""

    def __init__(
        self,
        card: ModelCard,
        graphs: Mapping[str, GraphRunner],
        device_memory: Callable[[], int] = free_memory,
    ) -> None:
        if "step" not in graphs:
            raise ModelError(f"model {card.name} has no graph 'step'; it has {', '.join(graphs) or 'none'}")
        if len({preset.predicts for preset in card.presets.values()}) != 1:
            raise ModelError(f"the presets of model {card.name} disagree on what it predicts: export it again")
        self.card = card
        self.memory: int | None = None
        """Bytes that a photo may take, darklift itself included; None for as many as are free."""
        self.threads: int | None = None
        """Of the CPU, that it was opened with; see :func:`~darklift.runtime.threads.thread_count`."""
        self._device_memory = device_memory
        self._graphs = graphs

    def free_memory(self) -> int:
        """Bytes that can be taken where the graphs run."""
        free = self._device_memory()
        return free if self.memory is None else min(free, self.memory)

    @property
    def controls_exposure(self) -> bool:
        """Whether the brightness wanted is an input of this model."""
        return any("brightness" in graph.inputs for graph in self._graphs.values())

    @property
    def tells_uncertainty(self) -> bool:
        """Whether the network also says where it is unsure."""
        return "uncertainty" in self._graphs["step"].outputs

    @property
    def enlarges(self) -> bool:
        """Whether it brings what it made of a small copy of a photo to full size."""
        return "detail" in self._graphs

    @property
    def intervals(self) -> Intervals | None:
        """How far results may be off; None for a model that nobody has calibrated, or whose photos nobody looks at for
        what they hold, as it does not say how bright they should be.
        """
        return self.card.intervals if "exposure" in self._graphs else None

    def guess_exposure(self, overview: Overview) -> Guess | None:
        """How bright a good version of this photo would be; None where the model does not say."""
        graph = self._graphs.get("exposure")
        if graph is None:
            return None
        outputs = _run(graph, _describe(overview))
        doubt = float(outputs["doubt"][0]) if "doubt" in outputs else 0.0
        return Guess(float(outputs["brightness"][0]), doubt)

    def condition(self, overview: Overview, wanted: Guess | None) -> dict[str, FloatArray]:
        """All that is known of the photo before any piece of it is worked on; computed once per photo."""
        known = _describe(overview)
        if wanted is not None:
            known["brightness"] = np.full(1, wanted.brightness, np.float32)
            known["doubt"] = np.full(1, wanted.doubt, np.float32)
        graph = self._graphs.get("condition")
        return known if graph is None else known | _run(graph, known)

    def bind(self, piece: Piece, condition: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """All that is known of a piece of the photo that ``condition`` is about; computed once per piece, not once per
        step.
        """
        known = {**condition, "low": piece.low, "box": piece.box}
        graph = self._graphs.get("encode")
        return known if graph is None else known | _run(graph, known)

    def predict(self, known: Mapping[str, FloatArray], x: FloatArray, abar: float) -> dict[str, FloatArray]:
        """One step of the network on what :meth:`bind` made: x (B, 3, h, w) signed at level ``abar`` -> the prediction
        (``eps`` or ``x0``, as the presets say), and whatever else it tells, by name.
        """
        return _run(self._graphs["step"], {**known, "x": x, "abar": np.full(1, abar, np.float32)})

    def enlarge(self, low: FloatArray, seen: FloatArray, made: FloatArray, slope: FloatArray) -> FloatArray:
        """A piece of a photo, low (B, 3, h, w), at full size from a small copy of it: what was seen and made of that,
        and how much the latter changes with the former, each (B, 3, h/2, w/2), interpolated there. All unit but for
        slopes; h and w are multiples of 4.
        """
        return _run(self._graphs["detail"], {"low": low, "seen": seen, "made": made, "slope": slope})["x0"]


def _describe(overview: Overview) -> dict[str, FloatArray]:
    known = {"thumbnail": overview.thumbnail, "statistics": overview.statistics, "cues": overview.cues}
    return {name: values[None] for name, values in known.items() if values is not None}


def _run(graph: GraphRunner, known: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    missing = [name for name in graph.inputs if name not in known]
    if missing:
        raise ModelError(f"a graph of this model wants inputs that darklift does not know: {', '.join(missing)}")
    return graph({name: known[name] for name in graph.inputs})
