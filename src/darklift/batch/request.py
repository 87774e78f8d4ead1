"""What is asked of a whole batch, in plain values that go to other processes and machines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from darklift.batch.transfer import AS_USUAL, Reading, Saving
from darklift.errors import UsageError
from darklift.pipeline.settings import DEFAULTS, Settings
from darklift.store.load import Opening

__all__ = ["Request"]

_REST = ("model", "saving", "reading")


@dataclass(frozen=True)
class Request:
    """What every picture of a batch shall become, and by which model."""

    settings: Settings = DEFAULTS
    opening: Opening = field(default_factory=Opening)
    saving: Saving = field(default_factory=Saving)
    reading: Reading = AS_USUAL
    preview: tuple[int, int] | None = None
    """Width and height in pixels of small pictures before and after, for a contact sheet; None makes none."""
    identify: bool = False
    """Also tell by its SHA-256 which photo was read, for a manifest."""

    @cached_property
    def wish(self) -> dict[str, Any]:
        """What decides how results look, in plain values, as a manifest holds it. Raises ModelError, UsageError."""
        return {
            "settings": self.settings.to_dict(),
            "model": self.opening.identity(),
            "saving": self.saving.coding,
            "reading": asdict(self.reading),
        }

    def wishes(self, wish: Mapping[str, Any]) -> bool:
        """Whether this is what was asked for then. A setting that an older darklift did not know had its default."""
        try:
            then = Settings.from_dict(wish["settings"])
        except (KeyError, UsageError):
            return False
        rest = json.loads(json.dumps({name: self.wish[name] for name in _REST}))
        return then == self.settings and rest == {name: wish.get(name) for name in _REST}
