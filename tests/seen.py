"""Planes as the parts of a plan look at them."""

import numpy as np

from darklift.image import FloatArray, Picture
from darklift.pipeline.tiling import Tile
from darklift.pipeline.view import View

__all__ = ["view_of_planes"]


def view_of_planes(planes: FloatArray) -> View:
    """The view of all of a photo, (3, H, W) unit."""
    return View(Picture(np.ascontiguousarray(planes.transpose(1, 2, 0))), Tile(0, 0, *planes.shape[1:]))
