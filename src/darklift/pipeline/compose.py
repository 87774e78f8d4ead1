"""Putting what a model made back into the photo: as much of it as was wanted, where there is something to see."""

from __future__ import annotations

import numpy as np

from darklift.image import FloatArray, Picture, luma
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
    """The result in an area of the photo, (h, w, 3) in the photo's own numbers, and the uncertainty there, (h, w),
    where it was asked for.

    low: all of the photo, (3, H, W) sRGB. made: (3 or 4, …) sRGB, what the model made of as much of the area as lies
    inside of borders, which is overwritten; None where nothing of the model is in the result.
    """
    uncertainty = None
    if plan.settings.uncertainty:
        uncertainty = np.zeros((area.height, area.width), dtype=np.float32)
    if not area.overlaps(plan.look.inside):
        return picture.pixels[area.window].clip(0, 1), uncertainty
    place = area.shared(plan.look.inside)
    there = place.seen_from(area)
    if uncertainty is not None and made is not None:
        uncertainty[there.window] = made[3]
    if plan.unchanged:
        return picture.pixels[area.window].clip(0, 1), uncertainty
    own = low[:, *place.window]
    rgb = own.copy() if made is None else made[:3]
    restraint = None if made is None else plan.restraint
    if restraint is not None:
        rgb = restraint.apply(rgb, own, place.seen_from(plan.look.inside))
    rgb = _own_numbers(picture, plan, place, _mixed(picture, own, plan, place, rgb))
    if place == area:
        return rgb, uncertainty
    whole = picture.pixels[area.window].clip(0, 1)
    whole[there.window] = rgb
    return whole, uncertainty


def _own_numbers(picture: Picture, plan: Plan, place: Tile, rgb: FloatArray) -> FloatArray:
    """The result there, (3, h, w) sRGB, in the picture's own colour space, (h, w, 3)."""
    space, own = plan.look.space, picture.pixels[place.window]
    if space is None:
        return rgb.transpose(1, 2, 0)
    kept = 1.0 if plan.tone is None else 1 - plan.settings.strength * (1 - plan.tone.colour_kept)
    pixels = space.given_back(rgb, own, gray=picture.gray, colour_kept=kept)
    if plan.look.gray:
        pixels[:] = luma(pixels)[:, :, None]
    if plan.look.fill is not None and picture.alpha is not None:
        hidden = picture.alpha[place.window] <= 0
        pixels[hidden] = own[hidden].clip(0, 1)
    return pixels


def _mixed(picture: Picture, own: FloatArray, plan: Plan, place: Tile, rgb: FloatArray) -> FloatArray:
    """In place, as large pictures are held once."""
    amount, look, tone = plan.settings.strength * plan.share, plan.look, plan.tone
    if tone is not None:  # acts on what is there with all of the change; strength then mixes that with the photo
        tone.apply(_towards(rgb, own, plan.share))
        amount = plan.settings.strength
    if look.fill is not None and picture.alpha is not None:
        if look.gray:
            rgb[:] = luma(rgb.transpose(1, 2, 0))
        rgb -= own
        rgb *= np.float32(amount) * visibility(picture.alpha[place.window].clip(0, 1))
        rgb += own
        return rgb
    _towards(rgb, own, amount)
    if look.gray:
        rgb[:] = luma(rgb.transpose(1, 2, 0))
    return rgb


def _towards(rgb: FloatArray, own: FloatArray, share: float) -> FloatArray:
    """From the photo towards the result by this share, in place."""
    if share != 1:
        rgb -= own
        rgb *= np.float32(share)
        rgb += own
    return rgb
