"""Pairs of a low-light picture and its ground truth, matched by file name, never by position in a listing.

A picture without its partner, or two that claim the same name, stops the run with the names in the message: a set that
is quietly shifted by one trains and scores without any other sign.
"""

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from darklift.errors import DataError
from darklift.image import USUAL_EXTENSIONS, is_image_path

__all__ = [
    "Contents",
    "Matching",
    "Pair",
    "contents_of",
    "exclude",
    "images_by_name",
    "listed",
    "look_at_pairs",
    "match_pairs",
    "natural_key",
    "select",
    "visible_entries",
]


MAX_LISTED = 10


@dataclass(frozen=True, slots=True)
class Pair:
    """One low-light picture and its ground truth."""

    name: str
    """Unique in its data set: the file name without extension, less any prefix for the role (low, normal)."""
    low: Path
    high: Path


@dataclass(frozen=True, slots=True)
class Contents:
    """The visible files directly in a folder, in natural order."""

    pictures: Mapping[str, Path] = field(default_factory=dict)
    """By pair name; of several of one name the last."""
    twice: tuple[str, ...] = ()
    """Files of one name, "1.jpg and 1.png"."""
    others: tuple[str, ...] = ()
    """Files that are no pictures."""


@dataclass(frozen=True, slots=True)
class Matching:
    """What folders hold, whether or not it pairs up: pairs, and names of the rest, in natural order."""

    pairs: tuple[Pair, ...]
    without_high: tuple[str, ...] = ()
    without_low: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()
    """Files of one name in one folder, "1.jpg and 1.png"; the last of them is in ``pairs``."""
    others: tuple[str, ...] = ()
    """Visible files that are no pictures."""

    @classmethod
    def of(
        cls,
        folders: Iterable[Contents],
        *,
        pairs: Iterable[Pair] = (),
        without_high: Iterable[str] = (),
        without_low: Iterable[str] = (),
    ) -> Self:
        """These pairs of the folders' pictures, and what else the folders hold."""
        looked_at = tuple(folders)
        return cls(
            tuple(pairs),
            tuple(without_high),
            tuple(without_low),
            twice=tuple(names for each in looked_at for names in each.twice),
            others=tuple(name for each in looked_at for name in each.others),
        )


def match_pairs(
    low_dir: str | os.PathLike[str],
    high_dir: str | os.PathLike[str],
    *,
    pair_name: Callable[[str], str] | None = None,
) -> tuple[Pair, ...]:
    """Pair the pictures of two folders by file name without extension.

    Extensions may differ (``5.webp`` with ``5.jpg``); names are compared with their case. Hidden files, subfolders and
    files that are no pictures are ignored. Links count by their names, whether or not they lead to a file.

    Args:
        low_dir: folder of the low-light pictures.
        high_dir: folder of the ground truths.
        pair_name: maps a file name without extension to the pair's name, on both sides, for sets that name the two
            sides differently (``low00001`` and ``normal00001`` → ``00001``). Default: the name as it is.

    Returns:
        The pairs in natural order of their names (2 before 10); never empty.

    Raises:
        DataError: a folder that is missing or holds no picture, two pictures of one name in a folder, a picture without
            its partner.
    """
    low = images_by_name(low_dir, pair_name)
    high = images_by_name(high_dir, pair_name)
    problems = [
        f"{len(unmatched)} in {inside} without a partner in {other}: {listed(unmatched)}"
        for unmatched, inside, other in (
            (low.keys() - high.keys(), low_dir, high_dir),
            (high.keys() - low.keys(), high_dir, low_dir),
        )
        if unmatched
    ]
    if problems:
        raise DataError(
            f"pictures do not pair up by name: {'; '.join(problems)}; add the missing ones or move these away"
        )
    return tuple(Pair(name, low[name], high[name]) for name in low)


def look_at_pairs(
    low_dir: str | os.PathLike[str],
    high_dir: str | os.PathLike[str],
    *,
    pair_name: Callable[[str], str] | None = None,
) -> Matching:
    """As :func:`match_pairs`, but what does not pair up is told instead of refused. Raises DataError for a folder that
    is missing or cannot be read.
    """
    folders = [contents_of(folder, pair_name=pair_name) for folder in (low_dir, high_dir)]
    low, high = (folder.pictures for folder in folders)
    return Matching.of(
        folders,
        pairs=(Pair(name, low[name], high[name]) for name in low if name in high),
        without_high=(name for name in low if name not in high),
        without_low=(name for name in high if name not in low),
    )


