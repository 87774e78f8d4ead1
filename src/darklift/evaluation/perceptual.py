"""LPIPS and DISTS: how different two pictures look to a network that was trained to recognise things.

Sources: Zhang, Isola, Efros, Shechtman and Wang, "The Unreasonable Effectiveness of Deep Features as a Perceptual
Metric", 2018 (LPIPS, version 0.1); Ding, Ma, Wang and Simoncelli, "Image Quality Assessment: Unifying Structure and
Texture Similarity", 2020 (DISTS). Only the layers that the two need are here: they need PyTorch (the extra
``torch``), not torchvision. Their weights are not part of darklift: see :mod:`.metric_weights`.

Both see the pictures as saved, whole and not resized.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from darklift.errors import ModelError, UsageError
from darklift.evaluation.fidelity import FloatPixels, SavedPixels, pair_as_saved
from darklift.evaluation.latest import Latest
from darklift.evaluation.metric_weights import ALEXNET, DISTS, LPIPS_ALEX, LPIPS_ALEX_WHOLE, LPIPS_VGG, VGG16, find

if TYPE_CHECKING:
    import torch

    Tensors = list[torch.Tensor]

__all__ = ["MIN_DISTS_SIDE", "MIN_LPIPS_ALEX_SIDE", "MIN_LPIPS_VGG_SIDE", "dists", "lpips_alex", "lpips_vgg"]

MIN_LPIPS_ALEX_SIDE = 31
MIN_LPIPS_VGG_SIDE = MIN_DISTS_SIDE = 16
"""Below these a network is left without a pixel in its last layer."""

# What the trunks have been trained to see, of values in [0, 1]: (value - mean) / deviation, for R, G, B.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
STABLE = 1e-10
DISTS_STABLE = 1e-6


def lpips_alex(prediction: FloatPixels | SavedPixels, target: FloatPixels | SavedPixels, *, folder: Path) -> float:
    """LPIPS (AlexNet, version 0.1) of the pictures as saved: 0 for identical ones, about 1 for wholly different ones.

    Args:
        prediction: (H, W, 3) RGB with H, W ≥ 31, ``uint8``, ``uint16``, or unit float, which is rounded to 8 bits.
        target: the ground truth, of the same shape; its dtype may differ.
        folder: where the weights lie.

    Raises:
        UsageError: shapes that differ or do not fit, a dtype or values that :func:`as_saved` refuses.
        MissingExtraError: PyTorch is not installed.
        ModelError: the weights are missing or damaged.
    """
    return _score(_alex(folder), prediction, target, MIN_LPIPS_ALEX_SIDE, "LPIPS Alex")


def lpips_vgg(prediction: FloatPixels | SavedPixels, target: FloatPixels | SavedPixels, *, folder: Path) -> float:
    """LPIPS (VGG-16, version 0.1): as :func:`lpips_alex`, with H, W ≥ 16. The two nets' numbers differ a lot."""
    return _score(_vgg(folder), prediction, target, MIN_LPIPS_VGG_SIDE, "LPIPS VGG")


def dists(prediction: FloatPixels | SavedPixels, target: FloatPixels | SavedPixels, *, folder: Path) -> float:
    """DISTS: 0 for identical pictures, about 1 for wholly different ones. Arguments and errors as :func:`lpips_alex`,
    with H, W ≥ 16. The authors' script first resizes the shorter side to 256 pixels; this does not.
    """
    return _score(_dists(folder), prediction, target, MIN_DISTS_SIDE, "DISTS")


@dataclass
class _Network:
    """What looks at a picture, and how two looks are compared."""

    look: Callable[[torch.Tensor], Tensors]
    """(1, 3, H, W), unit -> what each layer sees, (1, C, h, w) each."""
    compare: Callable[[Tensors, Tensors], torch.Tensor]
    latest: Latest[Tensors] = field(default_factory=Latest)


def _score(
    network: _Network,
    prediction: FloatPixels | SavedPixels,
    target: FloatPixels | SavedPixels,
    least: int,
    name: str,
) -> float:
    import torch

    left, right = pair_as_saved(prediction, target)
    height, width, _ = left.shape
    if min(height, width) < least:
        raise UsageError(
            f"got pictures of {width}×{height} pixels; {name} needs at least {least} a side: use larger ones"
        )

    def seen(saved: SavedPixels) -> Tensors:
        unit = (saved / np.float32(np.iinfo(saved.dtype).max)).astype(np.float32)
        return network.look(torch.from_numpy(unit.transpose(2, 0, 1).copy())[None])

    with torch.inference_mode():
        wanted = network.latest.get((right,), lambda: seen(right))
        return max(0.0, float(network.compare(seen(left), wanted)))  # rounding may leave less of identical ones


# --- trunks -----------------------------------------------------------------------------------------------------------

# Each convolution: its place in torchvision's ``features``, stride, padding. "pool" goes before the next one; a layer
# that is compared ends with "tap".
Layer = tuple[int, int, int] | Literal["pool", "tap"]
ALEXNET_LAYERS: tuple[Layer, ...] = (
    *((0, 4, 2), "tap", "pool", (3, 1, 2), "tap", "pool", (6, 1, 1), "tap", (8, 1, 1), "tap", (10, 1, 1), "tap"),
)
VGG16_LAYERS: tuple[Layer, ...] = (
    *((0, 1, 1), (2, 1, 1), "tap", "pool", (5, 1, 1), (7, 1, 1), "tap", "pool"),
    *((10, 1, 1), (12, 1, 1), (14, 1, 1), "tap", "pool", (17, 1, 1), (19, 1, 1), (21, 1, 1), "tap", "pool"),
    *((24, 1, 1), (26, 1, 1), (28, 1, 1), "tap"),
)


