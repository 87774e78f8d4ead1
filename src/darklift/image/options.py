"""How a picture is to be encoded: the format by its name, quality, bits; refused where they do not go together."""

from darklift.errors import UsageError, hint_for
from darklift.image.formats import FORMATS, EncodeOptions, Format, format_called
from darklift.image.left_out import left_out
from darklift.image.picture import Picture, Source
from darklift.image.words import one_of

__all__ = ["WRITABLE_BITS", "encode_options", "held_bits", "not_written", "writable"]

WRITABLE_BITS = tuple(sorted({bits for known in FORMATS if known.encode for bits in known.bits}))
"""How many bits a channel any format can be written with."""

_DEFAULT_QUALITY = 95
_LEAST_QUALITY = 92  # unasked; below it, lifting shows blocks that the photo did not have (docs/reference/formats.md)


def writable(format: str) -> Format:
    """The format of this name or extension; one that is unknown or only read is a ``UsageError``."""
    kind = format_called(format) if isinstance(format, str) else None
    if kind is None or kind.encode is None:
        names = [known.name for known in FORMATS if known.encode]
        hint = hint_for(str(format).upper(), names, "choose one of these")
        problem = f"unknown format {format!r}" if kind is None else f"{kind.name} can only be read"
        raise UsageError(f"{problem}, expected {one_of(names)}: {hint}")
    return kind


def not_written(picture: Picture, format: str, *, bits: int | None = None, several: bool = False) -> tuple[str, ...]:
    """In words, what writing this picture in this format leaves out: metadata, and bits where it has fewer than the
    source had.

    Nothing is said of bits that were asked for. For a path, pass its suffix. several: it is one of several in the file.
    Raises ``UsageError`` as :func:`encode_image`.
    """
    kind = writable(format).for_several if several else writable(format)
    written, had = _bits(kind, picture, bits), picture.source.bits
    if bits is not None or written >= had:
        return left_out(picture, format)
    return (f"{had} bits a channel: {kind.name} has {written}", *left_out(picture, format))


def held_bits(picture: Picture, format: str, *, bits: int | None = None, several: bool = False) -> int | None:
    """How a result is held best that is going to be written in this format: with the bits of the file, where these are
    8 or 16; None for floats. several: as of :func:`not_written`. Raises ``UsageError`` as :func:`encode_image`.
    """
    kind = writable(format)
    written = _bits(kind.for_several if several else kind, picture, bits)
    return written if written in (8, 16) else None


def _bits(kind: Format, picture: Picture, bits: int | None) -> int:
    if bits is None:  # as many as the source had, so far as the format, and what is installed, can
        able = [known for known in kind.bits if known <= 8 or kind.deep is None or kind.deep.installed()]
        return next((known for known in able if known >= picture.source.bits), able[-1])
    _check_bits(kind, bits)
    return bits


def _check_bits(kind: Format, bits: int) -> None:
    if bits not in kind.bits:
        able = [known for known in FORMATS if known.encode and bits in known.bits]
        if not able:
            raise UsageError(f"bits is {bits!r}, expected {one_of(map(str, WRITABLE_BITS))}")
        has = one_of(map(str, kind.bits))
        if any(known.name == kind.name for known in able):  # one picture alone could have them
            raise UsageError(f"bits is {bits}, and frames in {kind.name} have {has}: leave it out, or write PNG")
        raise UsageError(f"bits is {bits}, and {kind.name} has {has}: write {one_of(known.name for known in able)}")
    if bits > 8 and kind.deep is not None:
        kind.deep.require(f"{kind.name} with {bits} bits")


def encode_options(
    kind: Format, picture: Picture, quality: int | None, lossless: bool, bits: int | None
) -> EncodeOptions:
    """What the format's ``encode`` is told; what it cannot do is a ``UsageError``, or a ``MissingExtraError``."""
    if kind.needs is not None:
        kind.needs.require(f"writing {kind.name}")
    if quality is not None and (isinstance(quality, bool) or not isinstance(quality, int) or not 1 <= quality <= 100):
        raise UsageError(f"quality is {quality!r}, expected a whole number from 1 to 100")
    if lossless and not kind.can_be_lossless:
        others = one_of(known.name for known in FORMATS if known.encode and known.can_be_lossless)
        raise UsageError(f"lossless was asked for, and {kind.name} is always lossy: write {others}")
    bits = _bits(kind, picture, bits)
    if quality is not None:
        return EncodeOptions(quality, bool(lossless), bits)
    source = picture.source if picture.source.container == kind.name else Source()  # as it came, in the format it had
    quality = _DEFAULT_QUALITY if source.quality is None else max(source.quality, _LEAST_QUALITY)
    return EncodeOptions(quality, lossless or source.lossless, bits, source.subsampling or "4:4:4")
