"""A photo that the page looks at: its file, a small copy of it, and what one look at the whole told."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import Any

from darklift.image import Frames, Picture, decode_frames, result_extension
from darklift.image.formats import format_called
from darklift.pipeline.enhancer import Enhancer
from darklift.pipeline.look import Look, look_at
from darklift.pipeline.plan import check_settings, decide
from darklift.pipeline.preview import look_of_reduced, reduced
from darklift.pipeline.settings import Settings
from darklift.web.drawing import drawn
from darklift.web.work import Tell, reading

__all__ = ["PREVIEW_SIDE", "Photo"]

PREVIEW_SIDE = 1600
"""Pixels along the longer side of the small copy that is held: no preview is larger."""


_LOOK = 1_000_000
"""Bytes, about, of what looks told."""


@dataclass(eq=False)
class Photo:
    """Held between requests; threads may share it."""

    data: bytes
    """Its file."""
    small: Picture
    """The photo, of several the first, with at most 1600 pixels along its longer side."""
    size: tuple[int, int]
    """(rows, columns) in pixels."""
    frames: int
    container: str
    """The kind of file, as in "JPEG"."""
    looks: dict[str, Look]
    """At the whole of it, by the names of models."""
    _scene: dict[str, _Scene] = field(default_factory=dict)
    """What was rendered last, by the names of models."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def open(cls, enhancer: Enhancer, model: str, data: bytes, pixels: int, tell: Tell) -> Photo:
        """Decode it, and look at it. Raises DarkliftError."""
        frames, picture = _decoded(enhancer, data, pixels, tell)
        looks = {model: _look(enhancer, picture)}
        tell(0, 1)
        return cls(data, reduced(picture, PREVIEW_SIDE), picture.size, len(frames), frames.container, looks)

    @property
    def nbytes(self) -> int:
        """Of memory that it takes: its file, the small copy, as much again for a smaller one and what looks told."""
        return len(self.data) + 2 * self.small.held.nbytes + _LOOK

    def to_dict(self) -> dict[str, Any]:
        """What is told of it, plain values."""
        kind = format_called(result_extension(self.container))
        assert kind is not None  # results can be written, whatever was read
        height, width = self.size
        return {
            "format": self.container,
            "result_extension": kind.extensions[0],
            "bytes": len(self.data),
            "width": width,
            "height": height,
            "frames": self.frames,
            "bits": self.small.source.bits,
            "colour_space": self.small.source.colour_space,
        }

    def original(self, enhancer: Enhancer, side: int | None, form: str, pixels: int, tell: Tell) -> bytes:
        """The photo as it is, drawn with at most ``side`` pixels along its longer side."""
        enough = side is not None and side <= max(self.small.size)
        picture = self.small if enough else _decoded(enhancer, self.data, pixels, tell)[1]
        tell(0, 1)
        return drawn(picture, side, form)

    def preview(
        self, enhancer: Enhancer, model: str, settings: Settings, side: int, form: str, pixels: int, tell: Tell
    ) -> bytes:
        """What the photo would become, drawn: the small copy rendered as the look at the whole decides."""
        check_settings(enhancer.model, settings)
        scene = self._scene_of(enhancer, model, min(side, PREVIEW_SIDE), pixels, tell)
        plan = decide(enhancer.model, scene.look, settings)
        return drawn(enhancer.render(scene.small, plan, on_step=tell, bits=16).picture, None, form)

    def _scene_of(self, enhancer: Enhancer, model: str, side: int, pixels: int, tell: Tell) -> _Scene:
        with self._lock:
            scene = self._scene.get(model)
        if scene is None or scene.side != side:
            look = self.looks.get(model)
            if look is None:
                look = self.looks[model] = _look(enhancer, _decoded(enhancer, self.data, pixels, tell)[1])
            small = reduced(self.small, side)
            scene = _Scene(side, small, look_of_reduced(enhancer.model, look, small))
            with self._lock:
                self._scene[model] = scene
        return scene


@dataclass(frozen=True, eq=False)
class _Scene:
    """A copy of at most ``side`` pixels, and the look that decides about it."""

    side: int
    small: Picture
    look: Look


def _decoded(enhancer: Enhancer, data: bytes, pixels: int, tell: Tell) -> tuple[Frames, Picture]:
    with reading(enhancer, pixels, tell):
        frames = decode_frames(data)
        return frames, frames.picture(1)


def _look(enhancer: Enhancer, picture: Picture) -> Look:
    """Without what is as large as the photo, and of no use for small copies."""
    return replace(look_at(enhancer.model, picture), fill=None, smoothing=None)
