"""The picture formats, one module each. To add one, put a module into this folder; nothing else needs to change.

Such a module holds ``FORMAT``, a :class:`~darklift.image.formats.base.Format`: its name and limits, and functions that
recognise, read and write it. ``bmp.py`` is the shortest to begin from.
"""

import pkgutil
from importlib import import_module

from darklift.image.formats.base import EncodeOptions, Format

__all__ = ["FORMATS", "HEAD_BYTES", "EncodeOptions", "Format", "format_called", "format_of", "result_extension"]

HEAD_BYTES = 4096
"""How much of a file's beginning :func:`format_of` wants to see."""


def _find() -> tuple[Format, ...]:
    # A list of the modules here would be a second file to touch for each format. What is to be said against finding
    # things by scanning folders does not hold here: only this folder of our own is looked at, no file of a user's is
    # ever imported, and a module without a FORMAT is an error at once.
    names = [found.name for found in pkgutil.iter_modules(__path__) if found.name != "base"]
    return tuple(import_module(f"{__name__}.{name}").FORMAT for name in sorted(names))


FORMATS = _find()
"""All formats, by the names of their modules."""


def format_of(head: bytes) -> Format | None:
    """The format of a file that begins with these bytes; None if it is none of ours."""
    scores = [known.sniff(head) for known in FORMATS]
    best = max(scores)
    return FORMATS[scores.index(best)] if best else None


def format_called(name: str) -> Format | None:
    """The format of this name or extension, in any case of letters, with or without the dot; None if there is none."""
    lower = name.lower()
    extension = f".{lower.removeprefix('.')}"
    return next((known for known in FORMATS if lower == known.name.lower() or extension in known.extensions), None)


def result_extension(extension: str) -> str:
    """The extension that a result gets whose source has this one: the same, or another where that can only be read."""
    kind = format_called(extension) if extension else None
    return extension if kind is None or kind.written_as is None else kind.written_as
