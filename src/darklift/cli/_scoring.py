"""How ``darklift evaluate`` scores each row, and what it keeps for ``--resume``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darklift.cli._console import progress_bar, say
from darklift.cli._results import Keep, saved
from darklift.errors import DarkliftError, UsageError
from darklift.pipeline.settings import Settings
from darklift.store.load import Opening

if TYPE_CHECKING:
    from darklift.data import Pair
    from darklift.evaluation.evaluation import Evaluation, PairResult
    from darklift.evaluation.kept import Kept, KeptRow
    from darklift.evaluation.method import Method
    from darklift.evaluation.metrics import Chosen
    from darklift.image import Picture

__all__ = ["Row", "Run", "check_settings", "kept_beside"]


@dataclass(frozen=True)
class Row:
    """What one row of the table is of."""

    name: str
    """The model's or method's, as it was asked for."""
    work: Opening | Method
    settings: Settings
    variation: str = ""
    """What tells it from the model's other rows, as in "steps=1 seed=0"."""

    @property
    def title(self) -> str:
        """As messages call it."""
        return f"{self.name} {self.variation}".strip()


def kept_beside(json_file: Path | None, save: Path | None, *, pictures: bool) -> Kept:
    """The scores of before, for ``--resume``. pictures: whether a report or a sheet shows some. Raises UsageError."""
    from darklift.evaluation.kept import Kept

    if json_file is None:
        raise UsageError("--resume keeps scores beside the file of --json: give it, as in --json scores.json")
    if pictures and save is None:
        raise UsageError("--resume takes the pictures of a report or a sheet from --save FOLDER: give it, too")
    return Kept(json_file.parent).open()


def check_settings(rows: Sequence[Row], give_mean: bool) -> None:
    """Refuse a choice that a row's model cannot do before hours go into the others. Raises UsageError.

    What cannot be opened is left to its own row, which is named then.
    """
    from darklift.pipeline.plan import check_settings as check

    openings = dict.fromkeys(row.work for row in rows if isinstance(row.work, Opening))
    for opening in openings:
        try:
            model = opening.load()
        except DarkliftError:
            continue
        if give_mean and not model.controls_exposure:
            raise UsageError(f"{opening.model} cannot be told how bright to go: leave out --ground-truth-mean")
        for row in rows:
            if row.work == opening:
                try:
                    check(model, row.settings)
                except UsageError as error:
                    raise UsageError(f"{row.title}: {error}") from error


@dataclass(frozen=True)
class Run:
    """What is asked of every row."""

    pairs: tuple[Pair, ...]
    give_mean: bool
    chosen: Chosen
    workers: int
    kept: Kept | None = None

    def evaluated(self, row: Row, keep: Keep) -> Evaluation:
        """A model, on some processes, or another method, with a bar."""
        from darklift.evaluation.crew import Scorers
        from darklift.evaluation.evaluate import evaluate
        from darklift.evaluation.method import evaluate_method
        from darklift.pipeline.enhancer import Enhancer

        work, pairs = row.work, self.pairs
        memory = None if self.kept is None else self._memory(row, self.kept, keep.folder)
        known = [] if memory is None else [pair.name for pair in pairs if memory.find(pair) is not None]
        if known:
            say(f"{row.title}: {len(known)} of {len(pairs)} pairs were scored before")

        def on_pair(result: PairResult, picture: Picture | None) -> None:
            keep(result, picture, bar.update, is_saved=result.name in known)

        more: dict[str, Any] = {"chosen": self.chosen, "on_pair": on_pair, "memory": memory}
        if not isinstance(work, Opening):
            with progress_bar() as bar:
                bar.update(0, len(pairs), pairs[0].name)
                return evaluate_method(work, pairs, **more)
        alone = self.workers == 1 or len(known) == len(pairs)
        crew = nullcontext(Enhancer(work.load())) if alone else Scorers(work, self.workers)
        with crew as scorer, progress_bar() as bar:
            bar.update(0, len(pairs), pairs[0].name)
            return evaluate(scorer, pairs, row.settings, give_mean=self.give_mean, pictures=keep.wants_pictures, **more)

    def _memory(self, row: Row, kept: Kept, folder: Path | None) -> KeptRow:
        from darklift.evaluation.kept import KeptRow

        identity = self._identity(row)
        picture_of = None if folder is None else lambda name: saved(folder, name)
        return KeptRow(kept, identity, self.chosen.metrics, picture_of)

    def _identity(self, row: Row) -> Any:
        from darklift.evaluation.crew import threads_each

        work = row.work
        if not isinstance(work, Opening):
            kind = type(work).__name__
            return lambda pair: {"kind": kind, **work.identity(pair)}
        told: dict[str, Any] = {
            "model": work.identity(),
            "settings": row.settings.to_dict(),
            "given mean": self.give_mean,
        }
        if not work.is_exported():  # PyTorch adds up in an order that depends on its threads
            told["threads"] = threads_each(work, self.workers)
        return lambda pair: told
