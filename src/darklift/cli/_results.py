"""The pictures and sheets that ``darklift evaluate`` keeps, and whether there is room for them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from darklift.batch.outputs import make_folder
from darklift.cli._console import say
from darklift.cli._options import check_new_file, check_new_picture
from darklift.errors import UsageError

if TYPE_CHECKING:
    from darklift.cli._comparison import Shown
    from darklift.data import Pair
    from darklift.evaluation.evaluation import PairResult
    from darklift.evaluation.kept import Kept
    from darklift.image import Picture

__all__ = ["Keep", "Places", "saved"]

LABELS = ("before", "after", "ground truth")


@dataclass(frozen=True)
class Places:
    """Where results go: with several rows, each has a folder of its own."""

    rows: tuple[str, ...]
    save: Path | None
    sheet: str | None
    kept: Kept | None = None
    """Scores of before: pictures that are theirs may lie in their places already."""

    def folder(self, row: str) -> Path | None:
        """Of a row's pictures, None where none are kept."""
        return self.save if self.save is None or len(self.rows) == 1 else self.save / row

    def check(self, pairs: Sequence[Pair], json_file: Path | None, overwrite: bool) -> None:
        """Refuse before the work what would fail after it, or be written over the pictures that are scored."""
        from darklift.figures.sheet import sheet_paths

        outputs: list[tuple[str, Path]] = []
        if self.sheet is not None:
            if len(self.rows) > 1:
                raise UsageError(f"--sheet {self.sheet} shows one method, got {len(self.rows)}: evaluate one for it")
            for page in sheet_paths(self.sheet, len(pairs), len(LABELS)):
                check_new_picture("--sheet", str(page), overwrite)
                outputs.append(("--sheet", page))
        if json_file is not None:
            check_new_file("--json", json_file, overwrite)
            outputs.append(("--json", json_file))
        for folder in filter(None, map(self.folder, self.rows)):
            for pair in pairs:
                path = saved(folder, pair.name)
                if self.kept is None or not self.kept.has_made(path):
                    check_new_file("--save", path, overwrite)
                outputs.append(("--save", path))
        sources = {os.path.realpath(path) for pair in pairs for path in (pair.low, pair.high)}
        for option, path in outputs:
            if os.path.realpath(path) in sources:
                raise UsageError(f"{option}: {path} is one of the pictures that are scored, choose another place")


def saved(folder: Path, name: str) -> Path:
    """The file of a pair's result."""
    return folder / f"{name}.png"


class Keep:
    """Told each result as it comes: moves the bar, and keeps the pictures that were asked for."""

    def __init__(
        self, pairs: tuple[Pair, ...], save: Path | None, sheet: str | None, overwrite: bool, *, resumes: bool = False
    ) -> None:
        """resumes: what is there under a result's name is that very result, or one of before that it replaces."""
        from darklift.figures.sheet import Sheet

        self._pairs = {pair.name: pair for pair in pairs}
        self.folder = save
        self._overwrite, self._resumes = overwrite, resumes
        self._sheet = None if sheet is None else Sheet(sheet, len(pairs), LABELS, overwrite=overwrite)
        self._done = 0
        self._shown: Shown | None = None
        self._run = 0

    def show_in(self, shown: Shown | None, run: int) -> None:
        """Also show the results in a report, as those of the evaluation of this number."""
        self._shown, self._run = shown, run

    @property
    def wants_pictures(self) -> bool:
        """Whether anything is made of the pictures."""
        return any(wish is not None for wish in (self.folder, self._sheet, self._shown))

    def __call__(
        self,
        result: PairResult,
        picture: Picture | None,
        show: Callable[[float, float, str], None],
        *,
        is_saved: bool = False,
    ) -> None:
        from darklift.image import write_image

        self._done += 1
        show(self._done, len(self._pairs), result.name)
        if picture is None:
            return
        if self._shown is not None:
            self._shown(self._run, result.name, picture)
        if self.folder is not None and not is_saved:
            make_folder(self.folder)
            write_image(picture, saved(self.folder, result.name), overwrite=self._overwrite or self._resumes)
        if self._sheet is not None:
            make_folder(self._sheet.paths[0].parent)
            pair = self._pairs[result.name]
            self._sheet.add((pair.low, picture, pair.high), result.name)

    def finish_sheet(self) -> None:
        from darklift.figures.sheet import pages_in_words

        if self._sheet is not None:
            say(f"{', '.join(LABELS)}: {pages_in_words(self._sheet.close())}")
