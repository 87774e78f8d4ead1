"""Pictures: the only place that knows image files, value ranges, bit depth, EXIF, ICC, alpha and padding.

Everything else in darklift sees *unit* RGB (float32 in [0, 1], H x W x 3) and nothing of files. The range of a value
always follows from its dtype, never from the maximum found: dark 16-bit pictures exist, and bright 8-bit ones too.

What a picture keeps on its way through: size, orientation as seen, alpha, one channel if it had one, EXIF, ICC
profile, resolution, XMP, IPTC, comments and PNG text. What it cannot keep is refused at the door with an ``ImageError``
that says how to get by (more than 8 bits per channel, several frames), or, where it belongs to the dark picture only
(previews, gain maps), left out and named in ``Metadata.notes``.
"""

from darklift.image._arrays import (
    Padding,
    from_array,
    from_planes,
    pad_like,
    pad_to_multiple,
    padded_length,
    to_array,
    to_planes,
    to_signed,
    to_unit,
)
from darklift.image._files import SUPPORTED_EXTENSIONS, is_image_path
from darklift.image._picture import FloatArray, Metadata, Picture
from darklift.image._pil import from_pil, to_pil
from darklift.image._read import read_image
from darklift.image._write import write_image

__all__ = [
    "SUPPORTED_EXTENSIONS",
    "FloatArray",
    "Metadata",
    "Padding",
    "Picture",
    "from_array",
    "from_pil",
    "from_planes",
    "is_image_path",
    "pad_like",
    "pad_to_multiple",
    "padded_length",
    "read_image",
    "to_array",
    "to_pil",
    "to_planes",
    "to_signed",
    "to_unit",
    "write_image",
]
