"""Several pictures in one file: the frames of an animation, or pages. Decoded, and encoded, one by one."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from darklift.errors import ImageError, UsageError
from darklift.image.carried import fitted
from darklift.image.fit import check_fit
from darklift.image.formats import FORMATS, EncodeOptions, Format
from darklift.image.io import fitting, in_memory, kind_of_target, new_picture
from darklift.image.options import encode_options, writable
from darklift.image.picture import Picture
from darklift.image.reading import decoding, finished, scanned
from darklift.image.reel import Reel
from darklift.image.stream import opened, recognised
from darklift.image.words import one_of

__all__ = [
    "Frames",
    "check_frames_writable",
    "decode_frames",
    "encode_frames",
    "read_frames",
    "write_frames",
]


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """The pictures in a file, in their order: an animation's frames, pages, or the one that it is.

    Going through them decodes one after the other, and holds none; each is a Picture as it is seen, on what earlier
    frames have left. ``len`` tells how many there are, ``frames.picture(3)`` is the third. Decoding raises
    ``ImageError``.

    Attributes:
        reel: how many, how long each is shown, how often all are.
        container: the kind of file, as in "GIF" or "TIFF".
        decode: numbers from 0, in rising order -> these pictures, one by one.
    """

    reel: Reel
    container: str
    decode: Callable[[Sequence[int]], Iterator[Picture]]

    def __len__(self) -> int:
        return self.reel.count

    def __iter__(self) -> Iterator[Picture]:
        return self.decode(range(len(self)))

    def picture(self, number: int) -> Picture:
        """One of them, from 1. Raises ``ImageError`` for a number that there is not."""
        self.reel.check(number)
        (picture,) = self.decode([number - 1])
        return picture

    def spread(self, most: int) -> Iterator[Picture]:
        """At most so many of them, from the first to the last at even distances."""
        return self.decode(sorted({int(at) for at in np.linspace(0, len(self) - 1, most).round()}))


# ------------------------------------------------------------------------------------------------------------ reading


def read_frames(path: str | Path, *, like_camera: bool = True) -> Frames:
    """The frames or pages in a file of any kind that :func:`read_image` reads, or its one picture.

    The file is opened anew whenever they are gone through. like_camera, and ``ImageError``: as of :func:`read_image`.
    """
    return _frames_in(partial(opened, path), like_camera)


def decode_frames(source: bytes | bytearray | memoryview | BinaryIO, *, like_camera: bool = True) -> Frames:
    """The same of a file that is in memory or behind a stream; a stream is to stay open. Errors as of
    :func:`decode_image`.
    """
    _, stream = recognised(source)
    return _frames_in(lambda: nullcontext(stream), like_camera)


def _frames_in(opener: Callable[[], AbstractContextManager[BinaryIO]], like_camera: bool) -> Frames:
    with opener() as stream:
        stream.seek(0)
        kind, reel = scanned(*recognised(stream))
        if reel is None:
            with decoding(kind):
                picture = finished(kind, kind.decoder(like_camera)(stream))
            return Frames(Reel(1, moving=False), kind.name, lambda numbers: iter([picture] * len(numbers)))
    if reel.alpha and all(frame.is_opaque for frame in _decoded(opener, kind, reel, range(reel.count))):
        reel = replace(reel, alpha=False)  # frames were clear only where earlier ones were meant to be seen
    return Frames(reel, kind.name, partial(_decoded, opener, kind, reel))


def _decoded(
    opener: Callable[[], AbstractContextManager[BinaryIO]], kind: Format, reel: Reel, numbers: Sequence[int]
) -> Iterator[Picture]:
    assert kind.several is not None  # or there were no reel
    with opener() as stream, decoding(kind):
        for picture in kind.several.decode(stream, reel, numbers):
            yield finished(kind, picture)


# ------------------------------------------------------------------------------------------------------------ writing


def write_frames(
    pictures: Iterable[Picture],
    path: str | Path,
    like: Frames,
    *,
    quality: int | None = None,
    lossless: bool = False,
    bits: int | None = None,
    overwrite: bool = False,
    permissions_of: str | Path | None = None,
    times_of: str | Path | None = None,
) -> Path:
    """Write pictures that were made of others, in the same order; the extension tells the format. Returns the path.

    They are taken one by one, and encoded at once where the format allows it: what is held is small.

    Args:
        pictures: as many as ``like`` has; frames all of one size.
        path: the target, in a folder that exists.
        like: what they were made of. It gives the times and repetitions of an animation.

    The other arguments, and the errors, are those of :func:`write_image`; also ``ImageError`` for a format that holds
    one picture, or pages where these are frames.
    """
    kind = kind_of_target(path)
    pictures, first = _peeked(pictures)
    options = partial(encode_options, kind.for_several, quality=quality, lossless=lossless, bits=bits)
    options(first)
    place = new_picture(
        path,
        lambda: _check(first, like.reel, kind),
        overwrite=overwrite,
        permissions_of=permissions_of,
        times_of=times_of,
    )
    with place as stream:
        _encode(pictures, like.reel, kind, stream, options)
    return Path(path)


def encode_frames(
    pictures: Iterable[Picture],
    format: str,
    like: Frames,
    *,
    quality: int | None = None,
    lossless: bool = False,
    bits: int | None = None,
) -> bytes:
    """What :func:`write_frames` would write in this format, by name or extension. Raises as :func:`encode_image`."""
    kind = writable(format)
    pictures, first = _peeked(pictures)
    options = partial(encode_options, kind.for_several, quality=quality, lossless=lossless, bits=bits)
    options(first)
    _check(first, like.reel, kind)
    return in_memory(kind, lambda stream: _encode(pictures, like.reel, kind, stream, options))


def check_frames_writable(
    first: Picture,
    like: Frames,
    format: str,
    *,
    quality: int | None = None,
    lossless: bool = False,
    bits: int | None = None,
) -> None:
    """Find out before the work what :func:`encode_frames` and :func:`write_frames` would refuse after it."""
    kind = writable(format)
    encode_options(kind.for_several, first, quality, lossless, bits)
    _check(first, like.reel, kind)


def _check(first: Picture, reel: Reel, kind: Format) -> None:
    several = kind.several
    if several is None or several.encode is None or several.moving != reel.moving:
        able = [k.name for k in FORMATS if k.several and k.several.encode and k.several.moving == reel.moving]
        one = reel.noun.removesuffix("s")
        raise ImageError(
            f"{reel.count} {reel.noun}, and a {kind.name} file holds one {one}: write {one_of(able)}, or choose one "
            "(--frame)"
        )
    check_fit(first, kind)


def _peeked(pictures: Iterable[Picture]) -> tuple[Iterator[Picture], Picture]:
    iterator = iter(pictures)
    first = next(iterator, None)
    if first is None:
        raise UsageError("there is no picture to write: pass as many as were read")
    return itertools.chain([first], iterator), first


def _encode(
    pictures: Iterable[Picture],
    reel: Reel,
    kind: Format,
    stream: BinaryIO,
    options: Callable[[Picture], EncodeOptions],
) -> None:
    assert kind.several is not None  # or it had been refused
    assert kind.several.encode is not None
    with fitting(kind):
        fit = (fitted(picture, kind.name, kind.keeps) for picture in pictures)
        kind.several.encode(_counted(fit, reel), reel, stream, options)


def _counted(pictures: Iterable[Picture], reel: Reel) -> Iterator[Picture]:
    """As many as there are to be; frames alike in size, alpha and channels."""
    count, size = 0, None
    for count, picture in enumerate(pictures, start=1):
        size = size or picture.size
        if count > reel.count or (reel.moving and picture.size != size):
            break
        yield _alike(picture, reel) if reel.moving else picture
    else:
        if count == reel.count:
            return
    raise UsageError(f"got other pictures than {reel.count} {reel.noun} of one size: pass one for each that was read")


def _alike(picture: Picture, reel: Reel) -> Picture:
    held = picture.held
    if not reel.alpha:
        held = replace(held, alpha=None)
    elif held.alpha is None:
        held = replace(held, alpha=np.full(held.size, held.white, held.colours.dtype))
    return replace(picture, held=held, gray=reel.gray and picture.gray)
