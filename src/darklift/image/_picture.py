"""A picture in memory, and what came with it."""

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from darklift.errors import UsageError

__all__ = ["FloatArray", "Metadata", "Picture"]

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a picture carries besides its pixels; every part may be missing. Fit for the upright picture as it is.

    Attributes:
        format: the file's format: "JPEG", "PNG", "WEBP", "BMP", "TIFF", or None for a picture from memory.
        exif: the EXIF block, beginning with ``Exif\\0\\0``. Its orientation is 1 and its thumbnail is gone (it would
            show the dark picture); all the rest is kept byte for byte.
        icc_profile: the ICC profile of the pixels.
        dpi: resolution in pixels per inch, (horizontal, vertical).
        xmp: the XMP packet.
        iptc: the IPTC-NAA record (captions, credits) of a JPEG or TIFF file.
        comment: the comment of a JPEG file.
        png_chunks: (name, contents) of the text and colour-space chunks of a PNG file, which only PNG can keep.
        notes: in words, what the file held besides and this picture does not. Never written to a file.
    """

    format: str | None = None
    exif: bytes | None = None
    icc_profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    comment: bytes | None = None
    png_chunks: tuple[tuple[bytes, bytes], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture as seen: upright, unit RGB.

    Attributes:
        pixels: float32 (H, W, 3), RGB in [0, 1]. Values outside are clipped on the way out, NaN is refused there.
        alpha: float32 (H, W) in [0, 1], 1 is opaque; None for a picture without alpha.
        gray: the source had one channel, so the three are alike and are written back as one.
        metadata: what came with the pixels.

    Raises:
        UsageError: an array has another dtype or shape.
    """

    pixels: FloatArray
    alpha: FloatArray | None = None
    gray: bool = False
    metadata: Metadata = field(default_factory=Metadata)

    def __post_init__(self) -> None:
        if (
            self.pixels.dtype != np.float32
            or self.pixels.ndim != 3
            or self.pixels.shape[2] != 3
            or not self.pixels.size
        ):
            raise UsageError(
                f"pixels are {self.pixels.dtype} of shape {self.pixels.shape}, expected float32 of shape (H, W, 3)"
                ": use from_array for arrays of other kinds"
            )
        if self.alpha is not None and (self.alpha.dtype != np.float32 or self.alpha.shape != self.size):
            raise UsageError(
                f"alpha is {self.alpha.dtype} of shape {self.alpha.shape}, expected float32 of shape {self.size}"
            )

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return (self.pixels.shape[0], self.pixels.shape[1])

    def with_pixels(self, pixels: FloatArray) -> "Picture":
        """The same picture with other ``pixels``: float32 (H, W, 3) of the same H and W, else a ``UsageError``."""
        if pixels.shape != self.pixels.shape:
            raise UsageError(
                f"new pixels have shape {pixels.shape}, expected {self.pixels.shape}: the size must not change"
            )
        return replace(self, pixels=pixels)
