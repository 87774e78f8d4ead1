"""From noise and a dark picture to what a model makes of it, of any area: tile by tile, or of a small copy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np

from darklift.diffusion import noise_field, sample
from darklift.image import FloatArray, pad_like, pad_to_multiple, to_unit
from darklift.pipeline.plan import Plan
from darklift.pipeline.scaled import PIECE_OVERLAP, SmallCopy
from darklift.pipeline.settings import Window
from darklift.pipeline.tiling import Tile, map_tiles, plan_windows
from darklift.pipeline.view import View
from darklift.pipeline.windows import Predict, memory_of_windows, predict_whole, predict_windows
from darklift.runtime import Model
from darklift.runtime.memory import give_back, require_memory

__all__ = ["OnStep", "sample_area", "tell_of_part"]

OnStep = Callable[[int, int], None]
"""Told (steps done, steps in all)."""
Seen: TypeAlias = View | SmallCopy
"""What the network sees."""


def sample_area(
    model: Model, views: Sequence[View], plans: Sequence[Plan], area: Tile, on_step: OnStep | None
) -> Iterator[tuple[Tile, FloatArray]]:
    """What the model makes of the area, piece by piece: where, and (B, 3, h, w) unit, with the uncertainty as a fourth
    channel where the network is asked for it.
    """
    plan = plans[0]
    _check_memory(model, len(views), plan)
    if plan.scale == 1:
        yield from _sample_tiles(model, views, plans, area, on_step)
        return
    (view,) = views
    pieces = [piece for piece in plan.pieces if piece.overlaps(area)]
    plan.condition(model)
    copy = SmallCopy(view, plan.scale, plan.tiles, pieces)
    give_back()  # what looking, the condition and the copy took, before the network takes as much
    count = plan.steps * sum(tile.overlaps(copy.area) for tile in plan.tiles)
    tell = None if on_step is None else lambda step, of: on_step(step, of + len(pieces))
    for place, made in _sample_tiles(model, [copy], plans, copy.area, tell):
        copy.put(place, made[0])
    give_back()

    def work(piece: Tile) -> FloatArray:
        made = copy.enlarge(model, piece)
        if on_step is not None:
            on_step(count + pieces.index(piece) + 1, count + len(pieces))
        return made

    for place, enlarged in map_tiles(pieces, plan.look.extent, work, PIECE_OVERLAP, area):
        yield place, enlarged[None]
    give_back()


def _sample_tiles(
    model: Model, views: Sequence[Seen], plans: Sequence[Plan], area: Tile, on_step: OnStep | None
) -> Iterator[tuple[Tile, FloatArray]]:
    """The same of what is sampled: the photos, or a small copy."""
    plan = plans[0]
    if len(plan.tiles) == 1:
        yield area, _sample_tile(model, views, plans, plan.tiles[0], on_step)[:, :, *area.window]
        return
    worked_on = [tile for tile in plan.tiles if tile.overlaps(area)]
    (view,) = views

    def work(tile: Tile) -> FloatArray:
        tell = tell_of_part(on_step, worked_on.index(tile), len(worked_on))
        made: FloatArray = _sample_tile(model, [view], plans, tile, tell)[0]
        return made

    for place, made in map_tiles(worked_on, plan.worked_on, work, plan.overlap, area):
        yield place, made[None]


def _sample_tile(
    model: Model, views: Sequence[Seen], plans: Sequence[Plan], tile: Tile, on_step: OnStep | None
) -> FloatArray:
    """Sample one tile of each picture: (B, 3 or 4, h, w), see :func:`sample_area`."""
    plan, settings = plans[0], plans[0].settings
    seen = [view.of(tile) for view in views]
    predict, (top, left), (rows, columns) = _network_on(model, seen, plans, tile)
    count, predicts = len(seen), plan.preset.predicts
    uncertainty = np.zeros((count, 1, rows, columns), dtype=np.float32)

    def denoise(x: FloatArray, abar: float) -> FloatArray:
        outputs = predict(x, abar)
        if plan.asks_network:
            uncertainty[:] += outputs["uncertainty"].mean(axis=1, keepdims=True) / plan.steps
        return outputs[predicts]

    def noise(draw: int) -> FloatArray:
        field = noise_field(settings.seed, draw, 3, (tile.top, tile.left, rows, columns))[None]
        return field if count == 1 else field.repeat(count, axis=0)

    x0 = sample(
        denoise,
        noise(0),
        plan.ladder,
        eta=plan.preset.eta,
        clip=plan.preset.clip,
        noise=noise,
        predicts=predicts,
        on_step=on_step,
    )
    made: FloatArray = to_unit(x0)
    made.clip(0, 1, out=made)
    if plan.asks_network:
        made = np.concatenate([made, uncertainty], axis=1)
    return made[:, :, top : top + tile.height, left : left + tile.width]


def _network_on(
    model: Model, seen: Sequence[FloatArray], plans: Sequence[Plan], tile: Tile
) -> tuple[Predict, tuple[int, int], tuple[int, int]]:
    """The network bound to a tile of each picture; where the tile begins in what it takes, and that one's size."""
    plan, footprint = plans[0], model.card.footprint
    told = [plan.condition(model) for plan in plans]
    condition = {name: np.concatenate([each[name] for each in told]) for name in told[0]}
    if plan.window is not None:
        (planes,) = seen
        whole, _ = pad_to_multiple(planes, 1, at_least=plan.window.side)
        windows = plan_windows(*whole.shape[1:], side=plan.window.side, stride=plan.window.stride)
        return predict_windows(model, whole, condition, windows), (0, 0), whole.shape[1:]
    low = np.stack(seen) if len(seen) > 1 else seen[0][None]
    padded, (top, left) = pad_like(low, footprint.size_multiple, footprint.padding)
    edges = np.array([tile.top, tile.left, tile.top + padded.shape[2], tile.left + padded.shape[3]])
    box = (edges * plan.scale / np.tile(plan.look.extent, 2)).astype(np.float32)
    return predict_whole(model, padded, condition, box), (top, left), padded.shape[2:]


def _check_memory(model: Model, count: int, plan: Plan) -> None:
    """Refuse what cannot fit before it takes the machine down. Raises ImageError."""
    card, (rows, columns) = model.card, plan.look.extent
    if not card.footprint.sees_whole:
        return
    many = "" if count == 1 else f"{count} pictures of "
    require_memory(
        _memory_needed(model, count, plan),
        model.free_memory(),
        f"{many}{columns}x{rows} pixels take {card.name}",
        _how_to_save_memory(plan.window) if count == 1 else "pass fewer at once",
    )


def _memory_needed(model: Model, count: int, plan: Plan) -> float:
    footprint = model.card.footprint
    if plan.window is not None:
        return memory_of_windows(footprint, plan.window)
    height, width = footprint.padded(plan.look.extent)
    return count * footprint.memory(height * width)


def _how_to_save_memory(window: Window | None) -> str:
    remedy = "give a --window, such as 512," if window is None else "give a smaller --window,"
    return f"{remedy} or make the picture smaller"


def tell_of_part(on_step: OnStep | None, number: int, count: int) -> OnStep | None:
    """What part ``number`` of ``count`` tells of its steps, all parts having as many: ``on_step`` hears of them all."""
    if on_step is None:
        return None
    return lambda step, of: on_step(number * of + step, of * count)
