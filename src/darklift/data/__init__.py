"""Pairs of low-light pictures and ground truths on disk: matched by name, found in the layouts of known data sets."""

from darklift.data.benchmarks import BENCHMARKS, Layout, Split, strip_role_prefix
from darklift.data.layouts import exposure_pairs, find_layout, find_pairs, held_back_by, layout_called
from darklift.data.pairs import Pair, exclude, match_pairs, select
from darklift.data.splits import read_names

__all__ = [
    "BENCHMARKS",
    "Layout",
    "Pair",
    "Split",
    "exclude",
    "exposure_pairs",
    "find_layout",
    "find_pairs",
    "held_back_by",
    "layout_called",
    "match_pairs",
    "read_names",
    "select",
    "strip_role_prefix",
]
