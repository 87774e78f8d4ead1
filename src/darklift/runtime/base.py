"""A model as the rest of darklift sees it: a card, and graphs with named inputs and outputs that some backend runs.

The graphs are ``step`` (always), ``condition`` (what is computed once per photo, or once per piece where it looks at
the piece's pixels) and ``exposure`` (the brightness that a good version of the photo would have, and how far that may
be off). Their inputs are fed by name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol, Self, get_args

import numpy as np
import numpy.typing as npt

from darklift.diffusion import SamplerPreset
from darklift.errors import ModelError, UsageError
from darklift.image import Padding, padded_length
from darklift.overview import Overview
from darklift.runtime.memory import free_memory

__all__ = ["CARD_FORMAT", "FloatArray", "GraphRunner", "Guess", "Model", "ModelCard", "Piece"]

FloatArray = npt.NDArray[np.float32]
CARD_FORMAT = "darklift-model-1"


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
class ModelCard:
    """What must be known of a model to run it and to tell people about it.

    size_multiple: sides of a piece are multiples of it. presets: ways of sampling by name; the first is the default.
    backend: what runs it. info: plain values on where it comes from (licence, data, recipe, numbers), shown, never
    used. files: sha256 of each file of an exported model. config: the method's, for training on from exported weights.
    sees_whole: the network looks at all of its input at once (attention, normalisation), so a piece on its own comes
    out otherwise than in its picture. bytes_per_pixel, bytes_per_pixel_pair: the memory that such a network needs at
    its peak for P pixels, as their product with P, and with P². padding: how sides become multiples, see
    :data:`darklift.image.Padding`.
    """

    name: str
    method: str
    size_multiple: int
    presets: Mapping[str, SamplerPreset]
    backend: str = "onnx"
    info: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    sees_whole: bool = False
    bytes_per_pixel: float = 0.0
    bytes_per_pixel_pair: float = 0.0
    padding: Padding = "least"
    config: Mapping[str, Any] = field(default_factory=dict)

    def memory(self, pixels: int) -> float:
        """Bytes that a step needs at its peak for a piece of so many pixels, beside the picture itself."""
        return self.bytes_per_pixel * pixels + self.bytes_per_pixel_pair * pixels**2

    def padded(self, size: tuple[int, int]) -> tuple[int, int]:
        """What (rows, columns) become for the network."""
        rows, columns = (padded_length(length, self.size_multiple, self.padding) for length in size)
        return rows, columns

    def preset(self, name: str | None = None) -> SamplerPreset:
        """The preset called ``name``, or the default one. Raises UsageError."""
        if name is None:
            return next(iter(self.presets.values()))
        if name not in self.presets:
            raise UsageError(f"model {self.name} has no preset {name!r}: choose from {', '.join(self.presets)}")
        return self.presets[name]

    def to_json(self) -> str:
        """The card as a file's text."""
        values = {**asdict(replace(self, presets={})), "presets": {k: p.to_dict() for k, p in self.presets.items()}}
        return json.dumps({"format": CARD_FORMAT, **values}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str) -> Self:
        """The inverse of :meth:`to_json`; raises ModelError with ``source`` in it."""
        try:
            values = json.loads(text)
            if values.pop("format") != CARD_FORMAT:
                raise ValueError(f"its format is not {CARD_FORMAT}")
            if not all(isinstance(values.get(key, ""), str) for key in ("name", "method", "backend")):
                raise ValueError("its name, method or backend is no text")
            presets = {name: SamplerPreset.from_dict(preset) for name, preset in values.pop("presets").items()}
            if not presets or not all(isinstance(values.get(name, {}), dict) for name in ("info", "files", "config")):
                raise ValueError("it has no presets, or info, files or config of another kind")
            if not isinstance(multiple := values.get("size_multiple"), int) or multiple < 1:
                raise ValueError(f"its size_multiple is {multiple!r}, not a whole number from 1")
            memory = [values.get(name, 0) for name in ("bytes_per_pixel", "bytes_per_pixel_pair")]
            if not all(isinstance(number, int | float) and number >= 0 for number in memory):
                raise ValueError(f"its memory is {memory}, not two numbers from 0")
            if (padding := values.get("padding", "least")) not in get_args(Padding):
                raise ValueError(f"its padding is {padding!r}, not one of {', '.join(get_args(Padding))}")
            return cls(presets=presets, **values)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelError(f"{source} is not a model card that this version of darklift reads ({error!r})") from error


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
        self.free_memory = device_memory
        """Bytes that are free where the graphs run."""
        self._graphs = graphs

    @property
    def controls_exposure(self) -> bool:
        """Whether the brightness wanted is an input of this model."""
        return any("brightness" in graph.inputs for graph in self._graphs.values())

    @property
    def tells_uncertainty(self) -> bool:
        """Whether the network also says where it is unsure."""
        return "uncertainty" in self._graphs["step"].outputs

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
        if graph is not None and "low" not in graph.inputs:
            known |= _run(graph, known)
        return known

    def bind(self, piece: Piece, condition: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """All that is known of a piece of the photo that ``condition`` is about; computed once per piece, not once per
        step.
        """
        known = {**condition, "low": piece.low, "box": piece.box}
        graph = self._graphs.get("condition")
        if graph is not None and "low" in graph.inputs:
            known |= _run(graph, known)
        return known

    def predict(self, known: Mapping[str, FloatArray], x: FloatArray, abar: float) -> dict[str, FloatArray]:
        """One step of the network on what :meth:`bind` made: x (B, 3, h, w) signed at level ``abar`` -> the prediction
        (``eps`` or ``x0``, as the presets say), and whatever else it tells, by name.
        """
        return _run(self._graphs["step"], {**known, "x": x, "abar": np.full(1, abar, np.float32)})


def _describe(overview: Overview) -> dict[str, FloatArray]:
    known = {"thumbnail": overview.thumbnail, "statistics": overview.statistics, "cues": overview.cues}
    return {name: values[None] for name, values in known.items() if values is not None}


def _run(graph: GraphRunner, known: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    missing = [name for name in graph.inputs if name not in known]
    if missing:
        raise ModelError(f"a graph of this model wants inputs that darklift does not know: {', '.join(missing)}")
    return graph({name: known[name] for name in graph.inputs})
