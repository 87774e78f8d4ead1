"""Bytes to bytes: what a thread does with a photo. Nothing here knows of requests, and nothing touches the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from darklift.image import (
    Frames,
    Picture,
    bytes_will_do,
    check_frames_writable,
    check_writable,
    decode_frames,
    decode_image,
    encode_frames,
    encode_image,
    format_called,
    held_bits,
    not_written,
    result_extension,
)
from darklift.image.formats import HEAD_BYTES, format_of
from darklift.image.room import Room, guarded
from darklift.pipeline.enhancer import Enhancer
from darklift.pipeline.render import Enhanced
from darklift.web.fields import Wish
from darklift.web.problems import Problem

__all__ = ["MEDIA_TYPES", "Result", "Tell", "check_is_picture", "enhance", "reading", "uncertainty"]

Tell = Callable[[int, int], None]
"""Told (done, of all) before, between and after steps; raises Stopped where the work is not wanted any more."""

MEDIA_TYPES = {
    "AVIF": "image/avif",
    "BMP": "image/bmp",
    "EXR": "image/x-exr",
    "GIF": "image/gif",
    "HDR": "image/vnd.radiance",
    "HEIF": "image/heic",
    "JPEG": "image/jpeg",
    "JPEG2000": "image/jp2",
    "JPEGXL": "image/jxl",
    "PAM": "image/x-portable-arbitrarymap",
    "PFM": "image/x-portable-floatmap",
    "PNG": "image/png",
    "PPM": "image/x-portable-anymap",
    "RAW": "image/x-dcraw",
    "TIFF": "image/tiff",
    "WebP": "image/webp",
}
"""Of all formats, by their names."""


@dataclass(frozen=True)
class Result:
    """An enhanced photo as a file, and how it came about."""

    data: bytes
    extension: str
    """With its dot, the usual one of the format."""
    media_type: str
    width: int
    height: int
    frames: int
    model: str
    steps: int
    share: float
    """How much of what the model made is in it."""
    seconds: float
    """Of computing, without reading and writing."""
    unchanged: bool
    """It is the photo's own bytes."""
    holds_nothing: bool
    """The photo is black, or a lens cap's noise."""
    warnings: tuple[str, ...] = ()
    """In words, what the photo's file held and the result does not."""

    def to_dict(self) -> dict[str, Any]:
        """What is told of it, plain values."""
        return {
            "extension": self.extension,
            "media_type": self.media_type,
            "bytes": len(self.data),
            "width": self.width,
            "height": self.height,
            "frames": self.frames,
            "model": self.model,
            "steps": self.steps,
            "share": round(self.share, 3),
            "seconds": round(self.seconds, 3),
            "unchanged": self.unchanged,
            "holds_nothing": self.holds_nothing,
            "warnings": list(self.warnings),
        }


def check_is_picture(head: bytes) -> None:
    """Refuse what does not begin like a picture. head: its first 4096 bytes, or all. Raises Problem."""
    if format_of(head[:HEAD_BYTES]) is None:
        what = "it is empty" if not head else "it begins like no picture that is read here"
        raise Problem("not-a-picture", f"{what}: send a photo of a format that /api/v1/formats lists")


@contextmanager
def reading(enhancer: Enhancer, pixels: int, tell: Tell | None = None) -> Iterator[None]:
    """Meanwhile, pictures of more ``pixels``, or that take more memory than there is, are refused by their headers."""

    def check(room: Room) -> None:
        if tell is not None:
            tell(0, 1)
        rows, columns = room.size
        if rows * columns > pixels:
            raise Problem("too-many-pixels", f"{columns}x{rows} pixels, expected at most {pixels}: make it smaller")

    with guarded(check), enhancer.within_memory():
        yield


def enhance(enhancer: Enhancer, data: bytes, wish: Wish, pixels: int, tell: Tell) -> Result:
    """What ``darklift enhance`` makes of the same file, to the byte. Raises DarkliftError."""
    with reading(enhancer, pixels, tell):
        frames = decode_frames(data, like_camera=wish.like_camera)
        picture = frames.picture(1 if wish.frame is None else wish.frame)
        if len(frames) == 1 or wish.frame is not None:
            return _enhance_one(enhancer, data, picture, len(frames), wish, tell)
        _check_all(frames, picture, pixels)
        return _enhance_several(enhancer, data, frames, picture, wish, tell)


