"""``darklift enhance``: many pictures, one loaded model, and a full account of what became of each."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from darklift.cli._console import put_out, say, warn
from darklift.cli._options import (
    Backend,
    BackendOption,
    DeviceOption,
    ExposureOption,
    ModelOption,
    Precision,
    PrecisionOption,
    PresetOption,
    SeedOption,
    StepsOption,
    StrideOption,
    WindowOption,
    check_new_picture,
    window_of,
)
from darklift.errors import UsageError

if TYPE_CHECKING:
    from darklift.batch.paths import Job
    from darklift.batch.run import Batch
    from darklift.runtime import ModelCard

__all__ = ["enhance"]

_FILES = "Files"
_JPEG = (".jpg", ".jpeg", ".jfif")


def _format_names() -> list[str]:
    from darklift.image import SUPPORTED_EXTENSIONS

    return sorted(extension[1:] for extension in SUPPORTED_EXTENSIONS)


def enhance(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUTS", help="Pictures, folders of pictures, or patterns such as 'night/*.jpg'."),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="A file (for a single picture), a folder, or a name pattern with {stem}, {ext}, {parent} (the "
            "picture's folder) and {n} (1, 2, ...).",
            show_default="{stem}_enhanced{ext} beside the picture",
            rich_help_panel=_FILES,
        ),
    ] = None,
    model: ModelOption = "default",
    preset: PresetOption = None,
    steps: StepsOption = None,
    exposure: ExposureOption = None,
    strength: Annotated[
        float,
        typer.Option(min=0, max=1, metavar="X", help="How much of the change is made: 0 leaves the picture as it is."),
    ] = 1.0,
    seed: SeedOption = 0,
    image_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="Write all results as jpg, png, webp, tif or bmp.",
            show_default="each picture's own",
            autocompletion=_format_names,
            rich_help_panel=_FILES,
        ),
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option(min=1, max=100, metavar="Q", help="Of JPEG and WebP.", show_default="95", rich_help_panel=_FILES),
    ] = None,
    lossless: Annotated[
        bool, typer.Option("--lossless", help="Write WebP without loss.", rich_help_panel=_FILES)
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are there already.", rich_help_panel=_FILES)
    ] = False,
    recursive: Annotated[
        bool,
        typer.Option("--recursive", "-r", help="Look into the sub-folders of folders, too.", rich_help_panel=_FILES),
    ] = False,
    sheet: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Write a sheet of all pictures before and after, side by side.", rich_help_panel=_FILES
        ),
    ] = None,
    uncertainty: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Write a map of where the model is unsure, with a legend; for several pictures a pattern such as "
            "maps/{stem}.png. GSAD's models tell it, compact does not.",
            rich_help_panel=_FILES,
        ),
    ] = None,
    window: WindowOption = None,
    stride: StrideOption = None,
    backend: BackendOption = Backend.AUTO,
    device: DeviceOption = "auto",
    precision: PrecisionOption = Precision.AUTO,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
) -> None:
    """Light up dark photos.

    Size, orientation, colour profile and metadata stay. A picture that fails is reported, and the others go on.

    Messages go to stderr. Exit code: 0 all went well, 1 pictures failed, 2 the request is wrong, 130 stopped.

    \b
    Examples:
      darklift enhance night.jpg
      darklift enhance night.jpg -o bright.png --exposure +0.5
      darklift enhance photos/ -o bright/ --recursive
      darklift enhance 'photos/*.jpg' -o 'bright/{n}_{stem}.webp' --quality 90
      darklift enhance night.jpg -o out/ --sheet before_after.png
    """
    from darklift.batch.paths import with_maps
    from darklift.batch.run import Batch, Saving, Wishes
    from darklift.pipeline.enhancer import Enhancer
    from darklift.pipeline.exposure import Exposure

    wishes = Wishes(
        preset, steps, None if exposure is None else Exposure.of(exposure), strength, seed, window_of(window, stride)
    )
    jobs = _plan(inputs, output, image_format, overwrite, recursive, quiet)
    if uncertainty is not None:
        jobs = with_maps(jobs, uncertainty)
    _check_saving(jobs, lossless, sheet, overwrite)
    batch = Batch(jobs, wishes, Saving(quality, lossless, overwrite), quiet=quiet, with_sheet=sheet is not None)
    card = None
    if batch.ready:
        enhancer = Enhancer(model, backend=backend.value, device=device, precision=precision.value)
        card = enhancer.model.card
        try:
            batch.run(enhancer)
        except KeyboardInterrupt:
            if as_json:
                put_out(_to_json(batch, card))
            raise
    if as_json:
        put_out(_to_json(batch, card))
    if sheet is not None:
        batch.write_sheet(sheet)
    if batch.failed:
        if len(jobs) > 1:
            warn(f"{batch.failed} of {len(jobs)} pictures failed")
        raise typer.Exit(1)


def _plan(
    inputs: Sequence[str], output: str | None, image_format: str | None, overwrite: bool, recursive: bool, quiet: bool
) -> list[Job]:
    from darklift.batch.paths import find_pictures, plan_jobs, without_earlier_results
    from darklift.pipeline.enhancer import RESULT_ENDING

    extension = None
    if image_format is not None:
        extension = "." + image_format.lower().removeprefix(".")
        if extension[1:] not in _format_names():
            raise UsageError(f"--format {image_format} is not known: choose from {', '.join(_format_names())}")
    found = find_pictures(inputs, recursive=recursive, output=output)
    if output is None:
        found, skipped = without_earlier_results(found)
        if skipped and not quiet:
            names = ", ".join(str(path) for path in skipped[:5]) + (", ..." if len(skipped) > 5 else "")
            say(f"left out {len(skipped)} of an earlier run (*{RESULT_ENDING}.*): {names}")
    if not found:
        raise UsageError("there are only results of an earlier run: name one, or choose an output with -o")
    return plan_jobs(found, output, extension=extension, overwrite=overwrite)


def _check_saving(jobs: Sequence[Job], lossless: bool, sheet: str | None, overwrite: bool) -> None:
    jpeg = next((job.target for job in jobs if job.target.suffix.lower() in _JPEG), None)
    if lossless and jpeg is not None:
        raise UsageError(f"--lossless: {jpeg} would be JPEG, which is always lossy; add --format webp or --format png")
    if sheet is None:
        return
    check_new_picture("--sheet", sheet, overwrite)
    place = os.path.realpath(sheet)
    if any(place == os.path.realpath(path) for job in jobs for path in (job.source, *job.outputs)):
        raise UsageError(f"--sheet {sheet} is one of the pictures, too: choose another name")


def _to_json(batch: Batch, card: ModelCard | None) -> str:
    from darklift import __version__

    model = card and {"name": card.name, "method": card.method, "backend": card.backend}
    return json.dumps({"darklift": __version__, "model": model, "files": batch.files, "failed": batch.failed}, indent=2)
