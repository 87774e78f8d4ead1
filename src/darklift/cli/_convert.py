"""``darklift convert``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from darklift.cli._console import say
from darklift.cli._options import OverwriteOption

__all__ = ["convert"]


class ReleasedWeights(StrEnum):
    """Which of the weights in the file."""

    RAW = "raw"
    EMA = "ema"


def convert(
    source: Annotated[
        Path, typer.Argument(metavar="FILE", help="A checkpoint that the method's authors released, such as best.pth.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The file to write.", show_default="FILE with .safetensors instead"
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="For GSAD: the data set whose way of sampling goes with the file: lolv1 (default), lolv2-real, "
            "lolv2-synthetic or unpaired.",
        ),
    ] = None,
    weights: Annotated[
        ReleasedWeights,
        typer.Option(
            help="For files that hold both (LLDiffusion's): raw, with which the published numbers were measured, or "
            "ema, their average over the training.",
        ),
    ] = ReleasedWeights.RAW,
    keep_dgnet: Annotated[
        bool | None,
        typer.Option(
            "--keep-dgnet/--no-dgnet",
            help="For LLDiffusion: keep the network that only training and darkening need, or leave it out.",
            show_default="keep it",
        ),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Convert a checkpoint that the authors of GSAD or LLDiffusion released, so that darklift can use it.

    Which of the two it is, the file tells by itself. Nothing in it is executed. Needs the torch extra.

    \b
    Examples:
      darklift convert lolv1_gen.pth -o gsad-lolv1.safetensors
      darklift convert best.pth -o lldiffusion-lol.safetensors --no-dgnet
      darklift enhance night.jpg --model gsad-lolv1.safetensors
    """
    from darklift.store.convert import convert as convert_file

    target = output or source.with_suffix(".safetensors")
    title = convert_file(
        source, target, preset=preset, weights=weights.value, keep_dgnet=keep_dgnet, overwrite=overwrite
    )
    say(f"{source} is a checkpoint of {title}; converted: {target}")
