"""Putting what a model made back into the photo: as much of it as was wanted, where there is something to see."""

from __future__ import annotations

import numpy as np

from darklift.image import FloatArray, Picture, luminance
from darklift.pipeline.hidden import visibility
from darklift.pipeline.plan import Plan
from darklift.pipeline.tiling import Tile

__all__ = ["composed", "seen_by_network"]


def seen_by_network(picture: Picture, low: FloatArray, plan: Plan) -> FloatArray:
    """The part inside of borders, with hidden pixels filled: (3, h, w) unit. low: all of the photo, (3, H, W) unit."""
    look = plan.look
    inside = low[:, *look.inside.window]
    if look.fill is None or picture.alpha is None:
        return inside
    return look.fill.apply(inside, picture.alpha[look.inside.window].clip(0, 1))


def composed(
    picture: Picture, low: FloatArray, plan: Plan, area: Tile, made: FloatArray | None
) -> tuple[FloatArray, FloatArray | None]:
    """The result in an area of the photo, (3, h, w) unit, and the uncertainty there, (h, w), where it was asked for.

    low: all of the photo, (3, H, W) unit. made: (3 or 4, …) unit, what the model made of as much of the area as lies
    inside of borders, which is overwritten; None where nothing of the model is in the result.
    """
    own = low[:, *area.window]
    uncertainty = None
    if plan.settings.uncertainty:
        uncertainty = np.zeros((area.height, area.width), dtype=np.float32)
    if made is None:
        return own.copy(), uncertainty
    place = area.shared(plan.look.inside)
    there = place.seen_from(area)
    if uncertainty is not None:
        uncertainty[there.window] = made[3]
    if plan.settings.strength * plan.share == 0:
        return own.copy(), uncertainty
    rgb = _mixed(picture, own[:, *there.window], plan, place, made[:3])
    if place == area:
        return rgb, uncertainty
    whole = own.copy()
    whole[:, *there.window] = rgb
    return whole, uncertainty


def _mixed(picture: Picture, own: FloatArray, plan: Plan, place: Tile, rgb: FloatArray) -> FloatArray:
    """In place, as large pictures are held once."""
    amount, look = plan.settings.strength * plan.share, plan.look
    if look.fill is not None and picture.alpha is not None:
        if look.gray:
            rgb[:] = luminance(rgb.transpose(1, 2, 0))
        rgb -= own
        rgb *= np.float32(amount) * visibility(picture.alpha[place.window].clip(0, 1))
        rgb += own
        return rgb
    if amount != 1:
        rgb -= own
        rgb *= np.float32(amount)
        rgb += own
    if look.gray:
        rgb[:] = luminance(rgb.transpose(1, 2, 0))
    return rgb
