"""Whether a file can be written, found out before the work that it would hold."""

from __future__ import annotations

import os
from pathlib import Path

from darklift.errors import IN_THE_WAY, ImageError

__all__ = ["make_folder", "obstacle"]


def obstacle(path: Path, overwrite: bool) -> str | None:
    """Why this file cannot be written, and what to do; None where nothing is in the way."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass  # as it should be, and as is said below
    except (OSError, ValueError) as error:  # a name too long, a NUL in it
        return f"{getattr(error, 'strerror', None) or error}, choose another name"
    if os.path.isdir(path):
        return "there is a folder of that name, choose another name"
    if os.path.lexists(path) and not overwrite:
        return IN_THE_WAY
    around = next((folder for folder in path.parents if os.path.lexists(folder)), Path())
    if not os.path.isdir(around):
        return f"{around} is not a folder"
    if not os.access(around, os.W_OK | os.X_OK):
        return f"the folder {around} is read-only, choose another"
    return None


def make_folder(folder: Path) -> None:
    """With all folders above it. Raises ImageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageError(f"cannot create the folder {folder}: {error.strerror}") from error
