"""The data sets of the field: how each lies on disk, where it comes from, its licence, how much it must hold.

What nobody states is "unstated" or None. Numbers are those of the papers, their repositories or, where these give
none, of the code and the issues that the papers' numbers come from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from darklift.data.arrangement import Alone, Arrangement, Cameras, Labelled, Scenes, TwoFolders

__all__ = ["BENCHMARKS", "Layout", "Split", "strip_role_prefix"]

Split = Literal["train", "val", "test"]


def strip_role_prefix(stem: str) -> str:
    """LOL-v2's real part names the two sides differently: ``low00001`` and ``normal00001`` are both pair ``00001``.

    Only a prefix before nothing but digits counts, so that ``lowlands`` and ``low_3`` stay as they are.
    """
    return re.sub(r"^(?:low|normal)(?=\d+$)", "", stem)


@dataclass(frozen=True, slots=True)
class Layout:
    """A data set by name.

    found_unnamed: its folders tell it from others, so it is recognised without being named.
    """

    key: str
    title: str
    splits: Mapping[Split, tuple[Arrangement, ...]]
    """For each split the ways it lies on disk; the first that is there counts."""
    counts: Mapping[Split, int | None] = field(default_factory=dict)
    """How many pairs (or pictures, without ground truths) each split must hold; None where nobody states it."""
    scenes: Mapping[Split, int] = field(default_factory=dict)
    """How many ground truths, where several dark pictures share one."""
    size: tuple[int, int] | None = None
    """Height and width of every picture, where all are of one size."""
    source: str = ""
    licence: str = "unstated"
    note: str = ""
    """What to know before a number on it is compared with another."""
    found_unnamed: bool = True

    @property
    def is_paired(self) -> bool:
        """Whether its pictures have ground truths."""
        return not any(isinstance(way, Alone) for ways in self.splits.values() for way in ways)


def _lol_v2(part: str) -> Mapping[Split, tuple[Arrangement, ...]]:
    return {
        split: (TwoFolders(f"{part}/{folder}/Low", f"{part}/{folder}/Normal", strip_role_prefix),)
        for split, folder in _TRAIN_AND_TEST
    }


def _ve_lol(part: str, infix: str) -> Mapping[Split, tuple[Arrangement, ...]]:
    return {
        split: (TwoFolders(f"{part}/{infix}-Low_{split}", f"{part}/{infix}-Normal_{split}", strip_role_prefix),)
        for split, _ in _TRAIN_AND_TEST
    }


def _any_two(*folders: str) -> tuple[Arrangement, ...]:
    return tuple(TwoFolders(f"{f}{low}", f"{f}{high}", strip_role_prefix) for f in folders for low, high in _SIDES)


def _lsd(split: str) -> tuple[Arrangement, ...]:
    return tuple(
        TwoFolders(f"{split}/{inside}inputPatch{kind}", f"{split}/{inside}gtPatch{kind}")
        for kind in ("NLL", "DLL", "")
        for inside in ("patches/", "")
    )


_TRAIN_AND_TEST: tuple[tuple[Split, str], ...] = (("train", "Train"), ("test", "Test"))
_SIDES = (("low", "high"), ("low", "normal"), ("input", "target"), ("input", "gt"))
_SEVERAL_COPIES = "Copies differ in how many pictures they hold: say how many yours has beside every number."
_BUNDLE = "among the test pictures of https://daooshee.github.io/BMVC2018website/"
_MEF = " Many copies hold frames of scenes that training sets of multi-exposure photographs hold, too."
_UNPAIRED = (
    ("dicm", "DICM", 69, "C. Lee, C. Lee and C.-S. Kim 2013, https://ieeexplore.ieee.org/document/6615961", ""),
    ("lime", "LIME", 10, f"Guo, Li and Ling 2017; {_BUNDLE}", ""),
    ("mef", "MEF", 17, "Ma, Zeng and Wang 2015, https://ieeexplore.ieee.org/document/7120119", _MEF),
    ("npe", "NPE", 8, "Wang, Zheng, Hu and Li 2013, https://ieeexplore.ieee.org/document/6512558", ""),
    ("vv", "VV", 24, f"Vonikakis; {_BUNDLE}", ""),
)

BENCHMARKS: tuple[Layout, ...] = (
    Layout(
        key="lol-v1",
        title="LOL-v1",
        splits={
            "train": (TwoFolders("our485/low", "our485/high"),),
            "test": (TwoFolders("eval15/low", "eval15/high"),),
        },
        counts={"train": 485, "test": 15},
        size=(400, 600),
        source="Wei, Wang, Yang and Liu 2018, https://daooshee.github.io/BMVC2018website/",
        note="14 of the 15 test scenes (all but 179) stand in the training pairs, seen from the same place; the 485 "
        "pairs show 235 scenes. Training pair 648 is misaligned.",
    ),
    Layout(
        key="lol-v2-real",
        title="LOL-v2 real",
        splits=_lol_v2("Real_captured"),
        counts={"train": 689, "test": 100},
        source="Yang et al. 2021, https://github.com/flyywh/CVPR-2020-Semi-Low-Light",
        note="89 of the 100 test pictures are pixel for pixel LOL-v1's (86 of its training pairs, 3 of its test pairs) "
        "and 9 pairs of 3 scenes are new at all. Never test on it what was trained on LOL-v1.",
    ),
    Layout(
        key="lol-v2-synthetic",
        title="LOL-v2 synthetic",
        splits=_lol_v2("Synthetic"),
        counts={"train": 900, "test": 100},
        source="Yang et al. 2021, https://github.com/flyywh/CVPR-2020-Semi-Low-Light",
        note="Dark by computation, not by a camera.",
    ),
    Layout(
        key="ve-lol-real",
        title="VE-LOL real",
        splits=_ve_lol("VE-LOL-L-Cap-Full", "VE-LOL-L-Cap"),
        counts={"train": 400, "test": 100},
        source="Liu et al. 2021, https://flyywh.github.io/IJCV2021LowLight_VELOL/",
        note="LOL-v2 real's pictures were found in it (https://github.com/wyf0912/LLFlow/issues/35), and so LOL-v1's: "
        "check it against what you train on.",
    ),
    Layout(
        key="ve-lol-synthetic",
        title="VE-LOL synthetic",
        splits=_ve_lol("VE-LOL-L-Syn", "VE-LOL-L-Syn"),
        counts={"train": 900, "test": 100},
        source="Liu et al. 2021, https://flyywh.github.io/IJCV2021LowLight_VELOL/",
        note="Dark by computation, not by a camera.",
    ),
    Layout(
        key="lsrw",
        title="LSRW",
        splits={
            "train": (Cameras("Training data", ("Huawei", "Nikon")),),
            "test": (Cameras("Eval", ("Huawei", "Nikon")),),
        },
        counts={"train": 5600, "test": 50},
        source="Hai et al. 2023, https://github.com/JianghaiSCU/R2RNet",
        note="Huawei has 2450 and 30 pairs, Nikon 3150 and 20; papers give them apart or together: say which.",
    ),
    Layout(
        key="sice",
        title="SICE",
        splits={"train": (Labelled("Dataset_Part1"),), "test": (Labelled("Dataset_Part2"),)},
        scenes={"train": 360, "test": 229},
        source="Cai, Gu and Zhang 2018, https://github.com/csjcai/SICE",
        note="A ground truth is the best of 13 fusions, no photo. The authors state no split: part 1 is taken for "
        "training and part 2 for testing here, and papers differ in the frames that they use.",
    ),
    Layout(
        key="fivek",
        title="MIT-Adobe FiveK",
        splits={
            "train": (TwoFolders("train/input", "train/target"),),
            "test": (TwoFolders("test/input", "test/target"),),
        },
        source="Bychkovsky et al. 2011, https://data.csail.mit.edu/graphics/fivek/",
        licence="research only (LicenseAdobe, LicenseAdobeMIT)",
        note="5,000 photos, five experts. How they are developed and divided (4500 and 500, or otherwise) differs from "
        "paper to paper, and so do the numbers; ground truths may be darker than the inputs.",
        found_unnamed=False,
    ),
    Layout(
        key="sid-srgb",
        title="SID, Sony, as sRGB",
        splits={"train": (Scenes("train/short", "train/long"),), "test": (Scenes("test/short", "test/long"),)},
        counts={"train": 2099, "test": 598},
        source="Chen, Chen, Xu and Koltun 2018, https://github.com/cchen156/Learning-to-See-in-the-Dark; as sRGB by "
        "Xu, Wang, Fu and Jia 2022 (SNR-Aware)",
        note="The authors found test scenes 10034, 10045 and 10172 misaligned and ask to leave them out of numbers.",
    ),
    Layout(
        key="lsd",
        title="LSD, smartphones",
        splits={"train": _lsd("training"), "test": _lsd("testing")},
        counts={"train": None, "test": None},
        source="Sharif et al. 2025, https://github.com/sharif-apu/LSD-TFFormer",
        licence="CC BY 4.0 by its licence, non-commercial research by its README",
        note="6,025 scenes for training, cut into patches (about 180,000), and 400 pairs for testing. NLL has the "
        "noise, in DLL it is removed: say which.",
    ),
    *(
        Layout(
            key=key,
            title=title,
            splits={"test": (Alone(title), Alone(""))},
            counts={"test": count},
            source=source,
            note=f"No ground truths. {_SEVERAL_COPIES}{extra}",
            found_unnamed=False,
        )
        for key, title, count, source, extra in _UNPAIRED
    ),
    Layout(
        key="exdark",
        title="ExDark",
        splits={"test": (Alone("ExDark"), Alone(""))},
        counts={"test": 7363},
        source="Loh and Chan 2019, https://github.com/cs-chan/Exclusively-Dark-Image-Dataset",
        licence="BSD-3-Clause (the repository)",
        note="No ground truths; a folder for each of 12 kinds of objects.",
        found_unnamed=False,
    ),
    Layout(
        key="folders",
        title="plain",
        splits={
            "train": _any_two("", "train/"),
            "val": _any_two("val/"),
            "test": _any_two("", "test/", "eval/"),
        },
        source="yours",
        licence="yours",
        note="Any two folders: low and high, Low and Normal, input and target, or input and gt; beside one another, or "
        "in train, val and test. Two folders beside one another have no splits: they are the whole set for both.",
    ),
)
"""In the order in which they are listed."""
