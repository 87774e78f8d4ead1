"""Pictures from and to bytes, streams and files. What is special about a format stands in its module in ``formats``."""

import io
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from darklift.errors import IN_THE_WAY, ImageError, one_line
from darklift.files import new_file
from darklift.image.carried import fitted
from darklift.image.fit import check_fit
from darklift.image.formats import FORMATS, EncodeOptions, Format
from darklift.image.options import encode_options, writable
from darklift.image.picture import Picture
from darklift.image.reading import decoding, finished, scanned
from darklift.image.reel import Reel
from darklift.image.stream import opened, recognised

__all__ = [
    "SUPPORTED_EXTENSIONS",
    "USUAL_EXTENSIONS",
    "WRITABLE_EXTENSIONS",
    "check_writable",
    "decode_image",
    "encode_image",
    "fitting",
    "in_memory",
    "is_image_path",
    "kind_of_target",
    "new_picture",
    "read_image",
    "write_image",
]

SUPPORTED_EXTENSIONS = frozenset(extension for known in FORMATS for extension in known.extensions)
"""Lower-case file name endings, dot included, of the pictures that can be read with every extra installed."""

USUAL_EXTENSIONS = frozenset(known.extensions[0] for known in FORMATS)
"""The usual ending of each format: for messages, as there are many endings of raw files."""

WRITABLE_EXTENSIONS = frozenset(extension for known in FORMATS if known.encode for extension in known.extensions)
"""Those of the pictures that can be written, too."""


def is_image_path(path: str | Path) -> bool:
    """Whether the name ends like a picture's that can be read, in any case of letters. No file is looked at.

    Files of a format whose extra is not installed are none.
    """
    suffix = Path(path).suffix.lower()
    return any(suffix in known.extensions and known.is_installed for known in FORMATS)


# ------------------------------------------------------------------------------------------------------------ reading


def decode_image(
    source: bytes | bytearray | memoryview | BinaryIO, *, like_camera: bool = True, frame: int | None = None
) -> Picture:
    """The picture in a file of any format in ``formats`` that is in memory or behind a stream.

    The contents tell the format. A stream is read from where it stands to its end, so a picture can follow something
    else; one that cannot seek, such as a pipe, is read into memory. It stays open, and where it stands afterwards is
    not defined.

    Args:
        source: the file's bytes, or a stream of them.
        like_camera: show a camera raw file as bright as the camera's own preview; otherwise its light as it is.
        frame: which of several frames or pages, from 1; None expects that there is one.

    Returns unit RGB, upright. CMYK becomes sRGB.

    Raises:
        UsageError: neither bytes nor a binary stream. Paths go to :func:`read_image`.
        ImageError: empty, damaged or of another kind; or what could not be kept: several frames or pages where
            one is expected, floats beyond [0, 1] (HDR), more than 500 megapixels. The message says it without a name
            in front.
    """
    try:
        return _decode(*recognised(source), like_camera, frame)
    except (OSError, ValueError) as error:  # ValueError: the stream is closed
        raise ImageError(f"the stream cannot be read: {one_line(error)}") from error


def read_image(path: str | Path, *, like_camera: bool = True, frame: int | None = None) -> Picture:
    """Read a file of any format in ``formats``; its contents tell which, not its name.

    like_camera: show a camera raw file as bright as the camera's own preview; otherwise its light as it is.
    frame: which of several frames or pages, from 1; None expects that there is one.

    Returns unit RGB, upright. CMYK becomes sRGB. Raises ``ImageError``, on one line with the path, when the file is
    missing, empty, damaged or of another kind, and for what could not be kept: several frames or pages, floats
    beyond [0, 1] (HDR), more than 500 megapixels.
    """
    with opened(path) as stream:
        return _decode(*recognised(stream), like_camera, frame)


def _decode(kind: Format, stream: BinaryIO, like_camera: bool, frame: int | None) -> Picture:
    kind, reel = scanned(kind, stream)
    with decoding(kind):
        if kind.several is None or reel is None:
            Reel(1, moving=True).check(1 if frame is None else frame)
            return finished(kind, kind.decoder(like_camera)(stream))
        if frame is None:
            raise ImageError(
                f"{reel.count} {reel.noun}, expected 1: choose one by its number (frame), or all with read_frames"
            )
        reel.check(frame)
        (picture,) = kind.several.decode(stream, reel, [frame - 1])
        return finished(kind, picture)


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
    return in_memory(kind, lambda stream: _encode(picture, kind, stream, options))


def in_memory(kind: Format, encode: Callable[[BinaryIO], None]) -> bytes:
    """What ``encode`` writes into a stream; what goes wrong becomes an ``ImageError`` without a name in front."""
    stream = io.BytesIO()
    try:
        encode(stream)
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
    kind = kind_of_target(path)
    options = encode_options(kind, picture, quality, lossless, bits)
    place = new_picture(
        path,
        lambda: check_fit(picture, kind),
        overwrite=overwrite,
        permissions_of=permissions_of,
        times_of=times_of,
    )
    with place as stream:
        _encode(picture, kind, stream, options)
    return Path(path)


def kind_of_target(path: str | Path) -> Format:
    """The format that a file of this name is written in. Raises ``ImageError``."""
    path = Path(path)
    if path.suffix.lower() not in WRITABLE_EXTENSIONS:
        wanted = ", ".join(extension for known in FORMATS if known.encode for extension in known.extensions)
        raise ImageError(f"cannot write {path}: extension {path.suffix!r}, expected one of {wanted}")
    return writable(path.suffix)


@contextmanager
def new_picture(
    path: str | Path,
    check: Callable[[], None],
    *,
    overwrite: bool,
    permissions_of: str | Path | None,
    times_of: str | Path | None,
) -> Iterator[BinaryIO]:
    """A file to write a picture into, after ``check``, as of :func:`~darklift.files.new_file`; what goes wrong becomes
    an ``ImageError`` with the path.
    """
    path = Path(path)
    try:
        check()
        _check_place(Path(os.path.realpath(path)) if overwrite else path)
        with new_file(
            path,
            overwrite=overwrite,
            permissions_of=None if permissions_of is None else Path(permissions_of),
            times_of=None if times_of is None else Path(times_of),
        ) as stream:
            yield stream
    except ImageError as error:
        raise ImageError(f"cannot write {path}: {error}") from error
    except FileExistsError as error:
        raise ImageError(f"cannot write {path}: {IN_THE_WAY}") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise ImageError(f"cannot write {path}: {one_line(error)}") from error


def _check_place(target: Path) -> None:
    if not target.parent.is_dir():
        raise ImageError(f"there is no folder {target.parent}: create it first")
    if target.is_dir():
        raise ImageError("there is a folder of that name: choose another name")


def _encode(picture: Picture, kind: Format, stream: BinaryIO, options: EncodeOptions) -> None:
    assert kind.encode is not None  # or the format would not have been found among those that can be written
    picture = picture if kind.alpha else picture.without_alpha()  # it is 1 everywhere, or had been refused
    with fitting(kind):
        kind.encode(fitted(picture, kind.name, kind.keeps), stream, options)


@contextmanager
def fitting(kind: Format) -> Iterator[None]:
    """How Pillow's writers say that something does not fit the format becomes an ``ImageError``."""
    try:
        yield
    except (ValueError, struct.error) as error:
        raise ImageError(f"it does not fit a {kind.name} file ({one_line(error)}): choose another format") from error
