"""Lift what is there: how much each place of a photo holds. (What follows from it: ``restraint.py``.)

Where a photo holds nothing (crushed blacks, a night sky that a coder made flat), a network that lifts it paints fog. A
longer exposure brightens all places alike; a network lifts dark ones further. It may do so where there is something to
lift: a place that holds little gets little more than the longer exposure would give it, and its colour, which nobody
saw, fades. Places that are well lit already stay as they are. How far all of this goes was set by eye and on pairs
(docs/lab/night.md); nothing of it is taken from a publication.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from darklift.image import FloatArray
from darklift.pipeline.cells import (
    Guide,
    block_sums,
    box_means,
    ramp,
    smooth_ramp,
)

if TYPE_CHECKING:
    from darklift.pipeline.strip import Strip

__all__ = ["TONES", "Holdings", "Scene", "Signal", "same_scene"]

_CELLS = 320
"""About as many along the longer side, of whole pixels, has the grid that the maps have."""
_RADIUS, _EDGE, _LIT_EDGE = 4, 0.15, 0.01
"""Of the guided filter: its windows in cells, and the variance of an edge, in stops of codes and in unit values."""
_CODE = np.float32(1 / 255)
_FINER = 4
"""A file with more bits holds at most so many times what one of 8 bits holds: below that is noise."""
_LIVELY, _LIVELY_RADIUS, _LEAST_LIVELY = (0.03, 0.25), 5, 0.6
"""Codes by which neighbours differ, on average: what noise dithers, averages tell; what a coder left flat holds the
last share of its codes."""
_MOST = 60
"""Codes; more than enough."""
_SPAN = (35, 75)
"""Codes of the brightest parts: up to the first a photo is dark throughout, and its blacks are as underexposed as all
of it; from the second on it has lights, and its blacks are black."""
_NIGHTS = (
    ((1.0, 3.5), (0.12, 0.45), (40, 80)),
    ((8.0, 16.0), (0.4, 0.7), (70, 140)),
)
"""A night, by much that is black beside what is lit, or by more that is dark beside lamps: codes held there, the share
of such cells in the photo, codes of its brightest parts."""
_SMEARED, _QUIET, _DIM = (0.70, 0.78), 0.3, (2, 60)
"""Neighbours differ by this share of what the next but one do, where noise was smeared: up to the first it was, from
the second on it is a sensor's own (above .76 in LOL's photos, below .70 in phones' night shots). Judged in the quieter
half of cells that are dim, in codes, and not flat."""
_FEWEST, _SMEARED_RADIUS = 2000, 2
"""Cells to judge it by, and the radius around each that is."""
_LIT = (0.45, 0.85)
"""Unit: up to the first a place may be lifted, from the second on it is well lit."""
_BACKLIT, _GLOW = (0.2, 0.4), 0.7
_SHADE, _SHADED = (0.28, 0.4), (0.02, 0.22)
"""Back light: the share that is lit, and the unit value from which a place is; how much of all else lies in its shade,
times how far the light comes from one side, and between which values a place does."""

TONES = (np.arange(256, dtype=np.float64) + 0.5) / 256
"""The middles of the steps of :attr:`Scene.tones`, unit."""


HalfArray = npt.NDArray[np.float16]


@dataclass(frozen=True, eq=False)
class Scene:
    """What is told of all of a photo at once, and is the same for all frames of a clip."""

    tones: npt.NDArray[np.float64]
    """float64 (256,), the share of places with each brightness, of as many equal steps of :attr:`Signal.level`."""
    lights: float
    """Unit: the brightest twentieth begins here."""
    span: float
    """In [0, 1]: 0 for a photo that is dark throughout, 1 for one that has lights."""
    night: float
    """In [0, 1], how much of a night it is: lights, and much around them that holds nothing."""
    backlight: float
    """In [0, 1], how much of it stands in the shade of what is bright."""
    smeared: float
    """In [0, 1], how far a phone's noise reduction has gone: what is fine in its dark parts is blotches."""

    @property
    def brightness(self) -> float:
        """Its mean, unit."""
        return float(self.tones @ TONES)


def same_scene(scenes: Sequence[Scene]) -> Scene:
    """The mean of some."""
    return Scene(
        tones=np.mean([scene.tones for scene in scenes], axis=0),
        **{
            name: float(np.mean([getattr(scene, name) for scene in scenes]))
            for name in ("lights", "span", "night", "backlight", "smeared")
        },
    )


@dataclass(frozen=True, eq=False)
class Signal:
    """What each place of one photo holds: maps over a grid of about 320 cells (240 to 480 of a photo with as many
    pixels) along its longer side, each float16 (h, w), so that a plan stays small.

    held: codes of 8 bits, in [0, 60]. level: luma around, unit. lit: in [0, 1], how well lit it is.
    """

    size: tuple[int, int]
    """(rows, columns) of pixels that the cells cover: of the photo, and as far as the last ones reach beyond it."""
    held: HalfArray
    level: HalfArray
    lit: HalfArray
    scene: Scene


