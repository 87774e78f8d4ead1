"""Whether a data set on disk is what it should be: count, names, sizes, depth, range, alignment, and what its test data
share with training data.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from darklift.data.alignment import Shift, shift_between
from darklift.data.arrangement import Alone
from darklift.data.benchmarks import Layout
from darklift.data.findings import Finding, PairFacts, about, count_finding, look_for, name_findings
from darklift.data.fingerprint import look_at
from darklift.data.layouts import Place, find_layout
from darklift.data.overlap import Item, Overlap, overlap_of, repeats_in, scenes_in
from darklift.data.pairs import Matching, Pair, exclude, select
from darklift.errors import DataError, ImageError, UsageError

__all__ = ["Common", "Report", "SplitReport", "check_dataset"]

_MOST_GROUPED = 20_000  # pictures among which scenes are looked for: every one is compared with every other
_MOST_THREADS = 4


@dataclass(frozen=True)
class SplitReport:
    """One split: how many pairs (or pictures) there are and should be, how many scenes they show (None: too many
    pictures to compare), the shifts between a pair's pictures, and what was found.
    """

    name: str
    folder: str
    count: int
    expected: int | None
    scenes: int | None
    shifts: tuple[float, ...]
    """In pixels, of the pairs on which it could be measured; in the order of the pairs."""
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        values = asdict(self)
        ordered = sorted(values.pop("shifts"))
        summary = {"median": 0.5, "p95": 0.95, "most": 1.0}
        values["shift_pixels"] = (
            {k: ordered[int(at * (len(ordered) - 1))] for k, at in summary.items()} if ordered else {}
        )
        return values


@dataclass(frozen=True)
class Common:
    """What one split shares with another one, of this data set or of the one it was compared with."""

    split: str
    other: str
    overlap: Overlap

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        counts = {name: self.overlap.count(name) for name in ("pixels", "picture", "scene")}
        matches = [asdict(match) for match in self.overlap.matches]
        return {"split": self.split, "other": self.other, "of": self.overlap.of, **counts, "matches": matches}


@dataclass(frozen=True)
class Report:
    """All that :func:`check_dataset` found."""

    layout: Layout
    root: str
    splits: tuple[SplitReport, ...]
    common: tuple[Common, ...]

    @property
    def is_fine(self) -> bool:
        """Nothing is wrong, and no two splits that were compared have anything in common."""
        wrong = any(finding.is_wrong for split in self.splits for finding in split.findings)
        return not wrong and not any(common.overlap.matches for common in self.common)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "layout": self.layout.key,
            "root": self.root,
            "fine": self.is_fine,
            "note": self.layout.note,
            "splits": [split.to_dict() for split in self.splits],
            "common": [common.to_dict() for common in self.common],
        }


@dataclass(frozen=True)
class _Part:
    """Pairs or pictures that are looked at as one split."""

    name: str
    folder: str
    found: Matching
    alone: dict[str, Path]
    expected: int | None = None
    expected_scenes: int | None = None

    @property
    def count(self) -> int:
        return len(self.found.pairs) or len(self.alone)


Progress = Callable[[int, int, str], None]


def check_dataset(
    root: str | os.PathLike[str],
    layout: str | None = None,
    *,
    against: str | os.PathLike[str] | None = None,
    names: Iterable[str] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Look at every picture of a data set.

    Args:
        root: as :func:`~darklift.data.find_pairs` takes it.
        layout: which one; None: the folders must tell.
        against: the root of another data set, or a folder of pictures, that must have nothing in common with this one.
            Of its splits, those are in the report of which something could not be compared.
        names: of pairs of the training split that are kept for validation: they are compared with the rest of it.
        progress: called with pictures done, pictures in all, and a name.

    Raises:
        UsageError: an unknown layout, or names for one without pairs.
        DataError: there is no such data set, or a name that no pair has. What is wrong with one that is there is in the
            report.
    """
    place = find_layout(root, layout)
    if names is not None and not place.layout.is_paired:
        raise UsageError(
            f"got names of pairs, and {place.layout.title} has no pairs to divide, only dark pictures: "
            "leave the names out"
        )
    parts = _parts(place)
    if names is not None:
        parts = _divided(parts, tuple(names))
    others = () if against is None else _parts(_other_place(Path(against)))
    total = sum(part.count for part in (*parts, *others))
    if not total:
        raise DataError(f"no picture to look at in {place.root}; expected {place.layout.title} in it")
    done = 0

    def tell(name: str) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total, name)

    looked = [_look(part, place.layout, tell) for part in parts]
    looked_others = [_look(part, None, tell) for part in others]
    common = [
        Common(report.name, before.name, overlap_of(items, earlier))
        for number, (report, items) in enumerate(looked)
        for before, earlier in looked[:number]
        if items and earlier
    ]
    common += [
        Common(report.name, f"{against}: {other.name}", overlap_of(items, theirs))
        for report, items in looked
        for other, theirs in looked_others
        if items and theirs
    ]
    missed = (_not_compared(report, f"{against}: {report.name}") for report, _ in looked_others)
    splits = (*(report for report, _ in looked), *filter(None, missed))
    return Report(place.layout, str(place.root), splits, tuple(common))