def uncertainty(enhancer: Enhancer, data: bytes, wish: Wish, pixels: int, tell: Tell) -> Enhanced:
    """The result and how far each place of it may be off. Raises DarkliftError."""
    with reading(enhancer, pixels, tell):
        picture = decode_image(data, like_camera=wish.like_camera, frame=wish.frame)
        return enhancer.run(picture, wish.settings, on_step=tell, bits=16, uncertainty=True)


def _enhance_one(enhancer: Enhancer, data: bytes, picture: Picture, count: int, wish: Wish, tell: Tell) -> Result:
    container = wish.format or result_extension(picture.source.container or "PNG")
    check_writable(picture, container, **wish.coding)
    left_out = not_written(picture, container, bits=wish.bits)
    held = held_bits(picture, container, bits=wish.bits)
    enhanced = enhancer.run(picture, wish.settings, on_step=tell, bits=held)
    unchanged = enhanced.unchanged and count == 1 and bytes_will_do(picture, container, **wish.coding)
    made = data if unchanged else encode_image(enhanced.picture, container, **wish.coding)
    notes = () if unchanged else (*enhanced.picture.metadata.notes, *left_out)
    result = _result(made, container, picture.size, [_Made.of(enhanced)], wish)
    return replace(result, unchanged=unchanged, warnings=notes)


def _enhance_several(enhancer: Enhancer, data: bytes, frames: Frames, first: Picture, wish: Wish, tell: Tell) -> Result:
    container = wish.format or result_extension(frames.container)
    check_frames_writable(first, frames, container, **wish.coding)
    left_out = not_written(first, container, bits=wish.bits, several=True)
    planned = enhancer.plan_frames(frames, wish.settings)
    unchanged = bytes_will_do(first, container, **wish.coding) and planned.changes_nothing()
    made, notes = list[_Made](), dict[str, None]()

    def pictures() -> Iterator[Picture]:
        bits = partial(held_bits, format=container, bits=wish.bits, several=True)
        for _, enhanced in planned.render(on_step=tell, bits=bits):
            made.append(_Made.of(enhanced))
            notes.update(dict.fromkeys(enhanced.picture.metadata.notes))
            yield enhanced.picture

    if unchanged:
        for _ in pictures():  # only for the account: no network runs
            pass
    else:
        data = encode_frames(pictures(), container, frames, **wish.coding)
    warnings = () if unchanged else (*notes, *left_out)
    return replace(_result(data, container, first.size, made, wish), unchanged=unchanged, warnings=warnings)


@dataclass(frozen=True)
class _Made:
    """What is kept of one enhanced picture."""

    steps: int
    share: float
    seconds: float
    holds_nothing: bool

    @classmethod
    def of(cls, enhanced: Enhanced) -> _Made:
        return cls(enhanced.steps, enhanced.share, enhanced.seconds, enhanced.holds_nothing)


def _result(data: bytes, container: str, size: tuple[int, int], made: list[_Made], wish: Wish) -> Result:
    kind = format_called(container)
    assert kind is not None  # it has just been written
    return Result(
        data=data,
        extension=kind.extensions[0],
        media_type=MEDIA_TYPES[kind.name],
        width=size[1],
        height=size[0],
        frames=len(made),
        model=wish.model,
        steps=made[0].steps,
        share=sum(one.share for one in made) / len(made),
        seconds=sum(one.seconds for one in made),
        unchanged=False,
        holds_nothing=all(one.holds_nothing for one in made),
    )


def _check_all(frames: Frames, first: Picture, pixels: int) -> None:
    rows, columns = first.size
    if len(frames) * rows * columns > pixels:
        raise Problem(
            "too-many-pixels",
            f"{len(frames)} pictures of {columns}x{rows} pixels, expected at most {pixels} pixels in all: send fewer",
        )
