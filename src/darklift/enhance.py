"""The one way in: a dark picture goes into an :class:`Enhancer`, a well-lit one comes out."""

from __future__ import annotations

import math
import operator
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from darklift.diffusion import Ladder, SamplerPreset, noise_field, sample
from darklift.errors import ImageError, MissingExtraError, UsageError
from darklift.image import (
    Picture,
    from_array,
    from_pil,
    pad_like,
    pad_to_multiple,
    padded_length,
    read_image,
    to_array,
    to_pil,
    to_unit,
    write_image,
)
from darklift.overview import describe
from darklift.runtime import Model
from darklift.runtime.memory import require_memory
from darklift.tiling import Tile, map_tiles, plan_tiles, plan_windows
from darklift.weights import find_model
from darklift.windows import Window, memory_of_windows, predict_whole, predict_windows

__all__ = ["RESULT_ENDING", "Enhanced", "Enhancer", "Exposure", "Window", "load_model"]

ImageLike = TypeVar("ImageLike", Picture, Image.Image, npt.NDArray[Any], str, Path)
FloatArray = npt.NDArray[np.float32]
OnStep = Callable[[int, int], None]

RESULT_ENDING = "_enhanced"
"""What the name of a result ends with (before the extension) where no other was asked for."""

TILE_SIDE, TILE_OVERLAP = 1024, 64
"""Pixels. A picture of up to TILE_SIDE² pixels is worked on in one piece."""

_GAMMA = 2.2
_MAX_STOPS = 10
_MEAN_RANGE = (0.02, 0.95)


@dataclass(frozen=True)
class Exposure:
    """How bright the result should be: ``stops`` from what the model would choose, or a ``mean`` of the coded values.

    A stop is a factor of two in light, as on a camera; light is taken as coded value to the power of 2.2. Raises
    UsageError for more than 10 stops and for a mean outside [0, 1].
    """

    stops: float = 0.0
    mean: float | None = None

    def __post_init__(self) -> None:
        if not abs(_number(self.stops)) <= _MAX_STOPS or not (self.mean is None or 0 <= _number(self.mean) <= 1):
            raise _no_exposure(f"stops={self.stops!r}, mean={self.mean!r}")

    def __str__(self) -> str:
        return f"{self.stops:+g}" if self.mean is None else f"mean={self.mean:g}"

    @classmethod
    def of(cls, wish: Exposure | float | str | None) -> Self:
        """From None, stops as a number ("+0.5"), or "mean=0.4". Raises UsageError."""
        if wish is None:
            return cls()
        if isinstance(wish, Exposure):
            return cls(wish.stops, wish.mean)
        text = str(wish).strip()
        key, equals, value = text.partition("=")
        number = _number(value if equals else text)
        if equals and key.strip() == "mean" and 0 < number < 1:
            return cls(mean=number)
        if not equals and abs(number) <= _MAX_STOPS:
            return cls(stops=number)
        raise _no_exposure(repr(text))

    def brightness(self, predicted: float) -> float:
        """The mean coded value wanted, given what the model predicted; kept where a picture still is one."""
        wanted = predicted * 2 ** (self.stops / _GAMMA) if self.mean is None else self.mean
        return min(max(wanted, _MEAN_RANGE[0]), _MEAN_RANGE[1])


