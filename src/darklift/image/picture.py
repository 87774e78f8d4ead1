"""A picture in memory, and what came with it."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from darklift.errors import UsageError
from darklift.image.samples import FloatArray, Samples

__all__ = ["FloatArray", "Metadata", "Picture", "Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a picture came from. It stays the same whatever becomes of the pixels.

    Attributes:
        container: the kind of file, as in "JPEG", "PNG", "WebP", "BMP" or "TIFF"; None for a picture made in memory.
        bits: how finely the source told a channel's values apart: as many as a file has, and 8 for palettes and for
            fewer bits; 8 for uint8 arrays, 16 for uint16 and float16, 32 for float32 and float64, which is kept as
            float32.
        colour_space: by name: the description in the ICC profile if there is one, else what other signs tell, such as
            "Adobe RGB (1998)", else "sRGB"; "CMYK" for inks, which have been converted to sRGB.
        lossless: the file is of a kind that can be coded either way, such as WebP, and lost nothing: it is written so
            again.
        quality: of a JPEG file, 1 to 100 as libjpeg counts, an estimate where another program wrote it; else None.
        subsampling: what the colour of a JPEG or AVIF file needs as the picture is seen, "4:4:4", "4:2:2" or "4:2:0";
            else None.
    """

    container: str | None = None
    bits: int = 32
    colour_space: str = "sRGB"
    lossless: bool = False
    quality: int | None = None
    subsampling: str | None = None


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a picture carries besides its pixels, to go into the next file. Any part may be missing.

    All of it suits the picture as it is seen, which is upright.

    Attributes:
        exif: the EXIF block, beginning with ``Exif\\0\\0``. Its orientation is 1, what it says of places is turned with
            the pixels, and its thumbnail is gone (it would show the dark picture); all the rest is kept byte for byte.
        icc_profile: the ICC profile of the pixels.
        dpi: resolution in pixels per inch, (horizontal, vertical).
        xmp: the XMP packet.
        iptc: the IPTC-NAA record (captions, credits) of a JPEG or TIFF file.
        comments: those of a JPEG file, which may have several.
        photoshop: other records of Photoshop's (copyright flag, address, guides, …) of a JPEG or TIFF file.
        trailer: what lay behind a JPEG file's picture and still belongs to it: the video of a motion photo, a phone's
            own records. Only JPEG can keep it.
        png_chunks: (name, contents) of the text and colour-space chunks of a PNG file, which only PNG can keep.
        thumbnail: the EXIF block had one, and a file gets a new one.
        notes: in words, what the file held and this picture does not. Never written to a file.
    """

    exif: bytes | None = None
    icc_profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    comments: tuple[bytes, ...] = ()
    photoshop: bytes | None = None
    trailer: bytes | None = field(default=None, repr=False)
    png_chunks: tuple[tuple[bytes, bytes], ...] = ()
    thumbnail: bool = False
    notes: tuple[str, ...] = ()

    @property
    def comment(self) -> bytes | None:
        """All comments, one below the other, for what has room for one; None where there is none."""
        return b"\n".join(self.comments) or None


class _Same:
    """Nothing was said of it."""


_SAME: Final = _Same()
_ALL = slice(None)
_NO_METADATA, _IN_MEMORY = Metadata(), Source()


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Picture:
    """A picture as seen: upright, unit RGB.

    It holds its values as they came, such as the bytes of an 8-bit photo: a quarter of what floats take.

    Attributes:
        held: the values as they are held.
        gray: the source had one channel, so the three are alike and are written back as one.
        metadata: what came with the pixels.
        source: the kind of file or array it came from.
    """

    held: Samples
    gray: bool
    metadata: Metadata
    source: Source

    def __init__(
        self,
        pixels: FloatArray | None = None,
        alpha: FloatArray | _Same | None = _SAME,
        gray: bool = False,
        metadata: Metadata = _NO_METADATA,
        source: Source = _IN_MEMORY,
        *,
        held: Samples | None = None,
    ) -> None:
        """
        Args:
            pixels: float32 (H, W, 3), RGB in [0, 1]. Values outside are clipped on the way out; NaN is refused there.
            alpha: float32 (H, W) in [0, 1], where 1 is opaque; None for a picture without alpha.
            gray: see above, as of ``metadata`` and ``source``.
            held: values of any type, in the place of ``pixels`` and ``alpha``. Beside ``held``, these stand in the
                place of its own.

        Raises:
            UsageError: an array has another dtype or shape.
        """
        object.__setattr__(self, "held", _samples(pixels, alpha, held))
        object.__setattr__(self, "gray", gray)
        object.__setattr__(self, "metadata", metadata)
        object.__setattr__(self, "source", source)

    @property
    def pixels(self) -> FloatArray:
        """float32 (H, W, 3), RGB in [0, 1]: all of it at once. :meth:`part` needs less memory."""
        return self.held.pixels()

    @property
    def alpha(self) -> FloatArray | None:
        """float32 (H, W) in [0, 1], where 1 is opaque; None for a picture without alpha."""
        return self.held.opacity()

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.held.size

    @property
    def has_alpha(self) -> bool:
        """Whether it has alpha, be it opaque throughout."""
        return self.held.alpha is not None

    @property
    def is_opaque(self) -> bool:
        """Whether nothing shines through anywhere."""
        least = None if self.held.alpha is None else self.held.alpha.min()
        return least is None or bool(least >= self.held.white)

    def part(self, rows: slice, columns: slice = _ALL) -> FloatArray:
        """:attr:`pixels` of some rows and columns, float32 (h, w, 3)."""
        return self.held.pixels(rows, columns)

    def alpha_part(self, rows: slice, columns: slice = _ALL) -> FloatArray | None:
        """:attr:`alpha` of some rows and columns, float32 (h, w)."""
        return self.held.opacity(rows, columns)

    def with_pixels(self, pixels: FloatArray) -> "Picture":
        """The same picture with other pixels; alpha, metadata and source stay.

        ``pixels``: float32 (H, W, 3) of the same H and W, else a ``UsageError``.
        """
        if pixels.shape != (*self.size, 3):
            raise UsageError(
                f"new pixels have shape {pixels.shape}, expected {(*self.size, 3)}"
                ": keep the size, or make a new Picture"
            )
        return Picture(pixels, self.alpha, self.gray, self.metadata, self.source)

    def without_alpha(self) -> "Picture":
        """The same picture, opaque."""
        held = Samples(self.held.colours, white=self.held.white)
        return Picture(gray=self.gray, metadata=self.metadata, source=self.source, held=held)


def _samples(pixels: FloatArray | None, alpha: FloatArray | _Same | None, held: Samples | None) -> Samples:
    """What a picture of these holds."""
    if held is not None and pixels is None and isinstance(alpha, _Same):
        return held
    if held is not None:
        pixels = held.pixels() if pixels is None else pixels
        alpha = held.opacity() if isinstance(alpha, _Same) else alpha
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.float32 or pixels.ndim != 3 or pixels.shape[2] != 3:
        got = f"{pixels.dtype} of shape {pixels.shape}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise UsageError(
            f"pixels are {got}, expected float32 of shape (H, W, 3): use from_array for other kinds of arrays"
        )
    return Samples(pixels, None if isinstance(alpha, _Same) else alpha)
