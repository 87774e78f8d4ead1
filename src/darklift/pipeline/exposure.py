"""How bright the result of one photo shall be: a person's wish and the model's guess, made into one aim."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from darklift.pipeline.settings import Exposure
from darklift.pipeline.trust import Scene
from darklift.runtime import Guess

__all__ = ["Aim", "aim_for", "lit_kept"]

_GAMMA = 2.2
_MEAN_RANGE = (0.02, 0.95)
_LEFT_ALONE = (0.2, 0.6)
"""Stops of coded value by which the model would change a photo: up to the first it is left alone, from the second on
it is enhanced in full."""
_LEAST_SHARE = 0.005
"""Of less than this nobody sees anything, and a photo would be coded anew for it: it is left alone."""
_NIGHT = 0.34
"""Of the way from a night's own brightness (in stops) to the one that the model would choose, the share that is not
gone."""
_SMEARED, _SMEARED_FROM = 0.45, 1.5
"""A photo whose fine parts are smeared goes this share less far beyond so many stops of coded value: mush does not get
better by light."""
_BACKLIGHT = 0.4
"""By which a photo with much in the shade of what is bright becomes brighter. What is bright stays as it is."""


@dataclass(frozen=True)
class Aim:
    """What to ask of the model for one photo, and the share of its result to take; the rest is the photo itself."""

    wanted: Guess
    share: float


def aim_for(wish: Exposure, guess: Guess, brightness: float, scene: Scene | None = None) -> Aim:
    """What is wanted of a photo of this mean brightness for which the model would choose ``guess``.

    Without a wish, a photo that the model would hardly change is bright enough, and left as it is. By what it holds
    (``scene``), a night and a smeared photo stay darker than the model would have it, and one with much in the shade
    becomes brighter. Stops are counted from there.
    """
    if wish.mean is not None:
        return Aim(_kept_in_range(Guess(wish.mean)), 1.0)
    least = max(brightness, _MEAN_RANGE[0])
    stops = math.log2(guess.brightness / least)
    share = _rise(abs(stops), *_LEFT_ALONE)
    wanted = guess.brightness
    if scene is not None:
        less = max(_NIGHT * scene.night * stops, _SMEARED * scene.smeared * (stops - _SMEARED_FROM), 0.0)
        wanted *= 2**-less
        if scene.backlight:
            wanted = max(wanted, least * (1 + _BACKLIGHT * scene.backlight))
            share = max(share, scene.backlight)
    if share < _LEAST_SHARE:
        share = 0.0
    if wish.stops is not None:
        wanted, share = wanted * 2 ** (wish.stops / _GAMMA), 1.0
    return Aim(_kept_in_range(replace(guess, brightness=wanted)), share)


def lit_kept(wish: Exposure, wanted: float, brightness: float) -> tuple[float, float]:
    """How far what is well lit stays as it is, (while it would get brighter, while it would get darker), both in
    [0, 1], in a photo of this mean brightness that is to have the mean ``wanted``.

    It follows a wish all the way from one stop on: upwards from the model's choice, and downwards from where the photo
    itself would get darker. Before, a darker wish only lifts the rest less.
    """
    stops = 0.0 if wish.stops is None else wish.stops
    darker = _GAMMA * math.log2(brightness / wanted) if brightness > wanted else 0.0
    if wish.mean is None:
        darker = min(darker, max(-stops, 0.0))
    return (0.0 if wish.mean is not None else 1 - min(max(stops, 0.0), 1.0)), 1 - _rise(darker, 0.0, 1.0)


def _kept_in_range(wanted: Guess) -> Guess:
    """Where a picture still is one."""
    return replace(wanted, brightness=min(max(wanted.brightness, _MEAN_RANGE[0]), _MEAN_RANGE[1]))


def _rise(value: float, start: float, end: float) -> float:
    """0 up to ``start``, 1 from ``end``, smooth between."""
    share = min(max((value - start) / (end - start), 0.0), 1.0)
    return share * share * (3 - 2 * share)
