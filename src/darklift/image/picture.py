"""A picture in memory, and what came with it."""

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from darklift.errors import UsageError

__all__ = ["FloatArray", "Metadata", "Picture", "Source"]

FloatArray = npt.NDArray[np.float32]
"""A float32 array of any shape."""


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
        comment: the comment of a JPEG file.
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
    comment: bytes | None = None
    photoshop: bytes | None = None
    trailer: bytes | None = field(default=None, repr=False)
    png_chunks: tuple[tuple[bytes, bytes], ...] = ()
    thumbnail: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture as seen: upright, unit RGB.

    Attributes:
        pixels: float32 (H, W, 3), RGB in [0, 1]. Values outside are clipped on the way out; NaN is refused there.
        alpha: float32 (H, W) in [0, 1], where 1 is opaque; None for a picture without alpha.
        gray: the source had one channel, so the three are alike and are written back as one.
        metadata: what came with the pixels.
        source: the kind of file or array it came from.

    Raises:
        UsageError: an array has another dtype or shape.
    """

    pixels: FloatArray
    alpha: FloatArray | None = None
    gray: bool = False
    metadata: Metadata = field(default_factory=Metadata)
    source: Source = field(default_factory=Source)

    def __post_init__(self) -> None:
        if (
            self.pixels.dtype != np.float32
            or self.pixels.ndim != 3
            or self.pixels.shape[2] != 3
            or not self.pixels.size
        ):
            raise UsageError(
                f"pixels are {self.pixels.dtype} of shape {self.pixels.shape}, expected float32 of shape (H, W, 3)"
                ": use from_array for other kinds of arrays"
            )
        if self.alpha is not None and (self.alpha.dtype != np.float32 or self.alpha.shape != self.size):
            raise UsageError(
                f"alpha is {self.alpha.dtype} of shape {self.alpha.shape}, expected float32 of shape {self.size}"
                ": give it one value for each pixel"
            )

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return (self.pixels.shape[0], self.pixels.shape[1])

    def with_pixels(self, pixels: FloatArray) -> "Picture":
        """The same picture with other pixels; alpha, metadata and source stay.

        ``pixels``: float32 (H, W, 3) of the same H and W, else a ``UsageError``.
        """
        if pixels.shape != self.pixels.shape:
            raise UsageError(
                f"new pixels have shape {pixels.shape}, expected {self.pixels.shape}"
                ": keep the size, or make a new Picture"
            )
        return replace(self, pixels=pixels)
