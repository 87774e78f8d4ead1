"""What every format says of itself, and what it can do."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, TypeAlias

from PIL import Image

from darklift.image.picture import Picture
from darklift.image.reel import Reel

__all__ = ["ANY_SIZE", "ONLY_8_BITS", "EncodeOptions", "Format", "OptionsOf", "Several", "matched"]

ANY_SIZE = 1 << 62
"""For :attr:`Format.keeps`, where nothing limits a block's size."""


ONLY_8_BITS = "more than 8 bits per channel, expected 8 bits in such a file: convert it to a PNG or TIFF of 16 first"
"""Why a deep file is refused, in a format of which only 8 bits are read."""


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """How to encode, the same for every format; each takes what means something to it.

    Attributes:
        quality: 1 to 100, for formats with :attr:`Format.takes_quality`.
        lossless: lose nothing, in a format that can do either.
        bits: a channel, one of :attr:`Format.bits`.
    """

    quality: int
    lossless: bool
    bits: int = 8


OptionsOf: TypeAlias = Callable[[Picture], EncodeOptions]
"""How to encode each of several pictures: pages have their own number of bits."""


@dataclass(frozen=True, slots=True, eq=False)
class Several:
    """How a format holds several pictures in one file.

    Attributes:
        moving: frames of an animation, all of one size; otherwise pages.
        scan: a stream as for ``decode`` -> what is known before any is decoded; None where there is one picture.
        decode: the stream, what ``scan`` found, and numbers from 0 in rising order -> these pictures, one by one, each
            as it is seen (on what earlier frames have left).
        encode: pictures alike in alpha and channels as the reel says, which is of as many, one by one into an empty
            stream that can seek; None where several are only read.
    """

    moving: bool
    scan: Callable[[BinaryIO], Reel | None]
    decode: Callable[[BinaryIO, Reel, Sequence[int]], Iterator[Picture]]
    encode: Callable[[Iterable[Picture], Reel, BinaryIO, OptionsOf], None] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Format:
    """A kind of picture file.

    Attributes:
        name: as people write it, as in "JPEG" or "WebP"; found in any case of letters.
        extensions: lower case with the dot, the usual one first.
        sniff: given the first bytes of a file (4096, or all where it has fewer), how many of them this format
            recognises; 0 where it is of another. Where two formats claim a file, the one that recognises more gets it:
            so a camera's raw format can take from TIFF the files that are both.
        decode: from a seekable stream that stands anywhere, whose position 0 is the file's beginning. Whatever it
            raises counts as a damaged file, but for a ``DarkliftError``, which goes on as it is.
        encode: into an empty stream that can seek; None for a format that is only read. It may count on the limits
            below, and on a picture without alpha where ``alpha`` is False. ``ValueError`` and ``struct.error`` count as
            a picture that does not fit the format.
        keeps: the fields of ``Metadata`` that have a place in such a file, and how many bytes each may have.
        max_side: of a picture, in pixels; None is no limit of the format's.
        alpha: whether it has room for it.
        takes_quality: whether a smaller file can be had for a rougher picture.
        can_be_lossless: whether the very same values can come back.
        bits: how many a channel can be written with, in rising order.
        written_as: for a format that is only read, the extension that results are written with unless another is asked
            for.
        several: how it holds several pictures; None where it holds one.
        pil: for images that Pillow has opened from such a file (its name for the format is the key): the picture.
    """

    name: str
    extensions: tuple[str, ...]
    sniff: Callable[[bytes], int]
    decode: Callable[[BinaryIO], Picture]
    encode: Callable[[Picture, BinaryIO, EncodeOptions], None] | None = None
    keeps: Mapping[str, int] = field(default_factory=dict)
    max_side: int | None = None
    alpha: bool = True
    takes_quality: bool = False
    can_be_lossless: bool = True
    bits: tuple[int, ...] = (8,)
    written_as: str | None = None
    several: Several | None = None
    pil: Mapping[str, Callable[[Image.Image], Picture]] = field(default_factory=dict)


def matched(head: bytes, *signatures: bytes) -> int:
    """The length of the signature that ``head`` begins with, 0 where it begins with none: what ``sniff`` returns."""
    return next((len(signature) for signature in signatures if head.startswith(signature)), 0)