class Holdings:
    """Finds what a photo holds: a :class:`~darklift.pipeline.strip.Looker` at strips whose rows are a multiple of
    ``side``.
    """

    def __init__(self, size: tuple[int, int], bits: int) -> None:
        """bits: how finely its source tells values apart."""
        self.side = max(1, round(max(size) / _CELLS))
        self._size, self._bits = size, bits
        self._sums: list[list[FloatArray]] = []

    def add(self, strip: Strip) -> None:
        """In each cell of side² pixels, 5 or 6 sums: of max(R, G, B), luma, by how much a pixel's luma differs from
        those above and before it (two codes at most), from the one before it, and from the one before that; how much is
        seen, where some is not.
        """
        above, luma = strip.above, strip.counted_luma
        beside, further = np.zeros((2, strip.place.height, strip.place.width), dtype=np.float32)
        for steps, apart in ((beside, 1), (further, 2)):
            np.subtract(luma[above:, apart:], luma[above:, :-apart], out=steps[:, apart:])
            np.abs(steps, out=steps)
        restless = beside.copy()
        restless[1 - above :] += np.abs(luma[1:] - luma[:-1])
        restless /= 2
        np.minimum(restless, 2 * _CODE, out=restless)
        seen = [] if strip.weights is None else [strip.weights[above:]]
        maps = (strip.counted_top[above:], luma[above:], restless, beside, further, *seen)
        self._sums.append([block_sums(plane, self.side) for plane in maps])

    def result(self) -> Signal:
        """All that is told of it."""
        rows, columns = (np.diff(np.arange(0, length + self.side, self.side).clip(max=length)) for length in self._size)
        pixels = (rows[:, None] * columns).astype(np.float32)
        means = [np.divide(np.concatenate(parts), pixels, dtype=np.float32) for parts in zip(*self._sums, strict=True)]
        return _signal(means, self.side, self._bits)


def _signal(means: list[FloatArray], side: int, bits: int) -> Signal:
    top, level, restless, beside, further, *seen = means
    lively = ramp(box_means(restless, _LIVELY_RADIUS) / _CODE, _LIVELY)
    lively = _LEAST_LIVELY + (1 - _LEAST_LIVELY) * lively
    finer = min(2 ** (min(bits, 16) - 8), _FINER) if bits > 8 else 1
    held = np.minimum(top / _CODE * lively * np.float32(finer), _MOST)
    around = Guide(_stops(box_means(top, 1)), _RADIUS, _EDGE)
    held = _codes(around.smooth(np.log2(held + 1)), _MOST)
    shown = seen[0] > 0.5 if seen else np.ones(top.shape, dtype=np.bool_)
    shown = shown if shown.any() else ~shown
    brightest_parts, lights = (float(quantile) for quantile in np.quantile(top[shown], (0.995, 0.95)))
    around_top, shade = Guide(top, _RADIUS, _LIT_EDGE), box_means(level, _RADIUS)
    shaded = (shade > _SHADED[0]) & (shade < _SHADED[1]) & shown
    glowing = (around_top.mean > _GLOW) & shown
    in_shade = _one_sided(glowing) * shaded.sum() / max((shown & ~glowing).sum(), 1)
    smeared = _smeared(level / _CODE, beside / _CODE, further / _CODE, shown)
    level = _codes(around.smooth(_stops(level)), 255) * _CODE
    return Signal(
        size=(side * top.shape[0], side * top.shape[1]),
        held=held.astype(np.float16),
        level=level.astype(np.float16),
        lit=smooth_ramp(around_top.smooth_itself(), _LIT).astype(np.float16),
        scene=Scene(
            tones=_tones(level.astype(np.float16).astype(np.float32)),
            lights=lights,
            span=float(smooth_ramp(brightest_parts / _CODE, _SPAN)),
            night=_night(float(brightest_parts / _CODE), held[shown]),
            backlight=float(smooth_ramp(glowing.sum() / shown.sum(), _BACKLIT) * smooth_ramp(in_shade, _SHADE)),
            smeared=smeared,
        ),
    )


def _tones(level: FloatArray) -> npt.NDArray[np.float64]:
    counts, _ = np.histogram(level, len(TONES), (0, 1))
    shares: npt.NDArray[np.float64] = counts / counts.sum()
    return shares


def _night(brightest_parts: float, held: FloatArray) -> float:
    """:attr:`Scene.night`, by codes."""
    return max(
        float(smooth_ramp(brightest_parts, lights) * smooth_ramp((1 - smooth_ramp(held, codes)).mean(), share))
        for codes, share, lights in _NIGHTS
    )


def _one_sided(glowing: npt.NDArray[np.bool_]) -> float:
    """In [0, 1], how far what is lit lies on one side: by how much its shares of two outer thirds differ."""
    apart = []
    for across in (glowing, glowing.T):
        third = -(-len(across) // 3)
        apart.append(abs(float(across[:third].mean() - across[-third:].mean())))
    return max(apart)


def _smeared(level: FloatArray, beside: FloatArray, further: FloatArray, shown: npt.NDArray[np.bool_]) -> float:
    """:attr:`Signal.smeared`, by maps in codes; 0 where there is too little to judge it by."""
    beside, further = (box_means(maps, _SMEARED_RADIUS) for maps in (beside, further))
    judged = shown & (level > _DIM[0]) & (level < _DIM[1]) & (further > _QUIET)
    if judged.sum() < _FEWEST:
        return 0.0
    judged &= further <= np.median(further[judged])
    return 1 - float(smooth_ramp(beside[judged].sum() / further[judged].sum(), _SMEARED))


def _stops(values: FloatArray) -> FloatArray:
    """log2 of codes plus one."""
    stops: FloatArray = np.log2(values / _CODE + 1)
    return stops


def _codes(stops: FloatArray, most: float) -> FloatArray:
    codes: FloatArray = (np.exp2(stops) - 1).clip(0, most).astype(np.float32)
    return codes
