"""Whole files: decoded, enhanced, written in another format, and read back; frame by frame where there are several.

A part of the inputs goes through it once more in strips of a few rows, as the largest photos go, and has to come out as
all at once.
"""

from __future__ import annotations

import contextlib
import math
import zlib
from collections.abc import Iterator, Mapping
from unittest import mock

import numpy as np
from checks import Find, check_cause, check_picture, check_words, shape_of, use_colours

from darklift import Enhancer, Settings, Tile
from darklift.diffusion import SamplerPreset
from darklift.errors import DarkliftError
from darklift.image import (
    FloatArray,
    Frames,
    Picture,
    arrays,
    check_frames_writable,
    decode_frames,
    decode_image,
    deep,
    encode_frames,
    encode_image,
    jpeg_strips,
    not_written,
    samples,
    to_pil,
)
from darklift.image.formats import FORMATS, Format, png, tiff
from darklift.runtime import Footprint, Model, ModelCard

__all__ = ["run_file"]

_MOST_PIXELS = 1 << 14  # of what is encoded again: the rest would only take time
_MOST_FRAMES = 8  # that are decoded one by one, and written
_LOSSLESS = ("PNG", "TIFF")


def run_file(data: bytes) -> bool:
    """Decode; write that in a format that the bytes choose; read it back and compare. Returns whether it decoded."""
    try:
        picture = decode_image(data)
    except DarkliftError as error:
        check_words(error)
        check_cause(error)
        return _run_frames(data)
    check_picture(picture, "decoding")
    if math.prod(picture.size) > _MOST_PIXELS:
        return True
    choice = zlib.crc32(data)
    use_colours(picture)
    to_pil(picture)
    if choice >> 20 & 3 == 0:
        with _in_strips(picture):
            _check_alike(picture, decode_image(data), "decoding in strips", 0)
    if choice >> 24 & 7 == 0:
        _enhance(picture)
    _write(picture, choice)
    return True


def _write(picture: Picture, choice: int) -> None:
    kinds = [kind for kind in FORMATS if kind.encode]
    kind = kinds[choice % len(kinds)]
    bits = kind.bits[(choice >> 8) % len(kind.bits)]
    lossless = kind.takes_quality and kind.can_be_lossless and choice >> 16 & 1 == 1
    try:
        not_written(picture, kind.name, bits=bits)
        written = encode_image(picture, kind.name, bits=bits, lossless=lossless)
    except DarkliftError as error:
        check_words(error)
        return
    again = _read_back(written, picture, kind, bits)
    if choice >> 22 & 1:
        with _in_strips(picture):
            in_strips = encode_image(picture, kind.name, bits=bits, lossless=lossless)
        _check_alike(again, _read_back(in_strips, picture, kind, bits), f"writing {kind.name} in strips", 0)


def _read_back(written: bytes, picture: Picture, kind: Format, bits: int) -> Picture:
    try:
        again = decode_image(written)
    except DarkliftError as error:
        raise Find(f"what was written as {kind.name} of {bits} bits cannot be read: {shape_of(error)}") from error
    check_picture(again, f"reading back {kind.name}")
    if again.size != picture.size:
        raise Find(f"a picture of another size comes back from {kind.name}")
    if kind.name in _LOSSLESS:
        _check_alike(picture, again, f"{kind.name} of {bits} bits", 0.51 / (2**bits - 1))
    return again


def _check_alike(one: Picture, other: Picture, through: str, most: float) -> None:
    if one.size != other.size or np.abs(one.pixels - other.pixels).max() > most:
        raise Find(f"other pixels come from {through}")
    alpha = (np.ones(each.size) if each.alpha is None else each.alpha for each in (one, other))
    if np.abs(np.subtract(*alpha)).max() > most:
        raise Find(f"another alpha comes from {through}")


