"""What must be known of a model to run it: plain data that travels beside its graphs as ``model.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from darklift.diffusion import SamplerPreset
from darklift.errors import ModelError, UsageError
from darklift.runtime.footprint import Footprint
from darklift.runtime.intervals import Intervals

__all__ = ["CARD_FORMAT", "ModelCard"]

CARD_FORMAT = "darklift-model-2"
_TEXTS, _TABLES = ("name", "method", "backend"), ("info", "files", "int8", "config")


@dataclass(frozen=True)
class ModelCard:
    """What must be known of a model to run it and to tell people about it."""

    name: str
    method: str
    footprint: Footprint
    presets: Mapping[str, SamplerPreset]
    """Ways of sampling by name; the first is the default."""
    deblocks: bool = False
    """Whether flat dark blocks of a photo are smoothed before the network sees it."""
    backend: str = "onnx"
    """What runs it."""
    info: Mapping[str, Any] = field(default_factory=dict)
    """Where it comes from (licence, data, recipe, numbers): shown, never used."""
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of each file that it was opened from."""
    int8: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of each graph that is there in int8 as well, by its file, such as ``step.int8.onnx`` for ``step``."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """The method's configuration, for training on from exported weights."""
    intervals: Intervals | None = None
    """How far a result may be off; None where nobody has calibrated it."""

    @property
    def fingerprint(self) -> str:
        """Tells whether two models are the same, wherever their files lie: by what is in these, where that is known."""
        return f"{self.method} {' '.join(sorted(self.files.values())) or self.name}"

    def preset(self, name: str | None = None) -> SamplerPreset:
        """The preset called ``name``, or the default one. Raises UsageError."""
        if name is None:
            return next(iter(self.presets.values()))
        if name not in self.presets:
            raise UsageError(f"model {self.name} has no preset {name!r}: choose from {', '.join(self.presets)}")
        return self.presets[name]

    def to_json(self) -> str:
        """The card as a file's text."""
        values = asdict(replace(self, presets={}, intervals=None))
        values["presets"] = {name: preset.to_dict() for name, preset in self.presets.items()}
        values["intervals"] = None if self.intervals is None else self.intervals.to_dict()
        return json.dumps({"format": CARD_FORMAT, **values}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str) -> Self:
        """The inverse of :meth:`to_json`; raises ModelError with ``source`` in it."""
        try:
            values = json.loads(text)
            if values.pop("format") != CARD_FORMAT:
                raise ValueError(f"its format is not {CARD_FORMAT}")
            if not all(isinstance(values.get(key, ""), str) for key in _TEXTS):
                raise ValueError("its name, method or backend is no text")
            if not all(isinstance(values.get(key, {}), dict) for key in _TABLES):
                raise ValueError("its info, files, int8 or config is no table")
            if not isinstance(values.get("deblocks", False), bool):
                raise ValueError("its deblocks is neither true nor false")
            presets = {name: SamplerPreset.from_dict(preset) for name, preset in values.pop("presets").items()}
            if not presets:
                raise ValueError("it has no presets")
            told = values.pop("intervals", None)
            intervals = None if told is None else Intervals.from_dict(told)
            footprint = Footprint.from_dict(values.pop("footprint"))
            return cls(footprint=footprint, presets=presets, intervals=intervals, **values)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelError(f"{source} is not a model card that this version of darklift reads ({error!r})") from error
