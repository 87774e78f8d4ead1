"""Frames of one clip under one look: what is bright enough in one is so in all, and nothing flickers.

Looked at one by one, frames of one scene get other tone curves: in a clip of a static room with a lamp going through it
the room's brightness jumped by 15% between frames, and by 0.2% in the clip itself. So the statistics of brightness, and
the brightness that follows from them, are those of the whole clip (1.5%). The thumbnail, which tells the model what is
bright where, stays each frame's own: an average of thumbnails took the light off the lamp, and another frame's left its
picture as a ghost. Noise is the same in all frames, so that what does not move stays still to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from darklift.errors import UsageError
from darklift.image import FloatArray, Frames, Picture
from darklift.image.overview import Overview
from darklift.pipeline.look import Look, look_at
from darklift.pipeline.plan import Plan, check_settings, decide, plan
from darklift.pipeline.render import Enhanced, OnStep, render
from darklift.pipeline.settings import Settings
from darklift.pipeline.tiling import Tile
from darklift.pipeline.trust import Scene, same_scene
from darklift.pipeline.view import require_picture
from darklift.runtime import Guess, Model

__all__ = ["FramesPlan", "SharedLook", "look_together", "plan_frame", "plan_frames"]

_LOOKED_AT = 24
"""Frames, spread over a clip, that the shared look is taken from."""

_BLACK = 0.5
"""Of the clip's brightness: what holds nothing and is darker is a black frame, of which a model makes nothing; tones
change in it as in the others. One as bright as the others is dark and flat by chance, and goes with them."""


@dataclass(frozen=True, eq=False)
class SharedLook:
    """What a clip's frames have in common."""

    size: tuple[int, int]
    """(rows, columns) in pixels."""
    inside: Tile
    """What lies inside of borders in some frame."""
    statistics: FloatArray
    """The mean of :attr:`Overview.statistics`."""
    cues: FloatArray | None
    """The mean of :attr:`Overview.cues`."""
    brightness: float
    """The mean of :attr:`Overview.brightness`."""
    guess: Guess | None
    """How bright a good version of the clip would be; None where the model does not say."""
    scene: Scene | None
    """The mean of :attr:`Signal.scene`; None where the model does not say."""
    drowned: tuple[float, ...]
    """The mean of :attr:`Look.drowned`, so that all frames are worked on at one scale."""
    empty: bool
    """No frame that was looked at holds anything to bring out."""


def look_together(model: Model, pictures: Iterable[Picture]) -> SharedLook:
    """Look at frames of one clip, or at some of them that stand for all; one after the other, none is held.

    Black frames, as of a fade, have no say unless all are black. Raises UsageError for frames of several sizes and for
    none at all, and what :func:`~darklift.pipeline.look.look_at` raises.
    """
    looks: list[Look] = []
    for picture in pictures:
        look = look_at(model, picture)
        looks.append(replace(look, fill=None, smoothing=None))  # large, and of no use here
    sizes = {look.size for look in looks}
    if len(sizes) != 1:
        shown = " and ".join(f"{width}x{height}" for height, width in sorted(sizes)) or "none at all"
        raise UsageError(f"a clip's frames are of one size, got {shown}: enhance them one by one")
    telling = [look for look in looks if not look.empty] or looks
    inside = telling[0].inside
    for look in telling[1:]:
        inside = inside.joined(look.inside)
    overviews = [look.overview for look in telling]
    cues = [overview.cues for overview in overviews if overview.cues is not None]
    shared = Overview(
        thumbnail=_mean([overview.thumbnail for overview in overviews]),
        statistics=_mean([overview.statistics for overview in overviews]),
        cues=_mean(cues) if cues else None,
        visible_brightness=float(np.mean([overview.brightness for overview in overviews])),
    )
    guess = model.guess_exposure(shared)
    scenes = [look.signal.scene for look in telling if look.signal is not None]
    return SharedLook(
        size=sizes.pop(),
        inside=inside,
        statistics=shared.statistics,
        cues=shared.cues,
        brightness=shared.brightness,
        guess=guess,
        scene=same_scene(scenes) if scenes else None,
        drowned=tuple(map(fmean, zip(*(look.drowned for look in telling), strict=True))),
        empty=telling[0].empty,
    )


def _mean(arrays: list[FloatArray]) -> FloatArray:
    mean: FloatArray = np.mean(arrays, axis=0, dtype=np.float32)
    return mean


def plan_frame(model: Model, picture: Picture, shared: SharedLook, settings: Settings) -> Plan:
    """Decide what shall happen to one frame of the clip that was looked at. Raises as
    :func:`~darklift.pipeline.plan.plan`.
    """
    check_settings(model, settings)
    require_picture(picture)
    if picture.size != shared.size:
        (rows, columns), (height, width) = shared.size, picture.size
        raise UsageError(f"a clip's frames are of one size, got {columns}x{rows} and {width}x{height}")
    look = look_at(model, picture, shared.inside)
    overview = replace(
        look.overview, statistics=shared.statistics, cues=shared.cues, visible_brightness=shared.brightness
    )
    empty = look.empty and (shared.empty or look.overview.brightness < _BLACK * shared.brightness)
    signal = look.signal
    if signal is not None and shared.scene is not None:
        signal = replace(signal, scene=shared.scene)
    look = replace(
        look,
        overview=overview,
        guess=shared.guess,
        signal=signal,
        drowned=shared.drowned,
        empty=empty,
        alone=shared.empty,
    )
    return decide(model, look, settings)


@dataclass(frozen=True, eq=False)
class FramesPlan:
    """What shall happen to each picture of a file; see :func:`plan_frames`."""

    model: Model
    frames: Frames
    settings: Settings
    shared: SharedLook | None
    """What an animation's frames have in common; None for pages."""

    def _plans(self) -> Iterator[tuple[Picture, Plan]]:
        for picture in self.frames:
            if self.shared is None:
                yield picture, plan(self.model, picture, self.settings)
            else:
                yield picture, plan_frame(self.model, picture, self.shared, self.settings)

    def changes_nothing(self) -> bool:
        """Whether every picture would be left as it is. It looks no further than to the first that would not."""
        return all(made.unchanged for _, made in self._plans())

    def render(
        self, *, on_step: OnStep | None = None, bits: Callable[[Picture], int | None] = lambda picture: None
    ) -> Iterator[tuple[Picture, Enhanced]]:
        """Each picture and what becomes of it, one after the other; none is held.

        on_step counts over all. bits: of a picture, how its result is held, as of
        :func:`~darklift.pipeline.render.render`.
        """
        count = len(self.frames)
        for number, (picture, made) in enumerate(self._plans()):

            def tell(step: int, steps: int, number: int = number) -> None:
                assert on_step is not None
                on_step(number * steps + step, count * steps)

            told = None if on_step is None else tell
            yield picture, render(self.model, picture, made, on_step=told, bits=bits(picture))


def plan_frames(model: Model, frames: Frames, settings: Settings) -> FramesPlan:
    """Look at an animation's frames together (pages are looked at one by one, as they are rendered).

    Raises UsageError for settings that this model cannot do and for uncertainty, which is told of one picture.
    """
    check_settings(model, settings)
    if settings.uncertainty:
        raise UsageError(f"uncertainty is told of one picture, and these are {len(frames)}: choose one frame")
    shared = look_together(model, frames.spread(_LOOKED_AT)) if frames.reel.moving else None
    return FramesPlan(model, frames, settings, shared)
