"""What can be wrong with a split's files, in words and names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from darklift.data.alignment import Shift
from darklift.data.fingerprint import Facts
from darklift.data.pairs import Matching, listed

__all__ = ["MOST_SHIFT", "Finding", "Kind", "PairFacts", "about", "count_finding", "look_for", "name_findings"]

MOST_SHIFT = 2.0
"""Pixels that the pictures of a pair may be shifted by. LOL-v1's pairs are by .1 in the middle and .6 at the 95th
percentile, and two of 485 by more than this.
"""

Kind: TypeAlias = Literal[
    "count",
    "names",
    "unreadable",
    "size",
    "depth",
    "range",
    "gray",
    "brightness",
    "alignment",
    "scenes",
    "repeats",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found. is_wrong: otherwise it is only good to know. names: all that it is about."""

    kind: Kind
    is_wrong: bool
    text: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PairFacts:
    """A pair's two files. high: None for a picture without ground truth. shift: None where sizes differ."""

    name: str
    low: Facts
    high: Facts | None
    shift: Shift | None


def count_finding(count: int, expected: int | None, what: str) -> Iterator[Finding]:
    """Where a number is stated, and another one is there."""
    if expected is not None and count != expected:
        yield Finding("count", True, f"{count} {what} instead of {expected}")


def name_findings(found: Matching) -> Iterator[Finding]:
    """What does not pair up, and files that are no pictures."""
    for names, text, wrong in (
        (found.without_high, "without a ground truth", True),
        (found.without_low, "without a dark picture", True),
        (found.twice, "of one name, of which the last is taken", True),
        (found.others, "no pictures that can be read here", False),
    ):
        if names:
            yield Finding("names", wrong, f"{len(names)} {text}: {listed(names)}", names)


def look_for(facts: Sequence[PairFacts], size: tuple[int, int] | None) -> Iterator[Finding]:
    """All that the files themselves tell. size: that every picture must have."""
    yield from _sizes(facts, size)
    yield from _depths(facts)
    yield from _ranges(facts)
    yield from _brightness(facts)
    yield from _shifts(facts)


def _sizes(facts: Sequence[PairFacts], size: tuple[int, int] | None) -> Iterator[Finding]:
    yield from about(
        "size",
        "differ in size",
        [f"{f.name} ({_size(f.low)} and {_size(f.high)})" for f in facts if f.high and f.low.size != f.high.size],
    )
    if size is not None:
        others = [f"{f.name} ({_size(f.low)})" for f in facts if f.low.size != size]
        yield from about("size", f"are not of {size[1]}x{size[0]} pixels", others)


def _size(facts: Facts) -> str:
    return f"{facts.size[1]}x{facts.size[0]}"


def _depths(facts: Sequence[PairFacts]) -> Iterator[Finding]:
    unlike = [f.name for f in facts if f.high and f.low.bits != f.high.bits]
    yield from about("depth", "have another depth in their dark picture than in their ground truth", unlike, False)
    kinds = sorted({each.bits for f in facts for each in _both(f)})
    if len(kinds) > 1 or kinds == [16]:
        counts = ", ".join(f"{sum(each.bits == bits for f in facts for each in _both(f))} of {bits}" for bits in kinds)
        yield Finding("depth", False, f"bits of the pictures: {counts}")
    widened = [f.name for f in facts if any(each.widened for each in _both(f))]
    yield from about("depth", "have 16 bits that hold no more than 8", widened, False)


def _ranges(facts: Sequence[PairFacts]) -> Iterator[Finding]:
    flat = [f.name for f in facts if any(each.lowest == each.highest for each in _both(f))]
    yield from about("range", "have a picture of one single value", flat)
    truths = [(f.name, f.high) for f in facts if f.high is not None]
    low = [
        f"{name} (up to {high.highest} of {2**high.bits - 1})"
        for name, high in truths
        if high.lowest != high.highest and 4 * high.highest < 2**high.bits - 1
    ]
    yield from about(
        "range", "have a ground truth in the lowest quarter of its range, or with fewer bits than its file", low
    )
    one = [f.name for f in facts if f.high and f.low.gray != f.high.gray and f.name not in flat]
    yield from about("gray", "are gray on one side and in colour on the other", one)
    both = [f.name for f in facts if all(each.gray for each in _both(f)) and f.name not in flat]
    yield from about("gray", "have no colour", both, False)


def _brightness(facts: Sequence[PairFacts]) -> Iterator[Finding]:
    swapped = [f.name for f in facts if f.high and f.low.brightness > f.high.brightness]
    yield from about("brightness", "are darker in their ground truth than in their dark picture: swapped?", swapped)


def _shifts(facts: Sequence[PairFacts]) -> Iterator[Finding]:
    measured = [(f.name, f.shift) for f in facts if f.shift is not None]
    lost = [name for name, shift in measured if not shift.is_sure]
    yield from about("alignment", "have no structure in common: misaligned, or too dark to tell", lost)
    off = [f"{name} ({shift.pixels:.1f})" for name, shift in measured if shift.is_sure and shift.pixels > MOST_SHIFT]
    yield from about("alignment", f"are shifted by more than {MOST_SHIFT:g} pixels", off)


def _both(facts: PairFacts) -> Iterable[Facts]:
    return [facts.low] if facts.high is None else [facts.low, facts.high]


def about(kind: Kind, text: str, names: Sequence[str], wrong: bool = True) -> Iterator[Finding]:
    """How many, what of them, and which; nothing where there are none."""
    if names:
        yield Finding(kind, wrong, f"{len(names)} {text}: {listed(names)}", tuple(names))
