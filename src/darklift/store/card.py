"""The card of a model, out of its method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from darklift.methods import Method
from darklift.runtime import ModelCard

__all__ = ["card_of"]


def card_of(method: Method, name: str, info: Mapping[str, Any]) -> ModelCard:
    """What must be known to run the method, without what only a backend or an export knows."""
    return ModelCard(
        name=name,
        method=method.name,
        footprint=method.footprint,
        presets=dict(method.presets),  # a read-only view cannot be sent to another process
        deblocks=method.deblocks,
        info=info,
        config=method.config.model_dump(mode="json"),
    )
