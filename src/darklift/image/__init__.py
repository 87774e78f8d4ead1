"""Pictures: the only room that knows image files, value ranges, bit depths, EXIF, ICC profiles, alpha and padding.

The rest of darklift sees *unit* RGB, float32 (H, W, 3) in [0, 1], and nothing of files. A :class:`Picture` is that
with what came along: alpha, metadata, and the :class:`Source` it is from.

========================  ===========================================  ========================
in                        from                                         out
========================  ===========================================  ========================
:func:`read_image`        a file                                       :func:`write_image`
:func:`decode_image`      bytes, or a stream such as a pipe            :func:`encode_image`
:func:`read_frames`       a file of several frames or pages            :func:`write_frames`
:func:`from_pil`          a Pillow image                               :func:`to_pil`
:func:`from_array`        a numpy array                                :func:`to_array`
========================  ===========================================  ========================

The range of values follows from an array's dtype, never from the largest value found: there are dark 16-bit pictures,
and bright 8-bit ones.

A picture keeps its size, the orientation it is seen in, alpha, its one channel if it had one, EXIF, ICC profile,
resolution, XMP, IPTC, comment, Photoshop's records, and the texts of PNG files. What it cannot keep (floats beyond
[0, 1]) is refused on the way in with an :class:`~darklift.errors.ImageError` that says what to do. What belongs to the
dark picture only, such as previews and gain maps, is left out and named in ``Metadata.notes``.

Each file format is a module in ``formats``; to add one, add its module there.
"""

from darklift.image.arrays import (
    Padding,
    from_array,
    from_planes,
    luma,
    pad_like,
    pad_to_multiple,
    padded_length,
    to_array,
    to_planes,
    to_signed,
    to_unit,
)
from darklift.image.foreign import foreign_kind
from darklift.image.formats import format_called, result_extension
from darklift.image.io import (
    SUPPORTED_EXTENSIONS,
    USUAL_EXTENSIONS,
    WRITABLE_EXTENSIONS,
    check_writable,
    decode_image,
    encode_image,
    is_image_path,
    read_image,
    write_image,
)
from darklift.image.options import WRITABLE_BITS, held_bits, not_written
from darklift.image.picture import Metadata, Picture, Source
from darklift.image.pil import from_pil, to_pil
from darklift.image.samples import FloatArray, Samples, row_strips
from darklift.image.several import (
    Frames,
    check_frames_writable,
    decode_frames,
    encode_frames,
    read_frames,
    write_frames,
)
from darklift.image.stream import check_recognised, read_stream
from darklift.image.unchanged import bytes_will_do, copy_file

__all__ = [
    "SUPPORTED_EXTENSIONS",
    "USUAL_EXTENSIONS",
    "WRITABLE_BITS",
    "WRITABLE_EXTENSIONS",
    "FloatArray",
    "Frames",
    "Metadata",
    "Padding",
    "Picture",
    "Samples",
    "Source",
    "bytes_will_do",
    "check_frames_writable",
    "check_recognised",
    "check_writable",
    "copy_file",
    "decode_frames",
    "decode_image",
    "encode_frames",
    "encode_image",
    "foreign_kind",
    "format_called",
    "from_array",
    "from_pil",
    "from_planes",
    "held_bits",
    "is_image_path",
    "luma",
    "not_written",
    "pad_like",
    "pad_to_multiple",
    "padded_length",
    "read_frames",
    "read_image",
    "read_stream",
    "result_extension",
    "row_strips",
    "to_array",
    "to_pil",
    "to_planes",
    "to_signed",
    "to_unit",
    "write_frames",
    "write_image",
]
