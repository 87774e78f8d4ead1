"""Options that several commands share, and their checks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from darklift.batch.outputs import obstacle
from darklift.errors import DataError, UsageError

__all__ = [
    "OverwriteOption",
    "QuietOption",
    "RecursiveOption",
    "SeedOption",
    "check_new_file",
    "check_new_picture",
    "refused_as",
    "write_json",
    "writing",
]


OverwriteOption: TypeAlias = Annotated[bool, typer.Option("--overwrite", help="Replace files that are already there.")]
RecursiveOption: TypeAlias = Annotated[
    bool, typer.Option("--recursive", "-r", help="Look into the folders inside folders, too.")
]
QuietOption: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
SeedOption: TypeAlias = Annotated[
    int, typer.Option(metavar="N", help="Starts the random numbers: the same seed gives the same files.")
]


def refused_as(context: typer.Context, tell: Callable[[str], str] | None) -> None:
    """Print what ``tell`` makes of the message, should the request be refused from now on; None prints nothing.

    The command line's own group does it, which is where errors become messages: see ``cli/__init__.py``.
    """
    context.find_root().obj = tell


def check_new_picture(option: str, path: str, overwrite: bool) -> None:
    """Like :func:`check_new_file`, for a picture. Raises UsageError."""
    from darklift.image import WRITABLE_EXTENSIONS

    if Path(path).suffix.lower() not in WRITABLE_EXTENSIONS:
        raise UsageError(f"{option} {path} is not the name of a picture: let it end with .png or .jpg")
    check_new_file(option, path, overwrite)


def check_new_file(option: str, path: str | Path, overwrite: bool) -> None:
    """Refuse before the work what writing this file would refuse after it. Raises UsageError."""
    problem = obstacle(Path(path), overwrite)
    if problem is not None:
        raise UsageError(f"{option} {path}: {problem}")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise DataError where the disk refuses the file."""
    try:
        yield
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error


def write_json(path: Path, content: object) -> None:
    """The content as a readable file, whole or not at all. Raises DataError."""
    from darklift.files import write_atomically

    with writing(path):
        write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())
