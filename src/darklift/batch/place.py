"""Which folder the results of a request have in common: where its manifest is kept."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

__all__ = ["folder_of_results"]


def folder_of_results(arguments: Sequence[str], output: str | None, several: bool) -> Path:
    """What ``-o`` names, if that is a folder; of a file or a pattern, the folder around it, before any placeholder;
    else what the folders of the photos have in common.

    several: whether there are several pictures. It depends on what was typed alone, so that the same request finds it
    again.
    """
    if output is not None:
        begin, brace, _ = output.partition("{")
        if not brace and (os.path.isdir(output) or output.endswith(("/", os.sep)) or several):
            return Path(output)
        if not output.startswith("{parent}"):
            return Path(f"{begin}x").parent
    try:
        return Path(os.path.commonpath([os.path.abspath(_folder_of(argument)) for argument in arguments]))
    except ValueError:  # several drives
        return Path()


def _folder_of(argument: str) -> str:
    if os.path.isdir(argument):
        return argument
    if os.path.lexists(argument) or not glob.has_magic(argument):
        return os.path.dirname(argument) or "."
    parts = Path(argument).parts
    plain = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    return str(Path(*parts[:plain])) if plain else "."
