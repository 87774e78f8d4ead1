"""Putting what a model made back into the photo: as much of it as was wanted, where there is something to see."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from darklift.image import FloatArray, Picture, Samples, luma
from darklift.image.arrays import coded
from darklift.pipeline.doubt import known_of_places
from darklift.pipeline.hidden import visibility
from darklift.pipeline.plan import Plan
from darklift.pipeline.restraint import Restraint
from darklift.pipeline.tiling import Tile
from darklift.pipeline.view import View

__all__ = ["Canvas", "view_of"]


def view_of(picture: Picture, plan: Plan) -> View:
    """The picture as the network sees it by this plan."""
    look = plan.look
    return View(picture, look.inside, look.space, look.fill, plan.smoothing)


class Canvas:
    """An area of a photo on its way to the result: its own pixels until something of a model's is put there.

    uncertainty: (h, w) of the area, where it was asked for.
    """

    def __init__(
        self, view: View, plan: Plan, area: Tile, bits: int | None, *, kept: bool, in_place: bool = False
    ) -> None:
        """bits: 8 or 16, to hold the result as a file does; None for floats. kept: some of its own pixels may stay.
        in_place: put the result over the photo's own values where these are held alike, if the area is all of it, and
        none is looked at twice, as those around a pixel are for its interval.
        """
        self._view, self._plan, self._area = view, plan, area
        self._restraint = plan.restraint if plan.share else None
        picture, size = view.picture, (area.height, area.width)
        self._dtype = np.dtype(np.float32 if bits is None else f"u{bits // 8}")
        channels = 1 if picture.gray and bits is not None else 3
        self.uncertainty = np.zeros(size, np.float32) if plan.settings.uncertainty else None
        as_held = picture.held.holds(self._dtype) and picture.held.colours.shape[2] == channels
        self._values: npt.NDArray[Any]
        overwrites = in_place and plan.intervals is None and picture.held.colours.flags.writeable
        if as_held and size == picture.size and (plan.unchanged or overwrites):
            self._values = picture.held.colours  # where the photo is unchanged, nothing will be written to it
            return
        self._values = np.empty((*size, channels), self._dtype)
        if as_held and kept:
            self._values[:] = picture.held.colours[area.window]
        elif kept:
            for strip in area.strips():
                self._write(*strip.seen_from(area).window, picture.part(*strip.window).clip(0, 1))

    def put(self, tile: Tile, made: FloatArray) -> None:
        """Bring in what a model made of a tile of the view, (3 or 4, h, w) sRGB, which is overwritten; a fourth channel
        is what the network told of its uncertainty.
        """
        place, plan = tile.placed_in(self._view.inside).seen_from(self._area), self._plan
        if self.uncertainty is not None:
            self.uncertainty[place.window] = made[3] if plan.asks_network else self._half_widths(tile, made)
        if not plan.unchanged:
            rgb = _mixed(self._view, plan, tile, made[:3], self._restraint)
            self._write(*place.window, _own_numbers(self._view, plan, tile, rgb))

    def put_own(self) -> None:
        """Do what there is to do where a model made nothing: tones and colours, if they were to change, and how far it
        may be off, if that was asked."""
        inside, plan = self._view.inside, self._plan
        changes = not plan.unchanged and plan.tone is not None
        if not (changes or plan.intervals is not None) or not self._area.overlaps(inside):
            return
        for strip in self._area.shared(inside).seen_from(inside).strips():
            self.put(strip, self._view.own(strip))

    def _half_widths(self, tile: Tile, made: FloatArray) -> FloatArray:
        """Of the intervals around the result there, (h, w) unit: as much of them as there is of the change in it."""
        view, plan = self._view, self._plan
        intervals, signal = plan.intervals, plan.look.signal
        assert intervals is not None
        assert signal is not None
        own, shown = view.own(tile), made.copy()
        if self._restraint is not None:
            self._restraint.apply(shown, own, _seen(view, self._restraint, own, tile), tile)
        known = known_of_places(view, signal, tile, _towards(shown, own, plan.share))
        alpha = None if view.fill is None else view.alpha(tile)
        seen = np.float32(not plan.look.hidden) if alpha is None else visibility(alpha)
        return intervals.half_widths(known, plan.settings.coverage) * np.float32(plan.settings.strength) * seen

    def _write(self, rows: slice, columns: slice, pixels: FloatArray) -> None:
        if self._values.shape[2] == 1:
            pixels = luma(pixels)[:, :, None]
        for channel in range(self._values.shape[2]):  # one by one, in half of the time
            plane = pixels[:, :, channel]
            self._values[rows, columns, channel] = plane if self._dtype.kind == "f" else coded(plane, self._dtype)

    def picture(self) -> Picture:
        """The result."""
        source = self._view.picture
        return replace(source, held=Samples(self._values, self._alpha()))

    def _alpha(self) -> npt.NDArray[Any] | None:
        held, window = self._view.picture.held, self._area.window
        if held.alpha is None or held.holds(self._dtype):
            return None if held.alpha is None else held.alpha[window]
        alpha = held.opacity(*window)
        assert alpha is not None
        return alpha if self._dtype.kind == "f" else coded(alpha, self._dtype).astype(self._dtype)


def _own_numbers(view: View, plan: Plan, tile: Tile, rgb: FloatArray) -> FloatArray:
    """The result there, (3, h, w) sRGB, in the picture's own colour space, (h, w, 3)."""
    if view.space is None:
        return rgb.transpose(1, 2, 0)
    own = view.numbers(tile)
    kept = 1.0 if plan.tone is None else 1 - plan.settings.strength * (1 - plan.tone.colour_kept)
    pixels = view.space.given_back(rgb, own, gray=view.picture.gray, colour_kept=kept)
    if plan.look.gray:
        pixels[:] = luma(pixels)[:, :, None]
    alpha = None if view.fill is None else view.alpha(tile)
    if alpha is not None:
        hidden = alpha <= 0
        pixels[hidden] = own[hidden].clip(0, 1)
    return pixels


def _seen(view: View, restraint: Restraint, own: FloatArray, tile: Tile) -> FloatArray:
    """What the network saw there, if that is minded. own: the photo's own pixels."""
    return view.seen(own, tile) if restraint.holds_down(tile) else own


def _mixed(view: View, plan: Plan, tile: Tile, rgb: FloatArray, restraint: Restraint | None) -> FloatArray:
    """In place."""
    amount, tone = plan.settings.strength * plan.share, plan.tone
    own = view.own(tile) if restraint is not None or tone is not None or amount != 1 or view.fill is not None else rgb
    if restraint is not None:
        restraint.apply(rgb, own, _seen(view, restraint, own, tile), tile)
    if tone is not None:  # acts on what is there with all of the change; strength then mixes that with the photo
        tone.apply(_towards(rgb, own, plan.share))
        amount = plan.settings.strength
    alpha = None if view.fill is None else view.alpha(tile)
    if alpha is None:
        _towards(rgb, own, amount)
        if plan.look.gray:
            rgb[:] = luma(rgb.transpose(1, 2, 0))
        return rgb
    if plan.look.gray:
        rgb[:] = luma(rgb.transpose(1, 2, 0))
    return _towards(rgb, own, np.float32(amount) * visibility(alpha))


def _towards(rgb: FloatArray, own: FloatArray, share: float | FloatArray) -> FloatArray:
    """From the photo towards the result by this share, in place."""
    if isinstance(share, np.ndarray) or share != 1:
        rgb -= own
        rgb *= share
        rgb += own
    return rgb
