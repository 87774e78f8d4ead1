"""What shall happen to one photo, decided by one look at it: a value that can be kept, changed, and sent elsewhere.

:func:`plan` looks at the photo and decides; :func:`darklift.pipeline.render.render` does it, for any part of the photo,
at any time. A slider is the same look under other settings (:func:`replan`); frames of a clip share a look
(:mod:`darklift.pipeline.clip`); a tile on another machine is a part of a plan.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from darklift.diffusion import Ladder, SamplerPreset
from darklift.errors import ImageError, UsageError
from darklift.image import FloatArray, Picture
from darklift.image.colour import ColourSpace
from darklift.image.overview import Overview, describe
from darklift.image.spaces import colour_space_of
from darklift.pipeline.border import inside_of_border
from darklift.pipeline.deblock import Smoothing, plan_smoothing
from darklift.pipeline.exposure import Aim, aim_for
from darklift.pipeline.hidden import Fill, alpha_of, hides_all, plan_fill, seen_part
from darklift.pipeline.nothing import holds_nothing
from darklift.pipeline.settings import DEFAULTS, Exposure, Settings, Window
from darklift.pipeline.tiling import Tile, plan_tiles
from darklift.runtime import Guess, Model, ModelCard

__all__ = [
    "Look",
    "Plan",
    "check_made_for",
    "check_settings",
    "decide",
    "look_at",
    "plan",
    "planes_of",
    "replan",
    "require_picture",
]

_log = logging.getLogger(__name__)

TILE_SIDE, TILE_OVERLAP = 1024, 64
"""Pixels. A picture of up to TILE_SIDE² pixels is worked on in one piece."""


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
    empty: bool = False
    """It holds nothing to bring out."""
    gray: bool = False
    """It has no colours, and shall have none."""
    space: ColourSpace | None = None
    """Of the photo's numbers, from which they are converted for the network and back; None for sRGB."""
    note: str | None = None
    """What its file says of colours and nobody can use; None where there is nothing of that kind."""

    @property
    def extent(self) -> tuple[int, int]:
        """(rows, columns) of the part inside, which is what the network works on."""
        return self.inside.height, self.inside.width


@dataclass(frozen=True, eq=False)
class Plan:
    """What shall happen to one photo: plain values and small arrays, which ``pickle`` takes anywhere. About 150 kB, and
    up to 8 MB for a photo with flat dark blocks, whatever its size.
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
        if self.look.empty and self.settings.exposure is None:
            return 0.0
        return 1.0 if self.aim is None else self.aim.share

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


def look_at(model: Model, picture: Picture, at_least: Tile | None = None) -> Look:
    """All that a model wants to know of a photo before anything is decided.

    at_least: what counts as inside of borders in any case. Raises ImageError for pixels that are no numbers, and for
    colours that cannot be converted to sRGB and back.
    """
    require_picture(picture)
    space, note = colour_space_of(picture)
    low, alpha = planes_of(picture, space), alpha_of(picture)
    inside = Tile(0, 0, *picture.size) if alpha is None else seen_part(alpha)
    if alpha is None or float(alpha[inside.window].min()) >= 1:
        inside = inside_of_border(low, inside)
    inside = inside if at_least is None else inside.joined(at_least)
    alpha = None if alpha is None or float(alpha[inside.window].min()) >= 1 else alpha[inside.window]
    low, bits = low[:, *inside.window], picture.source.bits
    fill = None if alpha is None else plan_fill(low, alpha)
    if fill is not None and alpha is not None:
        low = fill.apply(low, alpha)
    smoothing = plan_smoothing(low, alpha) if model.card.deblocks else None
    overview = describe(low if smoothing is None else smoothing.apply(low), bits=bits, weights=alpha)
    return Look(
        size=picture.size,
        inside=inside,
        fill=fill,
        smoothing=smoothing,
        overview=overview,
        guess=model.guess_exposure(overview),
        empty=hides_all(picture) or holds_nothing(low, bits),
        gray=picture.gray or _is_gray(low, picture.source.container, space),
        space=space,
        note=note,
    )


def _is_gray(low: FloatArray, container: str | None, space: ColourSpace | None) -> bool:
    """Whether the channels (3, H, W) are alike in every pixel, in a JPEG but for its rounding."""
    exactly = 0 if space is None else 1e-4  # what converting them leaves
    allowed = np.float32(1.01 / 255 if container == "JPEG" else exactly)
    first, others, middle = low[:1], low[1:], low.shape[1] // 2
    return bool((np.abs(others[:, middle] - first[:, middle]) <= allowed).all()) and bool(
        (np.abs(others - first) <= allowed).all()
    )


def planes_of(picture: Picture, space: ColourSpace | None = None) -> FloatArray:
    """The pixels as the model sees them, (3, H, W) sRGB in [0, 1]: a view of the picture's own where they are.

    space: of the picture's numbers, None for sRGB. Raises UsageError for what is no Picture, ImageError for NaN and
    infinity.
    """
    require_picture(picture)
    lowest, highest = float(picture.pixels.min()), float(picture.pixels.max())
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        raise ImageError("the picture holds NaN or infinite values, expected [0, 1]: what computed it went wrong")
    if space is not None:
        return space.seen(picture.pixels)
    inside = picture.pixels if lowest >= 0 and highest <= 1 else picture.pixels.clip(0, 1)
    return inside.transpose(2, 0, 1)


def require_picture(picture: object) -> None:
    """Raise UsageError for what is no Picture."""
    if not isinstance(picture, Picture):
        raise UsageError(
            f"expected a Picture as read_image makes it, got a {type(picture).__name__}: call the Enhancer itself for "
            "paths, PIL images and arrays"
        )


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


def decide(model: Model, look: Look, settings: Settings) -> Plan:
    """What shall happen to the photo that was looked at; ``settings`` are such as this model can do."""
    footprint, preset = model.card.footprint, model.card.preset(settings.preset)
    aim = None
    if look.guess is not None:
        aim = aim_for(Exposure.of(settings.exposure), look.guess, look.overview.brightness)
    window = Window.of(settings.window)
    if window is not None and max(footprint.padded(look.extent)) <= window.side:
        window = None  # all of it lies in one window, also as the network pads it
    tiles: tuple[Tile, ...] = (Tile(0, 0, *look.extent),)
    if not footprint.sees_whole:
        tiles = plan_tiles(*look.extent, side=TILE_SIDE, overlap=TILE_OVERLAP, multiple=footprint.size_multiple)
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
