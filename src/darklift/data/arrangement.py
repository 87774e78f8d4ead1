"""How a split of a data set lies in folders: the few ways that there are.

Folders are found whatever the case of their letters, since copies differ in it (``Train/Low``, ``train/low``); file
names keep theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

from darklift.data.pairs import (
    Contents,
    Matching,
    Pair,
    contents_of,
    listed,
    look_at_pairs,
    match_pairs,
    natural_key,
    visible_entries,
)
from darklift.errors import DataError

__all__ = ["Alone", "Arrangement", "Cameras", "Labelled", "Scenes", "TwoFolders", "folder_in", "whole"]


class Arrangement(Protocol):
    """Where a split's pictures are, relative to the data set's root."""

    @property
    def expects(self) -> str:
        """In words: the folders and, where they say something, the files."""

    @property
    def first_folder(self) -> str:
        """One of the folders, by which somebody who stands inside the data set is told where its root is."""

    def holds(self, root: Path) -> bool:
        """Whether the folders are there."""

    def look(self, root: Path) -> Matching:
        """The pairs, and all that is wrong with them. Raises DataError where :meth:`holds` is false."""


def whole(arrangement: Arrangement, root: Path) -> tuple[Pair, ...]:
    """The pairs, where nothing is wrong. Raises DataError otherwise, and where there is none."""
    if isinstance(arrangement, TwoFolders):
        return match_pairs(*arrangement.folders(root), pair_name=arrangement.pair_name)
    found = arrangement.look(root)
    problems = [
        f"{len(names)} {what}: {listed(names)}"
        for what, names in (
            ("without a ground truth", found.without_high),
            ("without a dark picture", found.without_low),
            ("of one name", found.twice),
        )
        if names
    ]
    if problems:
        raise DataError(f"pictures in {root} do not pair up: {'; '.join(problems)}; add or move these")
    if not found.pairs:
        raise DataError(f"no pair in {root}; expected {arrangement.expects}")
    return found.pairs


def folder_in(root: Path, name: str) -> Path | None:
    """The folder of this name (``Train/Low``) below the root in any case of letters, the exact one first."""
    here = root
    for part in filter(None, name.split("/")):
        exact = here / part
        if not exact.is_dir():
            alike = [path for path in visible_entries(here) if path.name.lower() == part.lower() and path.is_dir()]
            if not alike:
                return None
            exact = alike[0]
        here = exact
    return here if here.is_dir() else None


def _folder(root: Path, name: str) -> Path:
    found = folder_in(root, name)
    if found is None:
        raise DataError(f"no folder {root / name}; expected a folder of a data set: check the path")
    return found


@dataclass(frozen=True, slots=True)
class TwoFolders:
    """A folder of dark pictures and one of ground truths, paired by name."""

    low: str
    high: str
    pair_name: Callable[[str], str] | None = None

    @property
    def expects(self) -> str:
        return f"{self.low} + {self.high}"

    @property
    def first_folder(self) -> str:
        return self.low

    def holds(self, root: Path) -> bool:
        return folder_in(root, self.low) is not None and folder_in(root, self.high) is not None

    def folders(self, root: Path) -> tuple[Path, Path]:
        """Both, below this root. Raises DataError."""
        return _folder(root, self.low), _folder(root, self.high)

    def look(self, root: Path) -> Matching:
        return look_at_pairs(*self.folders(root), pair_name=self.pair_name)


@dataclass(frozen=True, slots=True)
class Cameras:
    """``Huawei/low|high``, ``Nikon/low|high``: two folders for each camera; pairs are named ``Huawei/1``."""

    folder: str
    names: tuple[str, ...]

    @property
    def expects(self) -> str:
        return f"{self.folder}/{' and '.join(self.names)}, low + high in each"

    @property
    def first_folder(self) -> str:
        return f"{self.folder}/{self.names[0]}/low"

    def holds(self, root: Path) -> bool:
        return bool(self._present(root))

    def look(self, root: Path) -> Matching:
        found = [_prefixed(part.look(root), f"{name}/") for name, part in self._present(root)]
        return _joined(found)

    def _present(self, root: Path) -> list[tuple[str, TwoFolders]]:
        parts = [(name, TwoFolders(f"{self.folder}/{name}/low", f"{self.folder}/{name}/high")) for name in self.names]
        return [(name, part) for name, part in parts if part.holds(root)]


@dataclass(frozen=True, slots=True)
class Scenes:
    """``short/00001/*`` with the one picture in ``long/00001``: several dark pictures share a scene's ground truth."""

    low: str
    high: str

    @property
    def expects(self) -> str:
        return f"{self.low}/SCENE/… with one picture in {self.high}/SCENE"

    @property
    def first_folder(self) -> str:
        return self.low

    def holds(self, root: Path) -> bool:
        return folder_in(root, self.low) is not None and folder_in(root, self.high) is not None

    def look(self, root: Path) -> Matching:
        low, high = (_folder(root, name) for name in (self.low, self.high))
        dark, truth = _inside(low), _inside(high)
        names = sorted({*dark, *truth}, key=natural_key)
        scenes = [self._scene(name, dark.get(name, Contents()), truth.get(name, Contents())) for name in names]
        beside_dark, beside_truth = contents_of(low), contents_of(high)
        outside = Matching.of(
            (beside_dark, beside_truth), without_high=beside_dark.pictures, without_low=beside_truth.pictures
        )
        return _joined([*scenes, outside])

    def _scene(self, name: str, dark: Contents, truth: Contents) -> Matching:
        if not dark.pictures:
            return Matching.of((dark, truth), without_low=(name,))
        if not truth.pictures:
            return Matching.of((dark, truth), without_high=(name,))
        # Some copies hold the same ground truth once for each dark picture.
        first, *more = truth.pictures
        usual = truth.pictures[first]
        return Matching.of(
            (dark, truth),
            pairs=(Pair(shot, path, truth.pictures.get(shot, usual)) for shot, path in dark.pictures.items()),
            without_low=(f"{name}/{truth.pictures[shot].name}" for shot in more if shot not in dark.pictures),
        )


@dataclass(frozen=True, slots=True)
class Labelled:
    """``3/1.JPG … 3/7.JPG``, darkest first, with ``Label/3.JPG``: the frames before the middle one are dark pictures.

    A series of 7 is exposed from -3 to +3 steps, so 1 to 3 of it are too dark.
    """

    folder: str
    labels: str = "Label"

    @property
    def expects(self) -> str:
        return f"{self.folder}/SCENE/1.JPG … (darkest first) with {self.folder}/{self.labels}/SCENE.JPG"

    @property
    def first_folder(self) -> str:
        return f"{self.folder}/{self.labels}"

    def holds(self, root: Path) -> bool:
        return folder_in(root, self.first_folder) is not None

    def look(self, root: Path) -> Matching:
        labels = _folder(root, self.first_folder)
        beside, truth = contents_of(labels.parent), contents_of(labels)
        scenes = {name: frames for name, frames in _inside(labels.parent).items() if name != labels.name}
        return Matching.of(
            (beside, truth, *scenes.values()),
            pairs=(
                Pair(frame, path, truth.pictures[name])
                for name, frames in scenes.items()
                if name in truth.pictures
                for frame, path in islice(frames.pictures.items(), len(frames.pictures) // 2)
            ),
            without_high=(*(name for name in scenes if name not in truth.pictures), *beside.pictures),
            without_low=(name for name in truth.pictures if len(scenes.get(name, Contents()).pictures) < 2),
        )


@dataclass(frozen=True, slots=True)
class Alone:
    """Dark pictures without ground truths, in this folder or in folders inside it (one a class)."""

    folder: str

    @property
    def expects(self) -> str:
        return f"pictures in {self.folder or 'the folder'}, or in folders inside it"

    @property
    def first_folder(self) -> str:
        return self.folder

    def holds(self, root: Path) -> bool:
        folder = folder_in(root, self.folder)
        return folder is not None and bool(self.pictures(root))

    def pictures(self, root: Path) -> dict[str, Path]:
        """By name, ``Boat/2015_00001`` for those in a folder inside. Raises DataError."""
        return {name: path for each in self._contents(root) for name, path in each.pictures.items()}

    def look(self, root: Path) -> Matching:
        """No pairs, as :meth:`pictures` has what there is: what is wrong with names, and other files."""
        return Matching.of(self._contents(root))

    def _contents(self, root: Path) -> tuple[Contents, ...]:
        folder = _folder(root, self.folder)
        return contents_of(folder), *_inside(folder).values()


def _inside(folder: Path) -> dict[str, Contents]:
    """What each folder inside this one holds, by its name, with names that begin with it: ``Boat/1``."""
    return {path.name: contents_of(path, prefix=f"{path.name}/") for path in visible_entries(folder) if path.is_dir()}


def _prefixed(found: Matching, prefix: str) -> Matching:
    def named(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(prefix + name for name in names)

    return Matching(
        tuple(Pair(prefix + pair.name, pair.low, pair.high) for pair in found.pairs),
        *(named(names) for names in (found.without_high, found.without_low, found.twice, found.others)),
    )


def _joined(found: Sequence[Matching]) -> Matching:
    return Matching(
        tuple(pair for each in found for pair in each.pairs),
        *(
            tuple(name for each in found for name in getattr(each, field))
            for field in ("without_high", "without_low", "twice", "others")
        ),
    )