def _look(
    layers: Sequence[Layer],
    convolutions: Mapping[int, tuple[torch.Tensor, torch.Tensor]],
    pool: Callable[[torch.Tensor], torch.Tensor],
    unit: torch.Tensor,
) -> Tensors:
    import torch
    from torch.nn import functional

    mean, deviation = (torch.tensor(values)[None, :, None, None] for values in (MEAN, DEVIATION))
    x, taps = (unit - mean) / deviation, []
    for layer in layers:
        if layer == "pool":
            x = pool(x)
        elif layer == "tap":
            taps.append(x)
        else:
            place, stride, padding = layer
            x = functional.relu(functional.conv2d(x, *convolutions[place], stride=stride, padding=padding))
    return taps


def _convolutions(state: Mapping[str, Any], layers: Sequence[Layer]) -> dict[int, tuple[torch.Tensor, torch.Tensor]]:
    """Weights and biases of a file of torchvision's."""
    return {place: (state[f"features.{place}.weight"], state[f"features.{place}.bias"]) for place in _places(layers)}


def _places(layers: Sequence[Layer]) -> list[int]:
    return [layer[0] for layer in layers if isinstance(layer, tuple)]


def _loaded(folder: Path, name: str) -> Any:
    import torch

    path = find(name, folder)
    if path is None:
        raise ModelError(f"no weights {name} in {folder}: darklift metrics says where they come from")
    return torch.load(path, map_location="cpu", weights_only=True)


# --- LPIPS ------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _alex(folder: Path) -> _Network:
    if find(LPIPS_ALEX_WHOLE, folder) is not None:
        both = _loaded(folder, LPIPS_ALEX_WHOLE)
        parts = zip(_places(ALEXNET_LAYERS), both["trunk"], strict=True)
        trunk = {place: (part["weight"], part["bias"]) for place, part in parts}
        weights = [part.reshape(-1) for part in both["lin"]]
    else:
        trunk = _convolutions(_loaded(folder, ALEXNET), ALEXNET_LAYERS)
        weights = list(_lines(_loaded(folder, LPIPS_ALEX)))
    return _lpips(ALEXNET_LAYERS, trunk, weights, pool_side=3)


@lru_cache(maxsize=1)
def _vgg(folder: Path) -> _Network:
    trunk = _convolutions(_loaded(folder, VGG16), VGG16_LAYERS)
    return _lpips(VGG16_LAYERS, trunk, list(_lines(_loaded(folder, LPIPS_VGG))), pool_side=2)


def _lines(state: Mapping[str, Any]) -> Iterator[torch.Tensor]:
    """The weight of each channel, layer by layer, (C,)."""
    for layer in range(len(state)):
        yield state[f"lin{layer}.model.1.weight"].reshape(-1)


def _lpips(layers: Sequence[Layer], trunk: Any, weights: Tensors, pool_side: int) -> _Network:
    import torch
    from torch.nn import functional

    pool = partial(functional.max_pool2d, kernel_size=pool_side, stride=2)

    def look(unit: torch.Tensor) -> Tensors:
        taps = _look(layers, trunk, pool, unit)
        return [tap / (tap.square().sum(dim=1, keepdim=True).sqrt() + STABLE) for tap in taps]

    def compare(one: Tensors, other: Tensors) -> torch.Tensor:
        """Squared distances of directions, weighted by channel, averaged over places, summed over layers."""
        parts = (
            ((a - b).square() * weight[None, :, None, None]).sum(dim=1).mean()
            for a, b, weight in zip(one, other, weights, strict=True)
        )
        return torch.stack(list(parts)).sum()

    return _Network(look, compare)


# --- DISTS ------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _dists(folder: Path) -> _Network:
    import torch
    from torch.nn import functional

    trunk = _convolutions(_loaded(folder, VGG16), VGG16_LAYERS)
    weights = _loaded(folder, DISTS)
    alpha, beta = (weights[name].reshape(-1) for name in ("alpha", "beta"))
    whole = alpha.sum() + beta.sum()
    half = torch.tensor([0.5, 1.0, 0.5])  # a Hann window of 5, whose ends are 0
    window = torch.outer(half, half) / half.sum().square()

    def pool(x: torch.Tensor) -> torch.Tensor:
        """The root of the squares' mean under a small window, every second pixel."""
        channels = x.shape[1]
        spread = window.expand(channels, 1, 3, 3)
        return (functional.conv2d(x.square(), spread, stride=2, padding=1, groups=channels) + 1e-12).sqrt()

    def look(unit: torch.Tensor) -> Tensors:
        return [unit, *_look(VGG16_LAYERS, trunk, pool, unit)]

    def compare(one: Tensors, other: Tensors) -> torch.Tensor:
        """One less the weighted similarity of means (texture) and of what lies about them (structure)."""
        sizes = [tap.shape[1] for tap in one]
        alike = torch.zeros(())
        for a, b, of_texture, of_structure in zip(one, other, alpha.split(sizes), beta.split(sizes), strict=True):
            mean_a, mean_b = a.mean(dim=(2, 3)), b.mean(dim=(2, 3))
            from_a, from_b = a - mean_a[..., None, None], b - mean_b[..., None, None]
            texture = (2 * mean_a * mean_b + DISTS_STABLE) / (mean_a.square() + mean_b.square() + DISTS_STABLE)
            common = (from_a * from_b).mean(dim=(2, 3))
            spread = from_a.square().mean(dim=(2, 3)) + from_b.square().mean(dim=(2, 3))
            structure = (2 * common + DISTS_STABLE) / (spread + DISTS_STABLE)
            alike = alike + (of_texture * texture).sum() + (of_structure * structure).sum()
        distance: torch.Tensor = 1.0 - alike / whole
        return distance

    return _Network(look, compare)
