"""The picture of an uncertainty map, as ``--uncertainty`` writes it."""

import numpy as np

from darklift.figures.heatmap import draw_heatmap
from darklift.image import FloatArray, Picture, luma
from darklift.pipeline.render import Enhanced
from darklift.pipeline.tiling import Tile

__all__ = ["draw_doubt", "share_in_doubt"]

_BLACK = np.float32(1 / 255)
"""Unit: less than this is shown as nothing."""


def draw_doubt(uncertainty: FloatArray, enhanced: Enhanced) -> Picture:
    """The map for people. Of intervals, how much of what is shown they are: all of it where they reach down to black,
    so that nobody knows whether anything is there.

    uncertainty: (H, W), of ``enhanced``.
    """
    if enhanced.coverage is None:
        return draw_heatmap(uncertainty, "sure", "unsure")
    percent = 100 * share_in_doubt(uncertainty, enhanced)
    note = f"± so much of what is shown holds for {enhanced.coverage:.0%}"
    return draw_heatmap(percent, "seen", "invented", ends=(0, 100), unit="%", note=note)


def share_in_doubt(uncertainty: FloatArray, enhanced: Enhanced) -> FloatArray:
    """How much of what is shown the intervals are, (H, W) from 0; more than 1 where they reach beyond black."""
    share = np.empty_like(uncertainty)
    for strip in Tile(0, 0, *uncertainty.shape).strips():
        shown = luma(enhanced.picture.part(*strip.window))
        share[strip.window] = uncertainty[strip.window] / np.maximum(shown, _BLACK)
    return share
