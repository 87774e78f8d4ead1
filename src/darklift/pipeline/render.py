"""Doing what a plan says: from noise and a dark picture to a bright one, all of it or any part."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from darklift.errors import UsageError
from darklift.image import FloatArray, Picture
from darklift.image.pixels import with_notes
from darklift.pipeline.beside import put_beside
from darklift.pipeline.compose import Canvas, view_of
from darklift.pipeline.plan import Plan, check_made_for
from darklift.pipeline.sampling import OnStep, sample_area, tell_of_part
from darklift.pipeline.settings import Window
from darklift.pipeline.tiling import Tile
from darklift.pipeline.view import require_picture
from darklift.runtime import Model

__all__ = ["Enhanced", "OnStep", "render", "render_together"]


@dataclass(frozen=True)
class Enhanced:
    """A result, and how it came about."""

    picture: Picture
    """The result."""
    brightness: float | None
    """The mean coded value asked of the model, in (0, 1); None where it takes none."""
    steps: int
    """Sampling steps that were taken."""
    seconds: float
    """Without reading and writing files."""
    share: float = 1.0
    """How much of what the model made is in the picture, before ``strength``; the rest is the photo itself. Less than 1
    for a photo that was only a little too dark, 0 for one that was bright enough."""
    window: Window | None = None
    """The windows that the network saw, None where it saw all (or tiles of its own)."""
    uncertainty: FloatArray | None = None
    """float32 (H, W), where it was asked for. With a ``coverage``: half-widths of intervals, unit, around each coded
    value (R, G and B alike, sRGB) of the result before tones were changed. Without: where a network is unsure, in units
    of its own (larger is less sure), the mean over steps and channels."""
    coverage: float | None = None
    """Share of the true values that lie within the intervals of ``uncertainty``, as calibrated: values of the scene in
    a good light, with the mean brightness of the result. None where no such thing is known."""
    unchanged: bool = False
    """The picture is the photo itself: nothing of what the model made is in it, and no tone was asked to change."""
    scale: int = 1
    """Pixels along one of the small copy that was worked on; 1 where the photo itself was."""
    holds_nothing: bool = False
    """The photo is black or a lens cap's noise: there is nothing to bring out. Its share is 0 then, unless an exposure
    was asked for."""


def render(
    model: Model,
    picture: Picture,
    plan: Plan,
    part: Tile | None = None,
    *,
    on_step: OnStep | None = None,
    bits: int | None = None,
) -> Enhanced:
    """Make what the plan says of the picture that it was made for, or only a part of it: the same pixels either way.

    part: None for all. A network that sees its whole input at once has all its work to do for any part. bits: 8 or 16,
    to hold the result as a file of so many bits does, rounded, in a quarter or half of the memory; None holds floats.

    Raises UsageError for another model's or another picture's plan and for a part outside of the picture, ImageError
    where there is too little memory.
    """
    (enhanced,) = render_together(model, [picture], [plan], part, on_step=on_step, bits=bits)
    return enhanced


def render_together(
    model: Model,
    pictures: Sequence[Picture],
    plans: Sequence[Plan],
    part: Tile | None = None,
    *,
    on_step: OnStep | None = None,
    bits: int | None = None,
    in_place: bool = False,
) -> tuple[Enhanced, ...]:
    """:func:`render` of several pictures of one size under one choice of settings, their plans beside them.

    A network that sees its whole input at once takes them together, without a window: faster on a GPU, and with the
    memory of all. Others take one after the other. on_step counts over all. in_place: results may take the memory of
    their pictures, which hold them then, or a part of one where the work was stopped; not for a part.
    """
    if not plans or len(plans) != len(pictures):
        raise UsageError(f"got {len(pictures)} pictures and {len(plans)} plans: expected a plan for each")
    for picture, plan in zip(pictures, plans, strict=True):
        require_picture(picture)
        _check_fit(model, picture, plan)
    first = plans[0]
    if bits not in (None, 8, 16):
        raise UsageError(f"bits is {bits!r}, expected 8 or 16, or None for floats")
    if any(plan.settings != first.settings for plan in plans):
        raise UsageError("the plans have different settings: render those of the same settings together")
    area = _area(part, first.look.size)
    alike = len({plan.look.inside for plan in plans}) == 1  # as they are, but for borders
    together = len(plans) if model.card.footprint.sees_whole and first.window is None and alike else 1
    starts = range(0, len(plans), together)
    results: list[Enhanced] = []
    for number, start in enumerate(starts):
        group = slice(start, start + together)
        tell = tell_of_part(on_step, number, len(starts))
        results.extend(_render_group(model, pictures[group], plans[group], area, tell, bits, in_place))
    return tuple(results)


def _render_group(
    model: Model,
    pictures: Sequence[Picture],
    plans: Sequence[Plan],
    area: Tile,
    on_step: OnStep | None,
    bits: int | None,
    in_place: bool,
) -> Iterator[Enhanced]:
    """Pictures that go through the network together."""
    started = time.perf_counter()
    views = [view_of(picture, plan) for picture, plan in zip(pictures, plans, strict=True)]
    changes = any(plan.share * plan.settings.strength for plan in plans)
    works = (changes or plans[0].asks_network) and all(area.overlaps(view.inside) for view in views)
    kept = not works or any(plan.unchanged for plan in plans)
    canvases = [
        Canvas(view, plan, area, bits, kept=kept or area.shared(view.inside) != area, in_place=in_place)
        for view, plan in zip(views, plans, strict=True)
    ]
    if works:
        (work,) = {area.shared(view.inside).seen_from(view.inside) for view in views}

        def put(place: Tile, made: FloatArray) -> None:
            for canvas, values in zip(canvases, made, strict=True):
                canvas.put(place, values)

        put_beside(sample_area(model, views, plans, work, on_step), put, model.threads)
    else:
        for canvas in canvases:
            canvas.put_own()
        if on_step is not None:
            on_step(plans[0].steps, plans[0].steps)
    seconds = (time.perf_counter() - started) / len(pictures)
    for canvas, plan in zip(canvases, plans, strict=True):
        result = canvas.picture()
        yield Enhanced(
            result if plan.look.note is None else with_notes(result, [plan.look.note]),
            plan.brightness,
            plan.steps,
            seconds,
            plan.share,
            plan.window,
            canvas.uncertainty,
            None if plan.intervals is None else plan.settings.coverage,
            unchanged=plan.unchanged,
            scale=plan.scale,
            holds_nothing=plan.look.empty,
        )


def _area(part: Tile | None, size: tuple[int, int]) -> Tile:
    if part is None:
        return Tile(0, 0, *size)
    if not isinstance(part, Tile):
        raise UsageError(f"part is {part!r}, expected a Tile, or None for the whole picture")
    part.check_inside(size)
    return part


def _check_fit(model: Model, picture: Picture, plan: Plan) -> None:
    check_made_for(model, plan)
    if plan.look.size != picture.size:
        planned, got = (f"{columns}x{rows}" for rows, columns in (plan.look.size, picture.size))
        raise UsageError(f"the plan was made for a picture of {planned} pixels, got one of {got}: plan each picture")
