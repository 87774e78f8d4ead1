"""What shall happen to one photo, decided by one look at it: a value that can be kept, changed, and sent elsewhere.

:func:`plan` looks at the photo and decides; :func:`darklift.pipeline.render.render` does it, for any part of the photo,
at any time. A slider is the same look under other settings (:func:`replan`); frames of a clip share a look
(:mod:`darklift.pipeline.clip`); a tile on another machine is a part of a plan.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from darklift.diffusion import Ladder, SamplerPreset
from darklift.errors import UsageError
from darklift.image import FloatArray, Picture
from darklift.pipeline.deblock import Smoothing
from darklift.pipeline.exposure import Aim, aim_for, lit_kept
from darklift.pipeline.look import Look, look_at
from darklift.pipeline.memory import tile_side
from darklift.pipeline.restraint import Restraint, restrain
from darklift.pipeline.scaled import pieces_of, scale_for, small_size
from darklift.pipeline.settings import DEFAULTS, Exposure, Settings, Window
from darklift.pipeline.tiling import Tile, plan_tiles
from darklift.pipeline.tone import Tone
from darklift.runtime import Intervals, Model, ModelCard

__all__ = [
    "Plan",
    "check_made_for",
    "check_settings",
    "decide",
    "plan",
    "replan",
]

_log = logging.getLogger(__name__)

TILE_OVERLAP = 128
"""Pixels. nano's network sees 148 around them, of which the farthest hardly count: from 56 on, where a tile gets a say,
a cut edge changes what it makes by 1.5/255 at the most. compact's sees less."""
_MAP_BYTES = 8
"""For each pixel, of a map of uncertainty and what is drawn of it."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What shall happen to one photo: plain values and small arrays, which ``pickle`` takes anywhere. Up to 3 MB, and
    up to 11 MB for a photo with flat dark blocks, whatever its size.
    """

    model: str
    """The name of the model that it was made for."""
    fingerprint: str
    """Of that model's files: a plan fits a copy of them, wherever it lies."""
    settings: Settings
    """The settings that it was made with."""
    look: Look
    """What one look at the photo told; :func:`replan` uses it again."""
    preset: SamplerPreset
    """How the model is sampled."""
    ladder: Ladder
    """The noise levels that the sampler walks down."""
    aim: Aim | None
    """The brightness to ask for; None where the model takes none."""
    window: Window | None
    """What the network sees at once, None for all of a tile."""
    tiles: tuple[Tile, ...]
    """The pieces that are sampled one by one. They overlap, and cover the part that is worked on, or its small copy."""
    overlap: int
    """Pixels of overlap between tiles, over which their results are cross-faded."""
    scale: int = 1
    """Pixels along one of the small copy that is worked on; 1 where the photo itself is."""
    pieces: tuple[Tile, ...] = ()
    """Of the photo, which are brought to full size one by one where a small copy was worked on. They overlap, too."""
    intervals: Intervals | None = None
    """How far the result may be off, where that was asked for and the model's card tells it."""
    _known: dict[str, FloatArray] = field(default_factory=dict, init=False, repr=False)

    def condition(self, model: Model) -> Mapping[str, FloatArray]:
        """All that the network is told of the whole photo, by the names of its inputs: made when it is first asked for,
        as a photo that stays as it is needs none, and kept with the plan.

        model: the one that the plan was made for.
        """
        if not self._known:
            self._known.update(model.condition(self.look.overview, None if self.aim is None else self.aim.wanted))
        return self._known

    @property
    def steps(self) -> int:
        """Sampling steps."""
        return len(self.ladder) - 1

    @property
    def worked_on(self) -> tuple[int, int]:
        """(rows, columns) of what is sampled: of the part inside, or of its small copy."""
        return small_size(self.look.extent, self.scale)

    @property
    def share(self) -> float:
        """How much of what the model makes goes into the result, in [0, 1]; the rest is the photo itself."""
        nothing = self.look.hidden or self._stays_black
        return 0.0 if nothing else 1.0 if self.aim is None else self.aim.share

    @property
    def tone(self) -> Tone | None:
        """What is done to tones and colours after the model; None for nothing."""
        nothing = self.look.hidden or (self._stays_black and self.look.alone)
        return None if nothing else Tone.of(self.settings)

    @property
    def _stays_black(self) -> bool:
        return self.look.empty and self.settings.exposure is None

    @property
    def unchanged(self) -> bool:
        """Whether the result is the photo itself."""
        return not self.settings.strength or (not self.share and self.tone is None)

    @property
    def asks_network(self) -> bool:
        """Whether the network itself is asked where it is unsure."""
        return self.settings.uncertainty and self.intervals is None

    @property
    def smoothing(self) -> Smoothing | None:
        """Of the photo's flat dark blocks; None where there is none to do, or none is wanted. The look, and so the
        brightness, is that of the smooth photo either way: a switch needs no other look.
        """
        return self.look.smoothing if self.settings.deblock == "auto" else None

    @property
    def restraint(self) -> Restraint | None:
        """How far the model may go at each place; None for as far as it likes. Made anew each time."""
        if self.look.signal is None or self.aim is None or self.settings.lift != "trusted":
            return None
        wanted, signal = self.aim.wanted.brightness, self.look.signal
        return restrain(
            signal, wanted, kept=lit_kept(Exposure.of(self.settings.exposure), wanted, signal.scene.brightness)
        )

    @property
    def brightness(self) -> float | None:
        """The mean sRGB-coded value asked of the model; None where it takes none."""
        return None if self.aim is None else self.aim.wanted.brightness


