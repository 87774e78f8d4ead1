"""The models that darklift knows by name. Bundled ones lie beside this file, one folder each: ``model.json`` and its
graphs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from darklift.errors import ModelError, UsageError, hint_for

__all__ = ["CATALOGUE", "KnownModel", "find_model"]

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class KnownModel:
    """A model in the catalogue. source: where it comes from."""

    name: str
    summary: str
    licence: str
    source: str

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return _HERE / self.name


CATALOGUE: dict[str, KnownModel] = {
    model.name: model
    for model in (
        KnownModel(
            name="compact",
            summary="darklift's own small diffusion model, 1 to 8 steps, with exposure control",
            licence="Apache-2.0 (trained on research-only data: see docs/reference/model-cards/compact.md)",
            source="recipes/compact.toml and those that it names, of this repository",
        ),
        KnownModel(
            name="nano",
            summary="compact with one voter and two blocks a level: a sixth of the bytes",
            licence="Apache-2.0 (trained on research-only data: see docs/reference/model-cards/nano.md)",
            source="recipes/compact.toml and those that it names, of this repository",
        ),
    )
}

_ALIASES = {"default": "compact"}


def find_model(name: str) -> Path:
    """Folder or file of a model: a name of the catalogue, "default", or a path. Raises UsageError, ModelError."""
    known = CATALOGUE.get(_ALIASES.get(name, name))
    path = known.folder if known else Path(name)
    if os.path.exists(path):  # unlike Path.exists, it stands any name
        return path
    if known:
        raise ModelError(f"model {name} is not in this installation ({path} is missing): install darklift again")
    names = [*_ALIASES, *CATALOGUE]
    hint = hint_for(name, names, f"known models are {', '.join(names)}; or pass a path")
    raise UsageError(f"there is no model, file or folder {name!r}: {hint}")
