"""``darklift evaluate``."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from darklift.cli._choices import Openings, spelled_out
from darklift.cli._comparison import Comparison, as_json, variations
from darklift.cli._console import put_out, say, warn
from darklift.cli._methods import other_methods, row_names
from darklift.cli._options import OverwriteOption, write_json
from darklift.cli._results import Keep, Places
from darklift.cli._scoring import Row, Run, check_settings, kept_beside
from darklift.errors import DarkliftError, UsageError
from darklift.pipeline.settings import Settings

if TYPE_CHECKING:
    from darklift.evaluation.evaluation import Evaluation

__all__ = ["evaluate"]

_OTHERS = "Beside models"


@spelled_out(precision="fp32", model=None)
def evaluate(
    low: Annotated[Path, typer.Option(metavar="FOLDER", help="The dark photos.")],
    high: Annotated[Path, typer.Option(metavar="FOLDER", help="Their ground truths, under the same names.")],
    *,
    settings: Settings,
    openings: Openings,
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
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Also a formula without training: identity, gamma (an oracle), gamma2.2, clahe or lime. Repeatable.",
            rich_help_panel=_OTHERS,
        ),
    ] = None,
    outputs: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FOLDER",
            help="Also the results of another program, under the names of their dark photos. Repeatable.",
            rich_help_panel=_OTHERS,
        ),
    ] = None,
    onnx: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="CARD",
            help="Also somebody else's network, as ONNX: a card in TOML says how it takes pictures. Repeatable.",
            rich_help_panel=_OTHERS,
        ),
    ] = None,
    metrics: Annotated[
        str,
        typer.Option(
            metavar="NAMES", help="Which scores, as in psnr,lpips_alex; all for all that darklift metrics lists."
        ),
    ] = "default",
    metric_weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where files lie that a metric needs.",
            show_default="where darklift metrics add puts them",
        ),
    ] = None,
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
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHOICE=A,B",
            help="A row of each model for each value, as in steps=1,2 or seed=0,1,2; rows that differ only in the seed "
            "are compared as one. Repeatable.",
        ),
    ] = None,
    table: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Write a comparison with standard errors: .md, .tex, or .csv with every score. Repeatable.",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write a page that opens offline: tables, charts, pictures, error maps (.html)."
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Keep each score as soon as it is there, in .darklift beside --json, and go on from those of before. "
            "Pictures for a report or a sheet are taken from --save then.",
        ),
    ] = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Score models on pairs of dark photo and ground truth, plain and GT-mean side by side.

    Prints a Markdown table with a row for each, all of them of the same pairs. Without --model it is the default one,
    or only what else was asked for. Never compare a plain number with a GT-mean one: they answer different questions.

    A pair that cannot be scored, since its two pictures differ in size say, is named and left out; then it ends with 1.

    \b
    Examples:
      darklift evaluate --low eval15/low --high eval15/high
      darklift evaluate --low low --high high --steps 8 --json scores.json
      darklift evaluate --low low --high high --metrics all
      darklift evaluate --low low --high high -m compact -m nano --baseline clahe --outputs theirs=results
      darklift evaluate --low our485/low --high our485/high --names lolv1-val
      darklift evaluate --low low --high high --model runs/b/best.safetensors
      darklift evaluate --low low --high high --vary steps=1,2,4 --vary seed=0,1,2 --report report.html
      darklift evaluate --low low --high high -m a.safetensors -m b.safetensors --json scores.json --resume
    """
    from darklift.data import match_pairs, read_names, select, strip_role_prefix
    from darklift.data.overlap import scenes_of
    from darklift.evaluation.evaluate import scorable
    from darklift.evaluation.method import without_obstacles
    from darklift.evaluation.metrics import choose_metrics
    from darklift.evaluation.report import evaluation_table, per_image_table
    from darklift.evaluation.study import Study
    from darklift.evaluation.tables import comparison_table

    chosen = choose_metrics(metrics, metric_weights)
    others = other_methods(baseline or (), outputs or (), onnx or (), openings.usual)
    models = openings.named or (() if others and not vary else (openings.usual,))
    changed = variations(settings, vary or ())
    if ground_truth_mean and any(one.exposure is not None for _, one in changed):
        raise UsageError("--exposure and --ground-truth-mean both say how bright: give only one of them")
    works = [Row(str(opening.model), opening, one, variation) for opening in models for variation, one in changed]
    works += [Row(method.name, method, settings) for method in others]
    rows = row_names(works)
    comparison = Comparison(tuple(table or ()), report, json_file)
    comparison.check(chosen, overwrite)
    pairs = match_pairs(low, high, pair_name=strip_role_prefix)
    if names is not None:
        pairs = select(pairs, read_names(names))
    kept = kept_beside(json_file, save, pictures=sheet is not None or report is not None) if resume else None
    places = Places(rows, save, sheet, kept)
    read = [path for path in (names, *(onnx or ())) if path is not None]
    places.check(pairs, read, comparison.files, overwrite)
    if len(works) > 1:  # a single one is refused at its first picture
        check_settings(works, ground_truth_mean)
    pairs, left_out = scorable(pairs)
    pairs, more = without_obstacles(pairs, others)
    left_out = (*left_out, *more)
    for pair in left_out:
        warn(f"left out {pair.name}: {pair.reason}")
    run = Run(pairs, ground_truth_mean, chosen, min(workers, len(pairs)), kept)
    evaluations: dict[str, Evaluation] = {}
    keeps: list[Keep] = []
    with ExitStack() as stack:
        shown = comparison.gallery(stack, pairs)
        for name, work in zip(rows, works, strict=True):
            keep = Keep(pairs, places.folder(name), sheet, overwrite, kept=kept)
            keep.show_in(shown, len(evaluations))
            keeps.append(keep)
            try:
                evaluation = run.evaluated(work, keep)
            except DarkliftError as error:
                if name == rows[-1] and not evaluations:
                    raise
                warn(f"without {name}: {error}")  # hours of other rows are not lost
                continue
            evaluations[name] = replace(evaluation, left_out=(*left_out, *evaluation.left_out))
        compared = len(evaluations) > 1 or comparison.wanted
        study = Study(tuple(evaluations.values()), scenes_of(pairs)) if compared else None
        if per_image:
            for name, evaluation in evaluations.items():
                title = f"{name}\n\n" if len(rows) > 1 else ""
                put_out(f"{title}{per_image_table(evaluation)}\n")
        put_out(evaluation_table(tuple(evaluations.values())))
        if study is not None and (beyond := comparison_table(study)):
            put_out(f"\n{beyond}")
        if json_file is not None:
            (first, *_) = evaluations.values()
            write_json(json_file, first.to_dict() if len(rows) == 1 else as_json(study, evaluations))
            say(f"numbers: {json_file}")
        for keep in keeps:  # what the disk may refuse comes after the numbers
            keep.finish_sheet()
        if study is not None:
            comparison.write(study, tuple(evaluations.values()), shown)
    if len(evaluations) < len(rows) or any(evaluation.left_out for evaluation in evaluations.values()):
        raise typer.Exit(1)
