"""A network that sees its input at once, on pictures too large for that: it is asked in overlapping windows at every
step, and what it predicts is averaged where they overlap (Özdenizci & Legenstein 2023, arXiv 2207.14626, algorithm 2;
LLDiffusion samples so). All windows walk down the ladder together: no seam can grow between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from darklift.image import FloatArray
from darklift.pipeline.settings import Window
from darklift.pipeline.tiling import Tile
from darklift.runtime import Footprint, Model, Piece

__all__ = ["Predict", "memory_of_windows", "predict_whole", "predict_windows"]

Predict = Callable[[FloatArray, float], dict[str, FloatArray]]
"""x (B, 3, H, W) signed, abar -> the network's outputs by name, each (B, C, H, W)."""

_BATCH_PIXELS = 2**18
"""Windows are put through the network together up to so many pixels."""
_KEPT_BYTES = 2**31
"""What the network makes of the windows' dark pictures is kept from step to step up to so much, beyond it made anew."""


def memory_of_windows(footprint: Footprint, window: Window) -> float:
    """Bytes that a step takes at its peak, beside the picture itself and what is kept of its windows."""
    return _batch_size(window.side) * footprint.memory(window.side**2)


def predict_whole(model: Model, low: FloatArray, condition: Mapping[str, FloatArray], box: FloatArray) -> Predict:
    """The network on one piece of each picture. low: (B, 3, h, w) unit. box: (4,), see :class:`Piece`."""
    known = model.bind(Piece(np.ascontiguousarray(low), np.tile(box, (len(low), 1))), condition)
    return lambda x, abar: model.predict(known, x, abar)


def predict_windows(
    model: Model, low: FloatArray, condition: Mapping[str, FloatArray], windows: Sequence[Tile]
) -> Predict:
    """The network on windows of one size, averaged. low: (3, H, W) unit, the whole picture, covered by the windows."""
    size = _batch_size(windows[0].height)
    batches = [windows[start : start + size] for start in range(0, len(windows), size)]
    counts = np.zeros(low.shape[1:], dtype=np.float32)
    for window in windows:
        counts[window.window] += 1
    kept: list[dict[str, FloatArray]] = []
    bytes_kept, budget = 0, min(_KEPT_BYTES, model.free_memory() // 4)

    def bind(batch: Sequence[Tile]) -> dict[str, FloatArray]:
        return model.bind(Piece(_cut(low, batch), _boxes(batch, low.shape[1:])), condition)

    for batch in batches:
        if bytes_kept > budget:
            break
        kept.append(bind(batch))
        bytes_kept += sum(array.nbytes for array in kept[-1].values())

    def predict(x: FloatArray, abar: float) -> dict[str, FloatArray]:
        totals: dict[str, FloatArray] = {}
        for number, batch in enumerate(batches):
            known = kept[number] if number < len(kept) else bind(batch)
            for name, output in model.predict(known, _cut(x[0], batch), abar).items():
                total = totals.setdefault(name, np.zeros((output.shape[1], *low.shape[1:]), dtype=np.float32))
                for window, part in zip(batch, output, strict=True):
                    total[:, *window.window] += part
        return {name: (total / counts)[None] for name, total in totals.items()}

    return predict


def _batch_size(side: int) -> int:
    return max(1, _BATCH_PIXELS // side**2)


def _cut(planes: FloatArray, windows: Sequence[Tile]) -> FloatArray:
    """(C, H, W) -> (B, C, side, side)."""
    return np.stack([planes[:, *window.window] for window in windows])


def _boxes(windows: Sequence[Tile], shape: tuple[int, ...]) -> FloatArray:
    def edges(window: Tile) -> Iterator[float]:
        yield from (window.top / shape[0], window.left / shape[1])
        yield from ((window.top + window.height) / shape[0], (window.left + window.width) / shape[1])

    return np.array([list(edges(window)) for window in windows], dtype=np.float32)
