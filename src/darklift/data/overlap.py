"""What two sets of pictures have in common: pixels, pictures, scenes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from darklift.data.fingerprint import SAME_PICTURE, SAME_SCENE, Print, look_at
from darklift.data.pairs import Pair
from darklift.image import FloatArray

__all__ = ["Item", "Likeness", "Match", "Overlap", "overlap_of", "repeats_in", "scenes_in", "scenes_of"]

Likeness = Literal["pixels", "picture", "scene"]
"""pixels: every code is the same. picture: the same but for coding and noise. scene: the same place, from the same
viewpoint, at any exposure.
"""

_ROWS = 512  # compared at a time, so that a hundred thousand pictures fit into memory


@dataclass(frozen=True, slots=True)
class Item:
    """A pair, or a picture without ground truth, as it is compared.

    file, seen: the ground truth, which shows the scene best, or the picture alone. dark: the dark picture's hash.
    """

    name: str
    file: Path
    seen: Print
    dark: bytes | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """The most that a pair has in common with one of the other set. score: of the scenes, at most 1."""

    name: str
    other: str
    likeness: Likeness
    score: float


@dataclass(frozen=True, slots=True)
class Overlap:
    """What pairs of one set (each counted once, by the most that it has in common) share with another set."""

    matches: tuple[Match, ...]
    of: int
    """How many pairs the first set has."""

    def count(self, likeness: Likeness) -> int:
        """Pairs that have just this in common."""
        return sum(match.likeness == likeness for match in self.matches)


def overlap_of(items: Sequence[Item], others: Sequence[Item]) -> Overlap:
    """Look for each item among the others."""
    by_pixels = {print_: other.name for other in others for print_ in _hashes(other)}
    scenes = _scenes(others)
    matches: list[Match] = []
    for first, likeness in _likenesses(items, scenes):
        for item, row in zip(items[first : first + _ROWS], likeness, strict=True):
            match = _best(item, others, row, by_pixels)
            if match is not None:
                matches.append(match)
    return Overlap(tuple(matches), len(items))


def _best(item: Item, others: Sequence[Item], row: FloatArray, by_pixels: Mapping[bytes, str]) -> Match | None:
    same = next((by_pixels[print_] for print_ in _hashes(item) if print_ in by_pixels), None)
    if same is not None:
        return Match(item.name, same, "pixels", 1.0)
    near = [int(place) for place in np.flatnonzero(row >= SAME_SCENE)]
    if not near:
        return None
    for place in near:
        if _is_same_picture(item.seen, others[place].seen):
            return Match(item.name, others[place].name, "picture", float(row[place]))
    place = max(near, key=lambda place: row[place])
    return Match(item.name, others[place].name, "scene", float(row[place]))


def _is_same_picture(one: Print, other: Print) -> bool:
    return int(np.abs(one.cells.astype(np.int16) - other.cells).max()) <= SAME_PICTURE


def _hashes(item: Item) -> list[bytes]:
    return [item.seen.pixels, *([item.dark] if item.dark is not None else [])]


def repeats_in(items: Sequence[Item]) -> list[tuple[str, ...]]:
    """The names of those whose ground truths are pixel for pixel the same in several files."""
    groups: dict[bytes, dict[Path, str]] = {}
    for item in items:
        groups.setdefault(item.seen.pixels, {}).setdefault(item.file, item.name)
    return [tuple(names.values()) for names in groups.values() if len(names) > 1]


def scenes_in(items: Sequence[Item]) -> list[tuple[str, ...]]:
    """The names in groups of one scene each: what is like something in a group belongs to it."""
    leader = list(range(len(items)))

    def root(place: int) -> int:
        while leader[place] != place:
            leader[place] = leader[leader[place]]
            place = leader[place]
        return place

    for first, likeness in _likenesses(items, _scenes(items)):
        for row, column in np.argwhere(likeness >= SAME_SCENE):
            leader[root(int(column))] = root(first + int(row))
    groups: dict[int, list[str]] = {}
    for place, item in enumerate(items):
        groups.setdefault(root(place), []).append(item.name)
    return [tuple(names) for names in groups.values()]


def scenes_of(pairs: Sequence[Pair]) -> dict[str, str]:
    """Each pair's scene, by the name of the scene's first pair. Looks at every ground truth. Raises ImageError."""
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        prints = list(pool.map(lambda pair: look_at(pair.high)[1], pairs))
    items = [Item(pair.name, pair.high, seen) for pair, seen in zip(pairs, prints, strict=True)]
    return {name: names[0] for names in scenes_in(items) for name in names}


def _scenes(items: Sequence[Item]) -> npt.NDArray[np.float32]:
    return np.stack([item.seen.scene for item in items]).astype(np.float32)


def _likenesses(items: Sequence[Item], others: npt.NDArray[np.float32]) -> Iterator[tuple[int, FloatArray]]:
    """Rows of likenesses of some items with all others, and the place of the first of them."""
    for first in range(0, len(items), _ROWS):
        yield first, _scenes(items[first : first + _ROWS]) @ others.T