def plan(model: Model, picture: Picture, settings: Settings = DEFAULTS) -> Plan:
    """Look at the picture once and decide all that is decided about it: cheap beside doing it.

    Raises UsageError for settings that this model cannot do, ImageError for pixels that are no numbers.
    """
    check_settings(model, settings)
    return decide(model, look_at(model, picture), settings)


def replan(model: Model, plan: Plan, settings: Settings) -> Plan:
    """The same photo under other settings, without looking at it again. Raises UsageError."""
    check_made_for(model, plan)
    check_settings(model, settings)
    return decide(model, plan.look, settings)


def check_made_for(model: Model, plan: Plan) -> None:
    """Raise UsageError for what is no Plan, or one of another model."""
    if not isinstance(plan, Plan):
        raise UsageError(f"expected a Plan, got a {type(plan).__name__}: make one with plan")
    if plan.fingerprint != model.card.fingerprint:
        raise UsageError(f"the plan was made for model {plan.model}, and this is another, {model.card.name}: plan anew")


def check_settings(model: Model, settings: Settings) -> None:
    """Raise UsageError for settings that this model cannot do, whatever the photo."""
    name = model.card.name
    _ladder(model.card.preset(settings.preset), settings.steps)
    if settings.exposure is not None and not model.controls_exposure:
        raise UsageError(f"model {name} cannot be told how bright to go: leave out the exposure")
    if settings.uncertainty:
        _check_uncertainty(model, settings.coverage)
    window = Window.of(settings.window)
    if window is not None:
        _check_window(window, model.card)


def decide(model: Model, look: Look, settings: Settings) -> Plan:
    """What shall happen to the photo that was looked at; ``settings`` are such as this model can do."""
    footprint, preset = model.card.footprint, model.card.preset(settings.preset)
    aim = None
    if look.guess is not None:
        scene = look.signal.scene if look.signal is not None and settings.lift == "trusted" else None
        aim = aim_for(Exposure.of(settings.exposure), look.guess, look.overview.brightness, scene)
    window = Window.of(settings.window)
    if window is not None and max(footprint.padded(look.extent)) <= window.side:
        window = None  # all of it lies in one window, also as the network pads it
    whole = settings.uncertainty and model.intervals is None  # what the network says of it, nothing enlarges
    scale = scale_for(look.extent, settings.speed, look.drowned) if model.enlarges and not whole else 1
    worked_on = small_size(look.extent, scale)
    tiles: tuple[Tile, ...] = (Tile(0, 0, *worked_on),)
    if not footprint.sees_whole:
        map_bytes = _MAP_BYTES * math.prod(look.size) if settings.uncertainty else 0
        side = tile_side(model, look, worked_on, map_bytes)
        tiles = plan_tiles(*worked_on, side=side, overlap=TILE_OVERLAP, multiple=footprint.size_multiple)
    _log.debug("planned %s for %s: %s, %d tiles", look.size, model.card.name, aim, len(tiles))
    by_size = scale_for(look.extent, settings.speed)
    _log.debug("scale %d (%d by size, drowned %s)", scale, by_size, look.drowned)
    return Plan(
        model=model.card.name,
        fingerprint=model.card.fingerprint,
        settings=settings,
        look=look,
        preset=preset,
        ladder=_ladder(preset, settings.steps),
        aim=aim,
        window=window,
        tiles=tiles,
        overlap=TILE_OVERLAP,
        scale=scale,
        pieces=pieces_of(look.extent) if scale > 1 else (),
        intervals=model.intervals if settings.uncertainty else None,
    )


def _ladder(preset: SamplerPreset, steps: int | None) -> Ladder:
    try:
        return preset.ladder(steps)
    except ValueError as error:
        raise UsageError(f"steps: {error}") from error


def _check_uncertainty(model: Model, coverage: float) -> None:
    name = model.card.name
    if model.intervals is None and not model.tells_uncertainty:
        raise UsageError(f"model {name} does not tell where it is unsure: choose one that does")
    if model.intervals is not None and coverage not in model.intervals.factors:
        known = ", ".join(map(str, model.intervals.factors))
        raise UsageError(f"coverage is {coverage:g}, and model {name} was calibrated for others: choose from {known}")


def _check_window(window: Window, card: ModelCard) -> None:
    if not card.footprint.sees_whole:
        raise UsageError(f"model {card.name} cuts large pictures into tiles by itself: leave out the window")
    if window.side % card.footprint.size_multiple:
        raise UsageError(
            f"window is {window.side}, expected a multiple of {card.footprint.size_multiple} for model {card.name}"
        )
