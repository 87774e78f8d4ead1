"""Sampling the pixels: from noise and a dark picture to a bright one, in one piece, in tiles, or in windows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from darklift.diffusion import Ladder, SamplerPreset, noise_field, sample
from darklift.image import FloatArray, pad_like, pad_to_multiple, to_unit
from darklift.pipeline.tiling import Tile, map_tiles, plan_tiles, plan_windows
from darklift.pipeline.windows import Window, memory_of_windows, predict_whole, predict_windows
from darklift.runtime import Model
from darklift.runtime.memory import require_memory

__all__ = ["OnStep", "Sampling", "check_memory", "restore", "tell_of_part"]

OnStep = Callable[[int, int], None]
"""Told (steps done, steps in all)."""

TILE_SIDE, TILE_OVERLAP = 1024, 64
"""Pixels. A picture of up to TILE_SIDE² pixels is worked on in one piece."""


@dataclass(frozen=True)
class Sampling:
    """How pictures are sampled. seed: of the noise, the same for each picture. window: None works on all at once."""

    preset: SamplerPreset
    ladder: Ladder
    seed: int
    window: Window | None
    uncertainty: bool = False
    on_step: OnStep | None = None

    @property
    def steps(self) -> int:
        """Rungs walked."""
        return len(self.ladder) - 1


def tell_of_part(on_step: OnStep | None, number: int, count: int) -> OnStep | None:
    """What part ``number`` of ``count`` tells of its steps, all parts having as many: ``on_step`` hears of them all."""
    if on_step is None:
        return None
    return lambda step, of: on_step(number * of + step, of * count)


def check_memory(model: Model, size: tuple[int, ...], window: Window | None) -> None:
    """Refuse what cannot fit before it takes the machine down. size: pictures, rows, columns. Raises ImageError."""
    card = model.card
    if not card.footprint.sees_whole:
        return
    count, rows, columns = size
    height, width = card.footprint.padded((rows, columns))
    needed = count * card.footprint.memory(height * width) if window is None else memory_of_windows(card, window)
    many = "" if count == 1 else f"{count} pictures of "
    remedy = "give a --window, such as 512," if window is None else "give a smaller --window,"
    require_memory(
        needed,
        model.free_memory(),
        f"{many}{columns}x{rows} pixels take {card.name}",
        f"{remedy} or make the picture smaller" if count == 1 else "pass fewer at once",
    )


def restore(model: Model, low: FloatArray, condition: Mapping[str, FloatArray], how: Sampling) -> FloatArray:
    """Sample whole pictures: low (B, 3, H, W) unit -> (B, 3, H, W) unit, tile by tile where they are large.

    condition: what ``Model.condition`` made of the pictures, one row each. With ``how.uncertainty`` a fourth channel
    says where the network is unsure. More than one picture only where the network sees all of its input at once and
    there is no window.
    """
    if model.card.footprint.sees_whole:
        return _restore_tile(model, low, Tile(0, 0, *low.shape[2:]), condition, how)
    (planes,) = low
    multiple = model.card.footprint.size_multiple
    tiles = plan_tiles(*planes.shape[1:], side=TILE_SIDE, overlap=TILE_OVERLAP, multiple=multiple)

    def work(tile: Tile) -> FloatArray:
        tell = tell_of_part(how.on_step, tiles.index(tile), len(tiles))
        made: FloatArray = _restore_tile(model, low, tile, condition, replace(how, on_step=tell))[0]
        return made

    return map_tiles(tiles, (3 + how.uncertainty, *planes.shape[1:]), work, TILE_OVERLAP)[None]


def _restore_tile(
    model: Model, low: FloatArray, tile: Tile, condition: Mapping[str, FloatArray], how: Sampling
) -> FloatArray:
    """Sample one tile of each picture: (B, 3, h, w) unit, with the uncertainty as a fourth channel where asked for."""
    if how.window is None:
        padded, (top, left) = pad_like(
            low[:, :, *tile.window], model.card.footprint.size_multiple, model.card.footprint.padding
        )
        edges = np.array([tile.top, tile.left, tile.top + padded.shape[2], tile.left + padded.shape[3]])
        box = (edges / np.tile(low.shape[2:], 2)).astype(np.float32)
        predict = predict_whole(model, padded, condition, box)
    else:
        (planes,) = low
        padded_planes, _ = pad_to_multiple(planes, 1, at_least=how.window.side)
        padded, top, left = padded_planes[None], 0, 0
        windows = plan_windows(*padded_planes.shape[1:], side=how.window.side, stride=how.window.stride)
        predict = predict_windows(model, padded_planes, condition, windows)
    count, _, rows, columns = padded.shape
    uncertainty = np.zeros((count, 1, rows, columns), dtype=np.float32)

    def denoise(x: FloatArray, abar: float) -> FloatArray:
        outputs = predict(x, abar)
        if how.uncertainty:
            uncertainty[:] += outputs["uncertainty"].mean(axis=1, keepdims=True) / how.steps
        return outputs[how.preset.predicts]

    def noise(draw: int) -> FloatArray:
        return noise_field(how.seed, draw, 3, (tile.top, tile.left, rows, columns))[None].repeat(count, axis=0)

    x0 = sample(
        denoise,
        noise(0),
        how.ladder,
        eta=how.preset.eta,
        clip=how.preset.clip,
        noise=noise,
        predicts=how.preset.predicts,
        on_step=how.on_step,
    )
    unit: FloatArray = to_unit(x0).clip(0, 1)
    planes_: FloatArray = np.concatenate([unit, uncertainty], axis=1) if how.uncertainty else unit
    return planes_[:, :, top : top + tile.height, left : left + tile.width]
