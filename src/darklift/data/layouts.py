"""Where known data sets keep their pairs.

=================  =============================================================  ==============================
layout             folders under the root                                         file names
=================  =============================================================  ==============================
LOL-v1             ``our485/low|high`` (train), ``eval15/low|high`` (test)        the same on both sides
LOL-v2 real        ``Real_captured/Train|Test/Low|Normal``                        ``low00001``, ``normal00001``
LOL-v2 synthetic   ``Synthetic/Train|Test/Low|Normal``                            the same on both sides
LOL-v2 part        ``Train|Test/Low|Normal`` (the root is one of the two above)   either
plain              ``low`` and ``high``, no splits                                the same on both sides
=================  =============================================================  ==============================

Multi-exposure scenes (:func:`exposure_pairs`) are a layout of their own: several low-light pictures share a ground
truth.
LOL-v1: Wei et al. 2018. LOL-v2: Yang et al. 2021.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from darklift.data.pairs import Pair, images_by_name, listed, match_pairs, visible_entries
from darklift.errors import DataError, UsageError

__all__ = ["Split", "exposure_pairs", "find_pairs", "strip_role_prefix"]

Split = Literal["train", "test"]


def strip_role_prefix(stem: str) -> str:
    """LOL-v2's real part names the two sides differently: ``low00001`` and ``normal00001`` are both pair ``00001``.

    Only a prefix before nothing but digits counts, so that ``lowlands`` and ``low_3`` stay as they are.
    """
    return re.sub(r"^(?:low|normal)(?=\d+$)", "", stem)


@dataclass(frozen=True, slots=True)
class _Layout:
    name: str
    folders: Mapping[Split, tuple[str, str]]
    """Split → low and high folder, relative to the root."""
    pair_name: Callable[[str], str] | None = None

    def holds(self, root: Path, split: Split) -> bool:
        return all((root / folder).is_dir() for folder in self.folders[split])


def _lol_v2_folders(prefix: str) -> Mapping[Split, tuple[str, str]]:
    return {
        "train": (f"{prefix}Train/Low", f"{prefix}Train/Normal"),
        "test": (f"{prefix}Test/Low", f"{prefix}Test/Normal"),
    }


_LAYOUTS = (
    _Layout("LOL-v1", {"train": ("our485/low", "our485/high"), "test": ("eval15/low", "eval15/high")}),
    _Layout("LOL-v2 real", _lol_v2_folders("Real_captured/"), strip_role_prefix),
    _Layout("LOL-v2 synthetic", _lol_v2_folders("Synthetic/")),
    _Layout("LOL-v2 part", _lol_v2_folders(""), strip_role_prefix),
    _Layout("plain", {"train": ("low", "high"), "test": ("low", "high")}),
)


def find_pairs(root: str | os.PathLike[str], split: Split = "train") -> tuple[Pair, ...]:
    """Find the layout of a data set under its root folder, and its pairs.

    Args:
        root: the folder that holds the folders of the table above.
        split: ``"train"`` or ``"test"``. A plain ``low`` + ``high`` folder has no splits: it is the same whole set for
            both, so keep two such folders apart for training and testing.

    Returns:
        The pairs in natural order of their names; never empty.

    Raises:
        UsageError: an unknown split.
        DataError: no known layout under the root (the message lists what was looked for), more than one, a layout
            without the split asked for, or pictures that do not pair up (:func:`darklift.data.match_pairs`).
    """
    if split not in ("train", "test"):
        raise UsageError(f"got split {split!r}; expected 'train' or 'test'")
    folder = Path(root)
    if not folder.is_dir():
        raise DataError(f"no folder {folder}; expected the root of a data set: check the path")
    layout = _detect(folder)
    low, high = layout.folders[split]
    if not layout.holds(folder, split):
        raise DataError(f"{folder} holds {layout.name} without its {split} split; expected {low} and {high} in it")
    return match_pairs(folder / low, folder / high, pair_name=layout.pair_name)


def _detect(root: Path) -> _Layout:
    """The one layout of which at least one split is there."""
    present = [layout for layout in _LAYOUTS if any(layout.holds(root, split) for split in layout.folders)]
    if not present:
        looked_for = "; ".join(
            f"{' or '.join(dict.fromkeys(f'{low} + {high}' for low, high in layout.folders.values()))} ({layout.name})"
            for layout in _LAYOUTS
        )
        raise DataError(
            f"no known data set in {root}; looked for {looked_for}: give the folder that holds one of these"
        )
    if len(present) > 1:
        names = ", ".join(layout.name for layout in present)
        raise DataError(f"several data sets in {root}: {names}; expected one: give the folder of one of them")
    return present[0]


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
