"""Pictures from and to bytes, streams and files. What is special about a format stands in its module in ``formats``."""

import io
import os
import struct
from pathlib import Path
from typing import BinaryIO

from darklift.errors import DarkliftError, ImageError, UsageError, one_line
from darklift.files import new_file
from darklift.image.carried import fitted
from darklift.image.fit import check_fit
from darklift.image.formats import FORMATS, HEAD_BYTES, EncodeOptions, Format, format_called, format_of
from darklift.image.formats.base import ReadAs
from darklift.image.options import encode_options, writable
from darklift.image.picture import Picture
from darklift.image.pixels import with_notes
from darklift.image.spaces import with_colour_name
from darklift.image.words import one_of

__all__ = [
    "SUPPORTED_EXTENSIONS",
    "USUAL_EXTENSIONS",
    "WRITABLE_EXTENSIONS",
    "check_writable",
    "decode_image",
    "encode_image",
    "is_image_path",
    "read_image",
    "read_stream",
    "write_image",
]

SUPPORTED_EXTENSIONS = frozenset(extension for known in FORMATS for extension in known.extensions)
"""Lower-case file name endings, dot included, of the pictures that can be read with every extra installed."""

USUAL_EXTENSIONS = frozenset(known.extensions[0] for known in FORMATS)
"""The usual ending of each format: for messages, as there are many endings of raw files."""

WRITABLE_EXTENSIONS = frozenset(extension for known in FORMATS if known.encode for extension in known.extensions)
"""Those of the pictures that can be written, too."""

MAX_STREAM_BYTES = 2**31
"""That a stream is read into memory for. A file on disk may be longer."""
_READ_AT_ONCE = 2**20


def is_image_path(path: str | Path) -> bool:
    """Whether the name ends like a picture's that can be read, in any case of letters. No file is looked at.

    Files of a format whose extra is not installed are none.
    """
    suffix = Path(path).suffix.lower()
    return any(suffix in known.extensions and known.is_installed for known in FORMATS)


# ------------------------------------------------------------------------------------------------------------ reading


def decode_image(source: bytes | bytearray | memoryview | BinaryIO, *, like_camera: bool = True) -> Picture:
    """The picture in a file of any format in ``formats`` that is in memory or behind a stream.

    The contents tell the format. A stream is read from where it stands to its end, so a picture can follow something
    else; one that cannot seek, such as a pipe, is read into memory. It stays open, and where it stands afterwards is
    not defined.

    Args:
        source: the file's bytes, or a stream of them.
        like_camera: show a camera raw file as bright as the camera's own preview; otherwise its light as it is.

    Returns unit RGB, upright. CMYK becomes sRGB.

    Raises:
        UsageError: neither bytes nor a binary stream. Paths go to :func:`read_image`.
        ImageError: empty, damaged or of another kind; or what could not be kept: several frames or pages, floats
            beyond [0, 1] (HDR), more than 500 megapixels. The message says it without a name in front.
    """
    try:
        return _decode(*_recognised(source), like_camera)
    except (OSError, ValueError) as error:  # ValueError: the stream is closed
        raise ImageError(f"the stream cannot be read: {one_line(error)}") from error


def read_image(path: str | Path, *, like_camera: bool = True) -> Picture:
    """Read a file of any format in ``formats``; its contents tell which, not its name.

    like_camera: show a camera raw file as bright as the camera's own preview; otherwise its light as it is.

    Returns unit RGB, upright. CMYK becomes sRGB. Raises ``ImageError``, on one line with the path, when the file is
    missing, empty, damaged or of another kind, and for what could not be kept: several frames or pages, floats
    beyond [0, 1] (HDR), more than 500 megapixels.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise ImageError("it is a folder or a device, expected a picture file: choose a file")
        with path.open("rb") as stream:
            return _decode(*_recognised(stream), like_camera)
    except FileNotFoundError:
        raise ImageError(f"cannot read {path}: no such file") from None
    except ImageError as error:
        raise ImageError(f"cannot read {path}: {error}") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise ImageError(f"cannot read {path}: {one_line(error)}") from error


def _recognised(source: object) -> tuple[Format, BinaryIO]:
    """The format, and a stream that can seek with the file's beginning at 0."""
    if isinstance(source, bytes | bytearray | memoryview):
        stream: BinaryIO = io.BytesIO(bytes(source))
    elif isinstance(source, str | os.PathLike) or not callable(getattr(source, "read", None)):
        raise UsageError(
            f"got a {type(source).__name__}, expected bytes or a binary stream: use read_image for a path, from_pil or"
            " from_array for an image in memory"
        )
    else:
        stream = source  # type: ignore[assignment]  # as far as can be seen here; _read looks closer
    head = _read(stream, HEAD_BYTES)
    if not head:
        raise ImageError("it is empty, expected a picture: copy or download it again, or rewind the stream")
    kind = format_of(head)
    if kind is None:
        names = one_of(known.name for known in FORMATS)
        raise ImageError(f"it is not a {names} file: convert it to one of these first")
    if _starts_at_its_beginning(stream, len(head)):
        return kind, stream
    return kind, io.BytesIO(_to_its_end(stream, head))


