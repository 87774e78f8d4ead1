"""Pairs of low-light pictures and ground truths on disk: matched by name, found in the layouts of known data sets."""

from darklift.data.layouts import Split, exposure_pairs, find_pairs, strip_role_prefix
from darklift.data.pairs import Pair, exclude, match_pairs, read_names, select

__all__ = [
    "Pair",
    "Split",
    "exclude",
    "exposure_pairs",
    "find_pairs",
    "match_pairs",
    "read_names",
    "select",
    "strip_role_prefix",
]
