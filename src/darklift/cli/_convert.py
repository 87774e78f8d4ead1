"""``darklift convert``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from darklift.cli._console import say
from darklift.cli._options import OverwriteOption

__all__ = ["convert"]


class Release(StrEnum):
    """Whose checkpoint it is."""

    GSAD = "gsad"


def convert(
    release: Annotated[Release, typer.Argument(help="The method that the file was released for.")],
    source: Annotated[Path, typer.Argument(metavar="FILE", help="The released file, such as lolv1_gen.pth.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The .safetensors file to write.")],
    preset: Annotated[
        str, typer.Option(metavar="NAME", help="How it is sampled: lolv1, lolv2-real, lolv2-synthetic or unpaired.")
    ] = "lolv1",
    overwrite: OverwriteOption = False,
) -> None:
    """Convert a published method's released checkpoint (needs the torch extra). Nothing in the file is executed.

    \b
    Examples:
      darklift convert gsad lolv1_gen.pth -o gsad-lolv1.safetensors
      darklift enhance night.jpg --model gsad-lolv1.safetensors
    """
    from darklift.foreign import convert_gsad

    convert_gsad(source, output, preset=preset, overwrite=overwrite)
    say(f"converted: {output}")
