"""The pictures and sheets that ``darklift evaluate`` keeps, and whether there is room for them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
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

    def check(
        self, pairs: Sequence[Pair], read: Iterable[Path], others: Iterable[tuple[str, Path]], overwrite: bool
    ) -> None:
        """Refuse before the work what would fail after it, or be written over what is read, or over one another.

        read: other files that the command reads. others: those that it writes beside pictures, with their options; they
        have been looked at already.
        """
        from darklift.figures.sheet import sheet_paths

        outputs = list(others)
        if self.sheet is not None:
            if len(self.rows) > 1:
                raise UsageError(f"--sheet {self.sheet} shows one method, got {len(self.rows)}: evaluate one for it")
            for page in sheet_paths(self.sheet, len(pairs), len(LABELS)):
                check_new_picture("--sheet", str(page), overwrite or self._is_ours(page))
                outputs.append(("--sheet", page))
        for folder in filter(None, map(self.folder, self.rows)):
            for pair in pairs:
                path = saved(folder, pair.name)
                check_new_file("--save", path, overwrite or self._is_ours(path))
                outputs.append(("--save", path))
        pictures = {os.path.realpath(path) for pair in pairs for path in (pair.low, pair.high)}
        files = {os.path.realpath(path) for path in read}
        written: dict[str, str] = {}
        for option, path in outputs:
            place = os.path.realpath(path)
            if place in pictures:
                raise UsageError(f"{option}: {path} is one of the pictures that are scored, choose another place")
            if place in files:
                raise UsageError(f"{option}: {path} is read by this command, choose another place")
            if place in written:
                raise UsageError(f"{option}: {path} is also written by {written[place]}, choose another place")
            written[place] = option

    def _is_ours(self, picture: Path) -> bool:
        return self.kept is not None and self.kept.has_made(picture)


def saved(folder: Path, name: str) -> Path:
    """The file of a pair's result."""
    return folder / f"{name}.png"


class Keep:
    """Told each result as it comes: moves the bar, and keeps the pictures that were asked for."""

    def __init__(
        self,
        pairs: tuple[Pair, ...],
        save: Path | None,
        sheet: str | None,
        overwrite: bool,
        *,
        kept: Kept | None = None,
    ) -> None:
        """kept: where it is told which pages were written; what is there under a result's or a page's name is of before
        then, and is replaced.
        """
        from darklift.figures.sheet import Sheet

        self._pairs = {pair.name: pair for pair in pairs}
        self.folder = save
        self._overwrite = overwrite or kept is not None
        on_page = None if kept is None else kept.add_page
        self._sheet = (
            None if sheet is None else Sheet(sheet, len(pairs), LABELS, overwrite=self._overwrite, on_page=on_page)
        )
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
            write_image(picture, saved(self.folder, result.name), overwrite=self._overwrite)
        if self._sheet is not None:
            make_folder(self._sheet.paths[0].parent)
            pair = self._pairs[result.name]
            self._sheet.add((pair.low, picture, pair.high), result.name)

    def finish_sheet(self) -> None:
        from darklift.figures.sheet import pages_in_words

        if self._sheet is not None:
            say(f"{', '.join(LABELS)}: {pages_in_words(self._sheet.close())}")