@contextlib.contextmanager
def _in_strips(picture: Picture) -> Iterator[None]:
    """What is done in strips, and is in one for all but the largest pictures, is in strips of some rows."""
    columns = -(-picture.size[1] // 16) * 16
    with (
        mock.patch.object(samples, "_STRIP_PIXELS", 3 * picture.size[1]),
        mock.patch.object(arrays, "_ROWS_AT_ONCE", 2),
        mock.patch.object(deep, "_ROWS_AT_ONCE", 2),
        mock.patch.object(png, "_ROWS_AT_ONCE", 3),
        mock.patch.object(tiff, "_STRIPBYTES", 24 * picture.size[1]),
        mock.patch.object(jpeg_strips, "_MOST_UNITS", columns // 4),  # 16 rows
    ):
        yield


# ------------------------------------------------------------------------------------------------------------- frames


def _run_frames(data: bytes) -> bool:
    """The same for what holds several pictures, or is refused here as it was there."""
    try:
        frames = decode_frames(data)
    except DarkliftError as error:
        check_words(error)
        check_cause(error)
        return False
    if len(frames) == 1:
        raise Find("one picture that only decode_frames can read")
    try:
        first = frames.picture(1)
        check_picture(first, "decoding the first frame")
        if math.prod(first.size) * min(len(frames), 2 * _MOST_FRAMES) > _MOST_PIXELS:
            return True
        pictures = list(frames if len(frames) <= _MOST_FRAMES else frames.spread(_MOST_FRAMES))
    except DarkliftError as error:
        check_words(error)
        check_cause(error)
        return False
    _check_frames(frames, pictures)
    if len(pictures) < len(frames):
        return True
    choice = zlib.crc32(data)
    number = choice % len(frames)
    _check_alike(pictures[number], frames.picture(number + 1), "choosing a frame", 0)
    _check_alike(pictures[number], decode_image(data, frame=number + 1), "decoding one frame", 0)
    if choice >> 20 & 3 == 0:
        with _in_strips(first):
            for each, again in zip(pictures, decode_frames(data), strict=True):
                _check_alike(each, again, "decoding frames in strips", 0)
    if choice >> 24 & 7 == 0:
        pictures = _enhance_frames(frames)
    _write_frames(frames, pictures, choice)
    return True


def _check_frames(frames: Frames, pictures: list[Picture]) -> None:
    reel = frames.reel
    for each in pictures:
        check_picture(each, "decoding frames")
        use_colours(each)
    if reel.moving and len({each.size for each in pictures}) != 1:
        raise Find("frames of several sizes")
    if reel.moving and len(reel.durations) != len(frames):
        raise Find("not as many times as frames")
    if reel.moving and not (reel.loops >= 0 and all(0 <= length < np.inf for length in reel.durations)):
        raise Find("times or repetitions that are none")


def _write_frames(frames: Frames, pictures: list[Picture], choice: int) -> None:
    kinds = [kind for kind in FORMATS if kind.several and kind.several.encode]
    kind = kinds[(choice >> 4) % len(kinds)]
    possible = kind.for_several.bits
    bits = possible[(choice >> 8) % len(possible)]
    lossless = kind.takes_quality and kind.can_be_lossless and choice >> 16 & 1 == 1
    try:
        check_frames_writable(pictures[0], frames, kind.name, bits=bits, lossless=lossless)
        written = encode_frames(pictures, kind.name, frames, bits=bits, lossless=lossless)
    except DarkliftError as error:
        check_words(error)
        return
    through = f"{kind.name} of {bits} bits and several frames"
    try:
        again = decode_frames(written)
        back = list(again)
    except DarkliftError as error:
        raise Find(f"what was written as {through} cannot be read: {shape_of(error)}") from error
    if len(again) != len(pictures):
        raise Find(f"another number of frames comes back from {kind.name}")
    for before, after in zip(pictures, back, strict=True):
        check_picture(after, f"reading back frames of {kind.name}")
        if kind.name in _LOSSLESS:
            _check_alike(before, after, through, 0.51 / (2**bits - 1))
        elif before.size != after.size:
            raise Find(f"frames of another size come back from {kind.name}")


# ---------------------------------------------------------------------------------------------------------- enhancing


class _Lifting:
    """A network that blurs a little and lifts: as far as tiles, strips and parts go, as good as any."""

    inputs = ("x", "abar", "low", "box")
    outputs = ("x0",)

    def __call__(self, feeds: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        low = feeds["low"]
        blurred = (low + np.roll(low, 1, axis=2) + np.roll(low, 1, axis=3)) / 3
        return {"x0": np.clip(6 * blurred - 1 + 0.05 * feeds["x"], -1, 1).astype(np.float32)}


_PRESET = SamplerPreset(1, "cosine", 100, spacing="trailing", predicts="x0", max_steps=8, eta=0.5)
_CARD = ModelCard("lifting", "none", Footprint(8, sees_whole=False), {"default": _PRESET}, True)
_ENHANCE = Enhancer(Model(_CARD, {"step": _Lifting()}))
_ENHANCE.model.memory = 2 << 30


def _enhance(picture: Picture) -> None:
    """In strips: all of it, and a part, which has to be the same there."""
    with _in_strips(picture):
        try:
            plan = _ENHANCE.plan(picture, Settings())
            whole = _ENHANCE.render(picture, plan).picture
        except DarkliftError as error:
            check_words(error)
            return
        check_picture(whole, "enhancing")
        rows, columns = picture.size
        part = Tile(rows // 3, columns // 3, rows - rows // 3, columns - columns // 3)
        made = _ENHANCE.render(picture, plan, part).picture
        if not np.array_equal(made.pixels, whole.part(*part.window)):
            raise Find("a part is not that of the whole")


def _enhance_frames(frames: Frames) -> list[Picture]:
    try:
        made = [after.picture for _, after in _ENHANCE.plan_frames(frames, Settings()).render()]
    except DarkliftError as error:
        check_words(error)
        return list(frames)
    for each in made:
        check_picture(each, "enhancing frames")
    return made
