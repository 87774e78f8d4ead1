"""Pictures from and to numpy arrays; ranges, planes and padding."""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from darklift.errors import ImageError, UsageError
from darklift.image.picture import Picture, Source
from darklift.image.samples import FloatArray, Samples

__all__ = [
    "Padding",
    "assemble",
    "assemble_codes",
    "coded",
    "from_array",
    "from_planes",
    "held_of",
    "luma",
    "pad_like",
    "pad_to_multiple",
    "padded_length",
    "to_array",
    "to_planes",
    "to_signed",
    "to_unit",
    "turned",
]

AnyArray = npt.NDArray[Any]

Padding: TypeAlias = Literal["least", "next", "centred"]
"""How the sides of a picture become multiples of a number.

"least" adds as few rows and columns as it takes, at the bottom and right, and none where nothing is missing. "next"
always goes on to the next multiple, at the bottom and right. "centred" adds as many, half of them at the top and left.
"""

_WANTED_SHAPES = "(H, W), (H, W, 1), (H, W, 3) or (H, W, 4)"
_WANTED_DTYPES = "uint8, uint16, float16, float32 or float64"
_ROWS_AT_ONCE = 256  # keeps the temporary arrays of a very large picture small
_UPRIGHT: dict[int, Callable[[AnyArray], AnyArray]] = {
    2: lambda values: values[:, ::-1],
    3: lambda values: values[::-1, ::-1],
    4: lambda values: values[::-1],
    5: lambda values: values.swapaxes(0, 1),
    6: lambda values: values[::-1].swapaxes(0, 1),
    7: lambda values: values[::-1, ::-1].swapaxes(0, 1),
    8: lambda values: values[:, ::-1].swapaxes(0, 1),
}
_BACK = {6: 8, 8: 6}  # all others undo themselves


def to_signed(unit: FloatArray) -> FloatArray:
    """Unit [0, 1] to signed [-1, 1], the range networks work in. Nothing is clipped."""
    return unit * 2.0 - 1.0


def to_unit(signed: FloatArray) -> FloatArray:
    """Signed [-1, 1] to unit [0, 1]. Nothing is clipped."""
    return (signed + 1.0) * 0.5


def to_planes(pixels: FloatArray) -> FloatArray:
    """(H, W, 3) to contiguous float32 (1, 3, H, W), the layout networks take. Another shape is a ``UsageError``."""
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise UsageError(f"pixels have shape {pixels.shape}, expected (H, W, 3): channels come last")
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[np.newaxis], dtype=np.float32)


def from_planes(planes: FloatArray) -> FloatArray:
    """(1, 3, H, W) to contiguous float32 (H, W, 3). Another shape is a ``UsageError``."""
    if planes.ndim != 4 or planes.shape[:2] != (1, 3):
        raise UsageError(f"planes have shape {planes.shape}, expected (1, 3, H, W): pass one picture at a time")
    return np.ascontiguousarray(planes[0].transpose(1, 2, 0), dtype=np.float32)


def pad_to_multiple(array: AnyArray, multiple: int, at_least: int = 1) -> tuple[AnyArray, tuple[int, int]]:
    """Mirror (..., H, W) at the bottom and right until both sides are multiples of ``multiple``.

    The edge pixel itself is not repeated. A picture smaller than its padding is mirrored again and again, so any size
    from 1 x 1 works. Returns the padded array (the same array if nothing is missing) and (H, W), the size before:
    ``padded[..., :H, :W]`` is the original.

    Args:
        array: any dtype, at least two axes.
        multiple: 1 or more.
        at_least: what the sides must reach, too.

    Raises:
        UsageError: fewer than two axes, an empty array, or a multiple below 1.
    """
    if multiple < 1:
        raise UsageError(f"multiple is {multiple}, expected 1 or more: 1 leaves the size as it is")
    if array.ndim < 2 or not array.size:
        raise UsageError(
            f"array has shape {array.shape}, expected (..., H, W) with at least one pixel: rows and columns come last"
        )
    height, width = array.shape[-2:]
    padded = array
    for axis, length in ((-2, height), (-1, width)):
        wanted = padded_length(max(length, at_least), multiple, "least")
        if wanted != length:
            padded = np.take(padded, _reflected_indices(length, wanted), axis=axis)
    return padded, (height, width)


