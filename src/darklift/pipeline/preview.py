"""A quick look at what a photo would become: rendered small, yet decided by the look at the whole of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from darklift.errors import UsageError
from darklift.image import Picture, Samples
from darklift.image.samples import white_of
from darklift.pipeline.look import Look, look_at
from darklift.pipeline.tiling import Tile
from darklift.runtime import Model

__all__ = ["look_of_reduced", "reduced"]


def reduced(picture: Picture, side: int) -> Picture:
    """The same picture with at most ``side`` pixels along its longer side, held with 16 bits: means of many pixels are
    finer than the pixels. One that is no larger stays as it is. Raises UsageError for a side below 1.
    """
    if side < 1:
        raise UsageError(f"side is {side}, expected 1 pixel or more")
    rows, columns = picture.size
    scale = side / max(rows, columns)
    if scale >= 1:
        return picture
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    held = picture.held
    channels = range(held.colours.shape[2])
    colours = np.stack([_resized(held.colours[..., channel], held.white, size) for channel in channels], axis=2)
    alpha = None if held.alpha is None else _resized(held.alpha, held.white, size)
    return Picture(
        gray=picture.gray, metadata=picture.metadata, source=picture.source, held=Samples(colours, alpha, white=0)
    )


def _resized(values: npt.NDArray[np.generic], white: int, size: tuple[int, int]) -> npt.NDArray[np.uint16]:
    """One channel, (H, W), to (width, height)."""
    image = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    small = np.asarray(image.resize(size, Image.Resampling.HAMMING))
    full = white_of(np.empty(0, np.uint16))
    coded: npt.NDArray[np.uint16] = (small * (full / white) + 0.5).clip(0, full).astype(np.uint16)
    return coded


def look_of_reduced(model: Model, look: Look, small: Picture) -> Look:
    """The look at a :func:`reduced` copy of the photo that was looked at: as bright, as dark and as trusted as the
    whole, whose noise it has not.
    """
    down, across = (few / many for few, many in zip(small.size, look.size, strict=True))
    inside = _scaled(look.inside, down, across, small.size)
    signal = look.signal
    if signal is not None:
        rows, columns = signal.size
        signal = replace(signal, size=(max(1, round(rows * down)), max(1, round(columns * across))))
    return replace(
        look_at(model, small, inside),
        smoothing=None,  # the mean of many pixels is smooth
        overview=look.overview,
        guess=look.guess,
        signal=signal,
        empty=look.empty,
        hidden=look.hidden,
        gray=look.gray,
    )


def _scaled(tile: Tile, down: float, across: float, size: tuple[int, int]) -> Tile:
    """Where a tile of the photo lies in its reduced copy of ``size``, at least a pixel."""
    top, left = (
        min(int(start * by), end - 1)
        for start, by, end in zip((tile.top, tile.left), (down, across), size, strict=True)
    )
    bottom = max(top + 1, min(round((tile.top + tile.height) * down), size[0]))
    right = max(left + 1, min(round((tile.left + tile.width) * across), size[1]))
    return Tile(top, left, bottom - top, right - left)
