"""Names of results: patterns with placeholders, and what may be the name of a file."""

from __future__ import annotations

import re
import string
from pathlib import Path

from darklift.data.pairs import listed
from darklift.errors import UsageError
from darklift.image import WRITABLE_EXTENSIONS, format_called

__all__ = ["check_file_name", "check_pattern", "fill"]

_PLACEHOLDERS = ("stem", "ext", "parent", "n")
_DIGITS = re.compile(r"0?\d{1,2}d?")


def fill(pattern: str, path: Path, extension: str, number: int) -> Path:
    """The name that a pattern gives a picture; extension: with its dot. The pattern has been checked."""
    return Path(pattern.format(stem=path.stem, ext=extension, parent=str(path.parent), n=number))


def check_pattern(pattern: str, extension: str | None, option: str) -> None:
    """Raises UsageError for what is no pattern, or gives no picture's name. option: that it was typed after."""
    try:
        fields = [field for field in string.Formatter().parse(pattern) if field[1] is not None]
        unknown = [name for _, name, _, _ in fields if name not in _PLACEHOLDERS]
        if unknown:
            known = ", ".join(f"{{{name}}}" for name in _PLACEHOLDERS)
            raise UsageError(f"{option} {pattern}: {{{unknown[0]}}} is no placeholder; known are {known}")
        # any width would do for str.format, and fill the memory
        if any(how or (spec and (name != "n" or not _DIGITS.fullmatch(spec))) for _, name, spec, how in fields):
            raise UsageError(f"{option} {pattern} is no valid name pattern: only {{n}} takes a width, such as {{n:03}}")
    except ValueError as error:
        raise UsageError(
            f"{option} {pattern} is no valid name pattern ({error}): write {{{{ for a plain brace"
        ) from error
    if not pattern.endswith("{ext}"):
        check_file_name(pattern, extension, option)


def check_file_name(name: str, extension: str | None, option: str) -> None:
    """Raises UsageError where a name is no picture's, or not one of the format that was asked for."""
    suffix = Path(name).suffix
    if suffix.lower() not in WRITABLE_EXTENSIONS:
        folder = (
            "with a slash for a folder" if option == "-o" else "name files in a folder by a pattern: maps/{stem}.png"
        )
        hint = f"end it with {extension or '.jpg'} for a file, or {folder}"
        got = f"the extension {suffix}" if suffix else "no extension"
        raise UsageError(f"{option} {name} has {got}: {hint}; known are {listed(WRITABLE_EXTENSIONS)}")
    if extension and format_called(suffix) is not format_called(extension):
        raise UsageError(f"{option} {name} contradicts --format {extension[1:]}: give only one of them")