def _number(value: Any) -> float:
    """NaN for what is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _no_exposure(got: str) -> UsageError:
    return UsageError(
        f"exposure {got} is neither stops from -{_MAX_STOPS} to {_MAX_STOPS} (such as +0.5) nor mean=V with V between "
        "0 and 1"
    )


@dataclass(frozen=True)
class Enhanced:
    """A result, and how: brightness asked of the model (None: it takes none), steps, seconds without files.

    uncertainty: float32 (H, W), where it was asked for: the model's own word on where it is unsure, in units of its
    own, the mean over steps and channels; larger is less sure.
    """

    picture: Picture
    brightness: float | None
    steps: int
    seconds: float
    uncertainty: FloatArray | None = None


@dataclass(frozen=True)
class _Sampling:
    """How one picture is sampled."""

    preset: SamplerPreset
    ladder: Ladder
    seed: int
    window: Window | None
    uncertainty: bool
    on_step: OnStep | None

    @property
    def steps(self) -> int:
        return len(self.ladder) - 1


class Enhancer:
    """A loaded model, to be used for any number of pictures.

    model: a name that ``darklift info`` lists, a folder that ``darklift export`` wrote, a .safetensors checkpoint, or a
    :class:`darklift.runtime.Model`. backend: auto, onnx or torch. device: auto, cpu, cuda, …. precision: auto, fp32,
    bf16, fp16 (torch only). Raises ModelError, UsageError, MissingExtraError.
    """

    def __init__(
        self,
        model: str | Path | Model = "default",
        *,
        backend: str = "auto",
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        self.model = model if isinstance(model, Model) else load_model(model, backend, device, precision)

    def __call__(
        self,
        image: ImageLike,
        *,
        preset: str | None = None,
        steps: int | None = None,
        exposure: Exposure | float | str | None = None,
        strength: float = 1.0,
        seed: int = 0,
        window: Window | int | None = None,
        on_step: OnStep | None = None,
    ) -> ImageLike:
        """Enhance one picture; what goes in comes out: Picture, PIL image (L, LA, RGB, RGBA, whichever fits), or array
        (same dtype and shape).

        A path in gives a path out: ``night.jpg`` is read, ``night_enhanced.jpg`` written beside it (never over an
        existing file). preset: one of the model's ways of sampling, None for its default. steps: of sampling, None for
        the preset's. exposure: see :class:`Exposure`.
        strength: 0 = the input, 1 = fully enhanced. seed: of the sampler's noise. window: for models that see their
        input at once (GSAD, LLDiffusion): work in overlapping windows of this side in pixels, see
        :class:`Window`; None works on the whole picture. on_step: told (steps done, steps in all). Raises ImageError
        (also where there is too little memory), UsageError.
        """
        run = partial(
            self.run,
            preset=preset,
            steps=steps,
            exposure=exposure,
            strength=strength,
            seed=seed,
            window=window,
            on_step=on_step,
        )
        result: Any
        if isinstance(image, Picture):
            result = run(image).picture
        elif isinstance(image, Image.Image):
            result = to_pil(run(from_pil(image)).picture)
        elif isinstance(image, np.ndarray):
            result = to_array(run(from_array(image)).picture, image)
        elif isinstance(image, str | Path):
            path = Path(image)
            result = type(image)(write_image(run(read_image(path)).picture, path.with_stem(path.stem + RESULT_ENDING)))
        else:
            raise UsageError(
                f"cannot enhance a {type(image).__name__}: pass a path, a PIL image, an array or a Picture"
            )
        return cast(ImageLike, result)

    def run(
        self,
        picture: Picture,
        *,
        preset: str | None = None,
        steps: int | None = None,
        exposure: Exposure | float | str | None = None,
        strength: float = 1.0,
        seed: int = 0,
        window: Window | int | None = None,
        uncertainty: bool = False,
        on_step: OnStep | None = None,
    ) -> Enhanced:
        """Like calling, for a Picture, with an account of what was done. uncertainty: ask the model for
        :attr:`Enhanced.uncertainty`, which not every one tells (UsageError).
        """
        started = time.perf_counter()
        self._check(strength, exposure, uncertainty)
        try:
            seed = operator.index(seed)
        except TypeError as error:
            raise UsageError(f"seed is {seed!r}, expected a whole number") from error
        wish, preset_ = Exposure.of(exposure), self.model.card.preset(preset)
        try:
            ladder = preset_.ladder(steps)
        except ValueError as error:
            raise UsageError(f"steps: {error}") from error
        fitting = Window.of(window, self.model.card)
        if fitting is not None and max(picture.size) <= fitting.side:
            fitting = None  # all of it lies in one window
        how = _Sampling(preset_, ladder, seed, fitting, uncertainty, on_step)

        low = _in_range(picture).transpose(2, 0, 1)  # views, here and below: large pictures are held only once
        self._check_memory(low.shape[1:], how.window)
        overview = describe(low)
        predicted = self.model.predict_brightness(overview)
        brightness = None if predicted is None else wish.brightness(predicted)
        restored, map_ = self._restore(low, self.model.condition(overview, brightness), how)
        if strength != 1:
            restored -= low  # in place: see above
            restored *= np.float32(strength)
            restored += low
        enhanced = picture.with_pixels(restored.transpose(1, 2, 0))
        return Enhanced(enhanced, brightness, how.steps, time.perf_counter() - started, map_)

    def _check(self, strength: float, exposure: object, uncertainty: bool) -> None:
        if not 0 <= _number(strength) <= 1:
            raise UsageError(f"strength is {strength!r}, expected 0 (the input) to 1 (fully enhanced)")
        name = self.model.card.name
        if exposure is not None and not self.model.controls_exposure:
            raise UsageError(f"model {name} has no exposure control: leave the exposure away")
        if uncertainty and not self.model.tells_uncertainty:
            raise UsageError(f"model {name} does not tell where it is unsure: GSAD's models do")

    def _check_memory(self, size: tuple[int, ...], window: Window | None) -> None:
        """Refuse what cannot fit before it takes the machine down. Raises ImageError."""
        card = self.model.card
        if not card.sees_whole:
            return
        height, width = (padded_length(length, card.size_multiple, card.padding) for length in size)
        needed = card.memory(height * width) if window is None else memory_of_windows(card, window)
        remedy = "give a --window, such as 512," if window is None else "give a smaller --window,"
        require_memory(
            needed,
            self.model.free_memory(),
            f"{size[1]}x{size[0]} pixels take {card.name}",
            f"{remedy} or make the picture smaller",
        )

    def _restore(
        self, low: FloatArray, condition: Mapping[str, FloatArray], how: _Sampling
    ) -> tuple[FloatArray, FloatArray | None]:
        """Sample the whole picture (3, H, W), tile by tile where it is large; and the uncertainty (H, W)."""
        card = self.model.card
        height, width = low.shape[1:]
        if card.sees_whole:
            tiles: tuple[Tile, ...] = (Tile(0, 0, height, width),)
        else:
            tiles = plan_tiles(height, width, side=TILE_SIDE, overlap=TILE_OVERLAP, multiple=card.size_multiple)
        steps_before = {tile: number * how.steps for number, tile in enumerate(tiles)}

        def restore(tile: Tile) -> FloatArray:
            def tell(step: int, of: int) -> None:
                if how.on_step is not None:
                    how.on_step(steps_before[tile] + step, of * len(tiles))

            return self._restore_tile(low, tile, condition, how, tell)

        planes = map_tiles(tiles, (3 + how.uncertainty, height, width), restore, TILE_OVERLAP)
        return planes[:3], planes[3] if how.uncertainty else None

    def _restore_tile(
        self, low: FloatArray, tile: Tile, condition: Mapping[str, FloatArray], how: _Sampling, tell: OnStep
    ) -> FloatArray:
        """Sample one tile: (3, h, w) unit, with the uncertainty as a fourth channel where that is asked for."""
        if how.window is None:
            card = self.model.card
            padded, (top, left) = pad_like(low[:, *tile.window], card.size_multiple, card.padding)
            edges = np.array([tile.top, tile.left, tile.top + padded.shape[1], tile.left + padded.shape[2]])
            box = (edges / np.tile(low.shape[1:], 2)).astype(np.float32)
            predict = predict_whole(self.model, padded, condition, box)
        else:
            padded, _ = pad_to_multiple(low, 1, at_least=how.window.side)
            top, left = 0, 0
            windows = plan_windows(*padded.shape[1:], side=how.window.side, stride=how.window.stride)
            predict = predict_windows(self.model, padded, condition, windows)
        rows, columns = padded.shape[1:]
        uncertainty = np.zeros((1, rows, columns), dtype=np.float32)

        def denoise(x: FloatArray, abar: float) -> FloatArray:
            outputs = predict(x, abar)
            if how.uncertainty:
                uncertainty[:] += outputs["uncertainty"].mean(axis=1) / how.steps
            return outputs[how.preset.predicts]

        def noise(draw: int) -> FloatArray:
            return noise_field(how.seed, draw, 3, (tile.top, tile.left, rows, columns))[None]

        x0 = sample(
            denoise,
            noise(0),
            how.ladder,
            eta=how.preset.eta,
            clip=how.preset.clip,
            noise=noise,
            predicts=how.preset.predicts,
            on_step=tell,
        )
        unit: FloatArray = to_unit(x0)[0].clip(0, 1)
        planes: FloatArray = np.concatenate([unit, uncertainty]) if how.uncertainty else unit
        return planes[:, top : top + tile.height, left : left + tile.width]


def _in_range(picture: Picture) -> FloatArray:
    """The pixels in [0, 1], a copy only where they are not. Raises ImageError for NaN and infinity."""
    lowest, highest = float(picture.pixels.min()), float(picture.pixels.max())
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        raise ImageError("the picture holds NaN or infinite values, expected [0, 1]: what computed it went wrong")
    return picture.pixels if lowest >= 0 and highest <= 1 else picture.pixels.clip(0, 1)


def load_model(model: str | Path, backend: str = "auto", device: str = "auto", precision: str = "auto") -> Model:
    """A model by name or path, on the backend that fits its files. See :class:`Enhancer`."""
    if backend not in ("auto", "onnx", "torch"):
        raise UsageError(f"unknown backend {backend!r}: choose auto, onnx or torch")
    path = find_model(str(model))
    if path.is_dir():
        if backend == "torch":
            raise UsageError(
                f"{model} is an exported model, which runs on ONNX only: pass its .safetensors checkpoint for torch"
            )
        if precision not in ("auto", "fp32"):
            raise UsageError(
                f"precision {precision} is for the torch backend: exported models run as they were exported"
            )
        from darklift.runtime.onnx import load_onnx_model

        return load_onnx_model(path, device)
    if backend == "onnx":
        raise UsageError(
            f"{path} is a checkpoint, which runs on torch: run  darklift export {path} -o FOLDER  for ONNX"
        )
    try:
        from darklift.runtime.torch import load_torch_model
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "torch", "torch", f"running the checkpoint {path.name}") from error
    return load_torch_model(path, device, precision)
