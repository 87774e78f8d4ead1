"""What ``darklift evaluate`` scores beside models, from what was typed."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from darklift.cli._scoring import Row
from darklift.errors import UsageError
from darklift.store.load import Opening

if TYPE_CHECKING:
    from darklift.evaluation.method import Method

__all__ = ["other_methods", "row_names"]


def other_methods(
    baselines: Sequence[str], outputs: Sequence[str], onnx: Sequence[Path], opening: Opening
) -> tuple[Method, ...]:
    """Baselines, folders of results and networks, in this order. Raises UsageError, DataError, ModelError."""
    from darklift.evaluation.baselines import baseline_called
    from darklift.evaluation.foreign import open_foreign
    from darklift.evaluation.outputs import open_outputs

    methods: list[Method] = [baseline_called(name) for name in baselines]
    for text in outputs:
        name, equals, folder = text.partition("=")
        if not (name and equals and folder):
            raise UsageError(f"--outputs {text}: expected a name and a folder, as in theirs=results")
        methods.append(open_outputs(name, Path(folder)))
    methods += [open_foreign(card, opening.device, opening.threads) for card in onnx]
    return tuple(methods)


def row_names(rows: Sequence[Row]) -> tuple[str, ...]:
    """A name for each row that can be a folder's: of a path its last part, and numbered where two are alike."""
    names: list[str] = []
    for row in rows:
        path = Path(row.name)
        last = path.stem if path.suffix == ".safetensors" else path.name
        short = re.sub(r"[^\w .,+()-]", "_", f"{last} {row.variation}").strip(". ") or "results"
        numbered = (short if number == 1 else f"{short}-{number}" for number in itertools.count(1))
        taken = {name.casefold() for name in names}  # some disks take a and A for one
        names.append(next(name for name in numbered if name.casefold() not in taken))
    return tuple(names)
