"""``darklift convert``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from darklift.cli._console import say
from darklift.cli._options import OverwriteOption
from darklift.errors import UsageError

__all__ = ["convert"]


class Release(StrEnum):
    """Whose checkpoint it is."""

    GSAD = "gsad"
    LLDIFFUSION = "lldiffusion"


class ReleasedWeights(StrEnum):
    """Which of the weights in the file."""

    RAW = "raw"
    EMA = "ema"


def convert(
    release: Annotated[Release, typer.Argument(help="The method that the file was released for.")],
    source: Annotated[Path, typer.Argument(metavar="FILE", help="The released file, such as lolv1_gen.pth.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The file to write.", show_default="FILE with .safetensors instead"
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="gsad: how it is sampled: lolv1 (default), lolv2-real, lolv2-synthetic or unpaired."
        ),
    ] = None,
    weights: Annotated[
        ReleasedWeights | None,
        typer.Option(
            help="lldiffusion: raw (default; the published numbers were measured with these) or ema (averaged, which "
            "the release keeps and never loads)."
        ),
    ] = None,
    keep_dgnet: Annotated[
        bool | None,
        typer.Option(
            "--keep-dgnet/--no-dgnet",
            help="lldiffusion: keep (default) the network that only training and darkening want, or leave it out.",
        ),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Convert a published method's released checkpoint (needs the torch extra). Nothing in the file is executed.

    \b
    Examples:
      darklift convert gsad lolv1_gen.pth -o gsad-lolv1.safetensors
      darklift convert lldiffusion best.pth -o lldiffusion-lol.safetensors --no-dgnet
      darklift enhance night.jpg --model gsad-lolv1.safetensors
    """
    foreign = (
        {"--preset": preset} if release is Release.LLDIFFUSION else {"--weights": weights, "--keep-dgnet": keep_dgnet}
    )
    if given := [name for name, value in foreign.items() if value is not None]:
        raise UsageError(f"{given[0]} is not for {release} checkpoints: leave it away")
    from darklift.store.foreign import convert_gsad, convert_lldiffusion

    output = output or source.with_suffix(".safetensors")
    if release is Release.GSAD:
        convert_gsad(source, output, preset=preset or "lolv1", overwrite=overwrite)
    else:
        convert_lldiffusion(
            source,
            output,
            weights=(weights or ReleasedWeights.RAW).value,
            keep_dgnet=keep_dgnet is not False,
            overwrite=overwrite,
        )
    say(f"converted: {output}")
