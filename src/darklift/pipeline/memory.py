"""How much memory a photo takes on its way, and how small its tiles must be to stay within what it may take."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING

from darklift.errors import ImageError
from darklift.image.room import Room, guarded
from darklift.pipeline.scaled import most_of_copy
from darklift.runtime import Footprint, Model
from darklift.runtime.memory import free_memory

if TYPE_CHECKING:
    from darklift.pipeline.look import Look

__all__ = ["TILE_SIDES", "tile_side", "within_memory"]

TILE_SIDES = (1024, 640, 384)
"""Pixels. A picture of up to the first squared is worked on in one piece."""
_MODEST = 1_000_000_000
"""Bytes. A photo that can do with so much by the second of these tiles does with it, for a few percent of time."""
_PROGRAM = 120_000_000
"""Bytes of darklift itself, a model and the libraries."""
_PER_TILE_PIXEL = 320
"""Bytes that a step takes for each pixel of a tile, where a model's card does not say: those of compact."""
_STRIPS = 50_000_000
"""Bytes of what is on its way between photo, network and result, and of a small copy of a megapixel."""
_PER_COPY_PIXEL = 24
"""Bytes of a larger copy, for each of its pixels beyond that: what was seen, what was made, and its slopes."""


def within_memory(model: Model) -> AbstractContextManager[None]:
    """Meanwhile, a photo that is read is refused from its header, with an ImageError, where it would take more memory
    than it may: before any of it is decoded. A small copy counts as large as it may become.
    """
    return guarded(partial(_check_room, model))


def _check_room(model: Model, room: Room) -> None:
    working = _working(model.card.footprint, room.held, room.size, TILE_SIDES[-1])
    copy = _copy_bytes(most_of_copy(room.size)) if model.enlarges else 0
    needed = _PROGRAM + max(room.decoding, working + copy)
    allowed = _allowed(model, 0)
    if needed > allowed:
        raise _too_little(model, room.size, needed, allowed)


def tile_side(model: Model, look: Look, worked_on: tuple[int, int], map_bytes: int = 0) -> int:
    """The side of tiles, in pixels: as large as pays, or as memory allows. worked_on: (rows, columns) of what is cut
    into them. map_bytes: of a map beside the result.

    Raises ImageError, which says the least that would do, where none is small enough.
    """
    footprint, held = model.card.footprint, look.held_bytes
    sides = TILE_SIDES if worked_on == look.extent else TILE_SIDES[1:]
    copy = 0 if worked_on == look.extent else _copy_bytes(math.prod(worked_on))
    needs = [_PROGRAM + _working(footprint, held, worked_on, side) + copy + map_bytes for side in sides]
    allowed = _allowed(model, held)
    for limit, count in ((min(allowed, _MODEST), 2), (allowed, len(sides))):
        for side, needed in zip(sides[:count], needs, strict=False):
            if needed <= limit:
                return side
    raise _too_little(model, look.size, min(needs), allowed)


def _allowed(model: Model, held: int) -> int:
    """Bytes in all, of which the program and what is held are taken already."""
    return free_memory() + _PROGRAM + held if model.memory is None else model.memory


def _copy_bytes(pixels: int) -> int:
    return _PER_COPY_PIXEL * max(pixels - TILE_SIDES[0] ** 2, 0)


def _working(footprint: Footprint, held: int, extent: tuple[int, int], side: int) -> float:
    """Bytes at the peak of the work on a photo, beside the program, with a result that is held as the photo is. Without
    what a network takes that sees all of it, as that lies on its own device.
    """
    tile = 0 if footprint.sees_whole else min(side**2, extent[0] * extent[1])
    return 2 * held + tile * (footprint.bytes_per_pixel or _PER_TILE_PIXEL) + _STRIPS


def _too_little(model: Model, size: tuple[int, int], needed: float, allowed: int) -> ImageError:
    (rows, columns), least = size, math.ceil(needed / 1e7) / 100
    remedy = "free some" if model.memory is None else f"allow {least:g}GB"
    return ImageError(
        f"{columns}x{rows} pixels take {least:g} GB of memory at the least, and {allowed / 1e9:.2f} GB may be taken: "
        f"{remedy}, or make the photo smaller"
    )
