"""What every format says of itself, and what it can do."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO, TypeAlias

from PIL import Image

from darklift.image.extras import Extra
from darklift.image.picture import Picture
from darklift.image.reel import Reel

__all__ = ["ANY_SIZE", "ONLY_8_BITS", "EncodeOptions", "Format", "OptionsOf", "ReadAs", "Several", "matched"]

ANY_SIZE = 1 << 62
"""For :attr:`Format.keeps`, where nothing limits a block's size."""


ONLY_8_BITS = "more than 8 bits per channel, expected 8 bits in such a file: convert it to a PNG or TIFF of 16 first"
"""Why a deep file is refused, in a format of which only 8 bits are read."""


class ReadAs(Exception):
    """Raised by ``scan``: further in, the file turns out to be of the format of this name."""


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """How to encode, the same for every format; each takes what means something to it.

    Attributes:
        quality: 1 to 100, for formats with :attr:`Format.takes_quality`.
        lossless: lose nothing, in a format that can do either.
        bits: a channel, one of :attr:`Format.bits`.
        subsampling: how much of the colour is told, "4:4:4" (all), "4:2:2" or "4:2:0", for formats with a choice.
    """

    quality: int
    lossless: bool
    bits: int = 8
    subsampling: str = "4:4:4"


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
        bits: how many a channel they can be written with, in rising order; None where these are the format's.
    """

    moving: bool
    scan: Callable[[BinaryIO], Reel | None]
    decode: Callable[[BinaryIO, Reel, Sequence[int]], Iterator[Picture]]
    encode: Callable[[Iterable[Picture], Reel, BinaryIO, OptionsOf], None] | None = None
    bits: tuple[int, ...] | None = None


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
        decode_plain: the same for formats whose files hold the camera's own rendering beside the light: light alone.
        encode: into an empty stream that can seek; None for a format that is only read. It may count on the limits
            below, and on a picture without alpha where ``alpha`` is False. ``ValueError`` and ``struct.error`` count as
            a picture that does not fit the format.
        check: refuses with an ``ImageError``, before the work, a picture that the limits below do not tell of, and that
            ``encode`` cannot take.
        keeps: the fields of ``Metadata`` that have a place in such a file, and how many bytes each may have. What has
            none goes elsewhere in the file, where that is possible, or is named: ``encode`` gets only what fits.
        max_side: of a picture, in pixels; None is no limit of the format's.
        alpha: whether it has room for it.
        takes_quality: whether a smaller file can be had for a rougher picture.
        can_be_lossless: whether the very same values can come back.
        bits: how many a channel can be written with, in rising order.
        needs: what files of this format cannot be read nor written without. While it is missing, they are no pictures
            in folders, and are named.
        deep: what files with more than 8 bits cannot be read nor written without.
        written_as: for a format that is only read, the extension that results are written with unless another is asked
            for.
        several: how it holds several pictures; None where it holds one.
        pil: for images that Pillow has opened from such a file (its name for the format is the key): the picture.
    """

    name: str
    extensions: tuple[str, ...]
    sniff: Callable[[bytes], int]
    decode: Callable[[BinaryIO], Picture]
    decode_plain: Callable[[BinaryIO], Picture] | None = None
    encode: Callable[[Picture, BinaryIO, EncodeOptions], None] | None = None
    check: Callable[[Picture], None] | None = None
    keeps: Mapping[str, int] = field(default_factory=dict)
    max_side: int | None = None
    alpha: bool = True
    takes_quality: bool = False
    can_be_lossless: bool = True
    bits: tuple[int, ...] = (8,)
    needs: Extra | None = None
    deep: Extra | None = None
    written_as: str | None = None
    several: Several | None = None
    pil: Mapping[str, Callable[[Image.Image], Picture]] = field(default_factory=dict)

    @property
    def is_installed(self) -> bool:
        """Whether what it needs is there."""
        return self.needs is None or self.needs.installed()

    def decoder(self, like_camera: bool) -> Callable[[BinaryIO], Picture]:
        """``decode``, or ``decode_plain`` where there is one and the camera's rendering is not wanted."""
        return self.decode if like_camera or self.decode_plain is None else self.decode_plain

    @property
    def for_several(self) -> "Format":
        """The same, with the bits that files of several pictures can be written with."""
        return self if self.several is None or self.several.bits is None else replace(self, bits=self.several.bits)


def matched(head: bytes, *signatures: bytes) -> int:
    """The length of the signature that ``head`` begins with, 0 where it begins with none: what ``sniff`` returns."""
    return next((len(signature) for signature in signatures if head.startswith(signature)), 0)
