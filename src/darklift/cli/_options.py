"""Options that several commands share, and their checks."""

from __future__ import annotations

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from darklift.errors import DataError, ImageError, UsageError

if TYPE_CHECKING:
    from darklift.pipeline.enhancer import Window

__all__ = [
    "Backend",
    "BackendOption",
    "DeviceOption",
    "ExposureOption",
    "ModelOption",
    "OverwriteOption",
    "Precision",
    "PrecisionOption",
    "PresetOption",
    "SeedOption",
    "StepsOption",
    "StrideOption",
    "WindowOption",
    "check_new_file",
    "check_new_picture",
    "make_folder",
    "obstacle",
    "window_of",
    "write_json",
]


class Backend(StrEnum):
    """What runs the model."""

    AUTO = "auto"
    ONNX = "onnx"
    OPENVINO = "openvino"
    TORCH = "torch"


class Precision(StrEnum):
    """What torch and OpenVINO compute in."""

    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"


def _model_names() -> list[str]:
    from darklift.weights import CATALOGUE

    return ["default", *CATALOGUE]


_RUNNING = "Where and how it runs"

ModelOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="A name that 'darklift info' lists, a folder from 'darklift export', or a .safetensors checkpoint.",
        autocompletion=_model_names,
    ),
]
PresetOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="One of the model's ways of sampling (a wrong name lists them).", show_default="its first"
    ),
]
StepsOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Sampling steps; more take longer and are not always better.",
        show_default="the model's",
    ),
]
ExposureOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="STOPS",
        help="Brighter or darker than the model would choose: stops such as +0.5 or -1, or a brightness: mean=0.45. "
        "With any, also photos that are good as they are get enhanced.",
        show_default="the model's choice",
    ),
]
SeedOption: TypeAlias = Annotated[
    int, typer.Option(metavar="N", help="Of the noise; the same seed gives the same picture.")
]
WindowOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="PIXELS",
        help="For GSAD and LLDiffusion: work in overlapping windows of this side, for pictures that are too large "
        "otherwise.",
        show_default="the whole picture",
        rich_help_panel=_RUNNING,
    ),
]
StrideOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="PIXELS",
        help="From one window to the next; smaller is smoother and slower.",
        show_default="half the window",
        rich_help_panel=_RUNNING,
    ),
]
BackendOption: TypeAlias = Annotated[
    Backend, typer.Option(help="onnx for exported models, torch for checkpoints.", rich_help_panel=_RUNNING)
]
DeviceOption: TypeAlias = Annotated[
    str,
    typer.Option(metavar="NAME", help="cpu, cuda, coreml, directml, or as torch names it.", rich_help_panel=_RUNNING),
]
PrecisionOption: TypeAlias = Annotated[
    Precision,
    typer.Option(
        help="Of checkpoints on torch. auto: bf16 on a GPU that computes in it, for networks that predict noise; else "
        "fp32. bf16 is twice as fast on CPUs that compute in it, too.",
        rich_help_panel=_RUNNING,
    ),
]
OverwriteOption: TypeAlias = Annotated[bool, typer.Option("--overwrite", help="Replace files that are there already.")]


def window_of(side: int | None, stride: int | None) -> Window | None:
    """The two options as one wish. Raises UsageError."""
    from darklift.pipeline.enhancer import Window

    if side is None:
        if stride is not None:
            raise UsageError("--stride is between windows: give --window, too")
        return None
    return Window(side, stride or 0)


def check_new_picture(option: str, path: str, overwrite: bool) -> None:
    """Like :func:`check_new_file`, for a picture. Raises UsageError."""
    from darklift.image import is_image_path

    if not is_image_path(path):
        raise UsageError(f"{option} {path} is not the name of a picture: let it end with .png or .jpg")
    check_new_file(option, path, overwrite)


def check_new_file(option: str, path: str | Path, overwrite: bool) -> None:
    """Refuse before the work what writing this file would refuse after it. Raises UsageError."""
    problem = obstacle(Path(path), overwrite)
    if problem is not None:
        raise UsageError(f"{option} {path}: {problem}")


def obstacle(path: Path, overwrite: bool) -> str | None:
    """Why this file cannot be written, and what to do; None where nothing is in the way."""
    if os.path.isdir(path):
        return "there is a folder of that name, choose another name"
    if os.path.lexists(path) and not overwrite:
        return "it exists already, choose another name or add --overwrite"
    around = next((folder for folder in path.parents if os.path.lexists(folder)), Path())
    if not os.path.isdir(around):
        return f"{around} is not a folder"
    if not os.access(around, os.W_OK | os.X_OK):
        return f"the folder {around} is read-only, choose another"
    return None


def write_json(path: Path, content: object) -> None:
    """The content as a readable file, whole or not at all. Raises DataError."""
    from darklift.files import write_atomically

    try:
        write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error


def make_folder(folder: Path) -> None:
    """With all folders above it. Raises ImageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageError(f"cannot create the folder {folder}: {error.strerror}") from error