def read_stream(stream: BinaryIO) -> bytes:
    """All of a picture's file that comes from a stream, such as a pipe; for :func:`decode_image`, and to be kept.

    Raises ``UsageError`` and ``ImageError`` as that does: nothing but a picture is read to its end.
    """
    head = _read(stream, HEAD_BYTES)
    if format_of(head) is None:
        _recognised(head)  # says what is wrong with it
    return _to_its_end(stream, head)


def _to_its_end(stream: BinaryIO, head: bytes) -> bytes:
    """The head and what follows; held once, as ``BytesIO`` shares its bytes with those that it is asked for."""
    held = io.BytesIO()
    held.write(head)
    while part := _read(stream, _READ_AT_ONCE):
        if held.tell() + len(part) > MAX_STREAM_BYTES:
            raise ImageError(f"it is longer than the {MAX_STREAM_BYTES >> 20} MiB that are held in memory: pass a file")
        held.write(part)
    return held.getvalue()


def _read(stream: BinaryIO, size: int) -> bytes:
    """So many bytes, fewer only at the end. Pipes and sockets may give less at once."""
    parts: list[bytes] = []
    while size > 0:
        part = stream.read(size)
        if not isinstance(part, bytes | bytearray | memoryview):
            raise UsageError(f"the stream gives {type(part).__name__}, expected bytes: open it in binary mode")
        if not part:
            break
        parts.append(bytes(part))
        size -= len(part)
    return b"".join(parts)


def _starts_at_its_beginning(stream: BinaryIO, done: int) -> bool:
    """Whether a stream can seek, and stood at 0 before ``done`` bytes were read."""
    seekable = getattr(stream, "seekable", None)
    return seekable is not None and bool(seekable()) and stream.tell() == done


def _decode(kind: Format, stream: BinaryIO, like_camera: bool) -> Picture:
    decode = kind.decode if like_camera or kind.decode_plain is None else kind.decode_plain
    try:
        picture = with_colour_name(decode(stream))
        return picture if kind.encode else with_notes(picture, [f"the {kind.name} container, which can only be read"])
    except DarkliftError:
        raise
    except ReadAs as other:
        named = format_called(str(other))
        assert named is not None  # one format of ours names another
        return _decode(named, stream, like_camera)
    except MemoryError as error:
        raise ImageError("not enough memory to decode it: cut it into parts") from error
    except Exception as error:  # damaged files make Pillow raise nearly anything
        raise ImageError(
            f"damaged or incomplete {kind.name} file ({one_line(error)}): copy or download it again"
        ) from error


# ------------------------------------------------------------------------------------------------------------ writing


def encode_image(
    picture: Picture, format: str, *, quality: int | None = None, lossless: bool = False, bits: int | None = None
) -> bytes:
    """The picture as the contents of a file; what :func:`write_image` would write.

    Args:
        picture: what to encode.
        format: by name or extension, in any case of letters: "jpg", "JPEG", ".png".
        quality: 1 to 100, for JPEG and AVIF, then 4:4:4, lossy WebP and JPEG XL; the others are lossless. By default
            95; a JPEG that came as JPEG goes with the quality that it had, not below 92, and its subsampling of colour,
            which an AVIF that came as AVIF keeps, too.
        lossless: encode WebP and JPEG XL without loss; one that came so goes so, unless there is a ``quality``.
        bits: a channel, of those that the format has (8, 16; AVIF and JPEG 2000 also 10, 12; PFM 32); by default as
            many as the source had, or the next number that the format has. :func:`not_written` tells where these are
            fewer than the source had.

    Raises:
        MissingExtraError: a library that only an extra brings is not installed.
        UsageError: an unknown format, ``quality`` out of range, JPEG was to be ``lossless``, or ``bits`` that the
            format cannot hold.
        ImageError: alpha in a format without, a side or a block of metadata too long for the format, or pixels with
            NaN. The message says it without a name in front.
    """
    kind = writable(format)
    options = encode_options(kind, picture, quality, lossless, bits)
    check_fit(picture, kind)
    stream = io.BytesIO()
    try:
        _encode(picture, kind, stream, options)
    except OSError as error:  # there is no disk: it is Pillow's encoder that gives up
        raise ImageError(f"it cannot be encoded as {kind.name} ({one_line(error)}): choose another format") from error
    return stream.getvalue()


