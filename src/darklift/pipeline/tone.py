"""What photographers call blacks, shadows, highlights, whites and saturation, done to a result pixel by pixel.

One curve for the tones: four smooth ones that never fall, one after the other, so that no choice of the four turns a
tone over. A colour keeps its hue: its largest and its smallest channel are moved, and the middle one stays between them
where it was (as in the DNG specification's reference, which calls that a hue-stable tone curve).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from darklift.image import FloatArray, luma
from darklift.pipeline.settings import Settings

__all__ = ["Tone"]

_STEPS = 4096
"""Of the curve's table, with straight lines between."""
_AT_ONCE = 2**13
"""Pixels that are worked on at once: they stay in the processor's cache."""
_INWARD, _OUTWARD = 0.2, 0.1
"""By how much of the coded range an end moves at most: what was so far inside becomes black (white), or black (white)
comes to lie so far inside."""
_END_REACHES = 0.8
"""Of the coded range, how far from its end moving one is felt."""
_ZONE = (0.1, 0.2)
"""By how much of the coded range shadows move at most, darker and brighter (highlights brighter and darker), a fifth of
it from black (white)."""
_MORE_COLOUR = 1.5
"""By how much of itself a pale colour's distance from gray grows at most."""
_TINY = np.float32(1e-6)

Curve = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tone:
    """What one choice of the five controls does to sRGB-coded numbers."""

    curve: FloatArray | None
    """(4097,), never falling: what becomes of coded values from 0 to 1; None where each stays."""
    saturation: float
    """From -1 (gray) over 0 (as it is) to 1."""

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """None where all five are neutral."""
        curve = None
        if settings.blacks or settings.shadows or settings.highlights or settings.whites:
            values = np.linspace(0, 1, _STEPS + 1)
            values = _end(values, settings.blacks / 100)
            values = 1 - _end(1 - values, -settings.whites / 100)
            values = _zone(values, settings.shadows / 100)
            values = 1 - _zone(1 - values, -settings.highlights / 100)
            curve = values.clip(0, 1).astype(np.float32)
        if curve is None and not settings.saturation:
            return None
        return cls(curve, settings.saturation / 100)

    @property
    def colour_kept(self) -> float:
        """How much of a very strong colour's distance from gray stays, from 0 to 1."""
        return min(1.0, 1.0 + self.saturation)

    def apply(self, rgb: FloatArray) -> FloatArray:
        """Change sRGB (3, h, w) in [0, 1] in place, each pixel by itself, and return it."""
        rows = max(1, _AT_ONCE // max(rgb.shape[2], 1))
        for top in range(0, rgb.shape[1], rows):
            piece = rgb[:, top : top + rows]
            if self.curve is not None:
                _along(self.curve, piece)
            if self.saturation:
                _saturated(self.saturation, piece)
            np.maximum(piece, np.float32(0), out=piece)  # what rounding left
            np.minimum(piece, np.float32(1), out=piece)
        return rgb


def _end(x: Curve, amount: float) -> Curve:
    """Values from 0 to 1 with their lower end moved: in by an amount below 0, with a soft toe, out by one above 0."""
    reach = (x / _END_REACHES).clip(0, 1)
    fades: Curve = reach * reach * (3 - 2 * reach)
    if amount >= 0:
        return x + _OUTWARD * amount * (1 - fades)
    move = max(-_INWARD * amount, 1e-9)
    toe: Curve = np.where(x < 2 * move, x * x / (4 * move), x - move)
    return toe + move * fades


def _zone(x: Curve, amount: float) -> Curve:
    """Values from 0 to 1 with those around a fifth moved; the ends and what is next to them stay."""
    most = 0.2**2 * 0.8**8  # of the bump, at 1/5
    return x + _ZONE[amount > 0] * amount / most * x * x * (1 - x) ** 8


def _least(rgb: FloatArray) -> FloatArray:
    least: FloatArray = np.minimum(np.minimum(rgb[0], rgb[1]), rgb[2])
    return least


def _most(rgb: FloatArray) -> FloatArray:
    most: FloatArray = np.maximum(np.maximum(rgb[0], rgb[1]), rgb[2])
    return most


def _along(curve: FloatArray, rgb: FloatArray) -> None:
    """Colours along the curve. The largest channel follows it. The smallest goes halfway between keeping its share of
    the largest, as under more or less light, and following the curve, too: the one alone leaves a veil of colour in
    blacks, the other alone pales a blue sky when shadows are lifted.
    """
    least, most = _least(rgb), _most(rgb)
    lines = np.empty(len(curve), np.complex64)  # each cell's start and rise, to be looked up as one
    lines.real, lines.imag = curve, np.append(np.diff(curve), np.float32(0))
    new_least, new_most = _looked_up(lines, least), _looked_up(lines, most)
    rgb -= least
    black = curve[0]  # what is added to all alike is no light of that colour
    new_least += black + least * ((new_most - black) / np.maximum(most, _TINY))
    new_least *= np.float32(0.5)
    new_most -= new_least
    new_most /= np.maximum(most - least, _TINY)
    rgb *= new_most
    rgb += new_least


def _looked_up(lines: npt.NDArray[np.complex64], values: FloatArray) -> FloatArray:
    places = values * np.float32(len(lines) - 1)
    found = lines.take(places.astype(np.intp))
    places -= np.floor(places)
    places *= found.imag
    places += found.real
    return places


def _saturated(amount: float, rgb: FloatArray) -> None:
    """Move colours away from the gray of their luma, or towards it.

    A colour's own saturation is its distance from gray in that of the most saturated one with its hue and luma. Pale
    colours gain most by it, and the most saturated ones nothing: none leaves the range.
    """
    gray = luma(rgb.transpose(1, 2, 0))
    rgb -= gray
    if amount < 0:
        rgb *= np.float32(1 + amount)
    else:
        up = _most(rgb) / np.maximum(1 - gray, _TINY)
        down = -_least(rgb) / np.maximum(gray, _TINY)
        gain = np.float32(_MORE_COLOUR * amount)
        rgb *= (1 + gain) / (1 + gain * np.maximum(up, down))
    rgb += gray
