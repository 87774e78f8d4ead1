"""``darklift metrics``: the scores that an evaluation can give, and the files that some of them need."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from darklift.cli._console import put_out, say
from darklift.errors import UsageError, printable

if TYPE_CHECKING:
    from darklift.evaluation.metric import Metric

__all__ = ["metrics"]

_WIDTH = 100

metrics = typer.Typer(
    help="List the scores that an evaluation can give, or add files that some need.", invoke_without_command=True
)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--metric-weights",
        metavar="FOLDER",
        help="Where the files lie.",
        show_default="$DARKLIFT_METRIC_WEIGHTS, else the user's cache folder",
    ),
]


@metrics.callback()
def listing(context: typer.Context, metric_weights: FolderOption = None, as_json: JsonFlag = False) -> None:
    """List the scores: direction, range, source, licence, and whether they can be had here.

    \b
    Examples:
      darklift metrics
      darklift metrics add lpips-0.1.4-py3-none-any.whl alexnet-owt-7be5be79.pth
      darklift evaluate --low low --high high --metrics psnr,ssim,lpips_alex
    """
    if context.invoked_subcommand is not None:
        return
    from darklift.evaluation.metric_weights import weights_folder
    from darklift.evaluation.metrics import METRICS

    folder = weights_folder(metric_weights)
    bases = [metric for metric in METRICS if metric.name == metric.base]
    if as_json:
        put_out(json.dumps([_values(metric, folder) for metric in bases], indent=2))
        return
    put_out("\n\n".join(_printable(_lines(metric, folder)) for metric in bases))


@metrics.command()
def add(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Weights, whatever they are called, or packages that hold some."),
    ],
    metric_weights: FolderOption = None,
) -> None:
    """Put files that metrics need where they are found. Each is known by its SHA-256; a package is looked through.

    darklift metrics says which files there are and where people get them: nothing is downloaded.

    \b
    Examples:
      pip download --no-deps lpips==0.1.4
      darklift metrics add lpips-0.1.4-py3-none-any.whl alexnet-owt-7be5be79.pth
    """
    from darklift.evaluation.metric_weights import add_weights, weights_folder

    for path in files:
        if not path.is_file():
            raise UsageError(f"no file {path}: pass weights, or packages that hold some")
    folder = weights_folder(metric_weights)
    for file in add_weights(files, folder):
        say(f"{folder / file.name}: {file.licence}")


def _printable(lines: Iterator[str]) -> str:
    return "\n".join(map(printable, lines))


def _lines(metric: Metric, folder: Path) -> Iterator[str]:
    unit = f" {metric.unit}" if metric.unit else ""
    protocols = "plain and GT-mean" if metric.paired else "plain"
    yield f"{metric.name}  {metric.heading}"
    yield f"  {metric.better} is better, {metric.range}{unit}; {protocols}"
    yield f"  {metric.reference}"
    yield from textwrap.wrap(f"licence: {metric.licence}", _WIDTH, initial_indent="  ", subsequent_indent="    ")
    if limits := metric.no_value():
        yield f"  no value: {limits}"
    missing = metric.missing(folder)
    if missing and metric.needs.extra is not None and not metric.needs.extra.installed():
        yield f"  {missing}: pip install 'darklift[{metric.needs.extra.name}]'"
    elif missing:
        yield f"  {missing} in {folder}: darklift metrics add FILE..., with"
        yield from _wanted(metric)


def _wanted(metric: Metric) -> Iterator[str]:
    """The files of weights that are missing, each set that would do."""
    from darklift.evaluation.metric_weights import WEIGHTS

    by_name = {file.name: file for file in WEIGHTS}
    for number, names in enumerate(metric.needs.weights):
        if number:
            yield "    or"
        for name in names:
            yield f"    {name} ({by_name[name].size / 1e6:.3g} MB, {by_name[name].licence}):"
            yield f"      {by_name[name].source}"


def _values(metric: Metric, folder: Path) -> dict[str, Any]:
    from darklift.evaluation.metric_weights import WEIGHTS

    by_name = {file.name: file for file in WEIGHTS}
    return {
        "name": metric.name,
        "heading": metric.heading,
        "better": metric.better,
        "range": metric.range,
        "unit": metric.unit,
        "protocols": ["plain", "GT-mean"] if metric.paired else ["plain"],
        "reference": metric.reference,
        "licence": metric.licence,
        "no_value": metric.no_value(),
        "missing": metric.missing(folder),
        "weights": [
            [{"name": name, "sha256": by_name[name].sha256, "source": by_name[name].source} for name in names]
            for names in metric.needs.weights
        ],
    }
