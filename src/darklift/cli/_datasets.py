"""``darklift datasets``: the data sets of the field, and whether one on disk is what it should be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from darklift.cli._console import progress_bar, put_out
from darklift.errors import printable

if TYPE_CHECKING:
    from darklift.data import Layout
    from darklift.data.check import Common, Report

__all__ = ["datasets"]

_MOST_SHOWN = 5  # pictures that two sets share

datasets = typer.Typer(
    help="List the data sets that darklift knows, or check one on disk.", invoke_without_command=True
)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@datasets.callback()
def listing(context: typer.Context, as_json: JsonFlag = False) -> None:
    """List the data sets that darklift knows: how they lie on disk, where they come from, their licence and size.

    \b
    Examples:
      darklift datasets
      darklift datasets check lol-v1 data
      darklift datasets check lol-v2-real data/LOLv2 --against data/LOLdataset
    """
    if context.invoked_subcommand is not None:
        return
    from darklift.data import BENCHMARKS

    if as_json:
        put_out(json.dumps([_values(layout) for layout in BENCHMARKS], indent=2))
        return
    put_out("\n\n".join("\n".join(_lines(layout)) for layout in BENCHMARKS))


@datasets.command()
def check(
    layout: Annotated[str, typer.Argument(metavar="LAYOUT", help="Its name in the list, or auto: the folders tell.")],
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="The data set's folder, or one above or inside it.")],
    against: Annotated[
        Path | None,
        typer.Option(metavar="ROOT", help="Another data set, or folder of pictures, to have nothing in common with."),
    ] = None,
    names: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Pairs kept for validation (a file, or lolv1-val), compared with the rest."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Look at every picture: count, names, sizes, depth, range, shifts, and what test and training data share.

    Two pictures are found to be the same by their pixels, by what is left of them after coding, or by their scene: seen
    from the same place, at any exposure. Ends with 1 where something is wrong.

    \b
    Examples:
      darklift datasets check lol-v1 data/LOLdataset
      darklift datasets check folders mine --against data/LOLdataset
      darklift datasets check lol-v1 data/LOLdataset --names lolv1-val
    """
    from darklift.data import read_names
    from darklift.data.check import check_dataset

    with progress_bar() as bar:
        report = check_dataset(
            root,
            None if layout == "auto" else layout,
            against=against,
            names=None if names is None else read_names(names),
            progress=bar.update,
        )
    put_out(json.dumps(report.to_dict(), indent=2) if as_json else "\n".join(map(printable, _told(report))))
    if not report.is_fine:
        raise typer.Exit(1)


def _values(layout: Layout) -> dict[str, Any]:
    return {
        "name": layout.key,
        "title": layout.title,
        "folders": {split: [way.expects for way in ways] for split, ways in layout.splits.items()},
        "counts": {split: layout.counts.get(split) for split in layout.splits},
        "scenes": dict(layout.scenes),
        "size": layout.size,
        "source": layout.source,
        "licence": layout.licence,
        "note": layout.note,
    }


def _lines(layout: Layout) -> list[str]:
    lines = [f"{layout.key}: {layout.title}"]
    for split, ways in layout.splits.items():
        lines.append(f"  {split}: {' or '.join(dict.fromkeys(way.expects for way in ways))} ({_size(layout, split)})")
    lines += [f"  from: {layout.source}", f"  licence: {layout.licence}"]
    return [*lines, f"  {layout.note}"] if layout.note else lines


def _size(layout: Layout, split: Any) -> str:
    count, scenes = layout.counts.get(split), layout.scenes.get(split)
    if scenes is not None:
        return f"{scenes} scenes"
    what = "pairs" if layout.is_paired else "pictures"
    return f"any number of {what}" if layout.key == "folders" else f"{'unstated' if count is None else count} {what}"


def _told(report: Report) -> list[str]:
    lines = [f"{report.layout.title} in {report.root}"]
    for split in report.splits:
        values = split.to_dict()
        scenes = "" if split.scenes is None else f", {split.scenes} scenes"
        lines.append(f"{split.name}: {split.count}{scenes}")
        if shifts := values["shift_pixels"]:
            lines.append("  shift in pixels: " + ", ".join(f"{name} {value:.2f}" for name, value in shifts.items()))
        for finding in split.findings:
            lines.append(f"  {'WRONG' if finding.is_wrong else 'note'}: {finding.text}")
    for common in report.common:
        lines += _common(common)
    return [*lines, "nothing is wrong" if report.is_fine else "something is wrong"]


def _common(common: Common) -> list[str]:
    found = common.overlap
    head = f"{common.split} and {common.other}: "
    if not found.matches:
        return [f"{head}nothing in common"]
    kinds = (
        (found.count("pixels"), "pixel for pixel"),
        (found.count("picture"), "but for coding and noise"),
        (found.count("scene"), "by scene"),
    )
    text = ", ".join(f"{count} {words}" for count, words in kinds if count)
    shown = [f"{match.name} = {match.other} ({match.likeness})" for match in found.matches[:_MOST_SHOWN]]
    more = len(found.matches) - len(shown)
    return [
        f"{head}WRONG: {len(found.matches)} of {found.of} are there, too ({text})",
        f"  {', '.join(shown)}{f' and {more} more' if more > 0 else ''}",
    ]