def _not_compared(other: SplitReport, name: str) -> SplitReport | None:
    """What keeps pictures of another data set from being compared: nothing else is asked of it."""
    kinds = ("names", "unreadable")
    findings = tuple(finding for finding in other.findings if finding.is_wrong and finding.kind in kinds)
    return replace(other, name=name, findings=findings) if findings else None


def _other_place(folder: Path) -> Place:
    try:
        return find_layout(folder)
    except DataError:
        if not folder.is_dir() or not Alone("").holds(folder):
            raise
        return Place(Layout("pictures", "pictures", {"test": (Alone(""),)}), folder)


def _parts(place: Place) -> tuple[_Part, ...]:
    nameless = not place.layout.is_paired or (place.layout.key == "folders" and len(place.splits) == 1)
    return tuple(
        _Part(
            name="all" if nameless else split,
            folder=str(place.root),
            found=way.look(place.root),
            alone=way.pictures(place.root) if isinstance(way, Alone) else {},
            expected=place.layout.counts.get(split),
            expected_scenes=place.layout.scenes.get(split),
        )
        for split in place.splits
        if (way := place.arrangement(split)) is not None
    )


def _divided(parts: tuple[_Part, ...], names: tuple[str, ...]) -> tuple[_Part, ...]:
    first, *rest = parts
    kept, chosen = exclude(first.found.pairs, names), select(first.found.pairs, names)
    rest_of_first = _Part(f"{first.name} without the names", first.folder, replace(first.found, pairs=kept), {})
    return rest_of_first, _Part("names", first.folder, Matching(chosen), {}), *rest


def _look(part: _Part, layout: Layout | None, tell: Callable[[str], None]) -> tuple[SplitReport, list[Item]]:
    facts, items, unreadable = _read_all(part, tell)
    groups = scenes_in(items) if items and len(items) <= _MOST_GROUPED else None
    findings = (
        *_counts(part),
        *name_findings(part.found),
        *about("unreadable", "cannot be read", unreadable),
        *look_for(facts, None if layout is None else layout.size),
        *_shown_again(items, groups),
    )
    report = SplitReport(
        name=part.name,
        folder=part.folder,
        count=part.count,
        expected=part.expected,
        scenes=None if groups is None else len(groups),
        shifts=tuple(each.shift.pixels for each in facts if each.shift is not None and each.shift.is_sure),
        findings=findings,
    )
    return report, items


def _counts(part: _Part) -> Iterator[Finding]:
    what = "pictures" if part.alone else "pairs"
    if not part.count and part.expected is None:
        yield Finding("count", True, f"no {what}: nothing is left to train or test on")
    yield from count_finding(part.count, part.expected, what)
    yield from count_finding(len({pair.high for pair in part.found.pairs}), part.expected_scenes, "scenes")


def _shown_again(items: Sequence[Item], groups: Sequence[tuple[str, ...]] | None) -> Iterator[Finding]:
    if groups is not None and len(groups) < len(items):
        text = f"{len(items)} show {len(groups)} scenes: divide them by scene, never one by one"
        yield Finding("scenes", False, text, tuple(" ".join(group) for group in groups if len(group) > 1))
    yield from about("repeats", "pictures serve several", [" = ".join(names) for names in repeats_in(items)], False)


def _read_all(part: _Part, tell: Callable[[str], None]) -> tuple[list[PairFacts], list[Item], list[str]]:
    """Of each pair its facts and what it is compared by; and why the others cannot be read."""
    facts: list[PairFacts] = []
    items: list[Item] = []
    unreadable: list[str] = []
    jobs = part.found.pairs or tuple(Pair(name, path, path) for name, path in part.alone.items())
    with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as pool:
        for pair, result in _in_order(pool, jobs):
            tell(pair.name)
            if isinstance(result, str):
                unreadable.append(result)
            else:
                facts.append(result[0])
                items.append(result[1])
    return facts, items, unreadable


def _in_order(pool: ThreadPoolExecutor, pairs: Sequence[Pair]) -> Iterator[tuple[Pair, tuple[PairFacts, Item] | str]]:
    """Each pair with what it is, some ahead of time."""
    waiting = iter(pairs)
    queue = [(pair, pool.submit(_look_at_pair, pair)) for pair in islice(waiting, 2 * _MOST_THREADS)]
    while queue:
        pair, future = queue.pop(0)
        yield pair, future.result()
        queue += [(pair, pool.submit(_look_at_pair, pair)) for pair in islice(waiting, 1)]


def _look_at_pair(pair: Pair) -> tuple[PairFacts, Item] | str:
    """What both are, or why one cannot be read."""
    try:
        high, seen, bright = look_at(pair.high)
        if pair.low == pair.high:
            return PairFacts(pair.name, high, None, None), Item(pair.name, pair.high, seen)
        low, dark, view = look_at(pair.low)
    except ImageError as error:
        return str(error)
    shift: Shift | None = shift_between(view, bright) if low.size == high.size else None
    return PairFacts(pair.name, low, high, shift), Item(pair.name, pair.high, seen, dark.pixels)