def check_writable(
    picture: Picture, format: str, *, quality: int | None = None, lossless: bool = False, bits: int | None = None
) -> None:
    """Find out before the work what :func:`encode_image` and :func:`write_image` would refuse after it.

    Only the picture's size, alpha and metadata count, which enhancing does not change. Arguments and errors are those
    of :func:`encode_image`; for a path, pass its suffix.
    """
    kind = writable(format)
    encode_options(kind, picture, quality, lossless, bits)
    check_fit(picture, kind)


def write_image(
    picture: Picture,
    path: str | Path,
    *,
    quality: int | None = None,
    lossless: bool = False,
    bits: int | None = None,
    overwrite: bool = False,
    permissions_of: str | Path | None = None,
    times_of: str | Path | None = None,
) -> Path:
    """Write a picture; the extension tells the format. Returns the path.

    The file appears complete or not at all. Values are rounded to nearest. EXIF, ICC profile, resolution, XMP, IPTC,
    comment, texts and Photoshop's records go along where the format has a place for them, or else in XMP and EXIF where
    they can; :func:`not_written` names what cannot.

    Args:
        picture: what to write.
        path: the target, in a folder that exists.
        quality: as of :func:`encode_image`.
        lossless: as there.
        bits: as there.
        overwrite: replace a file that is there already, which passes its permissions on.
        permissions_of: the file that a new one takes over from who may read and write it, such as the photo.
        times_of: the file whose times of access and change it gets.

    Raises:
        MissingExtraError: a library that only an extra brings is not installed.
        UsageError: ``quality`` is out of range, JPEG was to be ``lossless``, or ``bits`` that the format cannot hold.
        ImageError: unknown extension, missing folder, existing target without ``overwrite``, alpha in a format without,
            a side or a block of metadata too long for the format, pixels with NaN, or the disk's refusal.
    """
    path = Path(path)
    if path.suffix.lower() not in WRITABLE_EXTENSIONS:
        wanted = ", ".join(extension for known in FORMATS if known.encode for extension in known.extensions)
        raise ImageError(f"cannot write {path}: extension {path.suffix!r}, expected one of {wanted}")
    kind = writable(path.suffix)
    options = encode_options(kind, picture, quality, lossless, bits)
    try:
        check_fit(picture, kind)
        _check_place(Path(os.path.realpath(path)) if overwrite else path)
        with new_file(
            path,
            overwrite=overwrite,
            permissions_of=None if permissions_of is None else Path(permissions_of),
            times_of=None if times_of is None else Path(times_of),
        ) as stream:
            _encode(picture, kind, stream, options)
    except ImageError as error:
        raise ImageError(f"cannot write {path}: {error}") from error
    except FileExistsError as error:
        raise ImageError(
            f"cannot write {path}: the file exists already, choose another name or allow overwriting"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise ImageError(f"cannot write {path}: {one_line(error)}") from error
    return path


def _check_place(target: Path) -> None:
    if not target.parent.is_dir():
        raise ImageError(f"there is no folder {target.parent}: create it first")
    if target.is_dir():
        raise ImageError("there is a folder of that name: choose another name")


def _encode(picture: Picture, kind: Format, stream: BinaryIO, options: EncodeOptions) -> None:
    assert kind.encode is not None  # or the format would not have been found among those that can be written
    picture = picture if kind.alpha else picture.without_alpha()  # it is 1 everywhere, or had been refused
    try:
        kind.encode(fitted(picture, kind.name, kind.keeps), stream, options)
    except (ValueError, struct.error) as error:  # how Pillow's writers say that something does not fit the format
        raise ImageError(f"it does not fit a {kind.name} file ({one_line(error)}): choose another format") from error
