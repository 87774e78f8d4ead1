"""What shall happen to one photo, decided by one look at it: a value that can be kept, changed, and sent elsewhere.

:func:`plan` looks at the photo and decides; :func:`darklift.pipeline.render.render` does it, for any part of the photo,
at any time. A slider is the same look under other settings (:func:`replan`); frames of a video can share one look; a
tile on another machine is a part of a plan.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from darklift.diffusion import Ladder, SamplerPreset
from darklift.errors import UsageError
from darklift.image import FloatArray, Picture
from darklift.image.colour import ColourSpace
from darklift.image.overview import Overview, describe_strips
from darklift.image.spaces import colour_space_of
from darklift.pipeline.border import inside_of_border
from darklift.pipeline.deblock import Smoothing, plan_smoothing
from darklift.pipeline.exposure import Aim, aim_for, lit_kept
from darklift.pipeline.hidden import Fill, hides_all, is_seen_through, plan_fill, seen_part
from darklift.pipeline.memory import tile_side
from darklift.pipeline.nothing import holds_nothing
from darklift.pipeline.settings import DEFAULTS, Exposure, Settings, Window
from darklift.pipeline.tiling import Tile, plan_tiles
from darklift.pipeline.tone import Tone
from darklift.pipeline.trust import Restraint, Signal, look_for_signal, restrain
from darklift.pipeline.view import View, require_picture
from darklift.runtime import Guess, Model, ModelCard

__all__ = [
    "Look",
    "Plan",
    "check_made_for",
    "check_settings",
    "look_at",
    "plan",
    "replan",
]

_log = logging.getLogger(__name__)

TILE_OVERLAP = 64
"""Pixels."""


@dataclass(frozen=True, eq=False)
class Look:
    """What one look at a photo tells."""

    size: tuple[int, int]
    """(rows, columns) in pixels."""
    inside: Tile
    """The photo without borders around it, and without margins that are transparent throughout. All that follows is
    about this part."""
    fill: Fill | None
    """What the network sees in the place of hidden pixels; None where all is seen."""
    smoothing: Smoothing | None
    """Of its flat dark blocks; None where there is none to do."""
    overview: Overview
    """Of the photo as the network will see it."""
    guess: Guess | None
    """How bright a good version of it would be; None where the model does not say."""
    signal: Signal | None = None
    """What each place of it holds; None where the model does not say how bright it should be."""
    empty: bool = False
    """It holds nothing to bring out."""
    gray: bool = False
    """It has no colours, and shall have none."""
    space: ColourSpace | None = None
    """Of the photo's numbers, from which they are converted for the network and back; None for sRGB."""
    held_bytes: int = 0
    """Of memory that the photo takes."""
    note: str | None = None
    """What its file says of colours and nobody can use; None where there is nothing of that kind."""

    @property
    def extent(self) -> tuple[int, int]:
        """(rows, columns) of the part inside, which is what the network works on."""
        return self.inside.height, self.inside.width


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
    condition: Mapping[str, FloatArray]
    """All that the network is told of the whole photo, by the names of its inputs."""
    window: Window | None
    """What the network sees at once, None for all of a tile."""
    tiles: tuple[Tile, ...]
    """The pieces that are sampled one by one. They overlap, and cover the part that is worked on."""
    overlap: int
    """Pixels of overlap between tiles, over which their results are cross-faded."""

    @property
    def steps(self) -> int:
        """Sampling steps."""
        return len(self.ladder) - 1

    @property
    def share(self) -> float:
        """How much of what the model makes goes into the result, in [0, 1]; the rest is the photo itself."""
        return 0.0 if self._nothing_to_do else 1.0 if self.aim is None else self.aim.share

    @property
    def tone(self) -> Tone | None:
        """What is done to tones and colours after the model; None for nothing."""
        return None if self._nothing_to_do else Tone.of(self.settings)

    @property
    def _nothing_to_do(self) -> bool:
        return self.look.empty and self.settings.exposure is None

    @property
    def unchanged(self) -> bool:
        """Whether the result is the photo itself."""
        return not self.settings.strength or (not self.share and self.tone is None)

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
        return restrain(
            self.look.signal, self.aim.wanted.brightness, kept=lit_kept(Exposure.of(self.settings.exposure))
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
    return _decide(model, look_at(model, picture), settings)


def replan(model: Model, plan: Plan, settings: Settings) -> Plan:
    """The same photo under other settings, without looking at it again. Raises UsageError."""
    check_made_for(model, plan)
    check_settings(model, settings)
    return _decide(model, plan.look, settings)


def look_at(model: Model, picture: Picture) -> Look:
    """All that a model wants to know of a photo before anything is decided.

    Raises ImageError for pixels that are no numbers, and for colours that cannot be converted to sRGB and back.
    """
    require_picture(picture)
    space, note = colour_space_of(picture)
    view = _view(picture, space)
    smoothing = plan_smoothing(view) if model.card.deblocks else None
    seen, bits = replace(view, smoothing=smoothing), picture.source.bits
    strips = ((seen.of(strip), None if view.fill is None else view.alpha(strip)) for strip in view.strips())
    overview = describe_strips(view.size, strips, bits=bits)
    guess = model.guess_exposure(overview)
    return Look(
        size=picture.size,
        inside=view.inside,
        fill=view.fill,
        smoothing=smoothing,
        overview=overview,
        guess=guess,
        signal=None if guess is None else look_for_signal(view, bits),
        empty=hides_all(picture) or holds_nothing(view, bits),
        gray=picture.gray or _is_gray(view),
        space=space,
        held_bytes=picture.held.nbytes,
        note=note,
    )


def _view(picture: Picture, space: ColourSpace | None) -> View:
    """The part that counts of a picture, its hidden pixels filled."""
    view = View(picture, Tile(0, 0, *picture.size), space)
    if not is_seen_through(picture):
        return replace(view, inside=inside_of_border(view))
    view = replace(view, inside=seen_part(picture))
    alpha = picture.held.alpha
    if alpha is not None and alpha[view.inside.window].min() >= picture.held.white:
        within = inside_of_border(view)
        return replace(
            view, inside=replace(within, top=view.inside.top + within.top, left=view.inside.left + within.left)
        )
    return replace(view, fill=plan_fill(view))


def _is_gray(view: View) -> bool:
    """Whether the channels are alike in every pixel, in a JPEG but for its rounding."""
    exactly = 0 if view.space is None else 1e-4  # what converting them leaves
    allowed = np.float32(1.01 / 255 if view.picture.source.container == "JPEG" else exactly)
    rows, columns = view.size
    middle = Tile(rows // 2, 0, 1, columns)
    return all(_alike(view.of(strip), allowed) for strip in (middle, *view.strips()))


def _alike(low: FloatArray, allowed: np.float32) -> bool:
    return bool((np.abs(low[1:] - low[:1]) <= allowed).all())


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
    if settings.uncertainty and not model.tells_uncertainty:
        raise UsageError(f"model {name} does not tell where it is unsure: choose one that does")
    window = Window.of(settings.window)
    if window is not None:
        _check_window(window, model.card)


def _decide(model: Model, look: Look, settings: Settings) -> Plan:
    footprint, preset = model.card.footprint, model.card.preset(settings.preset)
    aim = None
    if look.guess is not None:
        signal = look.signal if settings.lift == "trusted" else None
        aim = aim_for(Exposure.of(settings.exposure), look.guess, look.overview.brightness, signal)
    window = Window.of(settings.window)
    if window is not None and max(footprint.padded(look.extent)) <= window.side:
        window = None  # all of it lies in one window, also as the network pads it
    tiles: tuple[Tile, ...] = (Tile(0, 0, *look.extent),)
    if not footprint.sees_whole:
        side = tile_side(model, look)
        tiles = plan_tiles(*look.extent, side=side, overlap=TILE_OVERLAP, multiple=footprint.size_multiple)
    _log.debug("planned %s for %s: %s, %d tiles", look.size, model.card.name, aim, len(tiles))
    return Plan(
        model=model.card.name,
        fingerprint=model.card.fingerprint,
        settings=settings,
        look=look,
        preset=preset,
        ladder=_ladder(preset, settings.steps),
        aim=aim,
        condition=model.condition(look.overview, None if aim is None else aim.wanted),
        window=window,
        tiles=tiles,
        overlap=TILE_OVERLAP,
    )


def _ladder(preset: SamplerPreset, steps: int | None) -> Ladder:
    try:
        return preset.ladder(steps)
    except ValueError as error:
        raise UsageError(f"steps: {error}") from error


def _check_window(window: Window, card: ModelCard) -> None:
    if not card.footprint.sees_whole:
        raise UsageError(f"model {card.name} cuts large pictures into tiles by itself: leave out the window")
    if window.side % card.footprint.size_multiple:
        raise UsageError(
            f"window is {window.side}, expected a multiple of {card.footprint.size_multiple} for model {card.name}"
        )
