"""The one way in: a dark picture goes into an :class:`Enhancer`, a well-lit one comes out."""

from __future__ import annotations

import math
import operator
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from darklift.errors import ImageError, UsageError
from darklift.image import FloatArray, Picture, from_array, from_pil, read_image, to_array, to_pil, write_image
from darklift.image.overview import describe
from darklift.pipeline.deblock import deblock
from darklift.pipeline.exposure import Aim, Exposure
from darklift.pipeline.render import OnStep, Sampling, check_memory, restore, tell_of_part
from darklift.pipeline.windows import Window
from darklift.runtime import Model
from darklift.store.load import load_model

__all__ = ["RESULT_ENDING", "Enhanced", "Enhancer", "Window"]

ImageLike = TypeVar("ImageLike", Picture, Image.Image, npt.NDArray[Any], str, Path)

RESULT_ENDING = "_enhanced"
"""What the name of a result ends with (before the extension) where no other was asked for."""


@dataclass(frozen=True)
class Enhanced:
    """A result, and how: brightness asked of the model (None: it takes none), steps, seconds without files.

    share: of what the model made in the picture, before ``strength``; the rest is the input. Less than 1 where a photo
    was hardly too dark, 0 where it was good as it is.
    uncertainty: float32 (H, W), where it was asked for: the model's own word on where it is unsure, in units of its
    own, the mean over steps and channels; larger is less sure.
    """

    picture: Picture
    brightness: float | None
    steps: int
    seconds: float
    share: float = 1.0
    uncertainty: FloatArray | None = None


