"""``darklift export``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from darklift.cli._console import say
from darklift.cli._options import OverwriteOption

__all__ = ["export"]


class Storage(StrEnum):
    """How the weights are stored."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"


def export(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="A .safetensors file from a run's folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="The folder to write the model to.")],
    storage: Annotated[
        Storage,
        typer.Option(
            help="How weights are stored: fp16 halves the files, int8 (for compact) quarters them. All compute in fp32."
        ),
    ] = Storage.FP32,
    name: Annotated[str | None, typer.Option(help="The model's name.", show_default="the checkpoint's name")] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Export a checkpoint to ONNX, which runs without torch (exporting needs the torch extra).

    \b
    Examples:
      darklift export runs/compact/best.safetensors -o mine
      darklift enhance night.jpg --model mine
    """
    from darklift.store.export import export_model

    folder = export_model(checkpoint, output, name=name, storage=storage.value, overwrite=overwrite)
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    say(f"exported: {folder} ({size:.1f} MB)")
