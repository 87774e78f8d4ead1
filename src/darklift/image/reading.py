"""What reading one picture of a file and reading several have in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from darklift.errors import DarkliftError, ImageError, one_line
from darklift.image.formats import Format, format_called
from darklift.image.formats.base import ReadAs
from darklift.image.picture import Picture
from darklift.image.pixels import with_notes
from darklift.image.reel import Reel
from darklift.image.spaces import with_colour_name

__all__ = ["decoding", "finished", "scanned"]

_NO_PIXELS = "not identified by this driver"
"""What Pillow says of a header with a side of 0."""


def scanned(kind: Format, stream: BinaryIO) -> tuple[Format, Reel | None]:
    """The format that the file further in turns out to be of, and what is known of several pictures; None for one.

    Raises ``ImageError``.
    """
    with decoding(kind):
        try:
            return kind, None if kind.several is None else kind.several.scan(stream)
        except ReadAs as other:
            named = format_called(str(other))
    assert named is not None  # one format of ours names another
    return scanned(named, stream)


def finished(kind: Format, picture: Picture) -> Picture:
    """The picture, with the name of its colours, and a word where its container is one that cannot be written."""
    picture = with_colour_name(picture)
    return picture if kind.encode else with_notes(picture, [f"the {kind.name} container, which can only be read"])


@contextmanager
def decoding(kind: Format) -> Iterator[None]:
    """What goes wrong meanwhile becomes an ``ImageError``."""
    try:
        yield
    except DarkliftError:
        raise
    except MemoryError as error:
        raise ImageError("not enough memory to decode it: cut it into parts") from error
    except Exception as error:  # damaged files make Pillow raise nearly anything
        said = "its header tells of no pixels" if str(error) == _NO_PIXELS else one_line(error)
        raise ImageError(f"damaged or incomplete {kind.name} file ({said}): copy or download it again") from error
