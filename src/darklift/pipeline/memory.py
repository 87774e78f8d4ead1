"""How much memory a photo takes on its way, and how small its tiles must be to stay within what it may take."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from darklift.errors import ImageError
from darklift.runtime import Footprint, Model
from darklift.runtime.memory import free_memory

if TYPE_CHECKING:
    from darklift.pipeline.look import Look

__all__ = ["TILE_SIDES", "tile_side"]

TILE_SIDES = (1024, 640, 384)
"""Pixels. A picture of up to the first squared is worked on in one piece."""
_MODEST = 1_000_000_000
"""Bytes. A photo that can do with so much by the second of these tiles does with it, for a few percent of time."""
_PROGRAM = 120_000_000
"""Bytes of darklift itself, a model and the libraries."""
_PER_TILE_PIXEL = 320
"""Bytes that a step takes for each pixel of a tile, where a model's card does not say: those of compact."""
_STRIPS = 50_000_000
"""Bytes of what is on its way between photo, network and result."""
_DECODING = 7 / 3
"""Of what a photo takes, while it is decoded: Pillow holds 8-bit RGB in four bytes."""


def tile_side(model: Model, look: Look) -> int:
    """The side of tiles, in pixels: as large as pays, or as memory allows.

    Raises ImageError, which says the least that would do, where none is small enough.
    """
    needs = [_needed(model.card.footprint, look, side) for side in TILE_SIDES]
    allowed = model.memory
    if allowed is None:
        allowed = free_memory() + _PROGRAM + look.held_bytes  # these are taken already
    for limit, count in ((min(allowed, _MODEST), 2), (allowed, len(TILE_SIDES))):
        for side, needed in zip(TILE_SIDES[:count], needs, strict=False):
            if needed <= limit:
                return side
    (rows, columns), least = look.size, math.ceil(min(needs) / 1e7) / 100
    remedy = "free some" if model.memory is None else f"allow {least:g}GB"
    raise ImageError(
        f"{columns}x{rows} pixels take {least:g} GB of memory at the least, and {allowed / 1e9:.2f} GB may be taken: "
        f"{remedy}, or make the photo smaller"
    )


def _needed(footprint: Footprint, look: Look, side: int) -> float:
    """Bytes at the peak, with a result that is held as the photo is."""
    tile = min(side**2, look.extent[0] * look.extent[1])
    working = 2 * look.held_bytes + tile * (footprint.bytes_per_pixel or _PER_TILE_PIXEL) + _STRIPS
    return _PROGRAM + max(_DECODING * look.held_bytes, working)
