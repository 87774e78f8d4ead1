"""Where pictures are read from: files, bytes and streams, and which format they hold."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from darklift.errors import ImageError, UsageError, one_line
from darklift.image.formats import FORMATS, HEAD_BYTES, Format, format_of
from darklift.image.words import one_of

__all__ = ["check_recognised", "opened", "read_stream", "recognised"]

MAX_STREAM_BYTES = 2**31
"""That a stream is read into memory for. A file on disk may be longer."""
_READ_AT_ONCE = 2**20


@contextmanager
def opened(path: str | Path) -> Iterator[BinaryIO]:
    """A file to read a picture from; what goes wrong meanwhile becomes an ``ImageError`` with the path."""
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise ImageError("it is a folder or a device, expected a picture file: choose a file")
        with path.open("rb") as stream:
            yield stream
    except FileNotFoundError:
        raise ImageError(f"cannot read {path}: no such file") from None
    except ImageError as error:
        raise ImageError(f"cannot read {path}: {error}") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise ImageError(f"cannot read {path}: {one_line(error)}") from error


def recognised(source: object) -> tuple[Format, BinaryIO]:
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
        raise ImageError(f"it is no picture, or of another kind than {names}: convert it to one of these first")
    if _starts_at_its_beginning(stream, len(head)):
        return kind, stream
    return kind, io.BytesIO(_to_its_end(stream, head))


def check_recognised(path: str | Path) -> None:
    """Raise ``ImageError``, with the path, for a file that does not begin like a picture that can be read."""
    with opened(path) as stream:
        recognised(stream)


def read_stream(stream: BinaryIO) -> bytes:
    """All of a picture's file that comes from a stream, such as a pipe; for :func:`decode_image`, and to be kept.

    Raises ``UsageError`` and ``ImageError`` as that does: nothing but a picture is read to its end.
    """
    head = _read(stream, HEAD_BYTES)
    if format_of(head) is None:
        recognised(head)  # says what is wrong with it
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