class Enhancer:
    """A loaded model, to be used for any number of pictures.

    model: a name that ``darklift info`` lists, a folder that ``darklift export`` wrote, a .safetensors checkpoint, or a
    :class:`darklift.runtime.Model`. backend: auto, onnx, openvino or torch. device: auto, cpu, cuda, …. precision:
    auto, fp32, bf16, fp16 (torch and openvino). Raises ModelError, UsageError, MissingExtraError.
    """

    def __init__(
        self,
        model: str | Path | Model = "default",
        *,
        backend: str = "auto",
        device: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
    ) -> None:
        if not isinstance(model, Model):
            model = load_model(model, backend=backend, device=device, precision=precision, threads=threads)
        self.model = model

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
        the preset's. exposure: see :class:`~darklift.Exposure`; without one, a photo that is good as it is comes back
        as it is.
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
        (enhanced,) = self.run_batch(
            (picture,),
            preset=preset,
            steps=steps,
            exposure=exposure,
            strength=strength,
            seed=seed,
            window=window,
            uncertainty=uncertainty,
            on_step=on_step,
        )
        return enhanced

    def run_batch(
        self,
        pictures: Iterable[Picture],
        *,
        preset: str | None = None,
        steps: int | None = None,
        exposure: Exposure | float | str | None = None,
        strength: float = 1.0,
        seed: int = 0,
        window: Window | int | None = None,
        uncertainty: bool = False,
        on_step: OnStep | None = None,
    ) -> tuple[Enhanced, ...]:
        """What :meth:`run` makes of each picture, in their order; all must be of one size (UsageError).

        A network that sees all of its input at once (GSAD, LLDiffusion; without a window) takes them together, which is
        faster on a GPU and needs the memory of all; others take one after the other. on_step counts over all.
        """
        self._check(strength, exposure, uncertainty)
        wish, sampling = Exposure.of(exposure), self._sampling(preset, steps, seed, window, uncertainty)
        pictures = tuple(pictures) if isinstance(pictures, Iterable) else (pictures,)
        for picture in pictures:
            if not isinstance(picture, Picture):
                raise UsageError(
                    f"expected pictures as read_image makes them, got a {type(picture).__name__}: call the Enhancer "
                    "itself for paths, PIL images and arrays"
                )
        sizes = sorted({picture.size for picture in pictures})
        if len(sizes) != 1:
            shown = " and ".join(f"{width}x{height}" for height, width in sizes) or "none at all"
            raise UsageError(f"a batch is pictures of one size, got {shown}: call once for each size")
        if sampling.window is not None and max(self.model.card.footprint.padded(sizes[0])) <= sampling.window.side:
            sampling = replace(sampling, window=None)  # all of it lies in one window, also as the network pads it
        together = len(pictures) if self.model.card.footprint.sees_whole and sampling.window is None else 1
        groups = [pictures[start : start + together] for start in range(0, len(pictures), together)]
        results: list[Enhanced] = []
        for number, group in enumerate(groups):
            tell = tell_of_part(on_step, number, len(groups))
            results.extend(self._enhance(group, wish, strength, replace(sampling, on_step=tell)))
        return tuple(results)

    def _enhance(
        self, pictures: Sequence[Picture], wish: Exposure, strength: float, sampling: Sampling
    ) -> Iterator[Enhanced]:
        """Pictures that go through the network together."""
        started = time.perf_counter()
        lows = [_in_range(picture).transpose(2, 0, 1) for picture in pictures]  # views: large pictures are held once
        check_memory(self.model, (len(lows), *lows[0].shape[1:]), sampling.window)
        aims: list[Aim | None] = []
        conditions = []
        # The published methods see what they were published with.
        seen = [deblock(low) for low in lows] if self.model.card.deblocks else lows
        for low in seen:
            overview = describe(low)
            guess = self.model.guess_exposure(overview)
            aim = None if guess is None else wish.aim(guess, overview.brightness)
            aims.append(aim)
            conditions.append(self.model.condition(overview, None if aim is None else aim.wanted))
        condition = {name: np.concatenate([known[name] for known in conditions]) for name in conditions[0]}
        restored = restore(self.model, np.stack(seen) if len(seen) > 1 else seen[0][None], condition, sampling)
        seconds = (time.perf_counter() - started) / len(pictures)
        for picture, low, aim, planes in zip(pictures, lows, aims, restored, strict=True):
            rgb, share = planes[:3], 1.0 if aim is None else aim.share
            if strength * share != 1:
                rgb -= low  # in place: see above
                rgb *= np.float32(strength * share)
                rgb += low
            yield Enhanced(
                picture.with_pixels(rgb.transpose(1, 2, 0)),
                None if aim is None else aim.wanted.brightness,
                sampling.steps,
                seconds,
                share,
                planes[3] if sampling.uncertainty else None,
            )

    def _sampling(
        self, preset: str | None, steps: int | None, seed: int, window: Window | int | None, uncertainty: bool
    ) -> Sampling:
        try:
            seed = operator.index(seed)
        except TypeError as error:
            raise UsageError(f"seed is {seed!r}, expected a whole number") from error
        chosen = self.model.card.preset(preset)
        try:
            ladder = chosen.ladder(steps)
        except ValueError as error:
            raise UsageError(f"steps: {error}") from error
        return Sampling(chosen, ladder, seed, Window.of(window, self.model.card), uncertainty)

    def _check(self, strength: float, exposure: object, uncertainty: bool) -> None:
        try:
            is_share = 0 <= float(strength) <= 1
        except (TypeError, ValueError, OverflowError):
            is_share = False
        if not is_share:
            raise UsageError(f"strength is {strength!r}, expected 0 (the input) to 1 (fully enhanced)")
        name = self.model.card.name
        if exposure is not None and not self.model.controls_exposure:
            raise UsageError(f"model {name} has no exposure control: leave the exposure away")
        if uncertainty and not self.model.tells_uncertainty:
            raise UsageError(f"model {name} does not tell where it is unsure: GSAD's models do")


def _in_range(picture: Picture) -> FloatArray:
    """The pixels in [0, 1], a copy only where they are not. Raises ImageError for NaN and infinity."""
    lowest, highest = float(picture.pixels.min()), float(picture.pixels.max())
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        raise ImageError("the picture holds NaN or infinite values, expected [0, 1]: what computed it went wrong")
    return picture.pixels if lowest >= 0 and highest <= 1 else picture.pixels.clip(0, 1)
