"""How far a model may go, place by place, by what a photo holds there (``trust.py``)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from darklift.image import FloatArray
from darklift.pipeline.cells import blocks_of, cells_of, enlarged, luma_of, smooth_ramp
from darklift.pipeline.tiling import Tile
from darklift.pipeline.trust import TONES, Scene, Signal

__all__ = ["Restraint", "restrain"]

_CODE = np.float32(1 / 255)
_HALF_A_CODE = np.float32(0.5) * _CODE
_HELD, _BEYOND, _MARGIN = 2.2, 2.5, 1.1
"""A place that holds nothing is lifted by at most ``_BEYOND`` times what the lights are; one that holds h codes by
(h / _HELD)² more."""
_NIGHT = 1.6
"""By which a night has to hold more for the same lift; where it holds nothing, it gets the root of this less."""
_NO_CEILING = 8.0
"""Unit: so high that nothing reaches half of it."""
_OWN = np.float32(0.5)
"""How far the ceiling goes up and down with the pixels themselves, so that twigs before a sky stay twigs: held to one
value they become smoke."""
_COLOURLESS, _LEAST_COLOUR = (0.3, 5.0), 0.35
"""Codes held: up to the first, this share of the colour is left; from the second on all."""
_COLOURLESS_AT_NIGHT = 12.0
"""Codes held from which on a night's colours are all left: what little a sensor saw of a dark sky is olive."""
_LIFTED = (1.5, 2.5)
"""Times that the lights are lifted: up to the first, what is well lit stays as it is; from the second on it only never
gets darker, as a tone curve that left it where it was would be none."""


@dataclass(frozen=True, eq=False)
class Restraint:
    """How far what a model made may go, place by place: maps over the grid of a :class:`Signal`, each (h, w).

    ceiling: luma that is hardly exceeded where a pixel is as bright as those around it, unit. level: how bright those
    are, unit, and half a code more. colour: the share of it that stays. lit: how much of the photo itself stays. keep:
    of that, the share that stays in any case; the rest only where it would get darker.
    """

    size: tuple[int, int]
    ceiling: FloatArray
    level: FloatArray
    colour: FloatArray
    lit: FloatArray
    keep: float

    def apply(self, made: FloatArray, own: FloatArray, seen: FloatArray, part: Tile) -> FloatArray:
        """Restrain, in place, what a model made of a part of the photo: (3, h, w) unit. own: the photo there; seen: the
        same as the network sees it.
        """
        for block in blocks_of(part):
            cells = cells_of(block, self.ceiling.shape, self.size)
            there = block.seen_from(part).window
            if self.holds_down(block):
                self._hold_down(made[:, *there], seen[:, *there], block)
            if self.lit[cells].any():
                self._hold_on(made[:, *there], own[:, *there], block)
        return made

    def holds_down(self, part: Tile) -> bool:
        """Whether it holds anything down in a part of the photo: only there it minds what the network sees."""
        cells = cells_of(part, self.ceiling.shape, self.size)
        return bool((self.ceiling[cells] < _NO_CEILING).any() or (self.colour[cells] < 1).any())

    @cached_property
    def _holding_down(self) -> FloatArray:
        return np.stack([self.ceiling, self.level, self.colour])

    def _hold_down(self, made: FloatArray, seen: FloatArray, block: Tile) -> None:
        ceiling, level, colour = enlarged(self._holding_down, self.size, block)
        free = ceiling >= _NO_CEILING
        share = luma_of(seen)
        share += _HALF_A_CODE
        share *= _OWN
        share /= level
        share += 1 - _OWN
        ceiling *= share
        luma = luma_of(made)
        gain = np.divide(luma, ceiling, out=share)
        for _ in range(2):
            np.square(gain, out=gain)
        np.copyto(gain, 0, where=free)
        gain += 1
        for _ in range(2):
            np.sqrt(gain, out=gain)
        np.reciprocal(gain, out=gain)
        luma *= gain
        luma *= np.subtract(1, colour, out=level)
        gain *= colour
        made *= gain
        made += luma

    def _hold_on(self, made: FloatArray, own: FloatArray, block: Tile) -> None:
        lit, away = enlarged(self.lit, self.size, block), own - made
        brighter = np.maximum(away, 0)
        brighter *= np.float32(1 - self.keep)
        away *= np.float32(self.keep)
        away += brighter
        away *= lit
        made += away


def restrain(signal: Signal, wanted: float, *, kept: tuple[float, float]) -> Restraint:
    """How far a model may go with a photo that is to have this mean brightness, in (0, 1).

    kept: how far well-lit places stay as they are while they would get brighter, and while they would get darker, both
    in [0, 1]; less than 1 where a person asked for another brightness (``exposure.lit_kept``).
    """
    brighter, darker = kept
    held, level, lit = (each.astype(np.float32) for each in (signal.held, signal.level, signal.lit))
    scene = signal.scene
    level += _HALF_A_CODE
    gain, more = _gain_of_lights(scene, wanted), 1 + _NIGHT * scene.night
    ceiling = gain * (_BEYOND / math.sqrt(more) + (held / (_HELD * more)) ** 2) * level
    if scene.span < 1:  # the darker the whole, the higher
        ceiling = ceiling / max(scene.span, 1e-6) ** 2
    uncertain = (_COLOURLESS[0], _COLOURLESS[1] + scene.night * (_COLOURLESS_AT_NIGHT - _COLOURLESS[1]))
    colour = 1 - scene.span * (1 - _LEAST_COLOUR) * (1 - smooth_ramp(held, uncertain))
    return Restraint(
        size=signal.size,
        ceiling=np.minimum(ceiling, _NO_CEILING).astype(np.float32),
        level=level,
        colour=colour.astype(np.float32),
        lit=np.float32(darker) * lit,
        keep=brighter * float(1 - smooth_ramp(gain, _LIFTED)),
    )


def _gain_of_lights(scene: Scene, wanted: float) -> float:
    """How many times brighter its lights become, by the gamma that gives the photo the mean that is wanted; at least
    as bright as they are.
    """
    low, high = 0.05, 4.0
    for _ in range(30):
        gamma = (low + high) / 2
        low, high = (gamma, high) if scene.tones @ TONES**gamma > wanted else (low, gamma)
    gain: float = max(scene.lights, float(_CODE)) ** ((low + high) / 2 - 1)
    return _MARGIN * max(1.0, gain)
