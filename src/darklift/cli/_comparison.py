"""What ``darklift evaluate`` writes beside pictures: numbers, and of several rows a table and a page to look at."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darklift.cli._console import say
from darklift.cli._options import check_new_file, writing
from darklift.errors import UsageError
from darklift.pipeline.settings import Settings, Window

if TYPE_CHECKING:
    from darklift.data import Pair
    from darklift.evaluation.evaluation import Evaluation
    from darklift.evaluation.metrics import Chosen
    from darklift.evaluation.study import Study
    from darklift.image import Picture
    from darklift.report import Gallery

__all__ = ["Comparison", "Shown", "as_json", "variations"]


@dataclass(frozen=True)
class Comparison:
    """Where a comparison is written to, by the options ``--table`` (several) and ``--report``; and where ``--json``
    goes, which is written of a single row, too.
    """

    tables: tuple[Path, ...]
    report: Path | None
    json_file: Path | None

    @property
    def wanted(self) -> bool:
        """Whether rows are to be compared in writing."""
        return bool(self.tables) or self.report is not None

    @property
    def files(self) -> tuple[tuple[str, Path], ...]:
        """All that is written, with the option that asks for it."""
        asked = [("--json", self.json_file), *(("--table", path) for path in self.tables), ("--report", self.report)]
        return tuple((option, path) for option, path in asked if path is not None)

    def check(self, chosen: Chosen, overwrite: bool) -> None:
        """Refuse before the work what would fail after it."""
        from darklift.evaluation.tables import TABLES

        for path in self.tables:
            if path.suffix.lower() not in TABLES:
                raise UsageError(f"--table {path}: expected a name that ends with {', '.join(TABLES)}")
        if self.report is not None:
            from darklift.report.build import check_extra

            if self.report.suffix.lower() not in (".html", ".htm"):
                raise UsageError(f"--report {self.report}: expected a name that ends with .html")
            if not chosen.metrics:
                reasons = ", ".join(f"{name}: {why}" for name, why in chosen.missing.items())
                raise UsageError(f"--report {self.report}: it shows scores, and there are none ({reasons})")
            check_extra()
        for option, path in self.files:
            check_new_file(option, path, overwrite)

    def gallery(self, stack: ExitStack, pairs: Sequence[Pair]) -> Shown | None:
        """What keeps the pictures that a report shows, until the stack is left; None without a report."""
        from darklift.report import Gallery

        return None if self.report is None else Shown(stack.enter_context(Gallery()), pairs)

    def write(self, study: Study, evaluations: Sequence[Evaluation], shown: Shown | None) -> None:
        """Write what was asked for. Raises DataError."""
        from darklift.evaluation.tables import TABLES
        from darklift.files import write_atomically

        for path in self.tables:
            with writing(path):
                write_atomically(path, TABLES[path.suffix.lower()](study).encode("utf-8", "backslashreplace"))
            say(f"table: {path}")
        if self.report is not None and shown is not None:
            from darklift.report import write_report

            numbers = {id(evaluation): number for number, evaluation in enumerate(evaluations)}
            runs = {entry: numbers[id(entry.runs[0])] for entry in study.entries}
            command = shlex.join(["darklift", *sys.argv[1:]])
            with writing(self.report):
                write_report(self.report, study, shown.gallery, runs, title=self.report.stem, command=command)
            say(f"report: {self.report}")


class Shown:
    """Gives a gallery each result with its pair."""

    def __init__(self, gallery: Gallery, pairs: Sequence[Pair]) -> None:
        self.gallery = gallery
        self._pairs = {pair.name: pair for pair in pairs}
        self._seen: set[str] = set()

    def __call__(self, run: int, name: str, made: Picture) -> None:
        """The result of an evaluation, by its number."""
        from darklift.image import read_image
        from darklift.image.spaces import as_srgb

        pair = self._pairs[name]
        high = as_srgb(read_image(pair.high))
        if name not in self._seen:
            self._seen.add(name)
            self.gallery.add_pair(name, read_image(pair.low), high)
        self.gallery.add(run, name, made, high)


def variations(settings: Settings, texts: Sequence[str]) -> tuple[tuple[str, Settings], ...]:
    """Every combination of ``key=a,b`` as changed settings, each with a name that tells it. Raises UsageError."""
    found: list[tuple[str, Settings]] = [("", settings)]
    seen: set[str] = set()
    for text in texts:
        key, equals, values = text.partition("=")
        key = key.strip().replace("-", "_")
        parts = [part.strip() for part in values.split(",")]
        if not equals or not key or not all(parts):
            raise UsageError(f"--vary {text}: expected a choice and its values, as in steps=1,2 or seed=0,1,2")
        if key in seen or len({_value(part) for part in parts}) < len(parts):
            raise UsageError(f"--vary {text}: each choice once, and each of its values once")
        seen.add(key)
        found = [
            (f"{name} {key}={part}".strip(), _with(changed, key, _value(part)))
            for name, changed in found
            for part in parts
        ]
    return tuple(found)


def _with(settings: Settings, key: str, value: int | float | str) -> Settings:
    """Windows of another side keep a stride that was chosen."""
    window = settings.window
    if key == "window" and isinstance(window, Window) and window != Window(window.side):
        return settings.changed(window=Window(value, window.stride))  # type: ignore[arg-type]  # it refuses a text
    return settings.changed(**{key: value})


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def as_json(study: Study | None, evaluations: Mapping[str, Evaluation]) -> dict[str, Any]:
    """Of several rows."""
    values: dict[str, Any] = {"evaluations": [evaluation.to_dict() for evaluation in evaluations.values()]}
    return values if study is None else values | {"comparison": study.to_dict()}
