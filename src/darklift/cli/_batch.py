"""``darklift batch``: what there is to know of a folder of results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from darklift.cli._console import put_out
from darklift.errors import UsageError, printable

if TYPE_CHECKING:
    from darklift.batch.manifest import Entry

__all__ = ["batch"]

batch = typer.Typer(no_args_is_help=True, help="Look after runs over many photos.")


@batch.callback()
def _only_a_group() -> None:
    """Look after runs over many photos."""


@batch.command()
def status(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="The folder of results, as after -o.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Tell what is done, has failed, and is being worked on in a folder of results.

    Exit code: 0 nothing failed, 1 photos failed, 2 there is no manifest.
    """
    from darklift.batch.claims import Claims
    from darklift.batch.manifest import FileState, Manifest

    manifest = Manifest(Path(folder))
    if not manifest.path.is_file():
        raise UsageError(f"there is no manifest in {folder}: darklift enhance -o FOLDER --resume keeps one in FOLDER")
    manifest.refresh()
    groups: dict[str, list[Entry]] = {"done": [], "failed": [], "gone": []}
    for entry in manifest.entries.values():
        there = entry.status != "done" or FileState.of(manifest.results / entry.output) is not None
        groups[entry.status if there else "gone"].append(entry)
    claims = list(Claims(manifest.folder).look())
    at_work = [f"{c.output} ({c.host.partition('/')[0]}, process {c.pid})" for c, alive in claims if alive]
    left = [claim.output for claim, alive in claims if not alive]
    if as_json:
        account: dict[str, Any] = {name: [_row(entry) for entry in entries] for name, entries in groups.items()}
        put_out(json.dumps({**account, "at_work": at_work, "left": left, "damaged": manifest.damaged}, indent=2))
    else:
        told = [_summary(groups, at_work, left, manifest.damaged), *_lines(groups, at_work, left)]
        put_out("\n".join(printable(line) for line in told))
    if groups["failed"]:
        raise typer.Exit(1)


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "input": entry.input,
        "output": entry.output,
        "error": entry.error,
        "seconds": entry.seconds,
        "share": entry.share,
        "aim": entry.aim,
        "time": entry.time,
    }


def _summary(groups: dict[str, list[Entry]], at_work: list[str], left: list[str], damaged: int) -> str:
    counts = {
        "done": len(groups["done"]),
        "failed": len(groups["failed"]),
        "done and gone": len(groups["gone"]),
        "being worked on": len(at_work),
        "left by a run that died": len(left),
        "unreadable in the manifest": damaged,
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count or what == "done")


def _lines(groups: dict[str, list[Entry]], at_work: list[str], left: list[str]) -> list[str]:
    return [
        *(f"failed: {entry.error}" for entry in groups["failed"]),
        *(f"gone: {entry.output}, of {entry.input}" for entry in groups["gone"]),
        *(f"being worked on: {one}" for one in at_work),
        *(f"left by a run that died: {one}" for one in left),
    ]