def pad_like(array: AnyArray, multiple: int, padding: Padding) -> tuple[AnyArray, tuple[int, int]]:
    """Mirror (..., H, W) to multiples in one of the ways of :data:`Padding`, like :func:`pad_to_multiple`.

    Returns the padded array, and the row and column where the original begins in it.
    """
    if padding == "least":
        return pad_to_multiple(array, multiple)[0], (0, 0)
    starts, padded = [], array
    for axis in (-2, -1):
        length = array.shape[axis]
        wanted = padded_length(length, multiple, padding)
        starts.append((wanted - length) // 2 if padding == "centred" else 0)
        padded = np.take(padded, _reflected_indices(length, wanted, starts[-1]), axis=axis)
    return padded, (starts[0], starts[1])


def padded_length(length: int, multiple: int, padding: Padding) -> int:
    """What a side of ``length`` pixels becomes, in pixels, by this way of padding."""
    return -(-length // multiple) * multiple if padding == "least" else (length // multiple + 1) * multiple


def _reflected_indices(length: int, padded_length: int, start: int = 0) -> npt.NDArray[np.intp]:
    """Where each place of the padded axis takes its value from.

    From place ``start`` on that is 0, 1, ..., length-1, then length-2, ..., 1, 0, 1, ...; before it the same backwards.
    """
    if length == 1:
        return np.zeros(padded_length, dtype=np.intp)
    period = 2 * (length - 1)
    phase = (np.arange(padded_length, dtype=np.intp) - start) % period
    return np.minimum(phase, period - phase)


def from_array(array: AnyArray) -> Picture:
    """A picture from a numpy array; the range follows from the dtype.

    ``array``: (H, W), (H, W, 1) gray, (H, W, 3) RGB or (H, W, 4) RGB with alpha; uint8 in 0..255, uint16 in 0..65535,
    float16, float32 or float64 in [0, 1]. The picture shares no memory with it, and float64 is rounded to float32.
    Raises ``UsageError`` for anything else, for NaN, and for floats outside [0, 1].
    """
    if not isinstance(array, np.ndarray):
        raise UsageError(f"got a {type(array).__name__}, expected a numpy array of {_WANTED_DTYPES}")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)) or not array.size:
        raise UsageError(f"got an array of shape {array.shape}, expected {_WANTED_SHAPES}: channels come last")
    _check_dtype(array.dtype)
    own = _unit_from_floats(array) if array.dtype.kind == "f" else array.astype(array.dtype.newbyteorder("="))
    source = Source(bits=min(8 * array.dtype.itemsize, 32))
    held = held_of(own[:, :, np.newaxis] if own.ndim == 2 else own)
    return Picture(gray=held.colours.shape[2] == 1, source=source, held=held)


def held_of(values: AnyArray, white: int = 0) -> Samples:
    """What a picture holds of (H, W, C) values of a type that :class:`Samples` takes: 1 gray, 2 gray and alpha, 3 RGB,
    4 RGB and alpha. They are taken over where that is all of them, and copied apart where there is alpha.
    """
    if values.shape[2] in (1, 3):
        return Samples(np.ascontiguousarray(values), white=white)
    return Samples(np.ascontiguousarray(values[:, :, :-1]), np.ascontiguousarray(values[:, :, -1]), white)


def to_array(picture: Picture, like: AnyArray) -> AnyArray:
    """The picture as an array of the same kind as ``like``: its dtype, axes and channels, not its values or size.

    Integers are rounded to nearest, and values outside [0, 1] are clipped. A single channel is the luminance; a fourth
    is the alpha, which is opaque where the picture has none.

    Raises:
        UsageError: ``like`` is of a kind that :func:`from_array` does not take, or has no room for the picture's alpha.
        ImageError: the pixels hold NaN or infinity.
    """
    _check_dtype(like.dtype)
    if like.ndim not in (2, 3) or (like.ndim == 3 and like.shape[2] not in (1, 3, 4)):
        raise UsageError(f"like has shape {like.shape}, expected {_WANTED_SHAPES}: channels come last")
    channels = 1 if like.ndim == 2 else like.shape[2]
    if picture.alpha is not None and channels != 4:
        raise UsageError(
            f"the picture has alpha, and an array of shape {like.shape} has no room for it: pass one of 4 channels"
        )
    array = assemble(picture, like.dtype, gray=channels == 1, alpha=channels == 4)
    if np.may_share_memory(array, picture.held.colours):
        array = array.copy()
    return array[:, :, 0] if like.ndim == 2 else array


