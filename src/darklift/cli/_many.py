"""Options of runs over many photos that can be stopped, and gone on with."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

__all__ = ["DryRunOption", "ResumeOption", "RetryFailedOption", "SkipExistingOption"]

_MANY = "Many photos"

ResumeOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Keep a manifest beside the results, and go on from it: leave out what is done, unless the photo or what "
        "you ask for has changed. Runs at the same time share the work.",
        rich_help_panel=_MANY,
    ),
]
RetryFailedOption: TypeAlias = Annotated[
    bool, typer.Option("--retry-failed", help="Like --resume, and try again what failed.", rich_help_panel=_MANY)
]
SkipExistingOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--skip-existing",
        help="Leave out photos whose result is there, however it came about.",
        rich_help_panel=_MANY,
    ),
]
DryRunOption: TypeAlias = Annotated[
    bool, typer.Option("--dry-run", help="Only tell what would be done.", rich_help_panel=_MANY)
]
