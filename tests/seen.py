"""Planes as the parts of a plan look at them."""

import numpy as np

from darklift.image import FloatArray, Picture
from darklift.pipeline.deblock import FlatParts, Smoothing, plan_smoothing
from darklift.pipeline.nothing import Emptiness
from darklift.pipeline.strip import look_once
from darklift.pipeline.tiling import Tile
from darklift.pipeline.trust import Holdings, Signal
from darklift.pipeline.view import View

__all__ = ["holds_nothing", "signal_in", "smoothing_of", "view_of_planes"]


def view_of_planes(planes: FloatArray) -> View:
    """The view of all of a photo, (3, H, W) unit."""
    return View(Picture(np.ascontiguousarray(planes.transpose(1, 2, 0))), Tile(0, 0, *planes.shape[1:]))


def smoothing_of(view: View) -> Smoothing | None:
    flat = FlatParts(view.size)
    look_once(view, [flat])
    return plan_smoothing(view, flat.result())


def signal_in(view: View, bits: int) -> Signal:
    holdings = Holdings(view.size, bits)
    look_once(view, [holdings], holdings.side)
    return holdings.result()


def holds_nothing(view: View, bits: int) -> bool:
    emptiness = Emptiness(view.size, bits)
    look_once(view, [emptiness])
    return emptiness.result()