def turned(values: AnyArray, orientation: int, *, back: bool = False) -> AnyArray:
    """A view of (H, W, C) values that are stored in an orientation of EXIF's, 1 to 8, as they are seen; back: the other
    way round. Other numbers turn nothing.
    """
    turn = _UPRIGHT.get(_BACK.get(orientation, orientation) if back else orientation)
    return values if turn is None else turn(values)


def assemble(picture: Picture, dtype: npt.DTypeLike, *, gray: bool, alpha: bool, rows: slice = slice(None)) -> AnyArray:
    """(H, W, C) of ``dtype`` in its full range; C is 1 or 3, and one more with ``alpha``.

    rows: only these. What is held so already is handed out as it is. Raises ``ImageError`` when the pixels hold NaN or
    infinity.
    """
    dtype, held = np.dtype(dtype), picture.held
    as_held = held.holds(dtype) and not alpha and held.colours.shape[2] == (1 if gray else 3)
    if as_held:
        return held.colours[rows]
    top, bottom, _ = rows.indices(picture.size[0])
    encoded: AnyArray = np.empty((bottom - top, picture.size[1], (1 if gray else 3) + alpha), dtype)
    for start in range(top, bottom, _ROWS_AT_ONCE):
        some = slice(start, min(start + _ROWS_AT_ONCE, bottom))
        target = encoded[some.start - top : some.stop - top]
        unit = picture.part(some)
        target[:, :, : 1 if gray else 3] = coded(luma(unit)[:, :, np.newaxis] if gray else unit, dtype)
        if alpha:
            opacity = picture.alpha_part(some)
            target[:, :, -1] = coded(np.ones(unit.shape[:2], np.float32) if opacity is None else opacity, dtype)
    return encoded


def assemble_codes(picture: Picture, bits: int) -> npt.NDArray[np.uint16]:
    """(H, W, C) of whole numbers from 0 to white, which is 2**bits - 1, with alpha where the picture has it.

    Raises ``ImageError`` when the pixels hold NaN or infinity.
    """
    unit = assemble(picture, np.float32, gray=picture.gray, alpha=picture.has_alpha)
    unit *= np.float32(2**bits - 1)
    return np.rint(unit, out=unit).astype(np.uint16)


def coded(unit: FloatArray, dtype: np.dtype[Any]) -> FloatArray:
    """Unit values as numbers of a type, rounded to nearest and clipped; still floats, exact ones.

    Raises ``ImageError`` for NaN and infinity.
    """
    if not np.isfinite(unit).all():
        raise ImageError("the picture holds NaN or infinite values, expected [0, 1]: check what computed it")
    clipped: FloatArray = np.clip(unit, 0.0, 1.0)
    if dtype.kind == "u":
        clipped *= np.iinfo(dtype).max
        np.rint(clipped, out=clipped)
    return clipped


def _unit_from_floats(array: AnyArray) -> FloatArray:
    low, high = float(array.min()), float(array.max())
    if not (low >= 0.0 and high <= 1.0):  # said this way round, NaN is refused too
        raise UsageError(
            f"got {array.dtype} values from {low:.8g} to {high:.8g}, expected [0, 1]"
            ": clip or scale them, or pass uint8 or uint16 in full range"
        )
    return array.astype(np.float32)


def luma(pixels: FloatArray) -> FloatArray:
    """Luma of ITU-R BT.601, as Pillow's "L"; written as differences so that equal channels give exactly their value."""
    red, green, blue = pixels[:, :, 0], pixels[:, :, 1], pixels[:, :, 2]
    luma: FloatArray = red + np.float32(0.587) * (green - red) + np.float32(0.114) * (blue - red)
    return luma


def _check_dtype(dtype: np.dtype[Any]) -> None:
    # kind and size rather than equality: the other byte order is as good
    if (dtype.kind, dtype.itemsize) not in (("u", 1), ("u", 2), ("f", 2), ("f", 4), ("f", 8)):
        raise UsageError(f"got an array of {dtype}, expected {_WANTED_DTYPES}: the dtype tells the range")
