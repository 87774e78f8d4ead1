"""``darklift evaluate``."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from darklift.batch.outputs import make_folder
from darklift.cli._choices import spelled_out
from darklift.cli._console import progress_bar, put_out, say, warn
from darklift.cli._options import OverwriteOption, check_new_file, check_new_picture, write_json
from darklift.errors import UsageError
from darklift.pipeline.settings import Settings
from darklift.store.load import Opening

if TYPE_CHECKING:
    from darklift.data import Pair
    from darklift.evaluation.evaluate import PairResult
    from darklift.image import Picture

__all__ = ["evaluate"]

_LABELS = ("before", "after", "ground truth")


@spelled_out(precision="fp32")
def evaluate(
    low: Annotated[Path, typer.Option(metavar="FOLDER", help="The dark photos.")],
    high: Annotated[Path, typer.Option(metavar="FOLDER", help="Their ground truths, under the same names.")],
    *,
    settings: Settings,
    opening: Opening,
    names: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Score only the pairs named in this file, one a line, or in lolv1-val."),
    ] = None,
    ground_truth_mean: Annotated[
        bool,
        typer.Option(
            "--ground-truth-mean",
            help="Tell the model how bright each ground truth is: how good results are when brightness is not a guess.",
        ),
    ] = False,
    per_image: Annotated[bool, typer.Option("--per-image", help="Also print a row for each photo.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all numbers to this file.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the results in this folder, as PNG.")
    ] = None,
    sheet: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Also write a contact sheet: before, after and ground truth, on as many pages as it takes.",
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Processes that share the pairs, and the cores. Scores are the same, and seconds are longer: those of "
            "a process on its share.",
        ),
    ] = 1,
    overwrite: OverwriteOption = False,
) -> None:
    """Score a model on pairs of dark photo and ground truth, plain and GT-mean side by side.

    Prints a Markdown table. Never compare a plain number with a GT-mean one: they answer different questions.

    A pair that cannot be scored, since its two pictures differ in size say, is named and left out; then it ends with 1.

    \b
    Examples:
      darklift evaluate --low eval15/low --high eval15/high
      darklift evaluate --low low --high high --steps 8 --json scores.json
      darklift evaluate --low our485/low --high our485/high --names lolv1-val
      darklift evaluate --low low --high high --model runs/b/best.safetensors
    """
    from darklift.data import match_pairs, read_names, select, strip_role_prefix
    from darklift.evaluation.crew import Scorers
    from darklift.evaluation.evaluate import evaluate as score
    from darklift.evaluation.evaluate import scorable
    from darklift.evaluation.report import evaluation_table, per_image_table
    from darklift.pipeline.enhancer import Enhancer

    if settings.exposure is not None and ground_truth_mean:
        raise UsageError("--exposure and --ground-truth-mean both say how bright: give only one of them")
    pairs = match_pairs(low, high, pair_name=strip_role_prefix)
    if names is not None:
        pairs = select(pairs, read_names(names))
    _check_outputs(pairs, sheet, json_file, save, overwrite)
    pairs, left_out = scorable(pairs)
    for pair in left_out:
        warn(f"left out {pair.name}: {pair.reason}")
    keep = _Keep(pairs, save, sheet, overwrite)
    workers = min(workers, len(pairs))
    crew = nullcontext(Enhancer(opening.load())) if workers == 1 else Scorers(opening, workers)
    with crew as scorer, progress_bar() as bar:
        bar.update(0, len(pairs), pairs[0].name)
        evaluation = score(
            scorer,
            pairs,
            settings,
            give_mean=ground_truth_mean,
            on_pair=lambda result, picture: keep(result, picture, bar.update),
        )
    evaluation = replace(evaluation, left_out=(*left_out, *evaluation.left_out))
    if per_image:
        put_out(f"{per_image_table(evaluation)}\n")
    put_out(evaluation_table(evaluation))
    if json_file is not None:
        write_json(json_file, evaluation.to_dict())
        say(f"numbers: {json_file}")
    keep.finish_sheet()
    if evaluation.left_out:
        raise typer.Exit(1)


def _check_outputs(
    pairs: tuple[Pair, ...], sheet: str | None, json_file: Path | None, save: Path | None, overwrite: bool
) -> None:
    """Refuse before the work what would fail after it, or be written over the pictures that are scored."""
    from darklift.figures.sheet import sheet_paths

    outputs: list[tuple[str, Path]] = []
    if sheet is not None:
        for page in sheet_paths(sheet, len(pairs), len(_LABELS)):
            check_new_picture("--sheet", str(page), overwrite)
            outputs.append(("--sheet", page))
    if json_file is not None:
        check_new_file("--json", json_file, overwrite)
        outputs.append(("--json", json_file))
    for path in [] if save is None else [_saved(save, pair.name) for pair in pairs]:
        check_new_file("--save", path, overwrite)
        outputs.append(("--save", path))
    sources = {os.path.realpath(path) for pair in pairs for path in (pair.low, pair.high)}
    for option, path in outputs:
        if os.path.realpath(path) in sources:
            raise UsageError(f"{option}: {path} is one of the pictures that are scored, choose another place")


def _saved(folder: Path, name: str) -> Path:
    return folder / f"{name}.png"


class _Keep:
    """Told each result as it comes: moves the bar, and keeps the pictures that were asked for."""

    def __init__(self, pairs: tuple[Pair, ...], save: Path | None, sheet: str | None, overwrite: bool) -> None:
        from darklift.figures.sheet import Sheet

        self._pairs = {pair.name: pair for pair in pairs}
        self._save, self._overwrite = save, overwrite
        self._sheet = None if sheet is None else Sheet(sheet, len(pairs), _LABELS, overwrite=overwrite)
        self._done = 0

    def __call__(self, result: PairResult, picture: Picture, show: Callable[[float, float, str], None]) -> None:
        from darklift.image import write_image

        self._done += 1
        show(self._done, len(self._pairs), result.name)
        if self._save is not None:
            make_folder(self._save)
            write_image(picture, _saved(self._save, result.name), overwrite=self._overwrite)
        if self._sheet is not None:
            make_folder(self._sheet.paths[0].parent)
            pair = self._pairs[result.name]
            self._sheet.add((pair.low, picture, pair.high), result.name)

    def finish_sheet(self) -> None:
        from darklift.figures.sheet import pages_in_words

        if self._sheet is not None:
            say(f"{', '.join(_LABELS)}: {pages_in_words(self._sheet.close())}")
