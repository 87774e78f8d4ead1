"""Where data sets lie: a layout by its name, or by the folders that are there, from any root.

:data:`~darklift.data.benchmarks.BENCHMARKS` has them all. The root may be the data set's own folder, one above it, or,
where the layout is named, one inside it.

Multi-exposure scenes (:func:`exposure_pairs`) are a layout of their own: several low-light pictures share a ground
truth.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from darklift.data.arrangement import Arrangement, whole
from darklift.data.benchmarks import BENCHMARKS, Layout, Split
from darklift.data.pairs import Pair, images_by_name, listed, visible_entries
from darklift.errors import DataError, UsageError, hint_for

__all__ = ["Place", "exposure_pairs", "find_layout", "find_pairs", "held_back_by", "layout_called"]

_DEPTH = 2  # folders below the root that are looked into: data/LOLdataset/our485, data/lol/LOLdataset/our485


@dataclass(frozen=True, slots=True)
class Place:
    """A data set on disk."""

    layout: Layout
    root: Path

    def arrangement(self, split: Split) -> Arrangement | None:
        """How this split lies here; None where it does not."""
        return next((way for way in self.layout.splits.get(split, ()) if way.holds(self.root)), None)

    @property
    def splits(self) -> tuple[Split, ...]:
        """Those that are here; a set without splits is its training data."""
        there = tuple(split for split in self.layout.splits if self.arrangement(split) is not None)
        return there[:1] if len({self.arrangement(split) for split in there}) == 1 else there


def layout_called(key: str) -> Layout:
    """By its key, such as ``lol-v1``. Raises UsageError."""
    known = {layout.key: layout for layout in BENCHMARKS}
    if key not in known:
        hint = hint_for(key, known, f"expected one of {', '.join(known)}")
        raise UsageError(f"there is no layout {key!r}: {hint}")
    return known[key]


def find_pairs(root: str | os.PathLike[str], split: Split = "train", layout: str | None = None) -> tuple[Pair, ...]:
    """Find a data set from its root folder, and its pairs.

    Args:
        root: the data set's folder, or one above it; where ``layout`` is given, also one inside it.
        split: ``"train"``, ``"val"`` or ``"test"``. Two folders beside one another have no splits: they are the same
            whole set for training and testing, so keep two such sets apart.
        layout: which one, as ``darklift datasets`` lists them. Without it, folders must tell.

    Returns:
        The pairs in natural order of their names; never empty.

    Raises:
        UsageError: an unknown split or layout, or one without ground truths.
        DataError: no such data set (the message lists what was looked for), more than one, one without the split asked
            for, or pictures that do not pair up (:func:`darklift.data.match_pairs`).
    """
    if split not in get_args(Split):
        raise UsageError(f"got split {split!r}; expected {', '.join(map(repr, get_args(Split)))}")
    place = find_layout(root, layout)
    if not place.layout.is_paired:
        raise UsageError(f"{place.layout.title} has no ground truths: choose a data set of pairs")
    way = place.arrangement(split)
    if way is None:
        expected = " or ".join(way.expects for way in place.layout.splits.get(split, ())) or "another split"
        raise DataError(f"{place.root} holds {place.layout.title} without a {split} split; expected {expected} in it")
    return whole(way, place.root)


def find_layout(root: str | os.PathLike[str], key: str | None = None) -> Place:
    """The one data set here of which at least one split is there, nearest to the root. Raises DataError, UsageError."""
    folder = Path(root)
    if not folder.is_dir():
        raise DataError(f"no folder {folder}; expected the root of a data set: check the path")
    layouts = [each for each in BENCHMARKS if each.found_unnamed] if key is None else [layout_called(key)]
    level = [folder]
    for _ in range(_DEPTH + 1):
        present = [place for here in level for each in layouts if (place := Place(each, here)).splits]
        if len(present) > 1:
            names = ", ".join(_named(place, folder) for place in present)
            raise DataError(
                f"several data sets in {folder}: {names}; expected one: give the folder of one of them, or its layout"
            )
        if present:
            return present[0]
        level = [path for here in level for path in visible_entries(here) if path.is_dir()]
    above = None if key is None else _around(folder, layouts[0])
    if above is not None:
        return above
    looked_for = "; ".join(f"{_expected(each)} ({each.title})" for each in layouts)
    raise DataError(f"no known data set in {folder}; looked for {looked_for}: give the folder that holds one of these")


def _named(place: Place, folder: Path) -> str:
    inside = place.root.relative_to(folder)
    return place.layout.title if inside == Path() else f"{place.layout.title} ({inside})"


def _expected(layout: Layout) -> str:
    ways = dict.fromkeys(way.expects for ways in layout.splits.values() for way in ways[:1])
    return " or ".join(ways)


def _around(folder: Path, layout: Layout) -> Place | None:
    """The data set that the folder lies in: LOL-v1 from ``our485`` or ``our485/low``."""
    here = folder.resolve()
    for above in here.parents[: _DEPTH + 1]:
        inside = here.relative_to(above).parts[0].lower()
        for way in (way for ways in layout.splits.values() for way in ways):
            if inside == way.first_folder.lower().partition("/")[0] and way.holds(above):
                return Place(layout, above)
    return None


def held_back_by(highs: Iterable[Path]) -> tuple[str, ...]:
    """The titles of the data sets in whose test splits some of these ground truths stand; none where no folder says so.

    Only folders tell, not pixels: a copy elsewhere is not known again. ``darklift datasets check --against`` finds it.
    """
    unknown = {os.path.realpath(high) for high in highs}
    roots = dict.fromkeys(above for file in sorted(unknown) for above in list(Path(file).parents)[1 : _DEPTH + 3])
    titles = []
    for layout in (layout for layout in BENCHMARKS if layout.is_paired):  # plain folders, as any may be, come last
        held: set[str] = set()
        for place in (Place(layout, root) for root in roots):
            test = place.arrangement("test")
            if test is not None and test != place.arrangement("train"):
                held |= {os.path.realpath(pair.high) for pair in test.look(place.root).pairs}
        if held & unknown:
            titles.append(layout.title)
            unknown -= held
    return tuple(titles)


def exposure_pairs(root: str | os.PathLike[str]) -> tuple[Pair, ...]:
    """Pairs of a folder of multi-exposure scenes: ``NNN/target.jpg`` with each of ``NNN/low1.jpg``, ``NNN/low2.jpg``, …

    Every visible subfolder is a scene. Extensions may be any of a picture's; files of other names are ignored.

    Args:
        root: the folder that holds the scenes' folders.

    Returns:
        Pairs named ``NNN/low1``, in natural order of scenes and then of pictures; pairs of one scene share ``high``, so
        split by scene (the part before the slash) and never by pair. Never empty.

    Raises:
        DataError: no scene, or scenes without a target or without a low-light picture, which are listed.
    """
    folder = Path(root)
    scenes = [path for path in visible_entries(folder) if path.is_dir()]
    if not scenes:
        raise DataError(f"no scene in {folder}; expected folders that hold target.jpg and low1.jpg, low2.jpg, …")
    pairs: list[Pair] = []
    incomplete: list[str] = []
    for scene in scenes:
        images = images_by_name(scene)
        lows = [name for name in images if re.fullmatch(r"low\d*", name)]
        if "target" not in images or not lows:
            incomplete.append(scene.name)
        else:
            pairs.extend(Pair(f"{scene.name}/{name}", images[name], images["target"]) for name in lows)
    if incomplete:
        raise DataError(
            f"scenes in {folder} without target.jpg or without low1.jpg: {listed(incomplete)}; "
            "add the pictures or move these scenes away"
        )
    return tuple(pairs)
