"""The models that darklift knows by name. Each lies beside this file in a folder: its graphs, and ``model.json``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from darklift.errors import ModelError, UsageError, hint_for

__all__ = ["CATALOGUE", "KnownModel", "find_model"]

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class KnownModel:
    """A model in the catalogue."""

    name: str
    summary: str
    licence: str
    source: str
    """Where it comes from."""

    @property
    def folder(self) -> Path:
        """The folder with its files."""
        return _HERE / self.name


CATALOGUE: dict[str, KnownModel] = {
    model.name: model
    for model in (
        KnownModel(
            name="compact",
            summary="darklift's own small diffusion model, 1 to 8 steps, with exposure control",
            licence="Apache-2.0 (trained on research-only data: see docs/reference/model-cards/compact.md)",
            source="recipes/compact.toml of this repository, and the recipes that it names",
        ),
        KnownModel(
            name="nano",
            summary="compact with a smaller network: a fifth of the bytes",
            licence="Apache-2.0 (trained on research-only data: see docs/reference/model-cards/nano.md)",
            source="recipes/compact.toml of this repository, and the recipes that it names",
        ),
    )
}

_ALIASES = {"default": "compact"}


def find_model(name: str) -> Path:
    """The folder or file of a model, by its name in the catalogue, as "default", or by its path.

    Raises UsageError for what there is not, ModelError for a known model whose files are missing.
    """
    known = CATALOGUE.get(_ALIASES.get(name, name))
    path = known.folder if known else Path(name)
    if os.path.exists(path):  # Path.exists raises for some names
        return path
    if known:
        raise ModelError(f"model {name} is not in this installation ({path} is missing): install darklift again")
    names = [*_ALIASES, *CATALOGUE]
    hint = hint_for(name, names, f"known models are {', '.join(names)}; or pass a path")
    raise UsageError(f"there is no model, file or folder {name!r}: {hint}")
