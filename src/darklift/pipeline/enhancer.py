"""The one way in: a dark picture goes into an :class:`Enhancer`, a well-lit one comes out."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from darklift.errors import ImageError, UsageError
from darklift.image import (
    Frames,
    Picture,
    bytes_will_do,
    check_frames_writable,
    check_writable,
    copy_file,
    from_array,
    from_pil,
    held_bits,
    read_frames,
    result_extension,
    to_array,
    to_pil,
    write_frames,
    write_image,
)
from darklift.pipeline.clip import FramesPlan, plan_frames
from darklift.pipeline.memory import within_memory
from darklift.pipeline.plan import Plan, check_made_for, check_settings, plan, replan
from darklift.pipeline.render import Enhanced, OnStep, render, render_together
from darklift.pipeline.settings import DEFAULTS, Settings
from darklift.pipeline.tiling import Tile
from darklift.pipeline.view import require_picture
from darklift.runtime import Model
from darklift.store.load import Opening

__all__ = ["RESULT_ENDING", "Enhancer"]

ImageLike = TypeVar("ImageLike", Picture, Image.Image, npt.NDArray[Any], str, Path)

RESULT_ENDING = "_enhanced"
"""What the name of a result ends with (before the extension) where no other was asked for."""


class Enhancer:
    """A loaded model, for any number of pictures: open it once, call it often.

    Every choice of an enhancement is a field of :class:`~darklift.Settings`: pass one, or name the fields that differ
    from the model's own choices, as in ``enhance(photo, exposure="+0.5")``.
    """

    def __init__(
        self,
        model: str | Path | Model = "default",
        *,
        backend: str = "auto",
        device: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
        memory: int | str | None = None,
    ) -> None:
        """Open a model.

        Args:
            model: the bundled "compact" (also "default") or "nano", the path of a folder from ``darklift export``, or
                that of a .safetensors checkpoint; or a model that is open already, without the other arguments.
            backend: what runs it: "onnx" or "openvino" for exported models, "torch" for checkpoints, "auto" for
                the one that fits.
            device: "cpu", "cuda", "coreml" or "directml" with onnx; openvino and torch use their own names.
            precision: "fp32" for the exact picture, "int8", "bf16" (openvino, torch), "fp16" (openvino, torch), or
                "auto" for the fastest that is nearly exact.
            threads: CPU threads for the model; None is every core.
            memory: the most that a photo may take, in bytes or as "2GB"; None is as much as is free.

        :class:`~darklift.store.load.Opening` says more about each.

        Raises:
            ModelError: the model is unknown or damaged.
            UsageError: a choice does not fit it, or is made beside a model that is open already.
            MissingExtraError: it needs a package that is not installed.
        """
        if not isinstance(model, Model):
            model = Opening(model, backend, device, precision, threads, memory).load()
        elif (backend, device, precision, threads, memory) != ("auto", "auto", "auto", None, None):
            raise UsageError(
                f"model {model.card.name} is open already: choose backend, device, threads and memory on opening"
            )
        self.model = model

    def __call__(
        self, image: ImageLike, settings: Settings = DEFAULTS, /, *, on_step: OnStep | None = None, **changes: Any
    ) -> ImageLike:
        """Enhance one picture. What goes in comes out: a Picture, a PIL image (L, LA, RGB or RGBA, whichever fits), or
        an array of the same dtype and shape.

        A path in gives a path out: ``night.jpg`` is read, ``night_enhanced.jpg`` written beside it with the same
        permissions, never over a file that is there; a photo that is left as it is, is copied. All frames or pages of a
        file are enhanced. on_step: told (steps done, steps in all). Raises ImageError (also where there is too little
        memory), UsageError.
        """

        def run(picture: Picture, bits: int | None = None) -> Picture:
            return self.run(picture, settings, on_step=on_step, bits=bits, **changes).picture

        result: Any
        if isinstance(image, Picture):
            result = run(image)
        elif isinstance(image, Image.Image):
            with self.within_memory():
                picture = from_pil(image)
            result = to_pil(run(picture, 8))
        elif isinstance(image, np.ndarray):
            bits = 8 * image.dtype.itemsize if image.dtype in (np.uint8, np.uint16) else None
            result = to_array(run(from_array(image), bits), image)
        elif isinstance(image, str | Path):
            with self.within_memory():
                result = type(image)(self._enhance_file(Path(image), settings, on_step, changes))
        else:
            raise UsageError(
                f"cannot enhance a {type(image).__name__}: pass a path, a PIL image, an array or a Picture"
            )
        return cast(ImageLike, result)

    def run(
        self,
        picture: Picture,
        settings: Settings = DEFAULTS,
        /,
        *,
        on_step: OnStep | None = None,
        bits: int | None = None,
        in_place: bool = False,
        **changes: Any,
    ) -> Enhanced:
        """Enhance a Picture, with an account of how it came about.

        bits: 8 or 16, to hold the result as a file of so many bits does, rounded, in a quarter or half of the memory;
        None holds floats. in_place: the picture is not needed any longer: the result may take its place in memory, and
        half of it has where an error or Ctrl-C ends this.
        """
        (enhanced,) = self._run_together((picture,), _changed(settings, changes), on_step, bits, in_place=in_place)
        return enhanced

    def within_memory(self) -> AbstractContextManager[None]:
        """For ``with``: a photo that is read there is refused from its header where it would take more memory than the
        Enhancer was opened with, or than is free. Raises ImageError then.
        """
        return within_memory(self.model)

    def _enhance_file(self, path: Path, settings: Settings, on_step: OnStep | None, changes: dict[str, Any]) -> Path:
        target = path.with_name(path.stem + RESULT_ENDING + result_extension(path.suffix))
        if os.path.lexists(target):
            raise ImageError(f"cannot write {target}: it exists already, move it away first")
        frames = read_frames(path)
        picture = frames.picture(1)
        if len(frames) > 1:
            check_frames_writable(picture, frames, target.suffix)
            planned = self.plan_frames(frames, settings, **changes)
            if planned.changes_nothing() and bytes_will_do(picture, target.suffix):
                return copy_file(path, target)
            made = planned.render(on_step=on_step, bits=partial(held_bits, format=target.suffix, several=True))
            return write_frames((enhanced.picture for _, enhanced in made), target, frames, permissions_of=path)
        check_writable(picture, target.suffix)
        bits = held_bits(picture, target.suffix)
        enhanced = self.run(picture, settings, on_step=on_step, bits=bits, in_place=True, **changes)
        if enhanced.unchanged and bytes_will_do(picture, target.suffix):
            return copy_file(path, target)
        return write_image(enhanced.picture, target, permissions_of=path)

    def run_batch(
        self,
        pictures: Iterable[Picture],
        settings: Settings = DEFAULTS,
        /,
        *,
        on_step: OnStep | None = None,
        bits: int | None = None,
        **changes: Any,
    ) -> tuple[Enhanced, ...]:
        """What :meth:`run` makes of each picture, in their order; all must be of one size (UsageError).

        A network that sees its whole input at once (GSAD, LLDiffusion; without a window) takes them together, which is
        faster on a GPU and needs the memory of all; others take one after the other. on_step counts over all.
        """
        return self._run_together(pictures, _changed(settings, changes), on_step, bits, in_place=False)

    def _run_together(
        self,
        pictures: Iterable[Picture],
        settings: Settings,
        on_step: OnStep | None,
        bits: int | None,
        *,
        in_place: bool,
    ) -> tuple[Enhanced, ...]:
        check_settings(self.model, settings)
        pictures = _of_one_size(pictures)
        started = time.perf_counter()
        plans = [plan(self.model, picture, settings) for picture in pictures]
        looked = (time.perf_counter() - started) / len(pictures)
        rendered = render_together(self.model, pictures, plans, on_step=on_step, bits=bits, in_place=in_place)
        return tuple(replace(enhanced, seconds=enhanced.seconds + looked) for enhanced in rendered)

    def run_frames(
        self, frames: Frames, settings: Settings = DEFAULTS, /, *, on_step: OnStep | None = None, **changes: Any
    ) -> Iterator[Enhanced]:
        """What becomes of each picture of a file, one after the other; none is held.

        An animation's frames are looked at together, so that nothing flickers; pages each for itself. on_step counts
        over all. Raises as :meth:`run`, and UsageError where uncertainty is asked for.
        """
        for _, enhanced in self.plan_frames(frames, settings, **changes).render(on_step=on_step):
            yield enhanced

    def plan_frames(self, frames: Frames, settings: Settings = DEFAULTS, /, **changes: Any) -> FramesPlan:
        """Decide what shall happen to the pictures of a file; see :class:`darklift.pipeline.clip.FramesPlan`."""
        return plan_frames(self.model, frames, _changed(settings, changes))

    def plan(self, picture: Picture, settings: Settings = DEFAULTS, /, **changes: Any) -> Plan:
        """Decide what shall happen to a picture; see :func:`darklift.pipeline.plan.plan`."""
        return plan(self.model, picture, _changed(settings, changes))

    def replan(self, plan: Plan, settings: Settings | None = None, /, **changes: Any) -> Plan:
        """The same photo under other settings (by default the plan's own, changed), without looking at it again."""
        check_made_for(self.model, plan)
        return replan(self.model, plan, _changed(plan.settings if settings is None else settings, changes))

    def render(
        self,
        picture: Picture,
        plan: Plan,
        part: Tile | None = None,
        *,
        on_step: OnStep | None = None,
        bits: int | None = None,
    ) -> Enhanced:
        """Do what a plan says, for the whole picture or a part; see :func:`darklift.pipeline.render.render`."""
        return render(self.model, picture, plan, part, on_step=on_step, bits=bits)


def _changed(settings: Settings, changes: dict[str, Any]) -> Settings:
    if not isinstance(settings, Settings):
        raise UsageError(f"settings are a {type(settings).__name__}, expected Settings, or choices by name: steps=4")
    return settings.changed(**changes)


def _of_one_size(pictures: Iterable[Picture]) -> tuple[Picture, ...]:
    several = tuple(pictures) if isinstance(pictures, Iterable) else (pictures,)
    for picture in several:
        require_picture(picture)
    sizes = sorted({picture.size for picture in several})
    if len(sizes) != 1:
        shown = " and ".join(f"{width}x{height}" for height, width in sizes) or "none at all"
        raise UsageError(f"a batch is pictures of one size, got {shown}: call once for each size")
    return several
