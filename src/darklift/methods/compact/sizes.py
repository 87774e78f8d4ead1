"""The sizes of compact's nets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["CompactSizes"]


@dataclass(frozen=True)
class CompactSizes:
    """What :class:`darklift.methods.compact.net.CompactNet` is built from."""

    statistics: int
    """Numbers that describe a photo; ``cues`` more of them for the exposure net, which may have none."""
    cues: int
    embedding: int
    """Width of the vector that steers the blocks; ``voter_embedding`` that of the voters of kind picture."""
    maps: int
    """Channels that the coarse net hands to the fine net, beside the coarse picture."""
    coarse_widths: tuple[int, ...]
    """Channels of each level, from full resolution down; ``fine_widths`` and ``voter_widths`` likewise."""
    fine_widths: tuple[int, ...]
    blocks: int
    """Residual blocks in each level of the coarse net and the voters."""
    fine_blocks: tuple[int, ...]
    """Those of the fine net, at each place of its way: in each level down, at the bottom, in each level up again."""
    exposure_width: int
    voters: tuple[Literal["tone", "picture"], ...]
    """The kinds of the coarse net's voters."""
    voter_widths: tuple[int, ...]
    voter_embedding: int
    detail_width: int = 0
    """Channels of the detail net, with ``detail_blocks`` residual blocks; 0 for none."""
    detail_blocks: int = 0
