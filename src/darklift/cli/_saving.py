"""Options of how results are written, for the commands that write many."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from darklift.errors import UsageError

__all__ = [
    "BitsOption",
    "FormatOption",
    "KeepTimesOption",
    "LikeCameraOption",
    "LosslessOption",
    "QualityOption",
    "extension_called",
    "format_names",
]

_FILES = "Files"


def format_names() -> list[str]:
    """Of the formats that can be written."""
    from darklift.image import WRITABLE_EXTENSIONS

    return sorted(extension[1:] for extension in WRITABLE_EXTENSIONS)


def extension_called(name: str | None) -> str | None:
    """What ``--format`` says, as an extension with its dot; None stays None. Raises UsageError."""
    if name is None:
        return None
    extension = "." + name.lower().removeprefix(".")
    if extension[1:] not in format_names():
        raise UsageError(f"--format {name} is not known: choose from {', '.join(format_names())}")
    return extension


FormatOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        help="Write all results in this format, such as jpg, png or webp; a wrong name lists all.",
        show_default="each photo's own; jpg for HEIC and RAW, png for GIF (APNG)",
        autocompletion=format_names,
        rich_help_panel=_FILES,
    ),
]
QualityOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=100,
        metavar="Q",
        help="Quality of JPEG, WebP, AVIF and JPEG XL files, 1 to 100.",
        show_default="95; for a JPEG from a JPEG its own, not below 92",
        rich_help_panel=_FILES,
    ),
]
LosslessOption: TypeAlias = Annotated[
    bool, typer.Option("--lossless", help="Write WebP and JPEG XL without loss.", rich_help_panel=_FILES)
]
BitsOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        metavar="8|10|12|16|32",
        help="A channel, of those that the format has: 10 and 12 are AVIF's and JPEG 2000's, 32 is PFM's.",
        show_default="each photo's own, as far as the format can",
        rich_help_panel=_FILES,
    ),
]
LikeCameraOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--like-camera/--no-like-camera",
        help="Start from a raw file as bright as the camera's own preview of it, or from its light as it is.",
        rich_help_panel=_FILES,
    ),
]
KeepTimesOption: TypeAlias = Annotated[
    bool,
    typer.Option("--keep-times", help="Give results the times of their photos' files.", rich_help_panel=_FILES),
]
