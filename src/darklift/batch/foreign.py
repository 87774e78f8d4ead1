"""What lies among the photos and cannot be read: it is named, so that nobody takes a folder for done that is not."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from darklift.batch.paths import identity, walk
from darklift.image import foreign_kind, is_image_path

__all__ = ["Skipped", "find_skipped", "kinds_in_words"]


@dataclass(frozen=True)
class Skipped:
    """A picture that cannot be read, found in a folder or by a pattern. kind: "HEIC", "camera RAW", …"""

    path: Path
    kind: str


def find_skipped(arguments: Sequence[str], *, recursive: bool = False, output: str | None = None) -> list[Skipped]:
    """The pictures that :func:`find_pictures` leaves out for what they are, of the same arguments.

    A file that is named is none of them: it is tried, and fails.
    """
    named = {identity(Path(argument)) for argument in arguments}
    found: dict[Path, Skipped] = {}
    for path in _candidates(arguments, recursive, output):
        if not is_image_path(path) and path.is_file() and identity(path) not in named:
            kind = foreign_kind(path)
            if kind is not None:
                found.setdefault(identity(path), Skipped(path, kind))
    return list(found.values())


def _candidates(arguments: Sequence[str], recursive: bool, output: str | None) -> Iterator[Path]:
    for argument in arguments:
        if os.path.isdir(argument):
            yield from walk(Path(argument), recursive, identity(Path(output)) if output else None)
        elif not os.path.lexists(argument) and glob.has_magic(argument):
            yield from (Path(match) for match in sorted(glob.glob(argument, recursive=True)))


def kinds_in_words(skipped: Sequence[Skipped]) -> str:
    """As in "3 HEIC, 1 GIF"."""
    counts = Counter(picture.kind for picture in skipped)
    return ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