def images_by_name(folder: str | os.PathLike[str], pair_name: Callable[[str], str] | None = None) -> Mapping[str, Path]:
    """The pictures directly in a folder, by pair name, in natural order of the names.

    Raises:
        DataError: the folder is missing, cannot be read or holds no picture; two pictures have the same name.
    """
    found = contents_of(folder, pair_name=pair_name)
    if found.twice:
        raise DataError(
            f"several pictures of one name in {folder}: {listed(found.twice)}; expected one each: move the others away"
        )
    if not found.pictures:
        raise DataError(f"no picture in {folder}; expected files ending in {' '.join(sorted(USUAL_EXTENSIONS))}")
    return found.pictures


def contents_of(
    folder: str | os.PathLike[str], *, pair_name: Callable[[str], str] | None = None, prefix: str = ""
) -> Contents:
    """What is directly in a folder. A link that leads nowhere counts as the file that it stands for: whoever reads it
    says that it cannot be read, where a pair that is left out would not be missed.

    Args:
        folder: subfolders of it are not looked into.
        pair_name: as in :func:`match_pairs`.
        prefix: what all names begin with, as ``Boat/`` for those in a folder inside the data set's.

    Raises:
        DataError: the folder is missing or cannot be read.
    """
    found: dict[str, Path] = {}
    twice: list[str] = []
    others: list[str] = []
    for path in visible_entries(Path(folder)):
        if os.path.exists(path) and not path.is_file():  # Path.exists raises for some names
            continue
        if not is_image_path(path):
            others.append(prefix + path.name)
            continue
        name = prefix + (path.stem if pair_name is None else pair_name(path.stem))
        if name in found:
            twice.append(f"{prefix}{found[name].name} and {path.name}")
        found[name] = path
    ordered = dict(sorted(found.items(), key=lambda item: natural_key(item[0])))
    return Contents(ordered, tuple(twice), tuple(others))


def visible_entries(folder: Path) -> list[Path]:
    """Files and folders directly in a folder, hidden ones left out, in natural order (the file system's own varies).

    Raises:
        DataError: the folder is missing or cannot be read.
    """
    if not folder.is_dir():
        raise DataError(f"no folder {folder}; expected a folder of a data set: check the path")
    try:
        entries = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise DataError(f"cannot list {folder}: {error.strerror}; check its permissions") from error
    return sorted(entries, key=lambda path: natural_key(path.name))


def select(pairs: Sequence[Pair], names: Iterable[str]) -> tuple[Pair, ...]:
    """The pairs with these names, in the order of ``pairs``; a name given twice counts once.

    A file's name (``1.png``, ``low00690.png``) stands for its pair.

    Raises:
        DataError: a name that no pair has.
    """
    wanted = _known_names(pairs, names)
    return tuple(pair for pair in pairs if pair.name in wanted)


def exclude(pairs: Sequence[Pair], names: Iterable[str]) -> tuple[Pair, ...]:
    """The pairs without these names, in the order of ``pairs``; names as in :func:`select`.

    Raises:
        DataError: a name that no pair has; a validation list that silently excludes nothing would leak into training.
    """
    unwanted = _known_names(pairs, names)
    return tuple(pair for pair in pairs if pair.name not in unwanted)


def _known_names(pairs: Sequence[Pair], names: Iterable[str]) -> frozenset[str]:
    asked = frozenset(names)
    known = {pair.name for pair in pairs}
    by_file = {path.name: pair.name for pair in pairs for path in (pair.low, pair.high)}
    meant = {name: name if name in known else _of_file(name, known, by_file) for name in asked}
    unknown = [name for name, pair in meant.items() if pair is None]
    if unknown:
        raise DataError(
            f"{len(unknown)} of {len(asked)} names match none of the {len(pairs)} pairs: {listed(unknown)}; "
            f"expected names such as {pairs[0].name if pairs else '1'}, with or without extension"
        )
    return frozenset(name for name in meant.values() if name is not None)


def _of_file(name: str, known: Collection[str], by_file: Mapping[str, str]) -> str | None:
    """The pair that a file's name means: one of its two files, or its name with another picture's ending."""
    if name in by_file:
        return by_file[name]
    stem = name.removesuffix(Path(name).suffix)
    return stem if is_image_path(name) and stem in known else None


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Sort key under which numbers inside names count as numbers: ``2`` before ``10``, ``a2`` before ``a10``."""
    # Splitting by a group alternates text and digits, so two keys always compare text with text, number with number.
    parts: list[str | int] = [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]
    # The name itself settles 2 against 02.
    return parts, name


def listed(names: Iterable[str]) -> str:
    """The first ten names in natural order, then how many more, on one line."""
    ordered = sorted(names, key=natural_key)
    shown = ", ".join(ordered[:MAX_LISTED])
    return shown if len(ordered) <= MAX_LISTED else f"{shown} and {len(ordered) - MAX_LISTED} more"
