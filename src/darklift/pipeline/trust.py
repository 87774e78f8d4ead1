"""Lift what is there: how much each place of a photo holds, and how far it may therefore be lifted.

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
    blocks_of,
    box_means,
    brightest,
    cells_of,
    enlarged,
    luma_of,
    ramp,
)
from darklift.pipeline.tiling import Tile

if TYPE_CHECKING:
    from darklift.pipeline.view import View

__all__ = ["Restraint", "Scene", "Signal", "look_for_signal", "restrain", "same_scene"]

_CELLS = 320
"""About as many along the longer side, of whole pixels, has the grid that the maps have."""
_RADIUS, _EDGE, _LIT_EDGE = 4, 0.15, 0.01
"""Of the guided filter: its windows in cells, and the variance of an edge, in stops of codes and in unit values."""
_CODE = np.float32(1 / 255)
_FINER = 4
"""A file with more bits holds at most so many times what one of 8 bits holds: below that is noise."""
_LIVELY, _LIVELY_RADIUS, _LEAST_LIVELY = (0.03, 0.25), 5, 0.35
"""Codes by which neighbours differ, on average: what noise dithers, averages tell; what a coder left flat holds the
last share of its codes."""
_MOST = 60
"""Codes; more than enough."""
_SPAN = (35, 75)
"""Codes of the brightest parts: up to the first a photo is dark throughout, and its blacks are as underexposed as all
of it; from the second on it has lights, and its blacks are black."""
_BLACK, _BLACK_SHARE, _LIGHTS = (0.8, 3.0), (0.12, 0.45), (40, 80)
"""A night: codes held by what is black, the share of it in the photo, codes of its lights."""
_SMEARED, _QUIET, _DIM = (0.70, 0.78), 0.3, (2, 60)
"""Neighbours differ by this share of what the next but one do, where noise was smeared: up to the first it was, from
the second on it is a sensor's own (above .76 in LOL's photos, below .70 in phones' night shots). Judged in the quieter
half of cells that are dim, in codes, and not flat."""
_FEWEST, _SMEARED_RADIUS = 2000, 2
"""Cells to judge it by, and the radius around each that is."""
_LIT = (0.45, 0.85)
"""Unit: up to the first a place may be lifted, from the second on it is well lit."""
_BACKLIT, _GLOW = (0.2, 0.4), 0.6
_SHADE, _SHADED = (0.25, 0.38), (0.02, 0.22)
"""Back light: the share that is lit, and the unit value from which a place is; the share in its shade, and between
which values a place is."""

_HELD, _BEYOND, _MARGIN = 2.5, 2.5, 1.1
"""A place that holds nothing is lifted by at most ``_BEYOND`` times what the lights are; one that holds h codes by
(h / _HELD)² more."""
_STEPS = (np.arange(256, dtype=np.float64) + 0.5) / 256
"""The middles of the steps of :attr:`Scene.tones`, unit."""
_NO_CEILING = 4.0
"""Unit: so high that nothing reaches it."""
_COLOURLESS, _LEAST_COLOUR = (0.3, 4.0), 0.35
"""Codes held: up to the first, this share of the colour is left; from the second on all."""
_LIFTED = (1.5, 2.5)
"""Times that the lights are lifted: up to the first, what is well lit stays as it is; from the second on it only never
gets darker, as a tone curve that left it where it was would be none."""


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


@dataclass(frozen=True, eq=False)
class Restraint:
    """How far what a model made may go, place by place: maps over the grid of a :class:`Signal`, each (h, w).

    ceiling: luma that is hardly exceeded, unit. colour: the share of it that stays. lit: how much of the photo itself
    stays. keep: of that, the share that stays in any case; the rest only where it would get darker.
    """

    size: tuple[int, int]
    ceiling: FloatArray
    colour: FloatArray
    lit: FloatArray
    keep: float

    def apply(self, made: FloatArray, own: FloatArray, part: Tile) -> FloatArray:
        """Restrain, in place, what a model made of a part of the photo: (3, h, w) unit; own: the photo there."""
        for block in blocks_of(part):
            cells = cells_of(block, self.ceiling.shape, self.size)
            there = block.seen_from(part).window
            if (self.ceiling[cells] < _NO_CEILING).any() or (self.colour[cells] < 1).any():
                self._hold_down(made[:, *there], block)
            if self.lit[cells].any():
                self._hold_on(made[:, *there], own[:, *there], block)
        return made

    def _hold_down(self, made: FloatArray, block: Tile) -> None:
        ceiling, colour = enlarged(np.stack([self.ceiling, self.colour]), self.size, block)
        luma = luma_of(made)
        excess = np.square(np.square(luma / ceiling))
        excess[ceiling >= _NO_CEILING] = 0
        gain = 1 / np.sqrt(np.sqrt(1 + excess))
        luma *= gain * (1 - colour)
        gain *= colour
        made *= gain
        made += luma

    def _hold_on(self, made: FloatArray, own: FloatArray, block: Tile) -> None:
        lit = enlarged(self.lit, self.size, block)
        away = own - made
        made += lit * (np.float32(self.keep) * away + np.float32(1 - self.keep) * np.maximum(away, 0))


def look_for_signal(view: View, bits: int) -> Signal:
    """What a photo holds. bits: how finely its source tells values apart."""
    side = max(1, round(max(view.size) / _CELLS))
    top, level, restless, beside, further, *seen = _averages(view, side)
    lively = ramp(box_means(restless, _LIVELY_RADIUS) / _CODE, _LIVELY)
    lively = _LEAST_LIVELY + (1 - _LEAST_LIVELY) * lively
    finer = min(2 ** (min(bits, 16) - 8), _FINER) if bits > 8 else 1
    held = np.minimum(top / _CODE * lively * np.float32(finer), _MOST)
    around = Guide(_stops(box_means(top, 1)), _RADIUS, _EDGE)
    held = _codes(around.smooth(np.log2(held + 1)), _MOST)
    shown = seen[0] > 0.5 if seen else np.ones(top.shape, dtype=np.bool_)
    shown = shown if shown.any() else ~shown
    brightest_parts, lights = (float(quantile) for quantile in np.quantile(top[shown], (0.995, 0.95)))
    black = float((1 - _smooth(held[shown], _BLACK)).mean())
    around_top, shade = Guide(top, _RADIUS, _LIT_EDGE), box_means(level, _RADIUS)
    shaded = (shade > _SHADED[0]) & (shade < _SHADED[1]) & shown
    glowing = (around_top.mean > _GLOW) & shown
    lit_share, shade_share = (float(part.sum() / shown.sum()) for part in (glowing, shaded))
    smeared = _smeared(level / _CODE, beside / _CODE, further / _CODE, shown)
    level = _codes(around.smooth(_stops(level)), 255) * _CODE
    return Signal(
        size=(side * top.shape[0], side * top.shape[1]),
        held=held.astype(np.float16),
        level=level.astype(np.float16),
        lit=_smooth(around_top.smooth_itself(), _LIT).astype(np.float16),
        scene=Scene(
            tones=_tones(level.astype(np.float16).astype(np.float32)),
            lights=lights,
            span=float(_smooth(brightest_parts / _CODE, _SPAN)),
            night=float(_smooth(brightest_parts / _CODE, _LIGHTS) * _smooth(black, _BLACK_SHARE)),
            backlight=float(_smooth(lit_share, _BACKLIT) * _smooth(shade_share, _SHADE)),
            smeared=smeared,
        ),
    )


def restrain(signal: Signal, wanted: float, *, kept: float) -> Restraint:
    """How far a model may go with a photo that is to have this mean brightness, in (0, 1).

    kept: how far well-lit places stay as they are, in [0, 1]; 0 where a person asked for another brightness: then they
    follow, and only never get darker while the photo gets brighter.
    """
    held, level, lit = (each.astype(np.float32) for each in (signal.held, signal.level, signal.lit))
    scene = signal.scene
    gain = _gain_of_lights(scene, wanted)
    ceiling = gain * (_BEYOND + (held / _HELD) ** 2) * (level + np.float32(0.5) * _CODE)
    if scene.span < 1:  # the darker the whole, the higher
        ceiling = ceiling / max(scene.span, 1e-6) ** 2
    colour = 1 - scene.span * (1 - _LEAST_COLOUR) * (1 - _smooth(held, _COLOURLESS))
    return Restraint(
        size=signal.size,
        ceiling=np.minimum(ceiling, _NO_CEILING).astype(np.float32),
        colour=colour.astype(np.float32),
        lit=np.zeros_like(lit) if kept < 1 and wanted < scene.tones @ _STEPS else lit,
        keep=kept * float(1 - _smooth(gain, _LIFTED)),
    )


def _tones(level: FloatArray) -> npt.NDArray[np.float64]:
    counts, _ = np.histogram(level, len(_STEPS), (0, 1))
    shares: npt.NDArray[np.float64] = counts / counts.sum()
    return shares


def _gain_of_lights(scene: Scene, wanted: float) -> float:
    """How many times brighter its lights become, by the gamma that gives the photo the mean that is wanted; at least
    as bright as they are.
    """
    low, high = 0.05, 4.0
    for _ in range(30):
        gamma = (low + high) / 2
        low, high = (gamma, high) if scene.tones @ _STEPS**gamma > wanted else (low, gamma)
    gain: float = max(scene.lights, float(_CODE)) ** ((low + high) / 2 - 1)
    return _MARGIN * max(1.0, gain)


def _averages(view: View, side: int) -> list[FloatArray]:
    """In each cell of side² pixels, 5 or 6 of (h, w): max(R, G, B), luma, by how much a pixel's luma differs from those
    above and before it (two codes at most), from the one before it, and from the one before that; how much is seen,
    where some is not.
    """
    sums: list[list[FloatArray]] = []
    for strip in view.strips(side):
        above = min(strip.top, 1)
        low = view.of(Tile(strip.top - above, 0, strip.height + above, strip.width))
        luma = luma_of(low)
        beside, further = np.zeros((2, strip.height, strip.width), dtype=np.float32)
        beside[:, 1:] = np.abs(luma[above:, 1:] - luma[above:, :-1])
        further[:, 2:] = np.abs(luma[above:, 2:] - luma[above:, :-2])
        restless = beside.copy()
        restless[1 - above :] += np.abs(luma[1:] - luma[:-1])
        np.minimum(restless / 2, 2 * _CODE, out=restless)
        alpha = None if view.fill is None else view.alpha(strip)
        seen = [] if alpha is None else [alpha]
        maps = (brightest(low[:, above:]), luma[above:], restless, beside, further, *seen)
        sums.append([block_sums(plane, side) for plane in maps])
    rows, columns = (np.diff(np.arange(0, length + side, side).clip(max=length)) for length in view.size)
    pixels = (rows[:, None] * columns).astype(np.float32)
    return [np.divide(np.concatenate(parts), pixels, dtype=np.float32) for parts in zip(*sums, strict=True)]


def _smeared(level: FloatArray, beside: FloatArray, further: FloatArray, shown: npt.NDArray[np.bool_]) -> float:
    """:attr:`Signal.smeared`, by maps in codes; 0 where there is too little to judge it by."""
    beside, further = (box_means(maps, _SMEARED_RADIUS) for maps in (beside, further))
    judged = shown & (level > _DIM[0]) & (level < _DIM[1]) & (further > _QUIET)
    if judged.sum() < _FEWEST:
        return 0.0
    judged &= further <= np.median(further[judged])
    return 1 - float(_smooth(beside[judged].sum() / further[judged].sum(), _SMEARED))


def _stops(values: FloatArray) -> FloatArray:
    """log2 of codes plus one."""
    stops: FloatArray = np.log2(values / _CODE + 1)
    return stops


def _codes(stops: FloatArray, most: float) -> FloatArray:
    codes: FloatArray = (np.exp2(stops) - 1).clip(0, most).astype(np.float32)
    return codes


def _smooth(values: FloatArray | np.float32 | float, between: tuple[float, float]) -> FloatArray:
    """Like ``ramp``, without corners."""
    share = ramp(np.asarray(values, dtype=np.float32), between)
    smooth: FloatArray = share * share * (3 - 2 * share)
    return smooth
